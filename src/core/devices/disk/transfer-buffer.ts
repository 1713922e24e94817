/**
 * Bytes on their way between a drive and its data port: filled by one side, emptied by the other, in order. A kind of
 * field of which only what is in it is saved. Imports base.
 */
import { describe, type Kind } from '../../base/fields.ts';

export class TransferBuffer {
  readonly data: Uint8Array;
  /** The next byte to move, and where they end. */
  at = 0;
  end = 0;

  constructor(sizeBytes: number) {
    this.data = new Uint8Array(sizeBytes);
  }

  /** `count` bytes are to be moved; the first of them are at the beginning of `data`. */
  start(count: number): void {
    this.at = 0;
    this.end = count;
  }

  clear(): void {
    this.start(0);
  }

  get isDone(): boolean {
    return this.at >= this.end;
  }

  get content(): Uint8Array {
    return this.data.subarray(0, this.end);
  }
}

/** A buffer that holds up to `sizeBytes`. */
export function transferBuffer(sizeBytes: number): Kind<TransferBuffer> {
  const isState = (saved: unknown): saved is { at: number; bytes: Uint8Array } => {
    if (typeof saved !== 'object' || saved === null || !('at' in saved) || !('bytes' in saved)) return false;
    const { at, bytes } = saved;
    if (Object.keys(saved).length !== 2 || !(bytes instanceof Uint8Array) || bytes.length > sizeBytes) return false;
    return typeof at === 'number' && Number.isInteger(at) && at >= 0 && at <= bytes.length && !Object.is(at, -0);
  };
  return {
    initial: () => new TransferBuffer(sizeBytes),
    save: ({ at, end, data }) => ({ at, bytes: data.slice(0, end) }),
    problem: (saved, path) =>
      isState(saved) ? null : `${path} is ${describe(saved)}, expected up to ${sizeBytes} bytes and a place in them`,
    load: (saved, before) => {
      if (!isState(saved)) return before;
      before.data.set(saved.bytes);
      before.start(saved.bytes.length);
      before.at = saved.at;
      return before;
    },
    show: ({ at, end }) => `${at} of ${end} bytes`,
  };
}
