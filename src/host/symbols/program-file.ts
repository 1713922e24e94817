// A program or library as a file that runs wherever it is loaded (ET_DYN, linked at 0): in an address space it lies
// where the page is that begins with its headers. So its load address is found without the guest's kernel, in every
// address space anew: of pages that programs may reach, since a kernel has files in its memory too. The headers of
// sections differ between a file and what was stripped of it, and are not compared.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { PT_LOAD } from '../../core/machine/boot/elf.ts';
import { peekBytes, userPages } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { isElf32 } from './read-symbols.ts';

const ET_DYN = 3;
const HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const PROGRAM_HEADERS_MAX = 64;
/** Of the header: identification, type, machine, version, entry, place of the program headers. */
const COMPARED_BYTES = 32;

export class ProgramFile {
  /** Where it was found last, linear; null: nowhere yet. */
  base: number | null = null;
  private readonly header: Uint8Array;
  private readonly programHeadersAt: number;
  private readonly programHeaders: Uint8Array;

  /** Null: the file says itself where it lies, or is none that is loaded. */
  static of(image: Uint8Array): ProgramFile | null {
    if (!isElf32(image)) return null;
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    const [at, size, count] = [view.getUint32(28, true), view.getUint16(42, true), view.getUint16(44, true)];
    const end = at + count * PROGRAM_HEADER_BYTES;
    const isShaped = size === PROGRAM_HEADER_BYTES && count > 0 && count <= PROGRAM_HEADERS_MAX && at >= HEADER_BYTES;
    if (view.getUint16(16, true) !== ET_DYN || !isShaped || end > Math.min(image.length, PAGE_BYTES)) return null;
    // The first of its segments begins with the headers, and is linked at 0.
    const first = Array.from({ length: count }, (_, i) => at + i * PROGRAM_HEADER_BYTES).find(
      (header) => view.getUint32(header, true) === PT_LOAD,
    );
    if (first === undefined || view.getUint32(first + 4, true) !== 0 || view.getUint32(first + 8, true) !== 0) {
      return null;
    }
    return new ProgramFile(image, at, end);
  }

  private constructor(image: Uint8Array, at: number, end: number) {
    this.header = image.slice(0, COMPARED_BYTES);
    this.programHeadersAt = at;
    this.programHeaders = image.slice(at, end);
  }

  /** Whether it lies where it was found last, in the address space that the processor has. */
  isHere(cpu: Cpu): boolean {
    return this.base !== null && this.isAt(cpu, this.base);
  }

  /** Where it lies in the address space that the processor has; null: nowhere. */
  find(cpu: Cpu): number | null {
    if (this.isHere(cpu)) return this.base;
    for (const linear of userPages(cpu)) {
      if (!this.isAt(cpu, linear)) continue;
      this.base = linear;
      return linear;
    }
    return null;
  }

  private isAt(cpu: Cpu, linear: number): boolean {
    return has(cpu, linear, this.header) && has(cpu, linear + this.programHeadersAt, this.programHeaders);
  }
}

function has(cpu: Cpu, linear: number, wanted: Uint8Array): boolean {
  const bytes = new Uint8Array(wanted.length);
  return peekBytes(cpu, linear, bytes) === wanted.length && bytes.every((byte, i) => byte === wanted[i]);
}
