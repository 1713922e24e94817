/**
 * Placements that are said not to differ do not: a window gives the same stretches whether each place is run or one of
 * a group. And what makes neighbours differ is seen: interrupts that look
 * at what they interrupted, at a clock or a counter, that leave a value behind, and code that looks below its stack.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finishCampaign } from '../../src/core/chaos/campaign.ts';
import {
  EACH_ALONE,
  type ExploreResult,
  type ExploreSettings,
  explore,
  outcomeClasses,
  outcomeName,
} from '../../src/core/chaos/explore.ts';
import { Experiment } from '../../src/core/chaos/experiment.ts';
import { groupPlacements } from '../../src/core/chaos/placements.ts';
import { parseFailure } from '../../src/core/chaos/predicate.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { InputEvent } from '../../src/core/log/events.ts';
import { loadEngine } from '../../src/engines.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { flatGuest, setUpPic } from '../support/flat-guest.ts';
import { smallMachine } from './small-machine.ts';

const LINE_5: InputEvent = { kind: 'irq-line', line: 5, level: true };

/** With groups, after it was the same as without. */
function explored(experiment: Experiment, settings: ExploreSettings): ExploreResult {
  const grouped = finishCampaign(
    experiment,
    explore(settings, (some, end) => groupPlacements(experiment, some, end)),
  );
  const each = finishCampaign(experiment, explore(settings, EACH_ALONE));
  assert.deepEqual(grouped.stretches, each.stretches);
  assert.deepEqual([grouped.places, grouped.failing], [each.places, each.failing]);
  assert.equal(grouped.runs + grouped.spared, each.runs);
  return grouped;
}

test('a guest whose interrupt switches tasks: the same stretches, most places not run', async () => {
  const setup = smallMachine('race', buildGuest('race'));
  const failures = [parseFailure('exit:0x11')];
  const makeEngine = await loadEngine('tiered');
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures });
  const event: InputEvent = { kind: 'serial', port: 0, bytes: Uint8Array.of(0x35) };
  const window = { fromTick: 501_850, toTick: 502_050, horizonTick: 3_000_000 };
  const { spared, failing } = explored(experiment, { ...window, event, releaseTicks: 0, inputs: [] });
  assert.equal(failing, 5);
  assert.ok(spared > 150, `${spared} places were not run`);
});

test('outcomes by states: those of one state are one, and none is of a tick behind the horizon', async () => {
  const setup = smallMachine('race', buildGuest('race'));
  const makeEngine = await loadEngine('tiered');
  const experiment = new Experiment({ ...setup, makeEngine, recorded: [], script: [], failures: [] });
  const event: InputEvent = { kind: 'serial', port: 0, bytes: Uint8Array.of(0x35) };
  // States are looked at behind the window too: not behind the horizon.
  const window = { fromTick: 500_700, toTick: 500_790, horizonTick: 800_000, event, releaseTicks: 0, inputs: [] };
  const { stretches } = finishCampaign(experiment, explore({ ...window, tellsStates: true }, EACH_ALONE));
  const classes = outcomeClasses(stretches);
  assert.equal(
    classes.reduce((sum, { places }) => sum + places, 0),
    90,
  );
  for (const { fromTick, toTick, outcome } of stretches) {
    for (const tick of [fromTick, toTick - 1]) {
      experiment.stand(tick);
      const alone = experiment.run([{ tick, event }], window.horizonTick, null, true);
      assert.equal(outcomeName(alone), outcome, `${tick}`);
      assert.ok(alone.tick <= window.horizonTick);
    }
  }
  assert.ok(classes.length >= 2, JSON.stringify(classes));
  const byText = finishCampaign(experiment, explore(window, EACH_ALONE)).stretches;
  assert.ok(outcomeClasses(byText).length < classes.length, 'states tell nothing apart here');
});

/** A loop of seven instructions; the guest ends with what line 5's interrupt left in [seen], and what the loop made. */
async function looping(handler: string, loop: string, end: string): Promise<Experiment> {
  const source = flatGuest(
    `${setUpPic(0xdf)}  xor ebx, ebx
  xor edx, edx
  sti
  mov ecx, 400
again:
  ${loop}
  inc ebx
  mov esi, ebx
  shl esi, 2
  dec ecx
  jnz again
  cli
  ${end}
  out 0xf4, al
five:
  push eax
  ${handler}
  mov al, 0x20
  out 0x20, al
  pop eax
  iret
seen: dd 0`,
    `idt: times 296 db 0
  dw five - 0x100000, 0x08, 0x8e00, 0x10`,
    304,
  );
  const setup = smallMachine('loop', assemble(source).bytes);
  return new Experiment({
    ...setup,
    makeEngine: await loadEngine('interp'),
    recorded: [],
    script: [],
    failures: [parseFailure('exit:255')],
  });
}

const SEEN = 'mov eax, [seen]';

for (const { name, handler, loop = 'nop', end = SEEN, isSpared, differs = true } of [
  { name: 'counts', handler: 'inc dword [seen]', isSpared: true, differs: false },
  { name: 'reads EIP', handler: 'mov eax, [esp + 4]\n  mov [seen], eax', isSpared: false },
  { name: 'reads EIP to compute', handler: 'mov eax, [esp + 4]\n  and eax, 15\n  mov [seen], eax', isSpared: false },
  { name: 'reads flags', handler: 'mov eax, [esp + 12]\n  mov [seen], eax', isSpared: false },
  { name: 'reads a register', handler: 'mov [seen], ebx', isSpared: true },
  { name: 'changes a register', handler: 'add edx, ebx', end: 'mov eax, edx', isSpared: false },
  {
    name: 'changes a register of its own',
    handler: 'mov edx, 7',
    end: 'mov eax, edx',
    isSpared: false,
    differs: false,
  },
  { name: 'reads the time', handler: 'push edx\n  rdtsc\n  pop edx\n  mov [seen], eax', isSpared: false },
  {
    name: 'changes the address of return',
    handler: 'add dword [esp + 4], 0\n  inc dword [seen]',
    isSpared: false,
    differs: false,
  },
  {
    name: 'reads what the loop writes',
    handler: 'mov eax, [0x180000]\n  mov [seen], eax',
    loop: 'mov [0x180000], ebx',
    isSpared: true,
  },
  {
    name: 'writes what the loop reads',
    handler: 'inc dword [0x180000]',
    loop: 'add edx, [0x180000]',
    end: 'mov eax, edx',
    isSpared: true,
  },
  {
    name: 'looks below the stack',
    handler: 'inc dword [seen]',
    loop: 'mov [esp - 8], ebx\n  add edx, [esp - 8]',
    end: 'mov eax, edx',
    isSpared: true,
  },
  { name: 'pushes and pops', handler: 'inc dword [seen]', loop: 'push ebx\n  pop edi', isSpared: true, differs: false },
  {
    name: 'turns interrupts off',
    handler: 'mov [seen], ebx',
    loop: 'cli\n  inc edx\n  inc edx\n  inc edx\n  inc edx\n  inc edx\n  inc edx\n  sti',
    isSpared: true,
  },
  { name: 'asks a device', handler: 'inc dword [seen]', loop: 'in al, 0x61', isSpared: false, differs: false },
] as const as readonly {
  name: string;
  handler: string;
  loop?: string;
  end?: string;
  isSpared: boolean;
  differs?: boolean;
}[]) {
  test(`an interrupt or a loop that ${name}`, async () => {
    const experiment = await looping(handler, loop, end);
    const plain = experiment.run([], 1_000_000);
    assert.equal(plain.reason, 'debug-exit');
    const [fromTick, horizonTick] = [plain.tick - 400, plain.tick + 10_000];
    const settings = { fromTick, toTick: fromTick + 150, event: LINE_5, releaseTicks: 20, inputs: [], horizonTick };
    const { spared, stretches } = explored(experiment, settings);
    assert.equal(stretches.length > 1, differs);
    assert.equal(spared > 0, isSpared, `${spared} places were not run`);
  });
}
