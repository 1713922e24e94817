/**
 * Small loops over fixed code: what random programs reach too rarely. Each line of source runs from CODE with the
 * registers of `loopStarts`, in ring 0 and in ring 3, under slices of several lengths.
 */
import { assemble } from '../../src/core/isa/assemble.ts';
import type { Start } from './lockstep.ts';
import { CODE, DATA } from './random-code.ts';

const LOOPS: readonly [string, string][] = [
  [
    'a store into another block of a loop, now and then',
    'top: test ecx, 7\n jnz skip\n add [place + 2], cl\nskip: mov eax, 1\n jmp place\nplace: add ebx, 0x100\n' +
      ' dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'now and then a store into a block that another one jumps to',
    'top: test ecx, 15\n jz change\ngo: inc edi\n jmp place\nchange: inc byte [place + 3]\n jmp go\n' +
      'place: add ebx, 0x100\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'a store into the other block of a loop',
    'sub:  mov eax, 1\n add [place + 1], cl\n jmp place\nplace: add ebx, 0x100\n dec ecx\n jnz sub\nend: jmp end',
  ],
  [
    'compare equal and borrow',
    'top: mov eax, ecx\n and eax, 3\n cmp eax, 2\n sbb edx, 5\n cmp eax, 2\n adc edi, 9\n dec ecx\n jnz top\n' +
      'end: jmp end',
  ],
  [
    'divide with and without a high half',
    'top: mov edx, ecx\n and edx, 1\n mov eax, ecx\n mov ebx, 77\n div ebx\n add edi, eax\n dec ecx\n' +
      ' jnz top\nend: jmp end',
  ],
  [
    'read, then write to a page that may be read-only',
    'top: mov edx, [0x21ffc]\n mov eax, [esi]\n add edi, eax\n mov [esi], edi\n add esi, 64\n dec ecx\n' +
      ' jnz top\nend: jmp end',
  ],
  [
    'calls, returns and a repeated string',
    'top: call work\n call work\n dec ebp\n jnz top\nend: jmp end\nwork: push esi\n push ecx\n mov ecx, 5\n' +
      ' rep movsb\n pop ecx\n pop esi\n inc ebx\n ret',
  ],
  [
    'accesses at the end of a segment',
    'top: mov eax, [fs:ebx + 0x70]\n add edi, eax\n inc ebx\n mov [fs:ebx + 0x60], edi\n mov [fs:ebx + 0x68], di\n' +
      ' dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'bytes at the linear addresses where the TLB arithmetic overflows',
    'top: mov al, [0x80020010]\n add edi, eax\n mov [0x80020011], al\n inc byte [0x80020010]\n' +
      ' add bl, [0x80020011]\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'flags on the stack, after arithmetic and with DF and AC changed',
    'top: add ebx, ecx\n pushfd\n pop edx\n add edi, edx\n std\n pushfd\n xor dword [esp], 0x40000\n popfd\n' +
      ' pushfd\n add edi, [esp]\n pop eax\n cld\n sub ebx, edx\n pushf\n pop dx\n add edi, edx\n dec ecx\n' +
      ' jnz top\nend: jmp end',
  ],
  [
    'control registers read, where that is allowed',
    'top: add edi, ebx\n inc ebx\n mov eax, cr0\n add edi, eax\n mov eax, cr2\n add edi, eax\n mov edx, cr3\n' +
      ' add edi, edx\n mov esi, cr4\n add edi, esi\n dec ecx\n jnz top\nend: jmp end',
  ],
  [
    'unaligned and page-crossing accesses',
    'top: mov eax, [esi]\n add esi, 3\n mov [esi + 1], eax\n dec ecx\n jnz top\nend: jmp end',
  ],
];

export interface LoopCase {
  readonly start: Start;
  readonly ticks: number;
  /** Of the slices, in turn. */
  readonly lengths: readonly number[];
}

export const LOOP_NAMES: readonly string[] = LOOPS.map(([name]) => name);

export function* loopCases(name: string): Generator<LoopCase> {
  const source = LOOPS.find(([other]) => other === name)?.[1] ?? '';
  const code = assemble(`bits 32\n${source}\n`, { origin: CODE }).bytes;
  for (const user of [false, true]) {
    for (const [index, lengths] of [[1000], [1], [7, 2], [13]].entries()) {
      const registers = [1, 40 + index, 3, 0, 5, 12, DATA + (index === 3 ? 0xe02 : 0xd00), DATA + 0x200];
      yield { start: { code, registers, flags: index, seed: 3, user }, ticks: 600, lengths };
    }
  }
}
