/**
 * Every device keeps its whole state in save(): under random accesses, time and inputs, a second board that loads what
 * the first saved saves the same and goes on exactly alike: same values read, same interrupts, same output, at the
 * same ticks. Loading does not depend on the order of the devices, and saving changes nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { DeviceState } from '../../src/core/board/device.ts';
import { Harness, perform, printActions, printValue } from './harness.ts';
import { actionsFor, neighbourhoods } from './lives.ts';

const runCount = 40;

for (const neighbourhood of neighbourhoods) {
  test(`${neighbourhood.name}: saved, loaded and saved again it is the same, and goes on the same`, () => {
    const actions = actionsFor(neighbourhood);
    fc.assert(
      fc.property(
        actions,
        actions,
        fc.constantFrom(0.5, 8, 1024),
        fc.constantFrom<'instant' | 'baud'>('instant', 'baud'),
        (before, after, nsPerTick, serialTiming) => {
          const told = `${printActions(before)} | ${printActions(after)} (${nsPerTick} ns, ${serialTiming})`;
          const first = new Harness({ nsPerTick, serialTiming, parallel: true });
          for (const action of before) perform(first, action);
          const saved = first.board.save();
          const text = first.save();
          const second = new Harness({ nsPerTick, serialTiming, parallel: true, tick: first.tick });
          second.board.load([...saved].reverse());
          second.intr = first.intr;
          assert.equal(second.save(), text, `loading changed the state: ${told}`);
          first.trace.length = 0;
          second.trace.length = 0;
          for (const action of after) {
            perform(first, action);
            first.save();
            perform(second, action);
          }
          assert.deepEqual(second.trace, first.trace, told);
          assert.equal(second.save(), first.save(), told);
        },
      ),
      { seed: 4, numRuns: runCount },
    );
  });
}

test('after the reset line these stand as at power-on: nothing of them outlives it', () => {
  const forgetful = /^(port92|pci|reset-control|fw-cfg|post|apic|parallel) /;
  const addresses = neighbourhoods.flatMap((neighbourhood) => neighbourhood.addresses ?? []);
  const ports = neighbourhoods.flatMap((neighbourhood) => neighbourhood.ports);
  const recipes = neighbourhoods.flatMap((neighbourhood) => neighbourhood.recipes);
  fc.assert(
    fc.property(actionsFor({ ports, addresses, recipes }), (actions) => {
      const fresh = new Harness({ parallel: true });
      const used = new Harness({ parallel: true });
      for (const action of actions) perform(used, action);
      used.board.reset();
      const comparable = (harness: Harness): string[] =>
        harness
          .save()
          .split('\n')
          .filter((line) => forgetful.test(line))
          .map((line) => line.replace(/"lints":\d/, ''));
      assert.deepEqual(comparable(used), comparable(fresh), printActions(actions));
    }),
    { seed: 5, numRuns: 200 },
  );
});

/** Text of every field of every device that `wanted` wants, by its path. */
function fieldsOf(harness: Harness, wanted: (path: string) => boolean): Map<string, string> {
  const fields = new Map<string, string>();
  const collect = (path: string, state: DeviceState): void => {
    for (const [name, value] of Object.entries(state)) {
      const within = `${path}.${name}`;
      const nested = typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
      if (nested) collect(within, value as DeviceState);
      else if (wanted(within)) fields.set(within, printValue(value));
    }
  };
  for (const [name, state] of harness.board.save()) collect(name, state);
  return fields;
}

test('these random lives change every field of every device, so that none is saved untested', () => {
  // Gates of the first two counters are tied high; nothing moves data by DMA yet; the MSR is the processor's.
  const unreachable =
    /^(pit\.counter[01]\.gate|pit\.counter1\.stopped|dma\.(low|high)\.(status|temporary)|apic\.enabled)$/;
  const untouched = new Set(fieldsOf(new Harness({ parallel: true }), (path) => !unreachable.test(path)).keys());
  const isUntouched = (path: string): boolean => untouched.has(path);
  for (const neighbourhood of neighbourhoods) {
    for (const serialTiming of ['instant', 'baud'] as const) {
      for (const actions of fc.sample(actionsFor(neighbourhood), { seed: 6, numRuns: 60 })) {
        if (untouched.size === 0) return;
        const harness = new Harness({ serialTiming, parallel: true });
        const atStart = fieldsOf(harness, isUntouched);
        actions.forEach((action, index) => {
          perform(harness, action);
          if (index % 4 !== 3 && index !== actions.length - 1) return;
          for (const [path, text] of fieldsOf(harness, isUntouched))
            if (atStart.get(path) !== text) untouched.delete(path);
        });
      }
    }
  }
  assert.deepEqual([...untouched], []);
});
