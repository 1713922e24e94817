/**
 * Bytes on their way between a drive and its data port: filled by one side, emptied by the other, in order, a block at
 * a time. A kind of field of which only what is in it is saved. Imports base.
 */
import { describe, type Kind } from '../../base/fields.ts';

export class TransferBuffer {
  readonly data: Uint8Array;
  /** What of it means something. */
  filled = 0;
  /** The block in hand. */
  begin = 0;
  end = 0;
  /** The next byte of it to move. */
  at = 0;

  constructor(sizeBytes: number) {
    this.data = new Uint8Array(sizeBytes);
  }

  /** `count` bytes are to be moved in one block; the first of them are at the beginning of `data`. */
  start(count: number): void {
    this.filled = count;
    this.select(0, count);
  }

  /** Of what is filled, this is the block to be moved. */
  select(begin: number, end: number): void {
    this.begin = Math.min(begin, this.filled);
    this.end = Math.min(end, this.filled);
    this.at = this.begin;
  }

  clear(): void {
    this.start(0);
  }

  get isDone(): boolean {
    return this.at >= this.end;
  }

  /** The block. */
  get content(): Uint8Array {
    return this.data.subarray(this.begin, this.end);
  }
}

const PLACES = ['begin', 'at', 'end'] as const;
type Saved = Readonly<Record<(typeof PLACES)[number], number>> & { readonly bytes: Uint8Array };

/** A buffer that holds up to `sizeBytes`. */
export function transferBuffer(sizeBytes: number): Kind<TransferBuffer> {
  const isSaved = (saved: unknown): saved is Saved => {
    if (typeof saved !== 'object' || saved === null || Object.keys(saved).length !== 4) return false;
    const { bytes, ...places } = saved as Partial<Saved>;
    if (!(bytes instanceof Uint8Array) || bytes.length > sizeBytes) return false;
    const inOrder = [0, ...PLACES.map((name) => places[name]), bytes.length];
    return inOrder.every(
      (place, i) =>
        Number.isInteger(place) && !Object.is(place, -0) && (i === 0 || Number(inOrder[i - 1]) <= Number(place)),
    );
  };
  return {
    initial: () => new TransferBuffer(sizeBytes),
    save: ({ begin, at, end, filled, data }) => ({ begin, at, end, bytes: data.slice(0, filled) }),
    problem: (saved, path) =>
      isSaved(saved) ? null : `${path} is ${describe(saved)}, expected up to ${sizeBytes} bytes and places in them`,
    load: (saved, before) => {
      if (!isSaved(saved)) return before;
      before.data.set(saved.bytes);
      before.start(saved.bytes.length);
      before.select(saved.begin, saved.end);
      before.at = saved.at;
      return before;
    },
    show: ({ at, end }) => `${at} of ${end} bytes`,
  };
}
