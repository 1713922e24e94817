/**
 * Every device keeps its whole state in save(): under random accesses, time and inputs, a second board that loads what
 * the first saved saves the same and goes on exactly alike: same values read, same interrupts, same output, at the
 * same ticks. Loading does not depend on the order of the devices, and saving changes nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { actionsFor, Harness, neighbourhoods, perform, printActions } from './harness.ts';

const runCount = 60;

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
          const first = new Harness({ nsPerTick, serialTiming });
          for (const action of before) perform(first, action);
          const saved = first.board.save();
          const text = first.save();
          const second = new Harness({ nsPerTick, serialTiming, tick: first.tick });
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
  const forgetful = /^(port92|pci|reset-control|fw-cfg|post|apic) /;
  const addresses = neighbourhoods.flatMap((neighbourhood) => neighbourhood.addresses ?? []);
  const ports = neighbourhoods.flatMap((neighbourhood) => neighbourhood.ports ?? []);
  fc.assert(
    fc.property(actionsFor({ name: 'all', ports, addresses }), (actions) => {
      const fresh = new Harness();
      const used = new Harness();
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
