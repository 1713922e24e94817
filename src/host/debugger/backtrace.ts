// The command `backtrace`: which calls led here, as text and as data. How they are found is symbols/unwind.ts; here
// they are shown, and what is a guess is marked. Changes nothing.

import { basename } from 'node:path';
import { backtrace, type Frame } from '../symbols/unwind.ts';
import { countOf, plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { hex } from './views.ts';

const FRAMES_MAX = 1000;
const FRAMES_DEFAULT = 64;

const REMARKS: Readonly<Record<Frame['kind'], string>> = {
  here: '',
  caller: '',
  interrupted: '  (interrupted here)',
  guess: '  (a guess: a return address on the stack)',
};

export function frameLines(frames: readonly Frame[], lineAt: (address: number) => string = () => ''): string[] {
  return frames.map(({ address, symbol, kind, isUser }, i) => {
    const line = lineAt(kind === 'caller' || kind === 'guess' ? address - 1 : address);
    const name = symbol === '' ? '' : `  ${symbol}`;
    const user = isUser && kind === 'interrupted' ? '  (user mode)' : '';
    return `${`#${i}`.padEnd(4)}${hex(address)}${name}${line}${user === '' ? REMARKS[kind] : user}`;
  });
}

const lineOf = (debug: Debugger, address: number): string => {
  const place = debug.source.placeAt(address);
  return place === null ? '' : ` at ${basename(place.file)}:${place.line}`;
};

function show(debug: Debugger, rest: string): Output {
  const { timeline, symbols, guest, source } = debug;
  const { cpu } = timeline.machine;
  const frames = backtrace(cpu, symbols, source.frameStep(cpu), countOf(rest, FRAMES_DEFAULT, FRAMES_MAX));
  const note = guest.problem === '' ? [] : [guest.problem];
  return plain(
    [...frameLines(frames, (address) => lineOf(debug, address)), ...note].join('\n'),
    frames.map(({ kind, address, symbol, isUser }) => ({ kind, address, symbol, isUser })),
  );
}

export const BACKTRACE: Command = {
  names: ['backtrace', 'bt', 'where'],
  usage: '[N]',
  summary: 'which calls led here, guesses marked',
  group: 'look',
  run: show,
};
