// The command `backtrace`: which calls led here, as text and as data. How they are found is symbols/unwind.ts; here
// they are shown, and what is a guess is marked. Changes nothing.

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

export function frameLines(frames: readonly Frame[]): string[] {
  return frames.map(({ address, symbol, kind, isUser }, i) => {
    const name = symbol === '' ? '' : `  ${symbol}`;
    const user = isUser && kind === 'interrupted' ? '  (user mode)' : '';
    return `${`#${i}`.padEnd(4)}${hex(address)}${name}${user === '' ? REMARKS[kind] : user}`;
  });
}

function show(debug: Debugger, rest: string): Output {
  const { timeline, symbols, guest } = debug;
  const frames = backtrace(timeline.machine.cpu, symbols, undefined, countOf(rest, FRAMES_DEFAULT, FRAMES_MAX));
  const note = guest.problem === '' ? [] : [guest.problem];
  return plain(
    [...frameLines(frames), ...note].join('\n'),
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
