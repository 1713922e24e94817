// The command `branch`: from this moment the guest goes live, with registers and memory changed and other input, and
// what happens becomes a log of its own. The recording and the position stay as they are.
//
//   branch what-if.rlog 1000000 eax = 5, [esp + 4] = label, byte[0x7c00] = 90h, "quit\n"

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { EDITABLE_REGISTERS } from '../../core/machine/edit.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import { recordBranch } from '../../core/timeline/branch.ts';
import type { InputEvent } from '../../core/log/events.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import { whyUnreadable } from '../node/images.ts';
import { CREATOR } from '../../version.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { hex } from './views.ts';

const USAGE =
  'branch wants a file and a number of ticks, then changes, such as branch what-if.rlog 1000000 eax = 5, "text"';
const LIFE_TICKS_MAX = 2 ** 40;

/** Parts between commas that are outside of quotes and brackets. */
function splitChanges(text: string): string[] {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function changeOf(debug: Debugger, text: string): InputEvent[] {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(text);
  if (quoted !== null) {
    const plain = quoted[1].replace(
      /\\(n|r|t|.)/gs,
      (_all, code: string) => ({ n: '\n', r: '\r', t: '\t' })[code] ?? code,
    );
    return [{ kind: 'serial', port: 0, bytes: Buffer.from(plain, 'latin1') }];
  }
  const match = /^(.*?[\w\]])\s*=(?!=)\s*(.+)$/s.exec(text);
  if (match === null)
    throw new DebuggerError(`"${text}" is no change: write eax = 5, [ADDRESS] = 7, byte[ADDRESS] = 7 or "text".`);
  const value = debug.evaluate(match[2]);
  const place = match[1].toLowerCase();
  const memory = /^(byte|word|dword)?\s*\[(.+)\]$/s.exec(place);
  if (memory !== null) return editMemory(debug, debug.evaluate(memory[2]), memory[1] ?? 'dword', value);
  if (!EDITABLE_REGISTERS.some((name) => name === place)) {
    throw new DebuggerError(`"${match[1]}" cannot be changed: ${EDITABLE_REGISTERS.join(', ')} and memory can.`);
  }
  return [{ kind: 'edit-register', register: place, value: value >>> 0 }];
}

function editMemory(debug: Debugger, linear: number, size: string, value: number): InputEvent[] {
  const { cpu, space } = debug.timeline.machine;
  const count = size === 'byte' ? 1 : size === 'word' ? 2 : 4;
  return Array.from({ length: count }, (_, i) => {
    const physical = peekPhysical(cpu, linear + i);
    if (physical < 0 || space.hostPage(physical) < 0)
      throw new DebuggerError(`No memory is mapped at ${hex(linear)} now.`);
    return { kind: 'edit-memory', address: physical, bytes: Uint8Array.of((value >>> (8 * i)) & 0xff) };
  });
}

/** A file that did not exist, open for writing. */
export function createLog(path: string): number {
  try {
    return openSync(path, 'wx');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    throw new DebuggerError(
      `${path} cannot be written, ${code === 'EEXIST' ? 'it exists already' : whyUnreadable(error)}: name another ` +
        `file.`,
    );
  }
}

function* branch(debug: Debugger, rest: string): Way<Output> {
  const match = /^(\S+)\s+(\d[\d_]*)(?:\s+(.*))?$/s.exec(rest);
  if (match === null) throw new DebuggerError(`${USAGE}.`);
  const [, path, life, changes = ''] = match;
  const lifeTicks = Number(life.replaceAll('_', ''));
  if (lifeTicks < 1 || lifeTicks > LIFE_TICKS_MAX)
    throw new DebuggerError(`A branch lives 1 to ${LIFE_TICKS_MAX} ticks.`);
  const { timeline, images, makeEngine, logName } = debug;
  const { tick } = timeline.position;
  const inputs = splitChanges(changes)
    .flatMap((text) => changeOf(debug, text))
    .map((event) => ({ tick, event }));
  const file = createLog(path);
  let isWhole = false;
  try {
    const settings = {
      parent: timeline.log,
      parentName: logName,
      creator: CREATOR,
      images,
      makeEngine,
      tick,
      inputs,
      lifeTicks,
    };
    const end = yield* recordBranch({ ...settings, sink: (frame) => void writeSync(file, frame) });
    isWhole = true;
    const what = `branched off at tick ${tick}, ${inputs.length} changes, ended at tick ${end.tick}: ${end.reason}`;
    const text = `${path}: ${what}`;
    return {
      text,
      data: { log: path, from: tick, tick: end.tick, reason: end.reason, hash: end.hash, changes: inputs.length },
    };
  } finally {
    closeSync(file);
    if (!isWhole) rmSync(path, { force: true });
  }
}

export const BRANCH: Command = {
  names: ['branch'],
  usage: 'FILE TICKS [CHANGE, CHANGE …]',
  summary: 'go live from here into a log of its own: eax = 5, [esp] = 7, "serial text"',
  group: 'other',
  run: branch,
};
