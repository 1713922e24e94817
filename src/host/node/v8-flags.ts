// Options of the host engine that compiled code wants, set before the first module is made. Which ones is a matter of
// the version, found by measurement (MEASUREMENTS.md); nothing that a guest can see depends on them.

import { setFlagsFromString } from 'node:v8';

/**
 * V8 11.3 (Node 20) and 12.4 (Node 22) know branch hints behind a flag: slow paths are then laid out apart, and
 * registers are spilled there alone. An option that V8 does not know it complains about on standard error.
 */
const WITH_BRANCH_HINTS: readonly string[] = ['11.3', '12.4'];

export function setV8Flags(version: string = process.versions.v8): void {
  const known = version.split('.').slice(0, 2).join('.');
  if (WITH_BRANCH_HINTS.includes(known)) setFlagsFromString('--experimental-wasm-branch-hinting');
}
