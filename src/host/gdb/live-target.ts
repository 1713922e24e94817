// A live run under gdb: held between two instructions, stepped, watched, and let go on. The driver (drive.ts) runs the
// slices and asks here before each, so that input, output and log go on as without a debugger. Stops are the host's
// alone: no tick passes, no input is made, and what the log has is what it would have had. A change of registers or
// memory is an input of the recording, so that it replays. There is no way back: that is what recordings are for.

import { applyEdit } from '../../core/machine/edit.ts';
import type { Machine, StopReason } from '../../core/machine/machine.ts';
import type { InputEvent } from '../../core/log/events.ts';
import { type Breakpoint, Lookout, type Watchpoint, type WatchKind } from '../../core/timeline/lookout.ts';
import { positionAtRest } from '../../core/timeline/lookout.ts';
import type { EngineFactory, Images } from '../../core/session/session.ts';
import { HALTED } from '../../core/state/layout.ts';
import { compileExpression, ExpressionError, mistakeText } from '../../core/timeline/expression.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { countOf } from '../debugger/arguments.ts';
import { apicLines, picLines, pitLines } from '../debugger/chips.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { loadNodeListing } from '../node/listing.ts';
import { gdtLines, idtLines, pageTableLines, tssLines } from '../debugger/tables.ts';
import { fpuLines, xmmLines } from '../debugger/units.ts';
import { instructionLines, instructions, linearEip } from '../debugger/views.ts';
import { frameLines } from '../debugger/backtrace.ts';
import { symbolsText } from '../symbols/describe.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import { SourceLevel } from '../symbols/source-level.ts';
import { symbolsOfImages } from '../symbols/symbol-files.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';
import { backtrace } from '../symbols/unwind.ts';
import type { DriveControl } from '../node/drive.ts';
import { traitsOf } from '../../engines.ts';
import { type GdbTarget, type MonitorAnswer, type Motion, stopOf, type TargetStop } from './target.ts';

export interface LiveTargetOptions {
  readonly machine: Machine;
  /** Changes become inputs of the log. */
  readonly isRecorded: boolean;
  /** The run is over when the client goes. */
  readonly endsWithClient?: boolean;
  /** An engine that asks at breakpoints, for the place of one that does not. */
  readonly makeStepper: EngineFactory;
  /** Of the guest: names come from what it carries itself. */
  readonly images?: Images;
  /** Names of the images and of files; those of the images alone unless given. */
  readonly symbols?: SymbolTable;
  /** Further monitor commands, by name. */
  readonly commands?: Readonly<Record<string, LiveCommand>>;
}

export interface LiveCommand {
  readonly summary: string;
  readonly run: () => Promise<MonitorAnswer>;
}

/** An expression over registers and memory; throws DebuggerError. */
function evaluate(text: string, cpu: Cpu, guest: GuestSymbols): number {
  try {
    return compileExpression(text, (name) => guest.table.address(name))(cpu) >>> 0;
  } catch (error) {
    if (error instanceof ExpressionError) {
      const message = `${error.message}: give an address such as 0x7c00.`;
      throw new DebuggerError(mistakeText({ message, place: error.place }));
    }
    throw error;
  }
}

export class LiveTarget implements GdbTarget, DriveControl {
  readonly name = 'live run';
  readonly machine: Machine;
  isHeld = true;
  isKilled = false;
  wake: () => void = () => {};
  private readonly options: LiveTargetOptions;
  private readonly lookout: Lookout;
  private readonly guest: GuestSymbols;
  private breakpoints: readonly Breakpoint[] = [];
  private watchpoints: readonly Watchpoint[] = [];
  private nextId = 1;
  private isStepping = false;
  private isStopWanted = false;
  /** Tells the client why the run stopped; null while it does not wait for that. */
  private answer: ((stop: TargetStop) => void) | null = null;
  private exitStatus: number | null = null;

  constructor(options: LiveTargetOptions) {
    this.options = options;
    this.machine = options.machine;
    this.lookout = new Lookout(options.machine);
    const images = options.images ?? new Map();
    this.guest = new GuestSymbols(options.symbols ?? symbolsOfImages(images), images);
  }

  // --- For the driver ----------------------------------------------------------------------------------------------

  poll(): void {
    if (this.isStopWanted && !this.isHeld) this.stop(stopOf('interrupted'));
  }

  advance(untilTick: number): StopReason {
    const { machine, isStepping } = this;
    const reason = isStepping ? this.step(untilTick) : machine.run(untilTick);
    if (reason === 'break') this.stop(this.reasonOfBreak());
    else if (isStepping && reason === 'tick' && !this.isAsleep) this.stop(stopOf('stopped'));
    return reason;
  }

  private get isAsleep(): boolean {
    return this.machine.cpu.m32[HALTED] !== 0;
  }

  /** One instruction; from a halted processor through the idle time to the first instruction after it. */
  private step(untilTick: number): StopReason {
    const { machine } = this;
    if (!this.isAsleep) return machine.run(Math.min(untilTick, machine.tick + 1));
    const { watcher } = machine;
    machine.watcher = {
      delivered: (kind, vector) => {
        watcher?.delivered(kind, vector);
        machine.breakIn();
      },
    };
    try {
      return machine.run(untilTick);
    } finally {
      machine.watcher = watcher;
    }
  }

  private reasonOfBreak(): TargetStop {
    const hit = this.lookout.take();
    if (hit === null) return stopOf('stopped');
    if (hit.watchpoint !== null) return stopOf('watchpoint', hit.watchpoint.id);
    return stopOf('breakpoint', hit.breakpoint?.id ?? -1);
  }

  private stop(why: TargetStop): void {
    this.lookout.disarm();
    this.isHeld = true;
    this.isStepping = false;
    this.isStopWanted = false;
    this.reply(why);
  }

  private reply(why: TargetStop): void {
    const { answer } = this;
    this.answer = null;
    answer?.(why);
  }

  /** The run is over. */
  end(status: number): void {
    this.exitStatus = status;
    this.isHeld = true;
    this.reply(stopOf('exited', -1, status));
  }

  // --- For the stub ------------------------------------------------------------------------------------------------

  addBreakpoint(linear: number): number {
    this.breakpoints = [...this.breakpoints, { id: this.nextId, address: linear >>> 0, condition: null }];
    return this.nextId++;
  }

  addWatchpoint(physical: number, sizeBytes: number, kind: WatchKind): number {
    this.watchpoints = [...this.watchpoints, { id: this.nextId, physical, sizeBytes, kind, condition: null }];
    return this.nextId++;
  }

  remove(id: number): void {
    this.breakpoints = this.breakpoints.filter((each) => each.id !== id);
    this.watchpoints = this.watchpoints.filter((each) => each.id !== id);
  }

  async move(motion: Motion): Promise<TargetStop> {
    if (this.exitStatus !== null) return stopOf('exited', -1, this.exitStatus);
    if (motion === 'continue-back' || motion === 'step-back') {
      throw new DebuggerError('a live run has no way back: record it, and walk back with reprise debug LOG --gdb PORT');
    }
    this.isStepping = motion === 'step';
    // gdb takes the breakpoint at hand away before it steps; a step stops by itself.
    this.arm(this.isStepping ? [] : this.breakpoints);
    const stopped = new Promise<TargetStop>((resolve) => (this.answer = resolve));
    this.release();
    return await stopped;
  }

  private arm(breakpoints: readonly Breakpoint[]): void {
    const { machine, watchpoints } = this;
    const { engine, memory } = machine;
    if (breakpoints.length + watchpoints.length === 0) return;
    if (breakpoints.length > 0 && !traitsOf(engine.name).asksAtBreakpoints) {
      engine.drop();
      memory.dropCode();
      memory.exchangeInvalidators([]);
      machine.engine = this.options.makeStepper(machine.cpu);
    }
    this.lookout.arm({ breakpoints, watchpoints, condition: null, from: positionAtRest(machine), before: null });
  }

  private release(): void {
    this.isHeld = false;
    this.wake();
  }

  write(events: readonly InputEvent[]): void {
    if (this.exitStatus !== null) throw new DebuggerError('the run is over');
    for (const event of events) {
      if (this.machine.edit(event)) continue;
      if (this.options.isRecorded) {
        throw new DebuggerError(
          'something has happened at this tick already (an interrupt, a timer), and a recording can take a change ' +
            'only ' +
            'before it: step once with stepi, then write',
        );
      }
      applyEdit(this.machine.cpu, event);
    }
  }

  async restart(): Promise<void> {
    throw new DebuggerError('a live run cannot begin again: start the command anew');
  }

  textSegment(): number | null {
    this.guest.refresh(this.machine.cpu);
    return this.guest.textSegment;
  }

  async monitor(line: string): Promise<MonitorAnswer> {
    const [word = '', ...rest] = line.trim().split(/\s+/);
    const { machine, options } = this;
    const own = Object.hasOwn(options.commands ?? {}, word) ? options.commands?.[word] : undefined;
    if (own !== undefined) return await own.run();
    switch (word) {
      case 'disassemble':
      case 'u':
        return { text: await this.disassembly(rest) };
      case 'backtrace':
      case 'bt': {
        const { cpu } = machine;
        this.guest.refresh(cpu);
        const { table } = this.guest;
        return { text: frameLines(backtrace(cpu, table, new SourceLevel(table).frameStep(cpu))).join('\n') };
      }
      case 'symbols':
        this.guest.refresh(machine.cpu);
        return { text: symbolsText(this.guest) };
      case 'info':
        return { text: this.lookAt(rest[0] ?? '') };
      case 'when': {
        const { tick, seq } = positionAtRest(machine);
        return { text: `tick ${tick}${seq === 0 ? '' : `+${seq}`}, live, engine ${machine.engine.name}` };
      }
      case 'hash':
        return { text: `hash ${machine.tick} ${machine.hash().root}` };
      case 'help':
        return { text: this.help() };
      default:
        throw new DebuggerError(
          `"${word}" is nothing that a live run knows (help lists what is): questions over time need a recording, ` +
            'see reprise debug.',
        );
    }
  }

  private help(): string {
    const rows = [
      ['when', 'the tick, and the engine'],
      ['hash', 'digest of the whole state here'],
      ['disassemble [ADDRESS] [N]', 'instructions at CS:EIP or a linear address, 16-bit ones too'],
      ['backtrace', 'which calls led here, by the names that the guest carries itself'],
      ['symbols', 'where names come from, and what to tell gdb of a kernel that has moved'],
      ['info fpu|xmm|idt|gdt|tss|pagetable|pic|pit|apic', 'in words'],
      ...Object.entries(this.options.commands ?? {}).map(([name, { summary }]) => [name, summary]),
      ['help', 'this list'],
    ];
    return rows.map(([name, summary]) => `  ${name.padEnd(44)} ${summary}`).join('\n');
  }

  private async disassembly([place, count]: readonly string[]): Promise<string> {
    const { cpu } = this.machine;
    this.guest.refresh(cpu);
    const here = linearEip(cpu);
    const isCount = place !== undefined && count === undefined && /^\d{1,3}$/.test(place);
    const address = place === undefined || isCount ? here : evaluate(place, cpu, this.guest);
    const wanted = countOf((isCount ? place : count) ?? '', 10, 10_000);
    const list = instructions(cpu, await loadNodeListing(), address, wanted);
    return instructionLines(list, this.guest.table, here);
  }

  private lookAt(topic: string): string {
    const { machine } = this;
    const { cpu } = machine;
    switch (topic) {
      case 'fpu':
        return fpuLines(cpu);
      case 'xmm':
        return xmmLines(cpu);
      case 'idt':
        return idtLines(cpu, this.guest.table);
      case 'gdt':
        return gdtLines(cpu);
      case 'tss':
        return tssLines(cpu);
      case 'pagetable':
        return pageTableLines(cpu, null, (linear) => peekPhysical(cpu, linear));
      case 'pic':
        return picLines(machine);
      case 'pit':
        return pitLines(machine);
      case 'apic':
        return apicLines(machine);
      default:
        throw new DebuggerError(`There is no topic "${topic}": fpu, xmm, idt, gdt, tss, pagetable, pic, pit, apic.`);
    }
  }

  interrupt(): void {
    this.isStopWanted = true;
    this.wake();
  }

  rest(): void {
    this.isStopWanted = false;
  }

  /** A client that comes finds the run stopped. */
  attach(): void {
    this.isHeld = true;
  }

  leave(isKill: boolean): void {
    this.lookout.disarm();
    this.breakpoints = [];
    this.watchpoints = [];
    this.isStepping = false;
    this.isKilled = isKill || this.options.endsWithClient === true;
    this.release();
  }
}
