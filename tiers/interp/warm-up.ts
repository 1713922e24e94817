// Shows the host engine every case of the inner loop before it compiles it. V8 compiles hot.ts once it is
// hot and treats cases that never ran as impossible: the first guest that needs one throws the compiled
// loop away, and a loop of that size takes a second to compile again. So the first interpreter of a
// process runs a little program that reaches each case with small, large and negative values, on a
// processor of its own, below two tiers in turn: what is called from one place only counts as never different.
// Nothing of it can be seen by a guest. Measured on the Debian boot: see MEASUREMENTS.md.

import { CONDITIONS } from '../../src/core/base/names.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { OP } from '../../src/core/isa/ops.ts';
import { META_OP_MASK, R_META } from '../../src/core/isa/record.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { enterFlatMode } from '../../src/core/machine/boot/flat-mode.ts';
import { Cpu, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import { EIP, ESP, HALTED } from '../../src/core/state/layout.ts';
import { BLOCK_HEADER_WORDS, BlockCache } from './blocks.ts';
import { HANDLER_TABLE } from './handlers.ts';
import { StepInterpreter } from './step.ts';
import { B_COMPILED, B_HEAT, type TierAbove } from './tier-above.ts';

const MEMORY_SIZE = 1 << 20;
const ORIGIN = 0x10000;
/** Enough for stable feedback, far too little for the host to compile anything half seen. */
const ROUNDS = 6;

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
org ${ORIGIN}
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

let isDone = false;

/** An engine as seen here: runs from EIP. */
interface Runs {
  run(cpu: Cpu): void;
}
type MakeEngine = (cpu: Cpu, blocks: BlockCache, tier: TierAbove) => Runs;

/** The program's end, a block of one HLT, becomes hot in each round; then its function runs, which is none again. */
class End {
  readonly blocks: BlockCache;
  private readonly steps = new StepInterpreter();
  private block = 0;

  constructor(cpu: Cpu) {
    this.blocks = new BlockCache(cpu, { onBuilt: (block) => this.built(block), onDropped: () => {} });
  }

  private built(block: number): void {
    const { code } = this.blocks;
    if ((code[block + BLOCK_HEADER_WORDS + R_META] & META_OP_MASK) !== OP.HLT) return;
    this.block = block;
    code[block + B_HEAT] = 1;
  }

  compile(block: number): void {
    this.blocks.code[block + B_COMPILED] = 1;
  }

  run(cpu: Cpu): void {
    const { code } = this.blocks;
    code[this.block + B_COMPILED] = 0;
    code[this.block + B_HEAT] = 1;
    this.steps.run(cpu);
  }
}

// Two functions, so that each has closures of its own.

function withTier(end: End): TierAbove {
  return {
    functions: [() => {}, (cpu) => end.run(cpu)],
    handlers: HANDLER_TABLE,
    onHot: (block) => end.compile(block),
    rest: () => {},
  };
}

function withOtherTier(end: End): TierAbove {
  return {
    functions: [() => {}, (cpu) => end.run(cpu)],
    handlers: HANDLER_TABLE,
    onHot: (block) => end.compile(block),
    rest: () => {},
  };
}

/**
 * Run the program once a process. `run` executes from EIP as an engine does; `makeEngine` builds it of its blocks and
 * what is above it.
 */
export function warmUp(makeEngine: MakeEngine): void {
  if (isDone) return;
  isDone = true;
  const program = assemble(WARM_UP_SOURCE);
  const space = new AddressSpace(new Memory(MEMORY_SIZE));
  const cpu = new Cpu(space);
  // It reads no port; an engine with a fault might, and must come as far as being compared.
  cpu.ports = { read: () => 0, write: () => {} };
  resetCpu(cpu);
  enterFlatMode(cpu, space, ORIGIN, 0x1000, 0x10, 0x18);
  space.writeBytes(ORIGIN, program.bytes);
  const engines = [withTier, withOtherTier].map((tier) => {
    const end = new End(cpu);
    return makeEngine(cpu, end.blocks, tier(end));
  });
  for (let round = 0; round < ROUNDS; round++) {
    cpu.m32[EIP] = ORIGIN;
    cpu.m32[HALTED] = 0;
    cpu.m32[ESP] = 0x30000;
    for (let slice = 0; slice < 1000; slice++) {
      cpu.left = 1000;
      cpu.deadlineTick = 1000;
      cpu.exitRequest = 0;
      try {
        engines[round & 1].run(cpu);
      } catch (error) {
        if (error !== GUEST_FAULT) throw error;
      }
      if (cpu.m32[HALTED] !== 0) break;
    }
  }
}
