// An access of a device as one number, the operand of its check: the address (a port, or a physical address) times
// four, plus log2 of the size (1, 2 or 4 bytes). Part of the log format. Imports nothing.

export function accessOperand(address: number, size: number): number {
  return address * 4 + (size >> 1);
}

export function operandAddress(operand: number): number {
  return Math.floor(operand / 4);
}

export function operandSize(operand: number): number {
  return 1 << (operand % 4);
}

/** Whether a log may hold this number: sizes go up to four bytes. */
export function isAccessOperand(operand: number, operandMax: number): boolean {
  return operand <= operandMax && operand % 4 !== 3;
}
