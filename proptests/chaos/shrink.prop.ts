/**
 * Shrinking, on guests that are a few lines of arithmetic: every set that is handed out fails, no unit of the last one
 * can go by itself, and where one perturbation only moved another into place the other one is moved there instead.
 * Trials that go on from a moment of the recorded run are runs of it: the model is given what came before.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Batch } from '../../src/core/chaos/campaign.ts';
import type { Outcome } from '../../src/core/chaos/experiment.ts';
import { type ShrinkResult, shrink } from '../../src/core/chaos/shrink.ts';
import { unitsOf } from '../../src/core/chaos/shrink-units.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';

/** Whether a run with these inputs fails; it does so at `FAILURE_TICK`. */
type Model = (inputs: readonly TimedInput[]) => boolean;

const FAILURE_TICK = 100_000;
const HORIZON_TICK = 200_000;
const NOTHING: Outcome = {
  ...{ fails: false, reason: 'tick', tick: HORIZON_TICK, debugExit: null, sent: '', places: [], novelties: [] },
  ...{
    interruptTicks: [],
    arrivals: [],
    faults: [],
    branches: new Uint32Array(0),
    site: '',
    state: '',
    isMerged: false,
  },
};

const pulse = (line: number, tick: number): TimedInput[] => [
  { tick, event: { kind: 'irq-line', line, level: true } },
  { tick: tick + 64, event: { kind: 'irq-line', line, level: false } },
];
const hold = (tick: number, ticks: number): TimedInput => ({ tick, event: { kind: 'hold-interrupts', ticks } });
const byTick = (a: TimedInput, b: TimedInput): number => a.tick - b.tick;

interface Shrunk extends ShrinkResult {
  /** Handed out on the way. */
  readonly smaller: readonly (readonly TimedInput[])[];
  /** From which runs went on. */
  readonly moments: ReadonlySet<number>;
}

function shrunk(
  model: Model,
  inputs: readonly TimedInput[],
  recorded: readonly TimedInput[] | null = inputs,
  failureTick = FAILURE_TICK,
): Shrunk {
  const smaller: (readonly TimedInput[])[] = [];
  const moments = new Set<number>();
  const onSmaller = (one: readonly TimedInput[]): void => void smaller.push(one);
  const campaign = shrink({ inputs, horizonTick: 2 * failureTick, recorded, startTick: 0, onSmaller });
  const answer = ({ fromTick, trials }: Batch): Outcome[] => {
    moments.add(fromTick);
    const before = (recorded ?? []).filter(({ tick }) => tick < fromTick);
    const outcomes: Outcome[] = [];
    for (const trial of trials) {
      assert.ok(trial.every(({ tick }) => tick >= fromTick));
      const fails = model([...before, ...trial]);
      outcomes.push(fails ? { ...NOTHING, fails, tick: failureTick } : NOTHING);
      if (fails) break;
    }
    return outcomes;
  };
  for (let step = campaign.next(); ; ) {
    if (step.done === true) return { ...step.value, smaller, moments };
    step = campaign.next({ outcomes: answer(step.value), isStopped: false });
  }
}

const HANDLER_TICKS = 300;

/** When pulses of a line are seen, in ticks of a loop that handlers interrupt and holds make wait. */
function seenAt(inputs: readonly TimedInput[], line: number): number[] {
  const seen: number[] = [];
  let handled = 0;
  let heldUntil = 0;
  for (const { tick, event } of inputs) {
    if (event.kind === 'hold-interrupts') heldUntil = Math.max(heldUntil, tick + event.ticks);
    if (event.kind !== 'irq-line' || !event.level) continue;
    if (event.line === line) seen.push(Math.max(tick, heldUntil) - handled * HANDLER_TICKS);
    handled++;
  }
  return seen;
}

const inLoop = (tick: number, from: number, size: number): boolean => tick % 2000 >= from && tick % 2000 < from + size;

test('what only moved another perturbation into place goes, and the other one is moved', () => {
  const model: Model = (inputs) => seenAt(inputs, 5).some((tick) => inLoop(tick, 700, 20));
  const inputs = [...pulse(9, 3000), ...pulse(10, 4000), ...pulse(5, 20_710 + 2 * HANDLER_TICKS)];
  const { inputs: left, failed, removed } = shrunk(model, inputs);
  assert.ok(failed && model(left));
  assert.deepEqual([unitsOf(left).length, removed], [1, 2]);
});

test('what was held back comes where the hold ended', () => {
  const model: Model = (inputs) => seenAt(inputs, 5).some((tick) => tick >= 60_000 && tick < 60_003);
  const { inputs: left } = shrunk(model, [hold(20_000, 40_000), ...pulse(5, 21_000)]);
  assert.ok(model(left));
  assert.equal(unitsOf(left).length, 1);
});

test('two that are needed stay, holds as short as they may be, after a bounded number of runs', () => {
  const model: Model = (inputs) =>
    seenAt(inputs, 5).some((tick) => inLoop(tick, 700, 20)) &&
    inputs.some(({ event }) => {
      return event.kind === 'hold-interrupts' && event.ticks >= 100;
    });
  const inputs = [hold(1000, 3000), ...pulse(7, 9000), ...pulse(5, 20_710 + HANDLER_TICKS), hold(90_000, 1500)];
  const { inputs: left, runs } = shrunk(model, inputs);
  assert.ok(model(left));
  assert.equal(unitsOf(left).length, 2);
  const [ticks] = left.flatMap(({ event }) => (event.kind === 'hold-interrupts' ? [event.ticks] : []));
  assert.ok(ticks >= 100 && ticks < 200, `${ticks}`);
  assert.ok(runs < 5000, `${runs}`);
});

test('in a long run what comes late is moved, what comes early is not', () => {
  const late = 2 ** 34;
  const model: Model = (inputs) => {
    const isMoved = seenAt(inputs, 5).some((tick) => tick > late && inLoop(tick, 700, 20));
    return isMoved && inputs.some(({ event }) => event.kind === 'nmi');
  };
  const place = late + 2000 - (late % 2000) + 20_710;
  const nmi: TimedInput = { tick: 1000, event: { kind: 'nmi' } };
  const inputs = [nmi, ...pulse(9, place - 9000), ...pulse(5, place + HANDLER_TICKS)];
  const { inputs: left, runs } = shrunk(model, inputs, inputs, place + 10_000);
  assert.ok(model(left));
  assert.deepEqual(
    unitsOf(left).map(([{ event }]) => event.kind),
    ['nmi', 'irq-line'],
  );
  assert.ok(runs < 600, `${runs}`);
});

test('inputs behind the failure go at once, and a run that does not fail is told', () => {
  const model: Model = (inputs) => inputs.some(({ tick, event }) => event.kind === 'nmi' && tick === 500);
  const nmi: TimedInput = { tick: 500, event: { kind: 'nmi' } };
  const late = Array.from({ length: 40 }, (_, i) => hold(FAILURE_TICK + i, 5));
  const { smaller, inputs } = shrunk(model, [nmi, ...late]);
  assert.deepEqual(smaller[0], [nmi]);
  assert.deepEqual(inputs, [nmi]);
  assert.equal(shrunk(() => false, [nmi]).failed, false);
  assert.deepEqual(shrunk(() => true, [nmi]).inputs, []);
});

test('an earlier result goes on, with the moments of the recorded run', () => {
  const model: Model = (inputs) => seenAt(inputs, 5).some((tick) => inLoop(tick, 700, 20));
  const recorded = [...pulse(9, 3000), ...pulse(10, 40_000), ...pulse(5, 60_710 + 2 * HANDLER_TICKS)].sort(byTick);
  const first = shrunk(model, recorded);
  const again = shrunk(model, first.inputs, recorded);
  assert.deepEqual(again.inputs, first.inputs);
  assert.ok(Math.max(...first.moments) > 30_000, 'no trial went on from a late moment');
});

test('whatever the inputs: each smaller set fails, and none of the last can go by itself', () => {
  const tick = fc.integer({ min: 1, max: FAILURE_TICK - 100 });
  const some = fc.oneof(
    fc.tuple(fc.constantFrom(5, 7, 9), tick).map(([line, at]) => pulse(line, at)),
    fc.tuple(tick, fc.integer({ min: 1, max: 20_000 })).map(([at, ticks]) => [hold(at, ticks)]),
  );
  fc.assert(
    fc.property(fc.array(some, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }), (parts, size) => {
      const model: Model = (inputs) => seenAt(inputs, 5).some((at) => inLoop(at, 700, size));
      const inputs = parts.flat().sort(byTick);
      const { failed, inputs: left, smaller } = shrunk(model, inputs);
      assert.equal(failed, model(inputs));
      if (!failed) return;
      for (const one of smaller) assert.ok(model(one));
      // One pulse is enough, wherever the others and the holds had moved it from.
      const units = unitsOf(left);
      for (const unit of units)
        assert.ok(
          !model(
            units
              .filter((each) => each !== unit)
              .flat()
              .sort(byTick),
          ),
        );
    }),
    { numRuns: 100 },
  );
});
