/**
 * Instructions that cross the end of a page are decoded once and known again by their bytes: whatever becomes of either
 * page, the interpreter does what one does that decodes every instruction anew.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { enterFlatMode } from '../../src/core/machine/boot/flat-mode.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { Cpu, EXIT_FAULT } from '../../src/core/state/cpu.ts';
import { EAX, EIP } from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { StepInterpreter } from '../../tiers/interp/step.ts';

const ORIGIN = 0x10000;
const DIRECTORY = 0x2000;
const TABLE = 0x3000;

/** `crossing: mov edx, 0x44332211` has three bytes before 11000h and two behind. */
const source = (work: string): string => `
bits 32
org ${ORIGIN}
  mov dword [${DIRECTORY}], ${TABLE | 3}
  mov ecx, 0x40
fill:
  mov eax, ecx
  dec eax
  shl eax, 12
  or eax, 3
  mov [${TABLE} + ecx*4 - 4], eax
  loop fill
  mov eax, ${DIRECTORY}
  mov cr3, eax
  mov eax, 0x80000011
  mov cr0, eax
  ; The other page that may lie behind the first: the same but for the rest of the instruction.
  mov esi, 0x11000
copy:
  mov al, [esi]
  mov [esi + 0x1000], al
  inc esi
  cmp esi, 0x11040
  jb copy
  mov word [0x12000], 0x6677
  jmp crossing
times 0x10ffd - ${ORIGIN} - ($ - $$) db 0x90
crossing:
  mov edx, 0x44332211
  add ebx, edx
  rol ebx, 3
  inc edi
  ${work}
  jmp crossing
`;

function run(text: string, makeEngine: (cpu: Cpu) => Engine): string {
  const space = new AddressSpace(new Memory(1 << 20));
  const cpu = new Cpu(space);
  resetCpu(cpu);
  enterFlatMode(cpu, space, ORIGIN, 0x1000, 0x10, 0x18);
  space.writeBytes(ORIGIN, assemble(text).bytes);
  const engine = makeEngine(cpu);
  const seen: string[] = [];
  cpu.deadlineTick = 1000;
  cpu.left = 1000;
  while (cpu.left > 0) {
    cpu.exitRequest = 0;
    engine.run(cpu);
    if ((cpu.exitRequest & EXIT_FAULT) === 0) continue;
    seen.push(`fault ${cpu.faultVector} error ${cpu.faultError} at ${cpu.m32[EIP].toString(16)} left ${cpu.left}`);
    break;
  }
  const registers = Array.from(cpu.m32.subarray(EAX, EAX + 8), (value) => (value >>> 0).toString(16));
  return [...seen, ...registers].join(' ');
}

const CASES: Readonly<Record<string, string>> = {
  'nothing changes': '',
  'bytes behind the end are overwritten': 'mov [0x11000], di',
  'bytes before the end are overwritten': 'mov eax, edi\n mov [0x10ffe], al',
  'the opcode becomes another': 'xor byte [0x10ffd], 2',
  'another page lies behind': `xor dword [${TABLE} + 0x11*4], 0x3000\n invlpg [0x11000]`,
  'no page lies behind any more': `cmp edi, 20\n jb crossing\n and dword [${TABLE} + 0x11*4], -2\n invlpg [0x11000]`,
};

for (const [name, work] of Object.entries(CASES)) {
  test(`instructions across a page end: ${name}`, () => {
    const text = source(work);
    const expected = run(text, () => new StepInterpreter());
    assert.equal(
      run(text, (cpu) => new Interpreter(cpu)),
      expected,
    );
    const rounds = parseInt(expected.split(' ').at(-1) ?? '', 16);
    assert.ok(rounds >= 5, `the loop went round ${rounds} times only: ${expected}`);
  });
}
