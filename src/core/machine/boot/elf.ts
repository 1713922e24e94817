// The part of an ELF32 executable that a boot loader needs: loadable segments at their physical
// addresses, and where to start (System V gABI chapter 5, i386 psABI). Sections, symbols, relocation and
// dynamic linking are nothing to it.

import { BootError } from './boot-error.ts';
import { hex, read16, read32 } from './bytes.ts';

export interface LoadSegment {
  readonly fileOffset: number;
  readonly fileSize: number;
  readonly address: number;
  /** At least fileSize; the rest is zero. */
  readonly memorySize: number;
}

export interface LoadPlan {
  /** Ascending by address, not overlapping. */
  readonly segments: LoadSegment[];
  readonly entry: number;
}

const EM_386 = 3;
const EM_486 = 6;
export const PT_LOAD = 1;

export function isElf(image: Uint8Array): boolean {
  return image.length >= 4 && read32(image, 0) === 0x464c457f;
}

/** Parse the headers of an ELF32 image for the i386; throws BootError. */
export function parseElf(image: Uint8Array): LoadPlan {
  if (!isElf(image)) throw new BootError('the kernel is not an ELF file: expected a 32-bit ELF executable for i386.');
  if (image.length < 52)
    throw new BootError('the ELF header of the kernel is cut off: the file is truncated, copy it again.');
  const machine = read16(image, 18);
  if (image[4] === 2) {
    throw new BootError(
      'the kernel is a 64-bit ELF file, this machine is 32-bit: build it for i386 ' +
        '(for a kernel that starts in 32-bit code, objcopy -O elf32-i386 helps).',
    );
  }
  if (image[4] !== 1 || image[5] !== 1 || (machine !== EM_386 && machine !== EM_486)) {
    throw new BootError(
      `the kernel is an ELF file for another machine (number ${machine}): expected 32-bit i386, little-endian.`,
    );
  }
  const headerOffset = read32(image, 28);
  const headerSize = read16(image, 42);
  const headerCount = read16(image, 44);
  if (headerCount === 0 || headerSize < 32) {
    throw new BootError('the kernel has no ELF program headers: expected a linked executable, not an object file.');
  }
  if (headerOffset + headerCount * headerSize > image.length) {
    throw new BootError(
      'the ELF program headers lie beyond the end of the kernel: the file is truncated, copy it again.',
    );
  }
  const segments: LoadSegment[] = [];
  const virtualEntry = read32(image, 24);
  let entry = -1;
  for (let index = 0; index < headerCount; index++) {
    const at = headerOffset + index * headerSize;
    if (read32(image, at) !== PT_LOAD) continue;
    const virtual = read32(image, at + 8);
    const segment: LoadSegment = {
      fileOffset: read32(image, at + 4),
      address: read32(image, at + 12),
      fileSize: read32(image, at + 16),
      memorySize: read32(image, at + 20),
    };
    if (segment.memorySize === 0) continue;
    if (segment.fileSize > segment.memorySize) {
      throw new BootError(
        `ELF segment ${index} of the kernel is larger in the file than in memory: the file is corrupt.`,
      );
    }
    if (segment.fileOffset + segment.fileSize > image.length) {
      throw new BootError(
        `ELF segment ${index} of the kernel lies beyond the end of the file: it is truncated, copy it again.`,
      );
    }
    if (entry < 0 && virtualEntry >= virtual && virtualEntry < virtual + segment.memorySize) {
      entry = virtualEntry - virtual + segment.address;
    }
    segments.push(segment);
  }
  if (segments.length === 0)
    throw new BootError('the kernel has no loadable ELF segment: expected a linked executable.');
  segments.sort((a, b) => a.address - b.address);
  for (let index = 1; index < segments.length; index++) {
    const end = segments[index - 1].address + segments[index - 1].memorySize;
    if (end > segments[index].address) {
      throw new BootError(`two ELF segments of the kernel overlap at ${hex(segments[index].address)}: link it again.`);
    }
  }
  if (entry < 0) {
    // Some kernels give the physical address although the field is a virtual one.
    const holds = (s: LoadSegment): boolean => virtualEntry >= s.address && virtualEntry < s.address + s.memorySize;
    if (!segments.some(holds)) {
      throw new BootError(
        `the ELF entry point ${hex(virtualEntry)} of the kernel lies in none of its segments: link it again.`,
      );
    }
    entry = virtualEntry;
  }
  return { segments, entry };
}
