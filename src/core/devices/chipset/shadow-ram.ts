/**
 * Shadow RAM of the 82441FX (data sheet 290549, "PAM[6:0]" and "SMRAM"): what C0000h–FFFFFh lead to. Each of thirteen
 * segments is read from RAM or from the bus, where the firmware's ROM lies in the last 128 KiB and nothing elsewhere,
 * and is writable or not. SMRAM opens the RAM at A0000h that the screen hides. Part of the host bridge (pci.ts), whose
 * configuration has the bits. A segment that is written and not read is RAM both ways here: no map of the machine
 * leads reads and writes of a page to two places.
 */
import type { Aperture, ApertureContent, DeviceContext } from '../../board/context.ts';

const READ = 1;
const WRITE = 2;
const ROM_SHOWN_FROM = 0xe0000;
const END = 0x100000;

/** Register, shift of the two bits, first address, size: in the order of addresses. */
const SEGMENTS: readonly (readonly [register: number, shift: number, address: number, sizeBytes: number])[] = [
  ...Array.from({ length: 12 }, (_, i): readonly [number, number, number, number] => [
    0x5a + (i >> 1),
    (i & 1) * 4,
    0xc0000 + i * 0x4000,
    0x4000,
  ]),
  [0x59, 4, 0xf0000, 0x10000],
];

const SMRAM = 0x72;
const SMRAM_OPEN = 0x40;
const SMRAM_CLOSED = 0x20;
const SMRAM_ENABLED = 0x08;
const SMRAM_ADDRESS = 0xa0000;
const SMRAM_BYTES = 0x20000;

/** Configuration bytes that software can write. */
export const SHADOW_WRITABLE: Readonly<Record<number, number>> = { [SMRAM]: 0x78 };
export const SHADOW_CONFIG: Readonly<Record<number, number>> = { [SMRAM]: 0x02 };
export const SHADOW_FIRST = 0x59;
export const SHADOW_LAST = SMRAM;

const NOBODY: ApertureContent = { read: (_offset, size) => 0xffff_ffff >>> (32 - size * 8), write: () => {} };

export class ShadowRam {
  readonly #segments: { aperture: Aperture; bits: number; readonly fromBus: ApertureContent }[];
  readonly #smram: Aperture;

  constructor(context: DeviceContext, romBytes: number) {
    this.#segments = SEGMENTS.map(([, , address, sizeBytes]) => {
      const offset = romBytes - (END - address);
      const isRom = address >= ROM_SHOWN_FROM && offset >= 0;
      const fromBus: ApertureContent = isRom ? { memory: 'rom', offset, isReadOnly: true } : NOBODY;
      return { aperture: context.aperture(sizeBytes, fromBus), bits: -1, fromBus };
    });
    this.#smram = context.aperture(SMRAM_BYTES, { memory: 'ram', offset: SMRAM_ADDRESS, isReadOnly: false });
  }

  /** Lays the segments out as the configuration of the host bridge says. */
  place(config: Uint8Array): void {
    SEGMENTS.forEach(([register, shift, address], index) => {
      const segment = this.#segments[index];
      const bits = (config[register] >> shift) & (READ | WRITE);
      if (bits === segment.bits) return;
      segment.bits = bits;
      const isReadOnly = { memory: 'ram', offset: address, isReadOnly: true } as const;
      if ((bits & WRITE) !== 0) segment.aperture.place(-1);
      else {
        segment.aperture.show(bits === READ ? isReadOnly : segment.fromBus);
        segment.aperture.place(address);
      }
    });
    const isOpen = (config[SMRAM] & (SMRAM_OPEN | SMRAM_CLOSED | SMRAM_ENABLED)) === (SMRAM_OPEN | SMRAM_ENABLED);
    this.#smram.place(isOpen ? SMRAM_ADDRESS : -1);
  }
}
