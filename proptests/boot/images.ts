/**
 * Small bootable images made field by field, for the tests of the loaders: a bzImage with a full setup header, a
 * multiboot ELF and a multiboot image with address fields. None of their code is ever run here.
 */
import { write16, write32 } from '../../src/core/machine/boot/bytes.ts';

export const LINUX_CODE_SIZE = 0x3000;

export function linuxImage(version = 0x20f): Uint8Array {
  const setupSectors = 4;
  const codeOffset = (setupSectors + 1) * 512;
  const image = new Uint8Array(codeOffset + LINUX_CODE_SIZE);
  for (let at = codeOffset; at < image.length; at++) image[at] = at * 7;
  image[0x1f1] = setupSectors;
  write32(image, 0x1f4, LINUX_CODE_SIZE / 16);
  write16(image, 0x1fe, 0xaa55);
  write16(image, 0x200, 0x6aeb);
  write32(image, 0x202, 0x53726448);
  write16(image, 0x206, version);
  image[0x211] = 1;
  write32(image, 0x214, 0x100000);
  write32(image, 0x22c, 0x7fffffff);
  write32(image, 0x230, 0x1000);
  image[0x234] = 1;
  write32(image, 0x238, 0x7ff);
  write32(image, 0x258, 0x100000);
  write32(image, 0x260, 0x8000);
  return image;
}

/** One segment of code at 1 MiB, then one of data with a bss, virtual addresses 3 GiB above the physical ones. */
export function multibootElf(): Uint8Array {
  const image = new Uint8Array(0x3000);
  image.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  write16(image, 16, 2);
  write16(image, 18, 3);
  write32(image, 20, 1);
  write32(image, 24, 0xc0100010);
  write32(image, 28, 52);
  write16(image, 40, 52);
  write16(image, 42, 32);
  write16(image, 44, 2);
  const header = (at: number, offset: number, address: number, fileSize: number, memorySize: number): void => {
    [1, offset, 0xc0000000 + address, address, fileSize, memorySize, 7, 0x1000].forEach((value, index) => {
      write32(image, at + index * 4, value);
    });
  };
  header(52, 0x1000, 0x100000, 0x1000, 0x1000);
  header(84, 0x2000, 0x102000, 0x800, 0x2345);
  multibootHeader(image, 0x80, 3);
  for (let at = 0x1000; at < 0x2800; at++) image[at] = at * 5;
  return image;
}

function multibootHeader(image: Uint8Array, at: number, flags: number): void {
  write32(image, at, 0x1badb002);
  write32(image, at + 4, flags);
  write32(image, at + 8, -(0x1badb002 + flags));
}

export function multibootFlat(): Uint8Array {
  const image = new Uint8Array(0x1800).fill(0x90);
  const at = 0x40;
  multibootHeader(image, at, 0x10003);
  [0x200000 + at, 0x200000, 0x200000 + image.length, 0x204000, 0x200100].forEach((value, index) => {
    write32(image, at + 12 + index * 4, value);
  });
  return image;
}
