/**
 * A guest with a program that may lie anywhere (ET_DYN), as a loader has it: once in memory, and in each of two address
 * spaces at another address. Built with gcc; `skipKernel` says where that is not to be had.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble } from '../../src/core/isa/assemble.ts';
import { readElfSymbols } from '../../src/host/symbols/read-symbols.ts';
import { flatGuest, turnOnPaging } from '../support/flat-guest.ts';

const FLAGS = ['-m32', '-O0', '-ffreestanding', '-fno-stack-protector', '-fcf-protection=none', '-nostdlib'];

/** In a folder, as the tests of loaded code want it: plain, and without a library. */
export function gcc(folder: string, ...args: string[]): void {
  execFileSync('gcc', [...FLAGS, ...args], { cwd: folder, stdio: 'pipe' });
}

/** Number of the line with a mark. */
export const lineOf = (source: string, mark: string): number =>
  source.split('\n').findIndex((text) => text.includes(`/* mark: ${mark} */`)) + 1;

const PROGRAM = `int work(int n)
{
    int twice = n + n; /* mark: twice */
    return twice + 1;
}
`;

/** The program lies in memory once, and in each of two spaces at another address. */
function twoSpaces(image: Uint8Array, offset: number): string {
  const bytes = Array.from({ length: Math.ceil(image.length / 16) }, (_, i) => [
    ...image.subarray(i * 16, i * 16 + 16),
  ]);
  return flatGuest(
    `  cld
  mov ax, 16
  mov es, ax
  mov esi, program
  mov edi, 0x400000
  mov ecx, ${image.length}
  rep movsb
  mov dword [0x300000], 0x83
  mov dword [0x301000], 0x83
  mov dword [0x300008], 0x400087
  mov dword [0x30100c], 0x400087
${turnOnPaging(0x30_0000)}  mov esi, 3
again:
  mov eax, 0x300000
  mov cr3, eax
  push esi
  mov ebx, ${0x80_0000 + offset}
  call ebx
  pop esi
  mov eax, 0x301000
  mov cr3, eax
  push esi
  mov ebx, ${0xc0_0000 + offset}
  call ebx
  pop esi
  dec esi
  jnz again
  cli
  hlt
`,
    `align 16\nprogram:\n${bytes.map((each) => `  db ${each.join(', ')}\n`).join('')}`,
  );
}

export interface LoadedProgram {
  readonly kernel: Uint8Array;
  /** Of the file, which has its source beside it. */
  readonly path: string;
  /** Line in the function that runs. */
  readonly line: number;
  /** Of the function, from the beginning of the program. */
  readonly work: number;
}

export function buildProgram(folder: string): LoadedProgram {
  writeFileSync(join(folder, 'prog.c'), PROGRAM);
  gcc(folder, '-fno-pic', '-g', '-shared', '-Wl,--build-id=none', '-o', 'prog', 'prog.c');
  const path = join(folder, 'prog');
  const file = new Uint8Array(readFileSync(path));
  const view = new DataView(file.buffer);
  const work = readElfSymbols(file).find(({ name }) => name === 'work')?.address ?? 0;
  // As a loader has it: each segment where it is linked.
  const image = new Uint8Array(0x2000);
  for (let i = 0; i < view.getUint16(44, true); i++) {
    const header = view.getUint32(28, true) + i * 32;
    const [kind, from, to, , size] = [0, 4, 8, 12, 16].map((at) => view.getUint32(header + at, true));
    if (kind === 1 && to + size <= image.length) image.set(file.subarray(from, from + size), to);
  }
  const { bytes: kernel } = assemble(twoSpaces(image, work));
  return { kernel, path, line: lineOf(PROGRAM, 'twice'), work };
}
