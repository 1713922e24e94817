// Commands that move: step, next, continue, seek, and the way back of each. All ways are the timeline's; what is said
// after a move is the debugger's `moved`.

import type { Way } from '../../core/timeline/timeline.ts';
import { countOf } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { instructions, linearEip } from './views.ts';

function* moveBy(debug: Debugger, rest: string, isBack: boolean): Way<Output> {
  const count = countOf(rest, 1);
  const { timeline } = debug;
  return debug.moved(yield* isBack ? timeline.stepBack(count) : timeline.step(count));
}

function* next(debug: Debugger): Way<Output> {
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const address = linearEip(cpu);
  const [instruction] = instructions(cpu, debug.disassemble, address, 1);
  if (!/^(call|int|rep|loop)/i.test(instruction.text)) return debug.moved(yield* timeline.step());
  // The instruction behind, with the stack no deeper than now: not in a recursion.
  const following = (address + instruction.bytes.length) >>> 0;
  const esp = cpu.m32[4] >>> 0;
  const breakpoint = timeline.addBreakpoint(following, (later) => (later.m32[4] >>> 0 >= esp ? 1 : 0));
  try {
    return debug.moved(yield* timeline.continueForward());
  } finally {
    timeline.remove(breakpoint.id);
  }
}

export const MOVES: readonly Command[] = [
  {
    names: ['step', 's', 'stepi', 'si'],
    usage: '[N]',
    summary: 'one instruction (or N) forward',
    group: 'move',
    repeats: true,
    run: (debug, rest) => moveBy(debug, rest, false),
  },
  {
    names: ['reverse-step', 'rs', 'reverse-stepi', 'rsi'],
    usage: '[N]',
    summary: 'one instruction (or N) back',
    group: 'move',
    repeats: true,
    run: (debug, rest) => moveBy(debug, rest, true),
  },
  {
    names: ['next', 'n', 'nexti', 'ni'],
    usage: '',
    summary: 'one instruction, over calls',
    group: 'move',
    repeats: true,
    run: next,
  },
  {
    names: ['continue', 'c'],
    usage: '',
    summary: 'on to the next breakpoint or watchpoint; Ctrl-C stays where it is then',
    group: 'move',
    repeats: true,
    whenInterrupted: 'stay',
    run: function* (debug) {
      return debug.moved(yield* debug.timeline.continueForward());
    },
  },
  {
    names: ['reverse-continue', 'rc'],
    usage: '',
    summary: 'back to the last breakpoint or watchpoint',
    group: 'move',
    repeats: true,
    run: function* (debug) {
      return debug.moved(yield* debug.timeline.continueBackward());
    },
  },
  {
    names: ['seek', 'goto', 'g'],
    usage: 'POSITION',
    summary: 'to a tick, 50%, start, end, +N, event:N, serial:"text", reset, irq:N, fault:N, mark:NAME or a condition',
    group: 'move',
    completes: ['position', 'bookmark'],
    run: function* (debug, rest) {
      return debug.moved(yield* debug.go(rest));
    },
  },
  {
    names: ['back'],
    usage: '',
    summary: 'to the place visited before',
    group: 'move',
    run: (debug) => revisit(debug, -1),
  },
  { names: ['forward'], usage: '', summary: 'and to the one after', group: 'move', run: (debug) => revisit(debug, 1) },
];

function* revisit(debug: Debugger, direction: -1 | 1): Way<Output> {
  const position = debug.revisit(direction);
  if (position === null)
    throw new DebuggerError(
      direction < 0 ? 'No place was visited before this one.' : 'This is the last place visited.',
    );
  return debug.moved(yield* debug.timeline.seek(position));
}
