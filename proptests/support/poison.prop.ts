/**
 * The poisoned realm catches what it promises to catch: a fake machine that reads the clock, rolls dice, sets a timer
 * or calls libm is stopped, through whatever alias, even when it swallows the exception; the same calls are free
 * again as soon as no guest runs, and what is exact stays usable.
 */
import assert from 'node:assert/strict';
import * as nodeCrypto from 'node:crypto';
import { performance as nodePerformance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as nodeSetTimeout } from 'node:timers';
import { compileFunction } from 'node:vm';
import { installMachineHooks, isHooked, libmNames, PoisonError, poisoned, projectRoot } from './poison.ts';

// Aliases taken at load time, as a sly module would.
const now = Date.now;
const Clock = Date;
const ClockOfInstance = new Date(0).constructor as DateConstructor;
const { random, sin } = Math;
const late = setTimeout;
const { hrtime } = process;
const nanoseconds = process.hrtime.bigint;

const forbidden: Record<string, () => unknown> = {
  'Date.now': () => Date.now(),
  'Date.now by alias': () => now(),
  'Date.now by computed name': () => Date[['n', 'ow'].join('') as 'now'](),
  'Date.now in a callback': () => [1].map(now as () => number),
  'Date.now through Reflect': () => Reflect.apply(now, undefined, []),
  'new Date': () => new Date(),
  'new Date by alias': () => new Clock(),
  'new Date by an instance': () => new ClockOfInstance(),
  'Date as a function': () => Clock(),
  'a subclass of Date': () => new (class extends Date {})(),
  'Math.random': () => Math.random(),
  'Math.random by alias': () => random(),
  'Math.sin by alias': () => sin(1),
  'performance.now': () => performance.now(),
  'performance.now of node:perf_hooks': () => nodePerformance.now(),
  setTimeout: () => setTimeout(() => {}, 0),
  'setTimeout by alias': () => late(() => {}, 0),
  'setTimeout of node:timers': () => nodeSetTimeout(() => {}, 0),
  setInterval: () => setInterval(() => {}, 1),
  setImmediate: () => setImmediate(() => {}),
  queueMicrotask: () => queueMicrotask(() => {}),
  'crypto.getRandomValues': () => crypto.getRandomValues(new Uint8Array(1)),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'node:crypto randomBytes': () => nodeCrypto.randomBytes(1),
  'node:crypto randomInt': () => nodeCrypto.randomInt(6),
  'process.hrtime': () => hrtime(),
  'process.hrtime.bigint': () => nanoseconds(),
  'local time of a date': () => epoch.getHours(),
  WeakRef: () => new WeakRef({}),
  localeCompare: () => 'a'.localeCompare('b'),
};
for (const name of libmNames) {
  forbidden[`Math.${name}`] = () => (Math as unknown as Record<string, (a: number, b: number) => number>)[name](1, 1);
}
const epoch = new Date(0);

class FakeMachine {
  readonly step: () => unknown;
  constructor(step: () => unknown) {
    this.step = step;
  }
  run(): unknown {
    return this.step();
  }
  runAndSwallow(): void {
    try {
      this.step();
    } catch {
      // A machine that turns every exception into an autopsy would hide the violation.
    }
  }
}
installMachineHooks(FakeMachine.prototype, 'run', 'runAndSwallow');

for (const [name, step] of Object.entries(forbidden)) {
  test(`a machine that uses ${name} is caught`, () => {
    assert.throws(() => new FakeMachine(step).run(), PoisonError);
    assert.throws(() => new FakeMachine(step).runAndSwallow(), PoisonError);
  });
}

test('outside a machine the same names work as ever', async () => {
  assert.ok(now() > 0 && new Clock() instanceof Date && new Clock().constructor === Date);
  assert.ok(random() < 1 && sin(0) === 0 && Math.pow(2, 10) === 1024);
  assert.ok(nanoseconds() > 0n && hrtime().length === 2);
  await new Promise((resolve) => late(resolve, 1));
  assert.equal(epoch.toISOString(), '1970-01-01T00:00:00.000Z');
});

test('what is exact on every host stays usable while a machine runs', () => {
  const values = poisoned(() => [Math.imul(3, 5), Math.clz32(1), Math.fround(0.1), Math.trunc(2.7), Math.max(1, 2)]);
  assert.deepEqual(values, [15, 31, Math.fround(0.1), 2, 2]);
});

test('sections nest, and an exception ends its section', () => {
  const nested = () =>
    poisoned(() => {
      poisoned(() => 0);
      return now();
    });
  assert.throws(nested, PoisonError);
  const failing = () =>
    poisoned(() => {
      throw new RangeError('of the machine itself');
    });
  assert.throws(failing, RangeError);
  assert.ok(now() > 0);
});

test('a live port in the host folder may read the clock during a run, the core may not', () => {
  const clockIn = (file: string) => compileFunction('return now();', ['now'], { filename: projectRoot + file });
  assert.ok(poisoned(() => clockIn('src/host/live-port.ts')(now)) > 0);
  assert.ok(poisoned(() => clockIn('dist/src/host/live-port.js')(now)) > 0);
  for (const file of ['src/core/a.ts', 'dist/src/core/a.js', 'tiers/a.ts', 'dist/tiers/a.js', 'proptests/a.ts']) {
    assert.throws(() => poisoned(() => clockIn(file)(now)), PoisonError, file);
  }
  // What a package does is the deed of whoever called it.
  const inPackage = compileFunction('return f();', ['f'], { filename: `${projectRoot}node_modules/p/i.js` });
  assert.throws(() => poisoned(() => inPackage(now)), PoisonError);
});

test('the real machine is hooked', async () => {
  const { Machine } = await import('../../src/core/machine/machine.ts');
  assert.ok(isHooked(Machine.prototype.run));
});
