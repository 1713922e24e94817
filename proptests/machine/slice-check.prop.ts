/**
 * An engine that breaks a rule of the slice is found out at once, by the loop itself: each rule is broken here, by an
 * engine that is the interpreter but for that.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { resetCpu } from '../../src/core/cpu/system/reset.ts';
import { setRealSegment, updateMode } from '../../src/core/cpu/system/segmentation.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import { Machine } from '../../src/core/machine/machine.ts';
import { LivePort } from '../../src/core/session/live-port.ts';
import { type Cpu, EXIT_FAULT, EXIT_HALT, EXIT_STOP } from '../../src/core/state/cpu.ts';
import { CS, EFLAGS, EIP, TF, TICK_F64 } from '../../src/core/state/layout.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';

const CODE = 0x7c00;

/** A machine that loops at 0:7C00; `meddle` comes after each slice of its engine. */
function loopingMachine(meddle: (cpu: Cpu) => void): Machine {
  const machine = new Machine(
    { memoryMegabytes: 1, nsPerTick: 1, epochSeconds: 0, reboot: false, serialTiming: 'instant', hashEveryTicks: 0 },
    new LivePort(),
    SILENT_OUTPUT,
    (cpu): Engine => {
      const sound = new Interpreter(cpu);
      return {
        name: 'meddler',
        drop: () => sound.drop(),
        run: () => {
          sound.run(cpu);
          meddle(cpu);
        },
      };
    },
  );
  const { cpu } = machine;
  machine.board.ports.write(0x43, 1, 0x30); // the timer waits for a count: nothing cuts a slice short
  machine.space.writeBytes(CODE, Uint8Array.of(0x90, 0x90, 0xeb, 0xfc)); // NOP; NOP; JMP $−2
  resetCpu(cpu);
  setRealSegment(cpu, CS, 0);
  updateMode(cpu);
  cpu.m32[EIP] = CODE;
  return machine;
}

const slices: readonly (readonly [what: string, meddle: (cpu: Cpu) => void, says: RegExp])[] = [
  ['runs too far', (cpu) => (cpu.left = -1), /a slice of 1000 ticks at tick 0: 1001 ticks passed/],
  [
    'hides it by moving the end',
    (cpu) => {
      cpu.left = -1;
      cpu.deadlineTick -= 1;
    },
    /beyond the end of the slice/,
  ],
  ['goes back in time', (cpu) => (cpu.left = 1001), /-1 ticks passed/],
  ['does nothing and asks for nothing', (cpu) => (cpu.left = 1000), /nothing was done/],
  ['faults without a vector', (cpu) => (cpu.exitRequest |= EXIT_FAULT), /the fault has no vector/],
  ['halts without HLT', (cpu) => (cpu.exitRequest |= EXIT_HALT), /HLT and the request to leave for it disagree/],
  ['stops for nobody', (cpu) => (cpu.exitRequest |= EXIT_STOP), /the request to stop and what asked for it disagree/],
  ['loses count of time', (cpu) => (cpu.deadlineTick = Number.NaN), /NaN ticks passed/],
];

for (const [what, meddle, says] of slices) {
  test(`an engine that ${what} is found out`, () => {
    const machine = loopingMachine(meddle);
    assert.throws(() => machine.run(1000), { name: 'BrokenSlice', message: says });
    assert.throws(() => loopingMachine(meddle).run(1000), /The engine meddler broke/);
  });
}

test('an engine that leaves a single instruction undone is found out', () => {
  const machine = loopingMachine((cpu) => {
    cpu.left = 1;
    cpu.endSlice();
  });
  machine.cpu.m32[EFLAGS] |= TF;
  assert.throws(() => machine.run(1000), /a single instruction of 1 ticks at tick 0: nothing was done/);
});

test('a request that is lost on the way out is found out', () => {
  const machine = loopingMachine((cpu) => {
    machine.breakIn();
    cpu.exitRequest = 0;
  });
  assert.throws(() => machine.run(1000), /the request to stop and what asked for it disagree/);
});

test('time that is set back between slices is found out', () => {
  const machine = loopingMachine(() => {});
  machine.cpu.f64[TICK_F64] = -1;
  assert.throws(() => machine.run(1000), /from tick 0 to tick -1/);
});

test('the sound engine passes, whatever the length of its slices', () => {
  const machine = loopingMachine(() => {});
  for (const untilTick of [1, 2, 3, 1000, 100_000]) {
    assert.equal(machine.run(untilTick), 'tick');
    assert.equal(machine.tick, untilTick);
  }
});
