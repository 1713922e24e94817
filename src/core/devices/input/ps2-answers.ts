// Bytes that a keyboard and a mouse send back alike: IBM PS/2 Hardware Interface Technical Reference, "Keyboard" and
// "Mouse". Imports nothing.

export const ACK = 0xfa;
export const RESEND = 0xfe;
export const TEST_PASSED = 0xaa;

/**
 * Answers that wait to be read. A driver reads each before its next command; of a guest that never reads they would
 * otherwise grow without end.
 */
export const answersMax = 1024;

export function pushAnswers(answers: number[], ...more: readonly number[]): void {
  for (const answer of more) if (answers.length < answersMax) answers.push(answer);
}
