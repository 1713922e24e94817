/**
 * What every test process loads first (--import): the poisoned realm, then the hooks that switch it on while a real
 * machine runs. The machine is imported from here, after the poison, so that no module of the core can have taken an
 * alias of an unguarded function. It is imported by address because the poison must be in place before it loads.
 *
 * That Machine.run really is hooked is asserted by poison.prop.ts.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installMachineHooks } from './poison.ts';

const machineModule = new URL('../../src/core/machine/machine.js', import.meta.url);
if (existsSync(fileURLToPath(machineModule))) {
  const { Machine } = (await import(machineModule.href)) as { Machine: { prototype: object } };
  installMachineHooks(Machine.prototype, 'run');
}
