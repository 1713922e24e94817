// The machine: one CPU, its memory and devices, an injected engine, and the loop that owns time. The
// loop runs slices that end exactly at the next moment at which anything can happen, then does in this order what is
// due before the next instruction: inputs, timers, reset, debug traps, NMI, external interrupts. It never knows whether
// it is live, recording or replaying.

import { VECTOR_DB, VECTOR_GP } from '../base/vectors.ts';
import type { DeviceState, OutputPort } from '../board/device.ts';
import type { InputEvent, StateHash } from '../log/events.ts';
import type { QuirkName } from '../log/quirks.ts';
import type { InputPort } from './door.ts';
import type { Engine } from './engine.ts';
import { AddressSpace } from '../memory/address-space.ts';
import { Memory } from '../memory/memory.ts';
import { DR6_BS, matchInstructionBreakpoint } from '../cpu/system/debug.ts';
import { isVirtualInterruptDue } from '../cpu/system/eflags.ts';
import { deliverDebugTrap, deliverFault, deliverInterrupt, deliverNmi } from '../cpu/system/exceptions.ts';
import { initCpu, resetCpu } from '../cpu/system/reset.ts';
import { updateMode } from '../cpu/system/segmentation.ts';
import { Cpu, EXIT_FAULT, EXIT_STOP, setFault } from '../state/cpu.ts';
import {
  A20,
  CS,
  EFLAGS,
  EIP,
  HALTED,
  IF,
  INTERRUPT_SHADOW,
  INTR,
  NMI_BLOCKED,
  NMI_PENDING,
  PENDING_DEBUG,
  RF,
  SEG_BASE,
  SEG_SELECTOR,
  SHADOW_MOV_SS,
  SHUTDOWN,
  TF,
  TICK_F64,
  TR,
  VIF,
  VIP,
} from '../state/layout.ts';
import { flag, integer } from '../base/field-kinds.ts';
import { fields } from '../base/fields.ts';
import type { Board, BoardContext, BoardOptions } from '../board/board.ts';
import { DeviceBoard } from '../board/device-board.ts';
import { LogBoard } from '../board/log-board.ts';
import { planBulk } from '../board/table.ts';
import { TickClock } from '../board/clock.ts';
import { applyEdit } from './edit.ts';
import { isAnythingPending, isPassable, Resumed, runAfterLook } from './inside-slice.ts';
import { BoardErrorPins } from './error-pins.ts';
import { requestCause, type ResetCause, shutdownCause } from './reset-cause.ts';
import { checkSlice, checkTick } from './slice-check.ts';
import { StateHasher } from './state-hash.ts';

export type StopReason =
  /** The tick asked for is reached. */
  | 'tick'
  /** Halted (or shut down) with nothing armed: only an input can go on. */
  | 'idle'
  | 'power-off'
  | 'debug-exit'
  /** Triple fault with reboot: false, or a reset request with reboot: false. */
  | 'shutdown'
  /** The replayed log has no more to say. */
  | 'log-end'
  | 'divergence'
  /** A debugger's hook called breakIn(). */
  | 'break';

/** Beside what the board has of them (board/board.ts). */
export interface MachineOptions
  extends Pick<
    BoardOptions,
    'vga' | 'hpet' | 'parallel' | 'quirks' | 'images' | 'firmware' | 'diskRoomMegabytes' | 'writeCacheKilobytes'
  > {
  readonly memoryMegabytes: number;
  readonly nsPerTick: number;
  /** Seconds since 1970 at tick 0. */
  readonly epochSeconds: number;
  /** False: a triple fault or reset request ends the run instead of restarting the guest. */
  readonly reboot: boolean;
  readonly serialTiming: 'instant' | 'baud';
  /** Ticks between state hashes reported to the port; 0 = none. */
  readonly hashEveryTicks: number;
}

/** Longest slice: keeps the engines' counters far inside 32 bits. */
const SLICE_TICKS_MAX = 1 << 28;
/** The reset line is held for about a millisecond. No position of a run lies in it. */
export const RESET_NANOSECONDS = 1 << 20;
/**
 * So many exceptions in a row without a retired instruction take so many ticks: a guest whose handlers fault at once
 * comes to the end of its slice in milliseconds of the host, as any other does.
 */
const STALL_FAULTS = 16;
const STALL_TICKS = 1024;

const LOOP = fields({
  resetRequested: flag(),
  initRequested: flag(),
  /** No interrupt through INTR is taken before this tick. */
  holdTick: integer(0, Number.MAX_SAFE_INTEGER),
  /** So that a run that goes on from here does not try the instruction once more. */
  waitsForError: flag(),
  stalledFaults: integer(0, Number.MAX_SAFE_INTEGER),
  stallTick: integer(-1, Number.MAX_SAFE_INTEGER),
  intrLevel: flag(),
  /** −1 for none. */
  nextHashTick: integer(-1, Number.MAX_SAFE_INTEGER),
});
/** A state hash comes so late at most: after the ticks of a reset, of a guest that faults without end. */
const LATE_HASH_TICKS = 2 ** 26;

/** For a debugger that watches: never seen by the guest. `vector` is −1 for a reset. Called before it is done. */
export interface DeliveryWatcher {
  delivered(kind: 'interrupt' | 'fault' | 'trap' | 'nmi' | 'reset', vector: number): void;
}

export class Machine {
  readonly cpu: Cpu;
  readonly memory: Memory;
  readonly space: AddressSpace;
  readonly clock: TickClock;
  readonly board: Board;
  readonly options: MachineOptions;
  engine: Engine;
  private readonly port: InputPort;
  private readonly hasher: StateHasher;
  private readonly output: OutputPort;
  /** Put the guest at its entry point again after a reset: the boot loader's work. Set by boot. */
  private bootAgain: () => void = () => {};
  private stopReason: StopReason | null = null;
  private resetRequested = false;
  private initRequested = false;
  private holdTick = 0;
  /** Who has asked for it. */
  private requested: ResetCause | null = null;
  private readonly errorPins: BoardErrorPins;
  /** Value of the debug-exit write that stopped the run, or −1. */
  debugExitValue = -1;
  /** Ticks that passed while the CPU was halted: for the host's pacing and its statistics, not state. */
  idleTicks = 0;
  private nextHashTick: number;
  /** Tick of the last state hash that was reported. */
  private hashedTick = -1;
  /** Exceptions delivered at `stallTick` after the first. */
  private stalledFaults = 0;
  private stallTick = -1;
  private readonly resumed = new Resumed();
  /** One instruction is run by itself. */
  private isAlone = false;
  /** Tick of the last interrupt or exception, and how many came at it: the order of positions within a tick. */
  deliveryTick = -1;
  deliveryCount = 0;
  /** Last tick at which an input or timer was due: only before that is the state the one that run() stops at. */
  dueTick = -1;
  /** Stop as soon as so many deliveries have come at the tick in hand; 0 = never. */
  stopAfterDeliveries = 0;
  watcher: DeliveryWatcher | null = null;
  /** Told of each reset before it is done, for people. */
  onReset: ((cause: ResetCause) => void) | null = null;
  /** The last run was broken off between the deliveries of a tick and its instruction, where nothing more may come. */
  private isInTick = false;

  constructor(options: MachineOptions, port: InputPort, output: OutputPort, makeEngine: (cpu: Cpu) => Engine) {
    this.options = options;
    this.port = port;
    this.output = output;
    const bulks = planBulk(this.boardOptions());
    const bulkBytes = bulks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const bios = options.images?.find(({ role }) => role === 'bios');
    this.memory = new Memory(options.memoryMegabytes << 20, bios?.source.sizeBytes ?? 0, 1, bulkBytes);
    this.space = new AddressSpace(this.memory);
    for (const { name, offset, sizeBytes } of bulks) {
      this.space.addBulk(name, this.memory.ramBytes + offset, sizeBytes);
    }
    const cpu = new Cpu(this.space);
    this.cpu = cpu;
    this.clock = new TickClock(() => cpu.now(), options.nsPerTick, options.epochSeconds);
    // Power-on is at tick 0: chips that count begin there.
    if (options.quirks?.includes('late-power-on' satisfies QuirkName) !== true) this.settle(0);
    this.board = this.createBoard();
    this.errorPins = new BoardErrorPins(cpu, this.board.errorLine);
    cpu.ferr = this.errorPins;
    cpu.loop = { goOn: () => this.goOn() };
    cpu.ports = this.board.ports;
    if (this.board.hasApic) cpu.apic = { setBase: (base) => this.board.setApicBase(base, false) };
    this.hasher = new StateHasher(cpu, [...this.space.bulks.values()]);
    this.nextHashTick = options.hashEveryTicks > 0 ? options.hashEveryTicks : Number.POSITIVE_INFINITY;
    resetCpu(cpu);
    updateMode(cpu);
    this.engine = makeEngine(cpu);
  }

  /** The board of models or that of the log: the one place where it matters which there is. */
  private createBoard(): Board {
    const { port } = this;
    const context = this.boardContext();
    const options = this.boardOptions();
    return port.deliveries === null
      ? new DeviceBoard(context, port.checks, options)
      : new LogBoard(context, port.deliveries, { ...options, reboot: this.options.reboot });
  }

  private boardOptions(): BoardOptions {
    const { memoryMegabytes, serialTiming, vga, hpet, parallel, quirks = [], images = [] } = this.options;
    const { firmware, diskRoomMegabytes, writeCacheKilobytes } = this.options;
    return {
      ...{ memoryBytes: memoryMegabytes << 20, serialTiming, quirks, images },
      ...(vga === undefined ? {} : { vga }),
      ...(hpet === undefined ? {} : { hpet }),
      ...(parallel === undefined ? {} : { parallel }),
      ...(firmware === undefined ? {} : { firmware }),
      ...(diskRoomMegabytes === undefined ? {} : { diskRoomMegabytes }),
      ...(writeCacheKilobytes === undefined ? {} : { writeCacheKilobytes }),
    };
  }

  private boardContext(): BoardContext & { readonly space: AddressSpace } {
    const { cpu, clock, port, output, space } = this;
    clock.deadlineMoved = (tick) => {
      if (tick < cpu.deadlineTick) cpu.endSlice();
    };
    return {
      clock,
      output: {
        serial: (line, byte) => {
          output.serial(line, byte);
          if (port.nextTick() < cpu.deadlineTick) cpu.endSlice();
        },
        debugConsole: (byte) => output.debugConsole(byte),
        parallel: (byte) => output.parallel(byte),
        debugExit: (value) => {
          output.debugExit(value);
          this.debugExitValue = value;
          this.stop('debug-exit');
        },
        powerOff: () => {
          output.powerOff();
          this.stop('power-off');
        },
      },
      dma: {
        read: (address, target) => space.readBytes(address, target),
        write: (address, source) => space.writeBytes(address, source),
      },
      space,
      intr: (level) => {
        cpu.m32[INTR] = level ? 1 : 0;
        if (level) cpu.endSlice();
      },
      nmi: () => {
        cpu.m32[NMI_PENDING] = 1;
        cpu.endSlice();
      },
      init: () => {
        this.initRequested = true;
        cpu.endSlice();
      },
      requestReset: (by) => {
        this.requested = requestCause(cpu, by);
        this.resetRequested = true;
        cpu.endSlice();
      },
      setA20: (enabled) => this.setA20(enabled),
      acknowledgeError: () => this.errorPins.acknowledge(),
    };
  }

  /** Remember how to start the guest and do it. */
  boot(start: () => void): void {
    this.bootAgain = start;
    // The loader programs chips: for them this is the tick in hand.
    this.settle(this.tick);
    start();
    updateMode(this.cpu);
  }

  get tick(): number {
    return this.cpu.f64[TICK_F64];
  }

  private stop(reason: StopReason): void {
    this.stopReason = reason;
    this.cpu.endSlice();
    this.cpu.exitRequest |= EXIT_STOP;
  }

  /** For debuggers: the run stops as soon as the instruction in hand is over. */
  breakIn(): void {
    this.stop('break');
  }

  private setA20(enabled: boolean): void {
    const value = enabled ? 1 : 0;
    if (this.cpu.m32[A20] === value) return;
    this.cpu.m32[A20] = value;
    this.space.lookThroughLine();
    this.cpu.endSlice();
  }

  /** Reset line: CPU and devices, not RAM or time; then the loader starts the guest again. */
  private reset(): void {
    const { cpu } = this;
    this.onReset?.(this.resetCause());
    this.requested = null;
    this.initRequested = false;
    this.watcher?.delivered('reset', -1);
    this.port.guestReset(this.tick);
    cpu.waitsForError = false;
    // Takes time, so that a guest that triple faults at its entry point cannot hold the loop at one tick.
    const resetTicks = Math.ceil(RESET_NANOSECONDS / this.options.nsPerTick);
    this.idleTicks += resetTicks;
    const tick = this.tick + resetTicks;
    resetCpu(cpu);
    this.settle(tick);
    this.space.flatten();
    this.board.reset();
    this.bootAgain();
    updateMode(cpu);
    this.settle(tick);
    cpu.probes?.intervened(cpu);
  }

  /** Of the reset that is about to be done, or that has ended the run as `shutdown`. */
  resetCause(): ResetCause {
    const { cpu } = this;
    return this.requested ?? (cpu.m32[SHUTDOWN] !== 0 ? shutdownCause(cpu) : requestCause(cpu, 'somebody'));
  }

  /** Between slices now() is the current tick. */
  private settle(tick: number): void {
    const { cpu } = this;
    cpu.f64[TICK_F64] = tick;
    cpu.deadlineTick = tick;
    cpu.left = 0;
    cpu.exitRequest = 0;
  }

  /**
   * Run until `untilTick` or until something stops the machine; says why. At `tick` the state is exact: nothing that is
   * due then has happened yet, so it makes no difference where a run is interrupted and gone on with.
   */
  run(untilTick: number): StopReason {
    const { cpu, port } = this;
    const m32 = cpu.m32;
    this.stopReason = null;
    const limit = Math.min(untilTick, port.endTick);
    m32[INTR] = this.board.intr ? 1 : 0;
    if (this.isInTick) this.leaveTick(limit);
    for (let before = 0; ; ) {
      const tick = cpu.f64[TICK_F64];
      checkTick(before, tick);
      before = tick;
      this.settle(tick);
      if (this.stopReason !== null) return this.stopReason;
      if (!this.options.reboot) {
        if (this.resetRequested) return 'shutdown';
        if (m32[SHUTDOWN] !== 0) return this.pass(tick, 'shutdown');
      }
      if (tick >= limit) return tick >= untilTick ? 'tick' : 'log-end';
      this.takeDue(tick);
      if (this.stopReason !== null && !this.isBroken) return this.pass(tick, this.stopReason);
      if (port.divergence !== null) return 'divergence';
      if (this.resetRequested || m32[SHUTDOWN] !== 0) {
        if (!this.options.reboot) return this.pass(tick, 'shutdown');
        this.resetRequested = false;
        this.reset();
        continue;
      }
      if (this.initRequested) {
        this.initRequested = false;
        initCpu(cpu);
        cpu.probes?.intervened(cpu);
      }
      if (tick >= this.nextHashTick) this.reportHash(tick);
      this.deliverPending(tick);
      if (m32[SHUTDOWN] !== 0) continue;
      if (this.isBroken) {
        this.isInTick = m32[HALTED] === 0;
        return 'break';
      }
      const nextEvent = this.nextEventTick();
      // Without devices a log that is not what it seems could name a delivery that never becomes due.
      const deadline = Math.max(tick + 1, Math.min(nextEvent, this.nextHashTick, limit));
      if (m32[HALTED] !== 0 || this.isFrozen) {
        if (nextEvent === Number.POSITIVE_INFINITY && port.endTick === Number.POSITIVE_INFINITY) {
          this.idleTicks++;
          return this.pass(tick, 'idle');
        }
        this.idleTicks += deadline - tick;
        cpu.f64[TICK_F64] = deadline;
        port.advance(deadline, deadline - tick);
        continue;
      }
      this.runSlice(tick, Math.min(deadline - tick, SLICE_TICKS_MAX));
    }
  }

  private get isBroken(): boolean {
    return this.stopReason === 'break';
  }

  /** It waits at an x87 instruction for the interrupt of FERR#: time passes as for one that is halted. */
  get isFrozen(): boolean {
    const { cpu } = this;
    if (!cpu.waitsForError) return false;
    return ((cpu.m32[EFLAGS] & (TF | RF | VIP)) | cpu.m32[INTERRUPT_SHADOW]) === 0 && !cpu.breakActive;
  }

  /** Goes on after a break between the deliveries of a tick and its instruction. */
  private leaveTick(limit: number): void {
    this.isInTick = false;
    const tick = this.tick;
    this.settle(tick);
    if (tick >= limit) return;
    const deadline = Math.max(tick + 1, Math.min(this.nextEventTick(), this.nextHashTick, limit));
    this.runSlice(tick, Math.min(deadline - tick, SLICE_TICKS_MAX));
  }

  /** An interrupt or exception has been delivered: the tick has one position more. */
  private countDelivery(): void {
    const tick = this.cpu.now();
    this.cpu.waitsForError = false;
    this.deliveryCount = tick === this.deliveryTick ? this.deliveryCount + 1 : 1;
    this.deliveryTick = tick;
    if (this.stopAfterDeliveries > 0 && this.deliveryCount >= this.stopAfterDeliveries) this.breakIn();
    this.cpu.probes?.intervened(this.cpu);
  }

  /** Ends a run at a tick at which something has already happened: an idle tick passes, so that the state is exact. */
  private pass(tick: number, reason: StopReason): StopReason {
    this.cpu.f64[TICK_F64] = tick + 1;
    return reason;
  }

  /** Tick of the next thing that can happen by itself. */
  private nextEventTick(): number {
    const next = Math.min(this.board.nextDue(), this.port.nextTick());
    return this.holdTick > this.tick ? Math.min(next, this.holdTick) : next;
  }

  /** What is due at `tick`: inputs, then what the board does by itself. */
  private takeDue(tick: number): void {
    const hasInputs = this.takeInputs(tick);
    if (this.board.runDue(tick)) this.cpu.probes?.intervened(this.cpu);
    else if (!hasInputs) return;
    this.dueTick = tick;
    this.cpu.waitsForError = false;
  }

  /** True when there were any. */
  private takeInputs(tick: number): boolean {
    let isAny = false;
    while (this.port.nextTick() <= tick) {
      const event = this.port.take(tick);
      if (event === null) break;
      isAny = true;
      if (event.kind === 'hold-interrupts') this.holdTick = Math.max(this.holdTick, tick + event.ticks);
      else if (!applyEdit(this.cpu, event)) this.board.input(event);
    }
    if (isAny) this.cpu.probes?.intervened(this.cpu);
    return isAny;
  }

  /**
   * Live runs: a debugger's change of registers or memory at once, as an input of this tick. False, and nothing done,
   * where something has happened at this tick already: a replay takes inputs before everything else that a tick has.
   */
  edit(event: InputEvent): boolean {
    const { tick } = this;
    if (this.dueTick === tick || this.deliveryTick === tick || this.hashedTick === tick) return false;
    this.isInTick = false;
    this.port.push(event, tick);
    this.takeInputs(tick);
    return true;
  }

  /** Traps and interrupts before the next instruction, by priority (SDM 3 table 6-2). */
  private deliverPending(tick: number): void {
    const { cpu } = this;
    const m32 = cpu.m32;
    const shadow = m32[INTERRUPT_SHADOW];
    if (m32[PENDING_DEBUG] !== 0 && (shadow & SHADOW_MOV_SS) === 0) {
      m32[HALTED] = 0;
      this.watcher?.delivered('trap', 1);
      deliverDebugTrap(cpu);
      this.countDelivery();
    }
    if (m32[NMI_PENDING] !== 0 && m32[NMI_BLOCKED] === 0 && (shadow & SHADOW_MOV_SS) === 0) {
      m32[NMI_PENDING] = 0;
      m32[HALTED] = 0;
      this.watcher?.delivered('nmi', 2);
      deliverNmi(cpu);
      this.countDelivery();
    }
    if ((m32[EFLAGS] & IF) === 0 || shadow !== 0 || tick < this.holdTick) return;
    const vector = this.board.takeInterrupt(tick);
    if (vector < 0) return;
    m32[HALTED] = 0;
    this.watcher?.delivered('interrupt', vector);
    deliverInterrupt(cpu, vector);
    this.countDelivery();
  }

  /** At most `budget` ticks of guest instructions. */
  private runSlice(tick: number, budget: number): void {
    const { cpu } = this;
    const m32 = cpu.m32;
    // The frame of what was just delivered may itself have hit a data breakpoint: that trap comes first.
    if (m32[PENDING_DEBUG] !== 0 && (m32[INTERRUPT_SHADOW] & SHADOW_MOV_SS) === 0) return;
    if ((m32[EFLAGS] & (VIF | VIP)) === (VIF | VIP) && isVirtualInterruptDue(cpu)) {
      setFault(cpu, VECTOR_GP, 0);
      this.deliverFault();
      return;
    }
    const single = (m32[EFLAGS] & (TF | RF)) | m32[INTERRUPT_SHADOW];
    if (single !== 0 || cpu.breakActive) {
      this.runSingle(tick, budget);
    } else {
      cpu.deadlineTick = tick + budget;
      cpu.left = budget;
      cpu.exitRequest = 0;
      this.engine.run(cpu);
      this.checkSlice(tick, budget, false);
      cpu.f64[TICK_F64] = cpu.deadlineTick - cpu.left;
      if ((cpu.exitRequest & EXIT_FAULT) !== 0) this.deliverFault();
      else if (this.isBroken && cpu.left === budget) this.isInTick = true;
    }
    this.port.advance(cpu.f64[TICK_F64], 0);
  }

  /**
   * What run() would do before the next instruction, where that is a fault's delivery or nothing: no slice ends here,
   * so neither time, inputs nor the board have anything due. See Loop.
   */
  private goOn(): boolean {
    const { cpu } = this;
    const { m32 } = cpu;
    if (!isPassable(cpu)) return false;
    if (this.isAlone || this.watcher !== null || this.stopAfterDeliveries > 0) return false;
    if ((cpu.exitRequest & EXIT_FAULT) !== 0) {
      const tick = cpu.now();
      if (tick === this.stallTick && this.stalledFaults >= STALL_FAULTS - 1) return false;
      cpu.f64[TICK_F64] = tick;
      this.deliverFault();
      // The frame may have been written to a device, or where somebody watches.
      if (!isPassable(cpu)) return false;
    }
    if (isAnythingPending(cpu, this.board.intr) || this.port.divergence !== null) return false;
    if (!this.resumed.begin(cpu)) return false;
    // Nothing is there that a shadow could hold back, and it is over with the next instruction, which is in this slice.
    m32[INTERRUPT_SHADOW] = 0;
    cpu.exitRequest = 0;
    return true;
  }

  private checkSlice(tick: number, budgetTicks: number, isSingle: boolean): void {
    const isStopping = this.stopReason !== null;
    checkSlice(this.cpu, { engine: this.engine.name, tick, budgetTicks, isSingle, isStopping });
  }

  private deliverFault(): void {
    const { cpu } = this;
    const tick = cpu.f64[TICK_F64];
    this.resumed.faults(cpu);
    this.watcher?.delivered('fault', cpu.faultVector);
    deliverFault(cpu);
    this.countDelivery();
    if (tick !== this.stallTick) {
      this.stallTick = tick;
      this.stalledFaults = 0;
    } else if (++this.stalledFaults >= STALL_FAULTS) {
      this.idleTicks += STALL_TICKS;
      cpu.f64[TICK_F64] = tick + STALL_TICKS;
    }
  }

  /**
   * One instruction with the rules that apply at instruction boundaries: shadows, RF, TF, DR0–3. Of a REP one
   * iteration, or up to `budget` in plain memory when it is run alone for its RF only, as after a page fault.
   */
  private runSingle(tick: number, budget: number): void {
    const { cpu } = this;
    const m32 = cpu.m32;
    const flags = m32[EFLAGS];
    const shadow = m32[INTERRUPT_SHADOW];
    if (cpu.fetchStops !== null && cpu.fetchStops.reached((m32[EIP] + m32[SEG_BASE + CS]) | 0)) {
      this.breakIn();
      this.isInTick = true;
      return;
    }
    if (cpu.breakActive && (flags & RF) === 0 && (shadow & SHADOW_MOV_SS) === 0) {
      const hit = matchInstructionBreakpoint(cpu, (m32[EIP] + m32[SEG_BASE + CS]) | 0);
      if (hit !== 0) {
        setFault(cpu, VECTOR_DB);
        cpu.faultDebug = hit;
        this.deliverFault();
        return;
      }
    }
    const task = m32[SEG_SELECTOR + TR];
    m32[INTERRUPT_SHADOW] = 0;
    m32[EFLAGS] = flags & ~RF;
    cpu.trapInhibit = false;
    cpu.deadlineTick = tick + 1;
    cpu.left = 1;
    cpu.exitRequest = 0;
    cpu.isUnfinished = false;
    const isForResumeOnly = (flags & TF) === 0 && shadow === 0 && !cpu.breakActive && cpu.fetchStops === null;
    cpu.repeatTicks = isForResumeOnly ? budget - 1 : 0;
    this.isAlone = true;
    runAfterLook(cpu, this.engine);
    this.isAlone = false;
    this.checkSlice(tick, 1 + cpu.repeatTicks, true);
    cpu.repeatTicks = 0;
    cpu.f64[TICK_F64] = cpu.deadlineTick - cpu.left;
    if ((cpu.exitRequest & EXIT_FAULT) !== 0) {
      // RF goes when the instruction has completed; a double fault saves it as it is.
      if (m32[SEG_SELECTOR + TR] === task) m32[EFLAGS] |= flags & RF;
      this.deliverFault();
      return;
    }
    // Between iterations it stays, and is in the frames of traps and interrupts.
    if (cpu.isUnfinished) m32[EFLAGS] |= flags & RF;
    else if ((flags & RF) !== 0) cpu.probes?.intervened(cpu);
    if ((flags & TF) !== 0 && !cpu.trapInhibit) m32[PENDING_DEBUG] |= DR6_BS;
  }

  private reportHash(tick: number): void {
    this.nextHashTick += this.options.hashEveryTicks;
    this.hashedTick = tick;
    this.port.stateHash(tick, this.hash());
  }

  /** Digest of the whole guest-visible state at this moment. */
  hash(): StateHash {
    return this.hasher.compute(this.board.hashParts());
  }

  /** The run is over: the last word to the port. Returns the final hash. */
  finish(reason: string): StateHash {
    const hash = this.hash();
    // With all its parts, so that a replay that ends in another state can say where.
    if (this.options.hashEveryTicks > 0 && reason !== 'log-end') this.port.stateHash(this.tick, hash);
    this.port.finish(this.tick, reason, hash.devices === undefined ? null : hash.root);
    return hash;
  }

  /** State outside the CPU block, RAM and devices, for snapshots. */
  saveLoop(): DeviceState {
    return {
      resetRequested: this.resetRequested,
      initRequested: this.initRequested,
      holdTick: this.holdTick,
      waitsForError: this.cpu.waitsForError,
      stalledFaults: this.stalledFaults,
      stallTick: this.stallTick,
      intrLevel: this.board.intr, // a copy: the board keeps it
      nextHashTick: this.nextHashTick === Number.POSITIVE_INFINITY ? -1 : this.nextHashTick,
    };
  }

  /** What is wrong with a saved loop of `tick`, or null. */
  loopProblem(saved: unknown, tick: number): string | null {
    const problem = LOOP.problem(saved, '');
    if (problem !== null) return problem;
    const { nextHashTick } = LOOP.load(saved as DeviceState, LOOP.initial());
    const { hashEveryTicks } = this.options;
    if (hashEveryTicks === 0) return nextHashTick === -1 ? null : `nextHashTick is ${nextHashTick}, expected none`;
    const isNext = nextHashTick % hashEveryTicks === 0 && nextHashTick <= tick + hashEveryTicks;
    return isNext && nextHashTick > tick - LATE_HASH_TICKS ? null : `nextHashTick is ${nextHashTick} at tick ${tick}`;
  }

  /** Inverse of saveLoop. */
  loadLoop(state: DeviceState): void {
    this.resetRequested = state.resetRequested === true;
    this.initRequested = state.initRequested === true;
    this.holdTick = (state.holdTick as number | undefined) ?? 0;
    this.requested = null;
    this.cpu.waitsForError = state.waitsForError === true;
    this.stalledFaults = Number(state.stalledFaults);
    this.stallTick = Number(state.stallTick);
    this.nextHashTick = state.nextHashTick === -1 ? Number.POSITIVE_INFINITY : Number(state.nextHashTick);
    this.isInTick = false;
    this.deliveryTick = -1;
    this.dueTick = -1;
    this.hashedTick = -1;
    this.resumed.forget();
    this.settle(this.tick);
  }

  /** Drop everything derived: decoded blocks, TLB, page-table marks. Invisible to the guest (law 4). */
  dropDerived(): void {
    this.engine.drop();
    this.memory.dropTranslations();
  }
}
