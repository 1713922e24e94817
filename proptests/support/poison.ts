/**
 * The poisoned realm: while a guest runs, everything that could let the host's clock, randomness, locale, timers or
 * libm leak into it throws. Loaded with --import before any other module, so that an alias taken at load time
 * (`const now = Date.now`) is an alias of the guarded function.
 *
 * "A guest runs" means: between enterGuest and leaveGuest, which installMachineHooks puts around Machine.run for
 * every test. Code of src/host called from inside (a live port, a log file) is let through: it is the impure folder.
 * The stack tells who asked; a violation that the caller swallows is thrown again when the run ends.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';

type AnyFunction = (...args: never[]) => unknown;

/** What is thrown; `what` is the forbidden name as a person would write it. */
export class PoisonError extends Error {
  readonly what: string;
  constructor(what: string, advice: string) {
    super(`${what} was used while a machine runs. ${advice}`);
    this.name = 'PoisonError';
    this.what = what;
  }
}

const useTick = 'Time is the tick (now() of the clock) and the epoch in the manifest.';
const useSeed = 'Randomness enters through the InputPort or comes from the seed in the manifest.';
const useEvents = 'Schedule an event on the machine clock.';
const useSoftFloat = 'Use integer arithmetic or the soft float of the core: libm differs between engines.';
const usePlainText = 'Its result depends on the locale or time zone of the host; format by hand.';
const useNoWeak = 'The moment of garbage collection must not be visible.';

let guestDepth = 0;
const violations: PoisonError[] = [];

/** With forward slashes and one at the end; this file lies three folders deep in it (dist/proptests/support). */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url)).replaceAll('\\', '/');

/** Walks the callers up to the first file of ours: true when it lies in the host folder. */
function askedByHost(): boolean {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 200;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  for (const frame of frames) {
    const [, place] = frame.replaceAll('\\', '/').split(projectRoot);
    if (place === undefined || /^node_modules|proptests\/support\/poison\.[tj]s/.test(place)) continue;
    return /^(dist\/)?src\/host\//.test(place);
  }
  return false;
}

function check(what: string, advice: string): void {
  if (guestDepth === 0) return;
  const depth = guestDepth;
  guestDepth = 0;
  try {
    if (askedByHost()) return;
  } finally {
    guestDepth = depth;
  }
  const error = new PoisonError(what, advice);
  violations.push(error);
  throw error;
}

/** Replaces owner[key] by a proxy that checks calls and constructions and passes everything else through. */
function guard(owner: object, ownerName: string, key: string, advice: string): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  if (descriptor === undefined || typeof descriptor.value !== 'function') return;
  const what = ownerName === '' ? key : `${ownerName}.${key}`;
  const guarded = new Proxy(descriptor.value as AnyFunction, {
    apply(target, self, args) {
      check(`${what}()`, advice);
      return Reflect.apply(target, self, args as never[]);
    },
    construct(target, args, newTarget) {
      check(`new ${what}()`, advice);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  Object.defineProperty(owner, key, { ...descriptor, value: guarded });
  // Otherwise `new (someDate.constructor)()` would be a way around.
  const prototype = (descriptor.value as { prototype?: object }).prototype;
  if (prototype !== undefined && Object.hasOwn(prototype, 'constructor')) {
    Object.defineProperty(prototype, 'constructor', { value: guarded, configurable: true, writable: true });
  }
}

function guardAll(owner: object, ownerName: string, keys: readonly string[], advice: string): void {
  for (const key of keys) guard(owner, ownerName, key, advice);
}

/** IEEE 754 does not require these to be correctly rounded, and engines differ in the last bit. */
export const libmNames: readonly string[] = (
  'sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh ' + 'exp expm1 log log1p log2 log10 pow cbrt hypot'
).split(' ');

const timerNames = ['setTimeout', 'setInterval', 'setImmediate'];

function install(): void {
  const require = createRequire(import.meta.url);
  guardAll(Date, 'Date', ['now', 'parse'], useTick);
  const localTime = Object.getOwnPropertyNames(Date.prototype).filter((name) =>
    /^(get(?!UTC|Time$)|set(?!UTC|Time$)|to(?!ISOString|JSON|UTCString|GMTString)\w*String)/.test(name),
  );
  guardAll(Date.prototype, 'Date.prototype', localTime, usePlainText);
  guard(globalThis, '', 'Date', useTick);
  guard(Math, 'Math', 'random', useSeed);
  guardAll(Math, 'Math', libmNames, useSoftFloat);
  guard(Object.getPrototypeOf(performance) as object, 'performance', 'now', useTick);
  guard(performance, 'performance', 'now', useTick);

  guardAll(globalThis, '', [...timerNames, 'queueMicrotask'], useEvents);
  guardAll(require('node:timers') as object, 'timers', timerNames, useEvents);
  guardAll(require('node:timers/promises') as object, 'timers/promises', timerNames, useEvents);
  guard(Atomics, 'Atomics', 'wait', useEvents);

  // Node 20 defines the web crypto global behind a getter: patch the shared prototype.
  const webCrypto = Object.getPrototypeOf(globalThis.crypto) as object;
  guardAll(webCrypto, 'crypto', ['getRandomValues', 'randomUUID'], useSeed);
  const randomNames = ['randomBytes', 'randomInt', 'randomUUID', 'randomFillSync', 'randomFill', 'getRandomValues'];
  guardAll(require('node:crypto') as object, 'crypto', randomNames, useSeed);

  guard(process.hrtime, 'process.hrtime', 'bigint', useTick);
  guardAll(process, 'process', ['hrtime', 'uptime', 'cpuUsage', 'memoryUsage'], useTick);

  guardAll(globalThis, '', ['WeakRef', 'FinalizationRegistry'], useNoWeak);
  guardAll(Intl, 'Intl', ['DateTimeFormat', 'NumberFormat', 'Collator'], usePlainText);
  guardAll(
    String.prototype,
    'String.prototype',
    ['localeCompare', 'toLocaleLowerCase', 'toLocaleUpperCase'],
    usePlainText,
  );
  guard(Number.prototype, 'Number.prototype', 'toLocaleString', usePlainText);
  guard(BigInt.prototype, 'BigInt.prototype', 'toLocaleString', usePlainText);

  // `import { setTimeout } from 'node:timers'` reads a copy of the export; refresh the copies.
  syncBuiltinESMExports();
}

export function enterGuest(): void {
  guestDepth++;
}

export function leaveGuest(): void {
  if (guestDepth === 0) throw new Error('leaveGuest without enterGuest');
  guestDepth--;
}

/** Runs `run` as if a machine ran it. A violation that `run` swallowed is thrown when it ends. */
export function poisoned<T>(run: () => T): T {
  const violationsBefore = violations.length;
  enterGuest();
  let result: T;
  try {
    result = run();
  } finally {
    leaveGuest();
  }
  if (violations.length > violationsBefore) throw violations[violationsBefore];
  return result;
}

const hookedMethods = new Set<unknown>();

/** True when installMachineHooks stands before the method. */
export function isHooked(method: unknown): boolean {
  return hookedMethods.has(method);
}

/** Makes every call of the named methods a poisoned section: installMachineHooks(Machine.prototype, 'run'). */
export function installMachineHooks(prototype: object, ...names: string[]): void {
  for (const name of names) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    if (typeof descriptor?.value !== 'function') {
      throw new Error(
        `installMachineHooks: no method ${name}; the methods are ${Object.getOwnPropertyNames(prototype)}`,
      );
    }
    const original = descriptor.value as (...args: unknown[]) => unknown;
    const hooked = function (this: unknown, ...args: unknown[]): unknown {
      return poisoned(() => original.apply(this, args));
    };
    hookedMethods.add(hooked);
    Object.defineProperty(prototype, name, { ...descriptor, value: hooked });
  }
}

install();
