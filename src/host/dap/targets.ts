// The moments that a client can be sent to from a line of source: when it runs next, bookmarks, the ends of the
// recording, and positions that the launch configuration names, such as serial:"login:". A number stands for what is
// typed at the prompt; it holds until the next list.

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debugger } from '../debugger/debugger.ts';
import { list, RequestError } from './arguments.ts';

/** A way to a moment, as commands of the debugger. */
interface Target {
  readonly label: string;
  readonly command: string;
}

const TARGETS_MAX = 1000;

export class Targets {
  private targets: readonly Target[] = [];
  private readonly places: readonly string[];

  /** `places`: positions, as the launch configuration has them; what is no text is left out. */
  constructor(places: unknown) {
    this.places = list(places)
      .filter((place): place is string => typeof place === 'string')
      .slice(0, TARGETS_MAX);
  }

  /** For a line, where code belongs to it. */
  of(debug: Debugger, path: string, line: number): DebugProtocol.GotoTarget[] {
    const [code] = path === '' ? [] : debug.source.addressesOf(path, line);
    const at = code === undefined ? null : `0x${code.from.toString(16)}`;
    this.targets = [
      ...(at === null ? [] : [{ label: `this line, the next time`, command: `seek eip == ${at}` }]),
      ...debug.bookmarks.map(({ name }) => ({ label: `bookmark ${name}`, command: `seek mark:${name}` })),
      ...this.places.map((place) => ({ label: place, command: `seek ${place}` })),
      { label: 'the start of the recording', command: 'seek start' },
      { label: 'the end of the recording', command: 'seek end' },
    ];
    return this.targets.map(({ label }, i) => ({ id: i + 1, label, line }));
  }

  command(id: number): string {
    const found = this.targets[id - 1];
    if (found === undefined) throw new RequestError(`There is no target ${id}: ask for the targets of a line again.`);
    return found.command;
  }
}
