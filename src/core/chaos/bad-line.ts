/**
 * What a bad line makes of bytes that come over it: one is lost, comes twice, or has a bit that is wrong. A machine
 * without a network card has its serial lines for that; whoever speaks a protocol over one has to stand it.
 */
import type { Random } from '../base/random.ts';
import type { TimedInput } from '../log/timed-input.ts';

/** Inputs that a bad line can spoil. */
export function comesByLine({ event }: TimedInput): boolean {
  return event.kind === 'serial' && event.bytes.length > 0;
}

/** What arrives of an input that comes by a line; null: nothing. */
export function spoiled(random: Random, input: TimedInput): TimedInput | null {
  const { tick, event } = input;
  if (event.kind !== 'serial') return input;
  const at = random.below(event.bytes.length);
  const [before, byte, behind] = [event.bytes.slice(0, at), event.bytes[at], event.bytes.slice(at + 1)];
  const arriving = [[], [byte, byte], [byte ^ (1 << random.below(8))]][random.below(3)];
  const bytes = Uint8Array.from([...before, ...arriving, ...behind]);
  return bytes.length === 0 ? null : { tick, event: { ...event, bytes } };
}
