// Options of the host engine that compiled code wants, set before the first module is made. Which ones is a matter of
// the version, found by measurement (MEASUREMENTS.md); nothing that a guest can see depends on them.

import { setFlagsFromString } from 'node:v8';

/**
 * V8 11.3 (Node 20) and 12.4 (Node 22) know branch hints behind a flag: slow paths are then laid out apart, and
 * registers are spilled there alone. An option that V8 does not know it complains about on standard error.
 */
const WITH_BRANCH_HINTS: readonly string[] = ['11.3', '12.4'];

/**
 * Where several threads run a guest, each has V8 compile the same for itself, on processors that all of them want: the
 * interpreter's inner loop anew for each loop that it is in (on-stack replacement, although it is entered again soon),
 * and functions of WebAssembly sooner than a part of a run pays for. Budgets are those of a version.
 */
const TIERING_BUDGETS: Readonly<Record<string, number>> = { '11.3': 18_000_000 };

export function setThreadFlags(version: string = process.versions.v8): void {
  setFlagsFromString('--no-use-osr');
  const budget = TIERING_BUDGETS[version.split('.').slice(0, 2).join('.')];
  if (budget !== undefined) setFlagsFromString(`--wasm-tiering-budget=${budget}`);
}

export function setV8Flags(version: string = process.versions.v8): void {
  const known = version.split('.').slice(0, 2).join('.');
  if (WITH_BRANCH_HINTS.includes(known)) setFlagsFromString('--experimental-wasm-branch-hinting');
}
