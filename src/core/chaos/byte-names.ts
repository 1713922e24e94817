/**
 * Whose values bytes hold while an interrupt runs: a byte that is only moved carries the name of the byte of a register
 * of what was interrupted that it came from, or of the word of the frame that the delivery pushed. To make something of
 * a byte is to use its name.
 */
import type { Place } from '../timeline/provenance/place.ts';

/** Names that bytes of the frame carry; those of registers are below 0. */
export const [FRAME_EIP, FRAME_CS, FRAME_FLAGS] = [1, 2, 3];
/** Of what came from elsewhere. */
export const NO_NAME = 0;
export const ALL_FLAGS = -1;

/** A byte of the processor's block, as a key and as the name that it has in what was interrupted. */
export const registerKey = (at: number): number => -1 - at;

/** Of a byte of memory: its physical address. */
function keyOf({ space, at }: Place, offset: number): number {
  return space === 'memory' ? at + offset : registerKey(at + offset);
}

const isNamed = ({ space }: Place): boolean => space === 'register' || space === 'memory';

export class ByteNames {
  /** Names that were used, and flags of what was interrupted. */
  readonly uses = new Set<number>();
  flags = 0;
  /** The flags that are still those of what was interrupted. */
  private kept = ALL_FLAGS;
  /** By key, of bytes that were filled. */
  private readonly names = new Map<number, number>();

  /** Of each byte of a register or of memory; none of other places. */
  of(place: Place): number[] {
    if (!isNamed(place)) return [];
    return Array.from({ length: place.size }, (_, i) => {
      const key = keyOf(place, i);
      return this.names.get(key) ?? (key < 0 ? key : NO_NAME);
    });
  }

  /** The keys that were filled. */
  fill(place: Place, nameOf: (offset: number) => number): readonly number[] {
    if (place.space === 'flags') this.kept &= ~place.at;
    if (!isNamed(place)) return [];
    return Array.from({ length: place.size }, (_, i) => {
      const key = keyOf(place, i);
      this.names.set(key, nameOf(i));
      return key;
    });
  }

  filled(): Iterable<readonly [key: number, name: number]> {
    return this.names;
  }

  /** The value of these bytes is made something of. */
  use(places: readonly Place[]): void {
    for (const place of places) {
      if (place.space === 'flags') this.useFlags(place.at);
      for (const name of this.of(place)) this.useName(name);
    }
  }

  useName(name: number): void {
    if (name === FRAME_FLAGS) this.flags = ALL_FLAGS;
    else if (name !== NO_NAME && name !== FRAME_CS) this.uses.add(name);
  }

  useFlags(mask: number): void {
    this.flags |= mask & this.kept;
  }

  /** They are others now. */
  dropFlags(mask: number): void {
    this.kept &= ~mask;
  }

  /** What was interrupted has given them all, or none. */
  restoreFlags(areKept: boolean): void {
    this.kept = areKept ? ALL_FLAGS : 0;
  }
}
