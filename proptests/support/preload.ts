/**
 * What every test process loads first (--import): the poisoned realm, then the hooks that switch it on while a real
 * machine runs. The machine is imported from here, after the poison, so that no module of the core can have taken an
 * alias of an unguarded function. It is imported by address because the poison must be in place before it loads.
 *
 * That Machine.run really is hooked is asserted by poison.prop.ts. The programs that tests start note where images are
 * in a state folder of the tests, not in the user's.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installMachineHooks } from './poison.ts';

const machineModule = new URL('../../src/core/machine/machine.js', import.meta.url);
if (existsSync(fileURLToPath(machineModule))) {
  const { Machine } = (await import(machineModule.href)) as { Machine: { prototype: object } };
  installMachineHooks(Machine.prototype, 'run');
}

const stateFolder = mkdtempSync(join(tmpdir(), 'reprise-state-'));
process.env.XDG_STATE_HOME = stateFolder;
process.on('exit', () => rmSync(stateFolder, { recursive: true, force: true }));
