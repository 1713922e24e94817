// What names and lines a session has, as modules of the protocol: the files that symbols came from with how far each
// has moved and in which process they hold, and the modules that a Linux guest has loaded at the moment.

import { basename } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debugger } from '../debugger/debugger.ts';
import { reference } from './stopping.ts';

const MODULES_MAX = 10_000;

export function modulesOf(debug: Debugger, start: number, count: number): DebugProtocol.ModulesResponse['body'] {
  const files = debug.symbols.sources.map(
    ({ label, count: names, slide, debug: lines, isCurrent, isOtherBuild }): DebugProtocol.Module => {
      const moved = slide === null ? ', where it lies is not known yet' : `, moved by ${reference(slide)}`;
      const what = lines?.hasLines === true ? 'names and lines' : 'names';
      const where = `${slide === 0 ? '' : moved}${isCurrent ? '' : ', of a process that does not run here'}`;
      const symbolStatus = isOtherBuild ? 'of another build than the guest runs' : `${names} ${what}${where}`;
      return { id: label, name: basename(label), path: label, symbolStatus };
    },
  );
  const loaded = debug.guest.modules.map(({ name, address }): DebugProtocol.Module => {
    return { id: `module ${name}`, name, addressRange: reference(address), symbolStatus: 'a module of the guest' };
  });
  const all = [...files, ...loaded].slice(0, MODULES_MAX);
  return { modules: all.slice(start, count === 0 ? undefined : start + count), totalModules: all.length };
}
