/**
 * Where the input of a fuzzed run goes: a buffer in memory, a serial line, the keyboard, or sectors of a disk. It
 * arrives at the moment from which runs go on, as inputs of the log like any other.
 */
import type { InputEvent } from '../log/events.ts';
import type { TimedInput } from '../log/timed-input.ts';

export type FuzzTarget =
  | {
      readonly kind: 'memory';
      readonly bytesMax: number;
      /** The buffer in physical memory, piece by piece. */
      readonly pieces: readonly { readonly address: number; readonly sizeBytes: number }[];
      /** A double word in physical memory that takes the length, or null: the buffer is always whole. */
      readonly lengthAddress: number | null;
    }
  | { readonly kind: 'serial'; readonly bytesMax: number; readonly port: number }
  | { readonly kind: 'keyboard'; readonly bytesMax: number }
  | { readonly kind: 'disk'; readonly bytesMax: number; readonly drive: string; readonly sector: number };

/** Whether every input has all of the bytes. */
export function isWhole(target: FuzzTarget): boolean {
  return target.kind === 'disk' || (target.kind === 'memory' && target.lengthAddress === null);
}

/** Whether a recorded input comes by the way that is fuzzed: it is left out. */
function comesThere(target: FuzzTarget, event: InputEvent): boolean {
  if (target.kind === 'serial') return event.kind === 'serial' && event.port === target.port;
  return target.kind === 'keyboard' && (event.kind === 'key' || event.kind === 'scancode');
}

function arrivals(target: FuzzTarget, bytes: Uint8Array): InputEvent[] {
  switch (target.kind) {
    case 'memory': {
      const events: InputEvent[] = [];
      let at = 0;
      for (const { address, sizeBytes } of target.pieces) {
        const piece = bytes.slice(at, at + sizeBytes);
        if (piece.length > 0) events.push({ kind: 'edit-memory', address, bytes: piece });
        at += sizeBytes;
      }
      const { lengthAddress } = target;
      if (lengthAddress === null) return events;
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length, true);
      return [...events, { kind: 'edit-memory', address: lengthAddress, bytes: length }];
    }
    case 'serial':
      return bytes.length === 0 ? [] : [{ kind: 'serial', port: target.port, bytes }];
    case 'keyboard':
      return bytes.length === 0 ? [] : [{ kind: 'scancode', bytes }];
    case 'disk':
      return [{ kind: 'edit-disk', drive: target.drive, sector: target.sector, bytes }];
  }
}

/** The inputs of a run from `tick` on: `recorded` are those that it has in any case. */
export function fuzzedInputs(
  target: FuzzTarget,
  recorded: readonly TimedInput[],
  tick: number,
  bytes: Uint8Array,
): TimedInput[] {
  const rest = recorded.filter((input) => input.tick >= tick && !comesThere(target, input.event));
  return [...arrivals(target, bytes).map((event) => ({ tick, event })), ...rest];
}
