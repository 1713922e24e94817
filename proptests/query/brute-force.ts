/**
 * Answers of queries found the slow way: a replay on the engine that decodes each instruction anew, one instruction
 * at a
 * time, looked at before and after each. Knows nothing of probes, intervals, batches and folds; instructions are told
 * by
 * their bytes, ends of calls by looking at every open call at every instruction.
 */
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import type { Machine } from '../../src/core/machine/machine.ts';
import { peekBytes, peekNumber, peekPhysical, peekPhysicalBytes } from '../../src/core/memory/peek.ts';
import { PAGE_WATCH_READ, PAGE_WATCH_WRITE } from '../../src/core/memory/memory.ts';
import type { LogReader } from '../../src/core/log/log.ts';
import { createReplay, type Images } from '../../src/core/session/session.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { EXIT_FAULT } from '../../src/core/state/cpu.ts';
import {
  CR0,
  CR0_PG,
  CR3,
  CS,
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  EIP,
  ESI,
  ESP,
  SEG_BASE,
  SEG_SELECTOR,
} from '../../src/core/state/layout.ts';
import { StepInterpreter } from '../../tiers/interp/step.ts';

export type Row = Record<string, number | string | null>;

/** Looks at one instruction: before it, and after it has retired. */
export interface Looker {
  before(step: Step): void;
  /** `next`: linear address that it leads to. */
  retired?(step: Step, next: number): void;
  end?(): void;
}

export interface Step {
  readonly cpu: Cpu;
  readonly machine: Machine;
  readonly tick: number;
  readonly seq: number;
  readonly linear: number;
}

export const positionText = ({ tick, seq }: Step): string => (seq === 0 ? `${tick}` : `${tick}/${seq}`);
const privilegeOf = ({ m32 }: Cpu): number => m32[SEG_SELECTOR + CS] & 3;
const linearOf = ({ m32 }: Cpu): number => (m32[EIP] + m32[SEG_BASE + CS]) >>> 0;
const stackSpaceOf = (cpu: Cpu): number => (privilegeOf(cpu) === 3 ? cpu.m32[CR3] >>> 0 : 0);
/** CR3 where it means something. */
const spaceOf = ({ m32 }: Cpu): number | null => ((m32[CR0] & CR0_PG) === 0 ? null : m32[CR3] >>> 0);

class LookingStepper extends StepInterpreter {
  readonly look: (cpu: Cpu, run: () => void) => void;
  constructor(look: (cpu: Cpu, run: () => void) => void) {
    super();
    this.look = look;
  }
  override run(cpu: Cpu): void {
    this.look(cpu, () => super.run(cpu));
  }
}

export interface Window {
  readonly fromTick: number;
  readonly toTick: number;
  /** Brings a machine to where the window begins; default: it is run there. */
  readonly approach?: (machine: Machine) => void;
}

/** Runs the window on a machine that stands at its beginning. */
export function stepThrough(
  machine: Machine,
  toTick: number,
  makeLookers: (machine: Machine) => readonly Looker[],
): void {
  const lookers = makeLookers(machine);
  let isOn = false;
  const before = machine.engine;
  before.drop();
  machine.engine = new LookingStepper((cpu, run) => {
    if (!isOn) {
      run();
      return;
    }
    const tick = cpu.now();
    const seq = machine.deliveryTick === tick ? machine.deliveryCount : 0;
    const step = { cpu, machine, tick, seq, linear: linearOf(cpu) };
    for (const looker of lookers) looker.before(step);
    run();
    if ((cpu.exitRequest & EXIT_FAULT) !== 0) return;
    for (const looker of lookers) looker.retired?.(step, linearOf(cpu));
  });
  isOn = true;
  while (machine.tick < toTick) {
    const reason = machine.run(machine.tick + 1);
    if (reason !== 'tick') break;
  }
  for (const looker of lookers) looker.end?.();
  machine.engine = before;
}

/** A replay of a recording from its start, stepped in the window. */
export function stepWindow(
  recorded: { readonly log: LogReader; readonly images: Images },
  { fromTick, toTick }: Window,
  makeLookers: (machine: Machine) => readonly Looker[],
): void {
  const { log, images } = recorded;
  const session = createReplay({ log, images, makeEngine: () => new StepInterpreter(), output: SILENT_OUTPUT });
  if (fromTick > 0) session.advance(fromTick);
  stepThrough(session.machine, toTick, makeLookers);
}

/** calls(): by EAX, EDX, ECX and the words of the stack. */
export class CallLooker implements Looker {
  readonly rows: Row[] = [];
  private readonly addresses: ReadonlySet<number>;
  private readonly registers: readonly number[];
  private readonly args: number;
  private open: { readonly row: Row; readonly returnTo: number; readonly esp: number; readonly space: number }[] = [];
  private found: { row: Row; index: number; result: number; tick: number } | null = null;
  private fresh: (typeof this.open)[number] | null = null;

  constructor(addresses: readonly number[], abi: 'regparm' | 'cdecl', args = 3) {
    this.addresses = new Set(addresses);
    this.registers = abi === 'regparm' ? [EAX, EDX, ECX] : [];
    this.args = args;
  }

  before(step: Step): void {
    const { cpu, linear } = step;
    const { m32 } = cpu;
    const esp = m32[ESP] >>> 0;
    const space = stackSpaceOf(cpu);
    const index = this.open.findIndex(
      (call) => call.returnTo === linear && call.esp + 4 === esp && call.space === space,
    );
    this.found = index < 0 ? null : { row: this.open[index].row, index, result: m32[EAX] >>> 0, tick: step.tick };
    this.fresh = null;
    if (!this.addresses.has(linear)) return;
    const word = (at: number): number | null => peekNumber(cpu, at >>> 0, 4);
    const args = Array.from({ length: this.args }, (_, i) =>
      i < this.registers.length ? m32[this.registers[i]] >>> 0 : word(esp + 4 + 4 * (i - this.registers.length)),
    );
    const row: Row = {
      position: positionText(step),
      space: spaceOf(cpu),
      function: linear,
      caller: word(esp),
      result: null,
      duration: null,
    };
    args.forEach((value, i) => {
      row[`arg${i}`] = value;
    });
    this.fresh = { row, returnTo: word(esp) ?? -1, esp, space };
  }

  retired({ tick }: Step): void {
    const { found, fresh } = this;
    if (found !== null) {
      found.row.result = found.result;
      found.row.duration = tick - Number(String(found.row.position).split('/')[0]);
      this.open.splice(found.index, 1);
    }
    if (fresh === null) return;
    // A word of a stack holds one return address.
    this.open = this.open.filter(
      ({ esp, returnTo, space }) => esp !== fresh.esp || returnTo !== fresh.returnTo || space !== fresh.space,
    );
    this.open.push(fresh);
    this.rows.push(fresh.row);
  }
}

export class ExecutionLooker implements Looker {
  readonly rows: Row[] = [];
  private readonly address: number;
  private row: Row | null = null;

  constructor(address: number) {
    this.address = address;
  }

  before(step: Step): void {
    const { m32 } = step.cpu;
    const registers = { eax: m32[EAX] >>> 0, ecx: m32[ECX] >>> 0, esi: m32[ESI] >>> 0, edi: m32[EDI] >>> 0 };
    this.row = step.linear === this.address ? { position: positionText(step), ...registers } : null;
  }

  retired(): void {
    if (this.row !== null) this.rows.push(this.row);
  }
}

/** accesses(): what the memory says that is being touched, with the values that are there before and afterwards. */
export class AccessLooker implements Looker {
  readonly rows: Row[] = [];
  private readonly machine: Machine;
  private readonly kinds: string;
  private readonly physical: number;
  private readonly bytes: number;
  private pending: Row[] = [];
  private executed: Row | null = null;

  constructor(machine: Machine, physical: number, bytes: number, kinds: string) {
    this.machine = machine;
    this.kinds = kinds;
    this.physical = physical;
    this.bytes = bytes;
    const pages = new Map<number, number>();
    for (let page = physical >>> 12; page <= (physical + bytes - 1) >>> 12; page++) {
      pages.set(page, PAGE_WATCH_READ | PAGE_WATCH_WRITE);
    }
    machine.space.onWatched = (at, size, isWrite) => this.touched(at, size, isWrite);
    machine.space.watch(pages);
  }

  private value(physical: number, size: number): number | null {
    const bytes = new Uint8Array(size);
    if (size > 4 || peekPhysicalBytes(this.machine.cpu, physical, bytes) < size) return null;
    return Buffer.from(bytes).readUIntLE(0, size);
  }

  private isInside(physical: number, size: number): boolean {
    return physical < this.physical + this.bytes && physical + size > this.physical;
  }

  private settle(): void {
    for (const row of this.pending) row.value = this.value(Number(row.physical), Number(row.bytes));
    this.pending = [];
  }

  private touched(physical: number, bytes: number, isWrite: boolean): void {
    if (!this.isInside(physical, bytes) || !this.kinds.includes(isWrite ? 'w' : 'r')) return;
    const { cpu, deliveryCount, deliveryTick } = this.machine;
    const tick = cpu.now();
    const seq = deliveryTick === tick ? deliveryCount : 0;
    // An instruction may write the same bytes twice; what it wrote first is there when it writes again.
    this.settle();
    const value = isWrite ? null : this.value(physical, bytes);
    const position = seq === 0 ? `${tick}` : `${tick}/${seq}`;
    const row: Row = {
      ...{ position, space: spaceOf(cpu), physical, bytes, kind: isWrite ? 'w' : 'r', value, eip: linearOf(cpu) },
    };
    this.rows.push(row);
    if (isWrite) this.pending.push(row);
  }

  before(step: Step): void {
    this.settle();
    const physical = peekPhysical(step.cpu, step.linear);
    this.forgetFaulted();
    if (!this.kinds.includes('x') || !this.isInside(physical, 1)) return;
    this.executed = { position: positionText(step), physical, kind: 'x', eip: step.linear };
    this.rows.push(this.executed);
  }

  private forgetFaulted(): void {
    if (this.executed !== null) this.rows.splice(this.rows.indexOf(this.executed), 1);
    this.executed = null;
  }

  retired(): void {
    this.executed = null;
  }

  end(): void {
    this.forgetFaulted();
    this.settle();
    this.machine.space.watch(new Map());
  }
}

/** syscalls(): by the bytes of the instructions. */
export class SyscallLooker implements Looker {
  readonly rows: Row[] = [];
  private readonly vector: number;
  private readonly open = new Map<string, { readonly row: Row; readonly eip: number }>();
  private fresh: { readonly key: string; readonly row: Row; readonly eip: number } | null = null;
  private isReturn = false;

  private readonly processOf: (cpu: Cpu) => string | null;

  constructor(vector: number, processOf: (cpu: Cpu) => string | null = () => null) {
    this.vector = vector;
    this.processOf = processOf;
  }

  before(step: Step): void {
    const { cpu, linear } = step;
    const bytes = new Uint8Array(2);
    peekBytes(cpu, linear, bytes);
    const isInt = bytes[0] === 0xcd && bytes[1] === this.vector;
    const isEnter = bytes[0] === 0x0f && bytes[1] === 0x34;
    this.isReturn = bytes[0] === 0xcf || (bytes[0] === 0x0f && bytes[1] === 0x35);
    this.fresh = null;
    if (!isInt && !isEnter) return;
    const { m32 } = cpu;
    const [esp, ebp] = [m32[ESP] >>> 0, m32[EBP] >>> 0];
    const args = [EBX, ECX, EDX, ESI, EDI].map((register) => m32[register] >>> 0);
    const row: Row = {
      ...{ position: positionText(step), space: spaceOf(cpu), process: this.processOf(cpu) },
      ...{ number: m32[EAX] >>> 0, result: null, duration: null },
    };
    [...args, isInt ? ebp : peekNumber(cpu, ebp, 4)].forEach((value, i) => {
      row[`arg${i}`] = value;
    });
    this.fresh = { key: `${stackSpaceOf(cpu)} ${isInt ? esp : ebp}`, row, eip: isInt ? linear + 2 : -1 };
  }

  retired({ cpu, tick }: Step, next: number): void {
    const { fresh } = this;
    if (fresh !== null) {
      this.rows.push(fresh.row);
      this.open.set(fresh.key, fresh);
      return;
    }
    const key = `${stackSpaceOf(cpu)} ${cpu.m32[ESP] >>> 0}`;
    const found = this.isReturn ? this.open.get(key) : undefined;
    if (found === undefined || (found.eip >= 0 && found.eip !== next)) return;
    found.row.result = cpu.m32[EAX] | 0;
    found.row.duration = tick - Number(String(found.row.position).split('/')[0]);
    this.open.delete(key);
  }
}
