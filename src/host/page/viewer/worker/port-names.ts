// Which chip of a PC answers a port, for people (IBM AT Technical Reference; the chipset's data sheet for what came
// later). What a machine of this project has there is its board's affair.

const RANGES: readonly (readonly [number, number, string])[] = [
  [0x00, 0x1f, 'DMA'],
  [0x20, 0x21, 'PIC'],
  [0x40, 0x43, 'timer'],
  [0x60, 0x64, 'keyboard'],
  [0x70, 0x71, 'clock'],
  [0x80, 0x8f, 'DMA'],
  [0xa0, 0xa1, 'PIC'],
  [0xc0, 0xdf, 'DMA'],
  [0xe9, 0xe9, 'debug console'],
  [0x170, 0x177, 'disk 2'],
  [0x1ce, 0x1cf, 'VGA'],
  [0x1f0, 0x1f7, 'disk 1'],
  [0x2e8, 0x2ef, 'COM4'],
  [0x2f8, 0x2ff, 'COM2'],
  [0x376, 0x376, 'disk 2'],
  [0x3b0, 0x3df, 'VGA'],
  [0x3e8, 0x3ef, 'COM3'],
  [0x3f0, 0x3f5, 'floppy'],
  [0x3f6, 0x3f6, 'disk 1'],
  [0x3f8, 0x3ff, 'COM1'],
  [0x402, 0x402, 'debug console'],
  [0x510, 0x51b, 'firmware settings'],
  [0xcf8, 0xcff, 'PCI'],
];

export function portDevice(port: number): string {
  for (const [first, last, name] of RANGES) if (port >= first && port <= last) return name;
  return 'other ports';
}
