// The program that the host engine is shown before it compiles the inner loop (warm-up.ts), in assembler: it reaches
// each case of hot.ts. Assembled it stands in warm-up-program.ts, since every process would assemble it; a test holds
// that it is the same.

import { CONDITIONS } from '../../src/core/base/names.ts';
import { WARM_UP_ORIGIN } from './warm-up-program.ts';

/** Two operands, register and memory forms, for one 32-bit operation. */
const binary = (op: string): string => `
  ${op} eax, ecx
  ${op} eax, 0x89abcdef
  ${op} eax, [ebx + ecx*4 + 8]
  ${op} [ebx + 16], eax
  ${op} dword [ebx + 20], 0x7fffffff`;

const narrow = (op: string): string => `
  ${op} al, cl
  ${op} ah, 0x80`;

/** After a comparison: every condition both ways, as jump, set and move. */
const conditions = (compare: string): string =>
  CONDITIONS.map((cc, i) => {
    const label = `.${cc}${compare.replaceAll(/\W/g, '')}${i}`;
    return `
  ${compare}
  set${cc} al
  cmov${cc} esi, edi
  j${cc} ${label}
  nop
${label}:`;
  }).join('');

/** Reaches every inlined case. */
export const WARM_UP_SOURCE = `
bits 32
org ${WARM_UP_ORIGIN}
program:
  mov ebx, 0x20000
  mov ecx, 2
  mov edx, 0x80000001
  mov esi, -1
  mov edi, 0x7fffffff
  mov eax, esi
  ${['mov', 'add', 'sub', 'and', 'or', 'xor', 'cmp'].map(binary).join('')}
  test eax, ecx
  test dword [ebx], 0x80000000
  test [ebx], eax
  stc
  adc eax, edx
  sbb eax, esi
  cmp eax, edi
  adc eax, 5
  sbb eax, 5
  ${['add', 'sub', 'and', 'or', 'xor', 'cmp', 'test'].map(narrow).join('')}
  cmp byte [ebx + 1], 0x90
  cmp byte [ebx + 1], al
  cmp al, [ebx + 2]
  test byte [ebx + 3], 0x81
  mov al, [ebx + 5]
  mov [ebx + 5], ah
  mov byte [ebx + 6], 0xf0
  mov al, ah
  mov al, 0x9c
  mov [ebx + 8], cx
  movzx eax, byte [ebx + 6]
  movzx eax, ah
  movzx eax, word [ebx + 6]
  movzx eax, dx
  movsx eax, byte [ebx + 6]
  movsx eax, dl
  movsx eax, word [ebx + 6]
  movsx eax, dx
  lea eax, [ebx + ecx*8 + 3]
  inc eax
  dec ecx
  inc ecx
  inc dword [ebx + 32]
  dec dword [ebx + 32]
  neg edx
  not edx
  shl eax, 3
  rol eax, 7
  ror edx, 9
  mul esi
  shr eax, 1
  sar eax, 5
  shl edx, cl
  shr edx, cl
  sar edx, cl
  imul eax, esi
  imul eax, edi
  imul eax, [ebx + 4]
  imul eax, edi, 77
  push eax
  push 0x80000000
  push dword [ebx]
  pop eax
  pop eax
  pop edx
  push ebp
  mov ebp, esp
  push eax
  leave
  call near_function
  mov eax, near_function
  call eax
  mov dword [ebx + 64], near_function
  call dword [ebx + 64]
  mov eax, after_register
  jmp eax
after_register:
  mov dword [ebx + 64], after_memory
  jmp dword [ebx + 64]
after_memory:
  xchg eax, edx
  cdq
  mov ecx, 3
by_handler:
  loop by_handler
  mov ecx, 40
  mov edi, 0x20000
  rep stosd
  mov ecx, 2
  mov edi, 0x7fffffff
  mov eax, 5
  ${[
    'cmp eax, 5',
    'cmp eax, -7',
    'cmp esi, eax',
    'cmp edi, edx',
    'add eax, edi',
    'test eax, eax',
    'cmp al, 0x85',
    'inc eax',
    'shl eax, 1',
    'sahf',
    'adc eax, esi',
    'sbb al, 0x85',
    'dec eax',
  ]
    .map(conditions)
    .join('')}
  jmp done
near_function:
  ret
done:
  hlt
`;
