// Commands that move: step, next, finish, until, continue, seek, and the way back of
// each. All ways are the timeline's; what is said
// after a move is the debugger's `moved`.

import type { Evaluator } from '../../core/timeline/expression.ts';
import type { Stop, Way } from '../../core/timeline/timeline.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import { ESP, SEG_BASE, SS } from '../../core/state/layout.ts';
import { countOf } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { hasLine, nextLine, nextLineBack, stepLine, stepLineBack } from './source.ts';
import { instructions, linearEip, stackSlots } from './views.ts';

/** In locals below a return address there may be stale ones: so many words are looked at. */
const RETURN_SLOTS_WORDS = 64;
/** Further up than this a hit is on the stack of another task. */
const FRAME_BYTES_MAX = 0x4000;
/** A `reverse-next` over interrupts that come one after another. */
const RETURNS_MAX = 64;

function* moveBy(debug: Debugger, rest: string, isBack: boolean): Way<Output> {
  const count = countOf(rest, 1);
  const { timeline } = debug;
  return debug.moved(yield* isBack ? timeline.stepBack(count) : timeline.step(count));
}

interface Target {
  readonly address: number;
  readonly condition: Evaluator | null;
}

/** On to the first of these places, or to a breakpoint or watchpoint on the way. */
function* onTo(debug: Debugger, targets: readonly Target[]): Way<Stop> {
  const { timeline } = debug;
  const ids = targets.map(({ address, condition }) => timeline.addBreakpoint(address, condition, true).id);
  try {
    const stop = yield* timeline.continueForward();
    const isOurs = stop.breakpoint !== null && ids.includes(stop.breakpoint.id);
    return isOurs ? { ...stop, kind: 'position', breakpoint: null } : stop;
  } finally {
    for (const id of ids) timeline.remove(id);
  }
}

/** Where the function in hand can return to: the address of each return word on the stack, with the stack above it. */
function returnTargets(debug: Debugger): Target[] {
  const { cpu } = debug.timeline.machine;
  return stackSlots(cpu, RETURN_SLOTS_WORDS)
    .filter(({ isReturn }) => isReturn)
    .map(({ address, value }) => ({
      address: value,
      condition: (later) => {
        const stack = ((later.m32[SEG_BASE + SS] + later.m32[ESP]) >>> 0) - address;
        return stack > 0 && stack < FRAME_BYTES_MAX ? 1 : 0;
      },
    }));
}

/** The instruction behind this one, with the stack no deeper than now: not in a recursion. */
function following(debug: Debugger, address: number, length: number): Target {
  const esp = debug.timeline.machine.cpu.m32[ESP] >>> 0;
  return {
    address: (address + length) >>> 0,
    condition: (later) => (later.m32[ESP] >>> 0 >= esp ? 1 : 0),
  };
}

/** One instruction, over what it calls. */
function* nextOnce(debug: Debugger): Way<Stop> {
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const address = linearEip(cpu);
  const [instruction] = instructions(cpu, debug.disassemble, address, 1);
  if (!/^(call|int|rep|loop)/i.test(instruction.text)) return yield* timeline.step();
  return yield* onTo(debug, [following(debug, address, instruction.bytes.length)]);
}

function* next(debug: Debugger, rest: string): Way<Output> {
  let stop = yield* nextOnce(debug);
  for (let left = countOf(rest, 1); left > 1 && stop.kind === 'position'; left--) stop = yield* nextOnce(debug);
  return debug.moved(stop);
}

/** One instruction back, over calls and interrupts that have returned to here. */
function* nextBack(debug: Debugger): Way<Stop> {
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const address = linearEip(cpu);
  let stop = yield* timeline.stepInstructionBack();
  for (let i = 0; i < RETURNS_MAX && stop.kind === 'position'; i++) {
    const [{ text }] = instructions(cpu, debug.disassemble, linearEip(cpu), 1);
    if (!/^(ret|iret)/i.test(text)) return stop;
    // Whoever put the address there that this returns to: the call, or the delivery of an interrupt.
    const slot = (cpu.m32[SEG_BASE + SS] + cpu.m32[ESP]) >>> 0;
    const physical = peekPhysical(cpu, slot);
    if (physical < 0 || timeline.machine.space.hostPage(physical) < 0) return stop;
    const write = yield* timeline.lastWrite(physical, 4);
    if (write === null) return stop;
    stop = yield* timeline.seek(write.position);
    // An interrupt came before the instruction that was gone back from: one more.
    if (linearEip(cpu) !== address) return stop;
    stop = yield* timeline.stepInstructionBack();
  }
  return stop;
}

function* reverseNext(debug: Debugger, rest: string): Way<Output> {
  let stop = yield* nextBack(debug);
  for (let left = countOf(rest, 1); left > 1 && stop.kind === 'position'; left--) stop = yield* nextBack(debug);
  return debug.moved(stop);
}

function* finish(debug: Debugger): Way<Output> {
  const targets = returnTargets(debug);
  if (targets.length === 0) throw new DebuggerError('No return address is on the stack here: there is no caller.');
  return debug.moved(yield* onTo(debug, targets));
}

/** Back to the call that led here, as who-called names it. */
function* reverseFinish(debug: Debugger): Way<Output> {
  const { timeline } = debug;
  const { cpu } = timeline.machine;
  const slot = stackSlots(cpu, RETURN_SLOTS_WORDS).find(({ isReturn }) => isReturn);
  const physical = slot === undefined ? -1 : peekPhysical(cpu, slot.address);
  if (physical < 0) throw new DebuggerError('No return address is on the stack here: there is no caller.');
  const write = yield* timeline.lastWrite(physical, 4);
  if (write === null) throw new DebuggerError('The word that this returns to was never written: the loader left it.');
  return debug.moved(yield* timeline.seek(write.position));
}

/** Not back in a loop; with an address: on to it, but no further than the return from here. */
function* until(debug: Debugger, rest: string): Way<Output> {
  if (rest !== '') {
    const address = debug.evaluate(rest.replace(/^\*\s*/, '')) >>> 0;
    return debug.moved(yield* onTo(debug, [{ address, condition: null }, ...returnTargets(debug)]));
  }
  const { cpu } = debug.timeline.machine;
  const address = linearEip(cpu);
  const [{ text, bytes }] = instructions(cpu, debug.disassemble, address, 1);
  if (!/^(call|int|rep|loop|j)/i.test(text)) return debug.moved(yield* debug.timeline.step());
  const target = /^j\w+ (?:short |near )?0x([0-9a-f]+)/i.exec(text)?.[1];
  const isForward = target !== undefined && Number.parseInt(target, 16) > address;
  if (isForward) return debug.moved(yield* debug.timeline.step());
  return debug.moved(yield* onTo(debug, [following(debug, address, bytes.length), ...returnTargets(debug)]));
}

function* proceed(debug: Debugger, rest: string, isBack: boolean): Way<Output> {
  const { timeline } = debug;
  const way = (): Way<Stop> => (isBack ? timeline.continueBackward() : timeline.continueForward());
  let stop = yield* way();
  for (let left = countOf(rest, 1); left > 1; left--) {
    if (stop.kind !== 'breakpoint' && stop.kind !== 'watchpoint') break;
    stop = yield* way();
  }
  return debug.moved(stop);
}

export const MOVES: readonly Command[] = [
  {
    names: ['step', 's'],
    usage: '[N]',
    summary: 'one line forward, into calls; where no line is known one instruction',
    group: 'move',
    repeats: true,
    run: (debug, rest) => (hasLine(debug) ? stepLine(debug, rest) : moveBy(debug, rest, false)),
  },
  {
    names: ['stepi', 'si'],
    usage: '[N]',
    summary: 'one instruction (or N) forward, always',
    group: 'move',
    repeats: true,
    run: (debug, rest) => moveBy(debug, rest, false),
  },
  {
    names: ['reverse-step', 'rs'],
    usage: '[N]',
    summary: 'one line back, into calls; where no line is known one instruction',
    group: 'move',
    repeats: true,
    run: (debug, rest) => (hasLine(debug) ? stepLineBack(debug, rest) : moveBy(debug, rest, true)),
  },
  {
    names: ['reverse-stepi', 'rsi'],
    usage: '[N]',
    summary: 'one instruction (or N) back, always',
    group: 'move',
    repeats: true,
    run: (debug, rest) => moveBy(debug, rest, true),
  },
  {
    names: ['next', 'n'],
    usage: '[N]',
    summary: 'one line, over calls; where no line is known one instruction',
    group: 'move',
    repeats: true,
    run: (debug, rest) => (hasLine(debug) ? nextLine(debug, rest) : next(debug, rest)),
  },
  {
    names: ['nexti', 'ni'],
    usage: '[N]',
    summary: 'one instruction, over calls, always',
    group: 'move',
    repeats: true,
    run: next,
  },
  {
    names: ['reverse-next', 'rn'],
    usage: '[N]',
    summary: 'one line back, over calls; where no line is known one instruction',
    group: 'move',
    repeats: true,
    run: (debug, rest) => (hasLine(debug) ? nextLineBack(debug, rest) : reverseNext(debug, rest)),
  },
  {
    names: ['reverse-nexti', 'rni'],
    usage: '[N]',
    summary: 'one instruction back, over calls, always',
    group: 'move',
    repeats: true,
    run: reverseNext,
  },
  {
    names: ['finish', 'fin'],
    usage: '',
    summary: 'on until the function in hand has returned',
    group: 'move',
    run: finish,
  },
  {
    names: ['reverse-finish', 'rfin'],
    usage: '',
    summary: 'back to the call that led here',
    group: 'move',
    run: reverseFinish,
  },
  {
    names: ['until', 'advance'],
    usage: '[ADDRESS]',
    summary: 'on, but not back in a loop; with an address: to it, or to the return from here',
    group: 'move',
    completes: ['symbol'],
    repeats: true,
    run: until,
  },
  {
    names: ['continue', 'c'],
    usage: '[N]',
    summary: 'on to the next breakpoint or watchpoint, or the N-th; Ctrl-C stays where it is then',
    group: 'move',
    repeats: true,
    whenInterrupted: 'stay',
    run: (debug, rest) => proceed(debug, rest, false),
  },
  {
    names: ['reverse-continue', 'rc'],
    usage: '[N]',
    summary: 'back to the last breakpoint or watchpoint, or the N-th',
    group: 'move',
    repeats: true,
    run: (debug, rest) => proceed(debug, rest, true),
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
