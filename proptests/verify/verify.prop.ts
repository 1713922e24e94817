/**
 * Verification itself: engines that are alike are found alike, under every schedule; an engine with a known fault is
 * found, and the instruction named is the right one; what is handed on (log, test, report) shows the fault again.
 * A line that fails names its seed.
 */
import { assemble } from '../../src/core/isa/assemble.ts';
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INTERVAL_TICKS_DEFAULT } from '../../src/core/base/defaults.ts';
import { type LogReader, openLog } from '../../src/core/log/log.ts';
import type { Engine } from '../../src/core/machine/engine.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { commandOf, seeAgain } from '../../src/host/cli/verify-command.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { readImage } from '../../src/core/log/log-images.ts';
import { reproductionTest } from '../../src/core/verify/reproduction.ts';
import { scheduleOf, scheduleToText } from '../../src/core/verify/schedule.ts';
import type { Contestant } from '../../src/core/verify/lockstep.ts';
import { setArithmeticFlags, getFlags } from '../../src/core/state/flags.ts';
import { DR, EDX, RAM_BASE } from '../../src/core/state/layout.ts';
import { withTierPolicy } from '../../src/host/cli/engine-options.ts';
import { TIER_POLICY_OPTION } from '../../src/host/cli/options.ts';
import { buildGuest, listGuests } from '../../src/host/node/guest-images.ts';
import { record, replay, serialText, verify } from '../../src/library.ts';
import { type Verified, verifyLog } from '../../src/verification.ts';
import { loadContestants } from '../../src/contestants.ts';
import { JS_POLICY } from '../../tiers/policy.ts';
import { wildRun } from '../replay/wild.ts';
import { type Damage, FaultyAfterVisits, FaultyAtTick, FaultyBehindRepeat, FaultyInPieces } from './faulty.ts';
import { randomKernel } from './programs.ts';

async function recordProgram(seed: number): Promise<Uint8Array> {
  const images = { kernel: randomKernel(seed) };
  return (await record({ images, memoryMegabytes: 2, reboot: false, embed: true, maxTicks: 200_000 })).log;
}

const embeddedImages = (reader: LogReader) =>
  new Map(reader.header.machine.images.map(({ role }, index) => [role, readImage(reader, index)] as const));

async function verifyAgainst(log: Uint8Array, faulty: Contestant, intervalTicks: number): Promise<Verified> {
  const reader = openLog(log);
  const images = embeddedImages(reader);
  const contestants = [...(await loadContestants(['interp'])), faulty];
  return verifyLog({ log: reader, images, contestants, intervalTicks });
}

test('interp and step do random programs alike, at every interval and under schedules', async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const log = await recordProgram(seed);
    const verified = await verify(log, { engines: ['interp', 'step'], intervalTicks: 997, schedules: 1, seed });
    assert.equal(verified.report, '', `program ${seed}`);
    assert.equal(verified.reason, 'debug-exit', `program ${seed}`);
    assert.equal(verified.log, null, `program ${seed}`);
    assert.equal(verified.schedules.length, 1);
  }
});

test('interp and step do wild guests alike', async () => {
  for (let seed = 21; seed <= 23; seed++) {
    const settings = { ...wildRun(seed), maxTicks: 40_000 };
    const { log } = await record({ ...settings, embed: true });
    const verified = await verify(log, { engines: ['interp', 'step'], intervalTicks: 4099, schedules: 1, seed });
    assert.equal(verified.report, '', `wild guest ${seed}`);
    assert.equal(verified.log, null, `wild guest ${seed}`);
  }
});

test('interp and step do the built-in guests alike', async () => {
  for (const guest of listGuests()) {
    const kernel = buildGuest(guest.name);
    const inputs = guest.input === undefined ? [] : [{ tick: 100_000, event: serialText(guest.input) }];
    const append = guest.kind === 'benchmark' ? '1' : '';
    const settings = { images: { kernel }, append, memoryMegabytes: 8, reboot: false, embed: true, inputs };
    const { log } = await record({ ...settings, maxTicks: 150_000 });
    const verified = await verify(log, { engines: ['interp', 'step'], intervalTicks: 50_021, schedules: 1 });
    assert.equal(verified.report, '', guest.name);
    assert.equal(verified.log, null, guest.name);
  }
});

/** Each leaves a trace that the guest does not wipe out. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  'a byte of memory': (cpu) => {
    const host = RAM_BASE + 0x1f0000;
    cpu.memory.touch(0x1f0000, 1);
    cpu.m8[host] += 0x40;
  },
  'a register': (cpu) => {
    cpu.m32[DR] += 0x1000;
  },
  'a tick': (cpu) => {
    cpu.left -= 1;
  },
};

test('a fault at a tick is found at that tick, whatever it damages', async () => {
  const log = await recordProgram(3);
  const end = openLog(log).lastTick;
  const dice = new Random(7);
  for (const [name, damage] of Object.entries(DAMAGES)) {
    for (let turn = 0; turn < 1; turn++) {
      const tick = 10 + dice.below(end - 20);
      const makeEngine = (cpu: ConstructorParameters<typeof FaultyAtTick>[0]) => new FaultyAtTick(cpu, tick, damage);
      const verified = await verifyAgainst(log, { name: 'faulty', policy: 'none', makeEngine }, 5000);
      const what = `${name} at tick ${tick}`;
      assert.ok(verified.difference !== null, `${what} is found`);
      assert.equal(verified.difference.instruction.tick, tick, `${what}\n${verified.report}`);
      assert.equal(verified.difference.precision, 'instruction', what);
      assert.ok(verified.tick <= tick && verified.tick > tick - 5000, what);
      assert.match(verified.report, new RegExp(`leaves interp at tick ${tick}`));
    }
  }
});

test('a fault that later code wipes out is found when an interval ends in between', async () => {
  const log = await recordProgram(5);
  // The first thing that a program does is a loop around IMUL, which sets CF anew.
  const damage: Damage = (cpu) => setArithmeticFlags(cpu, getFlags(cpu) ^ 1);
  for (const tick of [300, 302]) {
    const makeEngine = (cpu: ConstructorParameters<typeof FaultyAtTick>[0]) => new FaultyAtTick(cpu, tick, damage);
    const verified = await verifyAgainst(log, { name: 'faulty', policy: '', makeEngine }, 301);
    if (verified.difference === null) continue;
    assert.equal(tick, 300, 'the interval from 301 on ends long after the fault has gone');
    assert.equal(verified.difference.instruction.tick, tick, verified.report);
    const rows = verified.difference.differences.registers.filter(({ differs }) => differs);
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['eflags'],
    );
    return;
  }
  assert.fail('the fault at tick 300 is found');
});

test('a fault in code that only runs in whole pieces is pinned on its instruction', async () => {
  for (const op of ['IMUL', 'MOVZX'] as const) {
    let found = 0;
    for (let seed = 11; found < 1; seed++) {
      assert.ok(seed < 35, `${op} is found in one of two dozen programs`);
      const log = await recordProgram(seed);
      const makeEngine = (cpu: ConstructorParameters<typeof FaultyInPieces>[0]) =>
        new FaultyInPieces(cpu, op, DAMAGES['a register']);
      const verified = await verifyAgainst(log, { name: 'faulty', policy: '', makeEngine }, 4096);
      // What a piece damages may be written again before an interval ends.
      if (verified.difference === null) continue;
      found++;
      // The piece that shows it begins with the culprit; instructions behind it are done alike.
      const { instruction, precision } = verified.difference;
      assert.equal(precision, 'instruction', verified.report);
      assert.ok(instruction.text.startsWith(op), `${op} in ${seed}: ${instruction.text}\n${verified.report}`);
    }
  }
});

test('a fault that is everywhere in pieces as long as can be is pinned on its instruction', async () => {
  const { bytes } = assemble(`
    bits 32\norg 0x100000
    header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
    start: mov ebp, 30
    again: mov ebx, ebp
    ${Array.from({ length: 90 }, (_, i) => (i % 7 === 3 ? `adc edx, ${i}` : 'lea esi, [esi + ebx]')).join('\n')}
    dec ebp\njnz near again\nmov al, 1\nout 0xf4, al`);
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 0 };
  const { log } = await record({ ...settings, images: { kernel: bytes }, maxTicks: 3000 });
  const makeEngine = (cpu: ConstructorParameters<typeof FaultyInPieces>[0]) =>
    new FaultyInPieces(cpu, 'ADC', (damaged) => {
      damaged.m32[EDX] ^= 0x100;
    });
  const { difference, report } = await verifyAgainst(log, { name: 'faulty', policy: '', makeEngine }, 997);
  assert.equal(difference?.precision, 'instruction', report);
  assert.match(difference.instruction.text, /^ADC edx/, report);
});

test('a fault that needs what was compiled some intervals before is pinned on its instruction', async () => {
  const { bytes, symbols } = assemble(`
    bits 32\norg 0x100000
    header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
    start: mov ebx, 9
    again: mov ecx, 1000
    wait: loop wait
    here: inc dword [0x180000]
    dec ebx\njnz again\nmov al, 1\nout 0xf4, al`);
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 0 };
  const { log } = await record({ ...settings, images: { kernel: bytes } });
  const here = symbols.get('here') ?? 0;
  const makeEngine = (cpu: ConstructorParameters<typeof FaultyAtTick>[0]) =>
    new FaultyAfterVisits(cpu, here, 4, DAMAGES['a register']);
  // No interval has the instruction twice; from a snapshot it is done rightly four times, and ready to compile always.
  for (const more of [{}, { makeEager: (cpu: Cpu) => new Interpreter(cpu) }]) {
    const verified = await verifyAgainst(log, { name: 'faulty', policy: '', makeEngine, ...more }, 997);
    assert.equal(verified.difference?.precision, 'instruction', verified.report);
    assert.match(verified.difference.instruction.text, /^INC dword/, verified.report);
    assert.equal(verified.difference.instruction.tick, 1 + 5 * 1004 - 3, verified.report);
  }
});

test('a fault that needs a long string instruction whole is looked for from before it', async () => {
  const { bytes, symbols } = assemble(`
    bits 32\norg 0x100000
    header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
    start: mov ebx, 3
    again: mov ecx, 300
    mov edi, 0x180000
    fill: rep stosb
    behind: inc dword [0x190000]
    dec ebx\njnz again\nmov al, 1\nout 0xf4, al`);
  const settings = { memoryMegabytes: 2, reboot: false, embed: true, hashEveryTicks: 0 };
  const { log } = await record({ ...settings, images: { kernel: bytes } });
  const [fill, behind] = ['fill', 'behind'].map((name) => symbols.get(name) ?? 0);
  const makeEngine = (cpu: Cpu): Engine => new FaultyBehindRepeat(cpu, fill, behind, DAMAGES['a register']);
  const { difference, report } = await verifyAgainst(log, { name: 'faulty', policy: '', makeEngine }, 997);
  assert.equal(difference?.precision, 'instruction', report);
  assert.match(difference.instruction.text, /^MOV edi/, report);
  assert.ok(
    difference.piece.some(({ text }) => text.startsWith('REP STOS')),
    report,
  );
});

test('an engine that throws is a difference, not a crash', async () => {
  const log = await recordProgram(4);
  const makeEngine = (cpu: ConstructorParameters<typeof FaultyAtTick>[0]) =>
    new FaultyAtTick(cpu, 15_321, () => {
      throw new TypeError('a bug of the engine');
    });
  const verified = await verifyAgainst(log, { name: 'faulty', policy: '', makeEngine }, 4096);
  assert.equal(verified.difference?.instruction.tick, 15_321, verified.report);
  assert.match(verified.report, /a bug of the engine/);
});

test('what an engine threw is told though it is not thrown again', async () => {
  const log = await recordProgram(3);
  let isOver = false;
  const makeEngine = (cpu: Cpu): Engine => {
    const inner = new Interpreter(cpu);
    return {
      name: 'once',
      drop: () => inner.drop(),
      run: (each) => {
        if (!isOver && each.now() > 3000) {
          isOver = true;
          throw new Error('a slot was given back twice');
        }
        inner.run(each);
      },
    };
  };
  const { difference, report } = await verifyAgainst(
    log,
    { name: 'once', policy: '', family: 'once', makeEngine },
    997,
  );
  assert.equal(difference?.precision, 'interval');
  assert.match(report, /once failed by tick \d+, a bug of Reprise: Error: a slot was given back twice/);
  assert.ok(!report.includes('The states are equal'));
});

test('what is handed on shows the difference again', async () => {
  const log = await recordProgram(6);
  const makeEngine = (cpu: ConstructorParameters<typeof FaultyAtTick>[0]) =>
    new FaultyAtTick(cpu, 16_000, DAMAGES['a register']);
  const faulty: Contestant = { name: 'faulty', policy: 'threshold 0', makeEngine };
  const verified = await verifyAgainst(log, faulty, 4096);
  const { reproduction, difference, report } = verified;
  assert.ok(reproduction !== null && difference !== null);
  assert.match(report, /^\* dr\[0\] +0+ +0+1000$/m);
  assert.match(report, /faulty: threshold 0/);
  // It needs nothing besides itself, is right on the reference and wrong, at the same instruction, on the suspect.
  const replayed = await replay(reproduction);
  assert.equal(replayed.divergence, null);
  assert.equal(replayed.tick, 16_001);
  const again = await verifyAgainst(reproduction, faulty, 4096);
  assert.equal(again.difference?.instruction.tick, 16_000);
  const text = reproductionTest(difference, ['interp', 'faulty'], './found.rlog', {
    intervalTicks: 4096,
    schedules: 0,
  });
  assert.match(text, /engines = \['interp', 'faulty'\]/);
  assert.ok(text.includes(difference.instruction.text));
});

/** Wrong only where a slice begins at a multiple of 97, from a tick on: a fault that depends on the interval. */
class FaultyAtInterval implements Engine {
  readonly name = 'faulty';
  private readonly inner: Interpreter;
  constructor(cpu: Cpu) {
    this.inner = new Interpreter(cpu);
  }
  drop(): void {
    this.inner.drop();
  }
  run(cpu: Cpu): void {
    if (cpu.now() >= 9700 && cpu.now() % 97 === 0) DAMAGES['a register'](cpu);
    this.inner.run(cpu);
  }
}

test('seeing it again takes what was seen to show it: the interval is part of it', async () => {
  const log = await recordProgram(6);
  const verifyIt = async (makeEngine: Contestant['makeEngine']) => {
    const reader = openLog(log);
    return await verifyLog({
      log: reader,
      images: embeddedImages(reader),
      contestants: [...(await loadContestants(['interp'])), { name: 'faulty', policy: '', makeEngine }],
      intervalTicks: 97,
      triesReproduction: true,
    });
  };
  const verified = await verifyIt((cpu) => new FaultyAtInterval(cpu));
  const { difference, again } = verified;
  assert.ok(difference !== null);
  assert.deepEqual(again, { intervalTicks: 97, schedules: 0, seed: 0 });
  const given = { intervalTicks: 97, schedules: 0, seed: 0 };
  assert.equal(
    seeAgain('a.rlog', given, 'found.rlog', verified),
    'See it again: reprise verify found.rlog --engines interp,faulty --interval 97',
  );
  assert.match(reproductionTest(difference, ['interp', 'faulty'], './found.rlog', { ...again }), /intervalTicks: 97, /);
  // Needs what only a run of its own has: nothing is promised that was not seen.
  let machines = 0;
  const once = await verifyIt((cpu) => (machines++ < 2 ? new FaultyAtInterval(cpu) : new Interpreter(cpu)));
  assert.equal(once.again, null);
  assert.match(
    seeAgain('a.rlog', given, 'found.rlog', once),
    /^found\.rlog holds .* alone it does not show .* whole run: reprise verify a\.rlog .* --interval 97$/,
  );
  const scheduled = { intervalTicks: INTERVAL_TICKS_DEFAULT, schedules: 3, seed: 5 };
  assert.equal(commandOf('a.rlog', ['js'], scheduled), 'reprise verify a.rlog --engines js --schedules 3 --seed 5');
});

test('a log of another run is found out, though the engines agree', async () => {
  const { log } = await record({
    images: { kernel: randomKernel(8) },
    memoryMegabytes: 2,
    reboot: false,
    hashEveryTicks: 4096,
  });
  const swapped = { kernel: randomKernel(9) };
  const reader = openLog(log);
  const images = new Map([['kernel', swapped.kernel]]);
  const verified = await verifyLog({
    log: reader,
    images,
    contestants: await loadContestants(['interp', 'step']),
    intervalTicks: 4096,
  });
  assert.equal(verified.difference, null);
  assert.ok(verified.log !== null);
});

test('a log that was cut off is verified to its end', async () => {
  const { log } = await record({ ...wildRun(3), embed: true, hashEveryTicks: 4096 });
  const { frames } = openLog(log);
  const last = frames.at(-3);
  assert.ok(last !== undefined);
  const verified = await verify(log.subarray(0, last.offset + 11), {
    engines: ['interp', 'step'],
    intervalTicks: 5000,
  });
  assert.equal(verified.report, '');
  assert.equal(verified.log, null);
});

test('--tier-policy stands in for what is behind the name, which has the last word', async () => {
  assert.equal(withTierPolicy('tiered', 'threshold=3,cache=8'), 'tiered:threshold=3,cache=8');
  const names = ['js', 'js:region=2', 'js:threshold=9'].map((name) => withTierPolicy(name, 'threshold=3,evict=100'));
  const [plain, more, own] = await loadContestants(names);
  assert.match(plain.policy, /threshold=3,.*region=10,.*evict=100/);
  assert.match(more.policy, /threshold=3,.*region=2,.*evict=100/);
  assert.match(own.policy, /threshold=9,.*region=10,.*evict=100/);
  // The help names every knob.
  for (const knob of Object.keys(JS_POLICY)) assert.match(TIER_POLICY_OPTION.help, new RegExp(`\\b${knob}\\b`));
  // A threshold of 0 is the first entry, and not one that a counter never comes to.
  const log = await recordProgram(2);
  const verified = await verify(log, { engines: ['interp', 'js:threshold=0'], intervalTicks: 5003 });
  assert.equal(verified.report, '');
});

test('engines of one family have one vote: two that compile alike do not outvote the interpreter', async () => {
  const log = await recordProgram(3);
  const damage = DAMAGES['a register'];
  const makeEngine = (cpu: ConstructorParameters<typeof FaultyAtTick>[0]) => new FaultyAtTick(cpu, 5_000, damage);
  const [interp] = await loadContestants(['interp']);
  const alike = ['js', 'tiered'].map((name) => ({ name: `${name} like`, policy: '', family: 'alike', makeEngine }));
  const reader = openLog(log);
  const images = new Map([['kernel', readImage(reader, 0)]]);
  const verified = await verifyLog({ log: reader, images, contestants: [...alike, interp], intervalTicks: 5003 });
  // Without a majority the first contestant is the reference; with the interpreter first it is the interpreter.
  assert.equal(verified.difference?.suspect, 'interp');
  const again = await verifyLog({ log: reader, images, contestants: [interp, ...alike], intervalTicks: 5003 });
  assert.equal(again.difference?.reference, 'interp');
  assert.equal(again.difference?.instruction.tick, 5_000);
});

test('schedules of one seed are the same, and of all kinds', () => {
  const texts = Array.from({ length: 40 }, (_, i) => scheduleToText(scheduleOf(1, i)));
  assert.deepEqual(
    texts,
    Array.from({ length: 40 }, (_, i) => scheduleToText(scheduleOf(1, i))),
  );
  assert.ok(new Set(texts).size > 25);
  // A long run is disturbed in windows; what they add up to does not grow with it.
  assert.equal(scheduleOf(1, 1, 1_000_000).windowOneIn, 1);
  assert.equal(scheduleOf(1, 1, 6_500_000_000).windowOneIn, 775);
  assert.match(scheduleToText(scheduleOf(1, 1, 6_500_000_000)), /in 1 of 775 windows of 131072 ticks$/);
});
