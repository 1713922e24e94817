// Bytes that a keyboard and a mouse send back alike: IBM PS/2 Hardware Interface Technical Reference, "Keyboard" and
// "Mouse". Imports nothing.

export const ACK = 0xfa;
export const RESEND = 0xfe;
export const TEST_PASSED = 0xaa;
