// What a loader says about an image it cannot boot. The message is one sentence for a person: what is wrong, what was
// expected, and the next step. Images are untrusted: whatever their bytes, a loader either fills the machine or throws
// this, and nothing else.

import { MEMORY_MEGABYTES_MAX } from '../../base/defaults.ts';

export class BootError extends Error {
  override readonly name = 'BootError';
  /** Memory with which the machine could take the image; null when that is not what is wrong. */
  readonly memoryMegabytes: number | null;

  constructor(message: string, memoryMegabytes: number | null = null) {
    super(message);
    this.memoryMegabytes = memoryMegabytes;
  }
}

/** `what` does not fit: `neededEnd` is the first byte beyond what is needed. Advises only what can be had. */
export function tooLarge(what: string, neededEnd: number, ramBytes: number): BootError {
  const neededMegabytes = Math.ceil(neededEnd / 2 ** 20);
  if (neededMegabytes > MEMORY_MEGABYTES_MAX) {
    return new BootError(`${what}, more than the ${MEMORY_MEGABYTES_MAX} MB that a machine here can have.`);
  }
  const has = Math.ceil(ramBytes / 2 ** 20);
  return new BootError(
    `${what}, the machine has ${has} MB: give it ${neededMegabytes} MB of memory or more.`,
    neededMegabytes,
  );
}
