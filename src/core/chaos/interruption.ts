/**
 * What an interrupt does from its delivery to its return, as a footprint: memory that it reads and writes, and which
 * registers and flags of what it interrupted it uses. What it saves and gives back it does not use: every byte that is
 * only moved carries the name of the register that it came from, on any stack, through task switches too. What lies
 * below the stack pointer of what was interrupted is the handler's own, as any interrupt may come at any time.
 */
import { META_REP, META_REPNE } from '../isa/record.ts';
import { flagMask } from '../isa/ops.ts';
import type { Row } from '../isa/row.ts';
import { SIMD_ROWS } from '../isa/rows-simd.ts';
import { X87_ROWS } from '../isa/rows-x87.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { peekNumber } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import {
  EAX,
  EBX,
  ECX,
  EDX,
  EFLAGS,
  EIP,
  ESP,
  IDTR_BASE,
  MODE_CPL3,
  MODE_KEY,
  MODE_SS32,
  VM,
} from '../state/layout.ts';
import type { Flow } from '../timeline/provenance/flow.ts';
import { flowsOf } from '../timeline/provenance/flows.ts';
import {
  addressParts,
  hasImmediateB,
  type Instruction,
  instructionHere,
  linearStack,
  operandPlaces,
} from '../timeline/provenance/operands.ts';
import { generalRegister, memoryAt, type Place } from '../timeline/provenance/place.ts';
import type { Experiment } from './experiment.ts';
import { type Footprint, isBitString, linearStackTop } from './footprint.ts';

/** Longer ones cost more to look at than what is saved by them. */
const TICKS_MAX = 2048;
const STACK_BYTES_MAX = 8192;
/** Below the stack pointer, what one instruction pushes. */
const PUSHED_BYTES_MAX = 32;

/** Names that bytes of the frame carry; those of registers are below 0, 0 is none. */
const [FRAME_EIP, FRAME_CS, FRAME_FLAGS] = [1, 2, 3];
const ALL_FLAGS = -1;

export interface Interruption {
  /** When it is delivered, and when what it interrupted goes on. */
  readonly deliveryTick: number;
  readonly returnTick: number;
  /** Physical addresses. */
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** Its own, below the stack of what it interrupted. */
  readonly own: ReadonlySet<number>;
  /** So many bytes below the stack pointer, where it uses the same stack; else 0. */
  readonly depth: number;
  /** Linear address of the top of the stack that was interrupted. */
  readonly stackTop: number;
  /** Bytes of the processor's block whose values it uses, and flags. */
  readonly uses: ReadonlySet<number>;
  readonly flags: number;
}

const TOLD_SYSTEM = new Set('PUSHF POPF CLI STI IN OUT MOV_TO_SREG POP_SREG'.split(' '));
const TOLD_BRANCHES = new Set('JCC JMP JMP_IND CALL CALL_IND RET LOOP LOOPE LOOPNE JCXZ IRET INT'.split(' '));
const UNTOLD = /^(ENTER|BOUND)$/;
/** Registers that are not followed: an interrupt that uses them saves them by instructions of other kinds. */
const UNIT_ROWS: ReadonlySet<Row> = new Set<Row>([...X87_ROWS, ...SIMD_ROWS]);

const registerKey = (at: number): number => -1 - at;

class Follower {
  readonly reads = new Set<number>();
  readonly writes = new Set<number>();
  readonly own = new Set<number>();
  readonly uses = new Set<number>();
  flags = 0;
  /** The flags that are still those of what was interrupted. */
  private kept = ALL_FLAGS;
  private readonly names = new Map<number, number>();
  private readonly frame: number;
  private readonly frameEnd: number;
  readonly isOuter: boolean;
  lowest: number;

  /** Right behind the delivery. */
  constructor(cpu: Cpu, isOuter: boolean, vector: number) {
    this.isOuter = isOuter;
    this.frame = linearStackTop(cpu);
    this.frameEnd = this.frame + (isOuter ? 20 : 12);
    this.lowest = this.frame;
    const esp = generalRegister(ESP, 4);
    const word = (index: number): Place[] => memoryAt(cpu, (this.frame + 4 * index) >>> 0, 4);
    for (let i = 0; i < (this.frameEnd - this.frame) >> 2; i++) {
      for (const place of word(i)) this.fill(place, (at) => this.nameOfFrame(i, at));
    }
    if (isOuter) this.fill(esp, () => 0);
    this.read(memoryAt(cpu, (cpu.m32[IDTR_BASE] + 8 * vector) >>> 0, 8));
  }

  private nameOfFrame(index: number, at: number): number {
    if (index === 3) return registerKey(generalRegister(ESP, 4).at + at);
    return [FRAME_EIP, FRAME_CS, FRAME_FLAGS][index] ?? 0;
  }

  private nameAt(key: number): number {
    return this.names.get(key) ?? (key < 0 ? key : 0);
  }

  private static keyOf({ space, at }: Place, offset: number): number {
    return space === 'memory' ? at + offset : registerKey(at + offset);
  }

  private isOwn({ space, linear }: Place): boolean {
    return space === 'memory' && linear !== undefined && linear >= this.lowest && linear < this.frameEnd;
  }

  private fill(place: Place, nameOf: (offset: number) => number): void {
    if (place.space === 'device') return;
    if (place.space === 'flags') {
      this.kept &= ~place.at;
      return;
    }
    const isOwn = this.isOwn(place);
    for (let i = 0; i < place.size; i++) {
      const key = Follower.keyOf(place, i);
      this.names.set(key, nameOf(i));
      if (place.space === 'memory') (isOwn ? this.own : this.writes).add(key);
    }
  }

  /** The value of these bytes is made something of. */
  private use(places: readonly Place[]): void {
    for (const place of places) {
      if (place.space === 'flags') this.useFlags(place.at);
      if (place.space !== 'register' && place.space !== 'memory') continue;
      for (let i = 0; i < place.size; i++) this.useName(this.nameAt(Follower.keyOf(place, i)));
    }
  }

  private useName(name: number): void {
    if (name === FRAME_FLAGS) this.flags = ALL_FLAGS;
    else if (name !== 0 && name !== FRAME_CS) this.uses.add(name);
  }

  private useFlags(mask: number): void {
    this.flags |= mask & this.kept;
  }

  private read(places: readonly Place[]): void {
    for (const place of places) {
      if (place.space !== 'memory') continue;
      for (let i = 0; i < place.size; i++) if (!this.own.has(place.at + i)) this.reads.add(place.at + i);
    }
  }

  /** It is about to give back what it interrupted. */
  isReturn(cpu: Cpu, { row }: Instruction): boolean {
    return row.name === 'IRET' && linearStackTop(cpu) === this.frame;
  }

  /** Whether everything is given back, as it was. */
  givesBack(cpu: Cpu): boolean {
    const word = (index: number): number[] =>
      memoryAt(cpu, (this.frame + 4 * index) >>> 0, 4).flatMap((place) =>
        Array.from({ length: place.size }, (_, i) => this.nameAt(Follower.keyOf(place, i))),
      );
    const wanted = [FRAME_EIP, FRAME_CS, FRAME_FLAGS];
    if (!wanted.every((name, i) => word(i).every((each) => each === name))) return false;
    const esp = generalRegister(ESP, 4).at;
    if (this.isOuter && !word(3).every((name, i) => name === registerKey(esp + i))) return false;
    for (const [key, name] of this.names) {
      const isStackPointer = key <= registerKey(esp) && key > registerKey(esp + 4);
      if (key < 0 && name !== key && !(this.isOuter && isStackPointer)) return false;
      // What it leaves elsewhere it has used.
      if (key >= 0 && !this.own.has(key)) this.useName(name);
    }
    return true;
  }

  /** The instruction about to run; false: it cannot be followed. */
  step(cpu: Cpu, instruction: Instruction): boolean {
    const { row, meta } = instruction;
    if ((cpu.m32[MODE_KEY] & MODE_SS32) === 0 || !isTold(instruction)) return false;
    const top = linearStackTop(cpu);
    const isOnStack = top <= this.frame && top > this.frame - STACK_BYTES_MAX;
    if (isOnStack) this.lowest = Math.min(this.lowest, top);
    const { lowest } = this;
    if (isOnStack) this.lowest = Math.min(lowest, top - PUSHED_BYTES_MAX);
    const [a, b] = [operandPlaces(cpu, instruction, 0), operandPlaces(cpu, instruction, 1)];
    const flows = flowsOf(cpu, instruction);
    const read = [...a, ...b, ...memoryAt(cpu, instruction.linear, instruction.length)];
    for (const { from, inputs } of flows) {
      if (from !== null) read.push(from);
      for (const { places } of inputs) read.push(...places);
    }
    this.read(read);
    this.useFlags(flagMask(row.flags.read));
    if ((meta & (META_REP | META_REPNE)) !== 0) this.use([generalRegister(ECX, 4)]);
    this.useAddress(instruction, [...a, ...b]);
    this.useUntold(cpu, instruction, a, b);
    const named = flows.map((flow) => this.namesOf(flow, row.name));
    flows.forEach(({ to }, i) => {
      this.fill(to, (offset) => named[i][offset] ?? 0);
    });
    this.kept &= ~flagMask(row.flags.written + row.flags.undefined);
    if (row.name === 'IRET') this.returnFlags(cpu);
    this.lowest = lowest;
    return true;
  }

  private useAddress(instruction: Instruction, operands: readonly Place[]): void {
    const isOwn = operands.every((place) => place.space !== 'memory' || this.isOwn(place));
    const esp = generalRegister(ESP, 4).at;
    for (const { place } of addressParts(instruction)) {
      for (let i = 0; i < place.size; i++) {
        const name = this.nameAt(Follower.keyOf(place, i));
        const isStackPointer = name <= registerKey(esp) && name > registerKey(esp + 4);
        if (!isOwn || !isStackPointer) this.useName(name);
      }
    }
  }

  /** What is used and fills nothing, so that no flow speaks of it. */
  private useUntold(cpu: Cpu, instruction: Instruction, a: readonly Place[], b: readonly Place[]): void {
    switch (instruction.row.name) {
      case 'JMP_IND':
      case 'CALL_IND':
        this.use(a);
        return;
      case 'RET':
        this.use(memoryAt(cpu, linearStack(cpu, 0), 4));
        return;
      case 'XLAT':
        this.use([generalRegister(EAX, 1), generalRegister(EBX, 4)]);
        return;
      case 'LOOP':
      case 'LOOPE':
      case 'LOOPNE':
      case 'JCXZ':
        this.use([generalRegister(ECX, 4)]);
        return;
      case 'IN':
        if (!hasImmediateB(instruction)) this.use([generalRegister(EDX, 2)]);
        return;
      case 'OUT':
        this.use([...a, ...b]);
        return;
      case 'INT':
        this.useFlags(ALL_FLAGS);
        for (let i = 1; i <= 3; i++) {
          for (const place of memoryAt(cpu, linearStack(cpu, -4 * i), 4)) this.fill(place, () => 0);
        }
        return;
    }
  }

  /** The names that the bytes of its target carry afterwards; whatever is computed is used. */
  private namesOf({ how, to, from, inputs }: Flow, row: string): readonly number[] {
    if (how === 'move' && from !== null) {
      if (from.space === 'device' || from.space === 'flags') return [];
      return Array.from({ length: to.size }, (_, i) => this.nameAt(Follower.keyOf(from, i)));
    }
    if (how !== 'computed') return [];
    const esp = generalRegister(ESP, 4);
    const isStackPointer = (place: Place): boolean => place.space === 'register' && place.at === esp.at;
    const reads = inputs.flatMap(({ places }) => places);
    if (row === 'LEAVE' && isStackPointer(to)) return [];
    if (STACK_MOVES.has(row) && isStackPointer(to) && reads.every(isStackPointer)) {
      return Array.from({ length: 4 }, (_, i) => this.nameAt(Follower.keyOf(esp, i)));
    }
    // The flags of a frame are given back, not used.
    if (!(row === 'IRET' && to.space === 'flags')) this.use(reads);
    return [];
  }

  private returnFlags(cpu: Cpu): void {
    const frame = memoryAt(cpu, linearStack(cpu, 8), 4);
    const isKept = frame.every((place) => {
      return Array.from({ length: place.size }, (_, i) => this.nameAt(place.at + i)).every(
        (name) => name === FRAME_FLAGS,
      );
    });
    this.kept = isKept ? ALL_FLAGS : 0;
  }
}

/**
 * What the interrupt does that a run with these inputs comes to; the moment must be the experiment's. Null when none is
 * delivered soon, when another one comes meanwhile, or when it cannot be followed to its return.
 */
export function followInterrupt(
  experiment: Experiment,
  inputs: readonly TimedInput[],
  fromTick: number,
  wanted: 'interrupt' | 'nmi',
): Interruption | null {
  const { cpu } = experiment.machine;
  let follower: Follower | null = null;
  let [deliveryTick, returnTick, stackTop] = [-1, -1, 0];
  let [eip, esp, isOuter] = [0, 0, false];
  let isReturning = false;
  let isLost = false;
  const step = (): void => {
    const instruction = instructionHere(cpu);
    if (follower === null || instruction === null) isLost = true;
    else if (follower.isReturn(cpu, instruction)) {
      isReturning = true;
      isLost = !follower.givesBack(cpu);
    } else isLost = !follower.step(cpu, instruction);
  };
  const look = (_: Cpu, tick: number): boolean => {
    if (follower === null) {
      [eip, esp, isOuter] = [cpu.m32[EIP], cpu.m32[ESP], (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0];
      stackTop = linearStackTop(cpu);
    } else if (!isReturning) step();
    else {
      returnTick = tick;
      isLost = cpu.m32[EIP] !== eip || cpu.m32[ESP] !== esp;
      return false;
    }
    return !isLost;
  };
  const delivered = (kind: string, vector: number): boolean => {
    isLost = follower !== null || kind !== wanted || !hasWideFrame(cpu, eip);
    if (isLost) return false;
    deliveryTick = experiment.machine.tick;
    follower = new Follower(cpu, isOuter, vector);
    step();
    return !isLost;
  };
  experiment.walk(inputs, fromTick + TICKS_MAX, look, delivered);
  return isLost || returnTick < 0 ? null : result(follower, { deliveryTick, returnTick, stackTop });
}

/** 32-bit frames of protected mode alone. */
function hasWideFrame(cpu: Cpu, eip: number): boolean {
  const isVirtual = (cpu.m32[EFLAGS] & VM) !== 0;
  return !isVirtual && (cpu.m32[MODE_KEY] & MODE_SS32) !== 0 && peekNumber(cpu, linearStack(cpu, 0), 4) === eip >>> 0;
}

function result(
  follower: Follower | null,
  ticks: Pick<Interruption, 'deliveryTick' | 'returnTick' | 'stackTop'>,
): Interruption | null {
  if (follower === null) return null;
  const { reads, writes, own, uses, flags, isOuter, lowest } = follower;
  const isFollowed = ![...uses].some((name) => name === FRAME_EIP);
  const depth = isOuter ? 0 : ticks.stackTop - lowest;
  return isFollowed ? { ...ticks, reads, writes, own, uses, flags, depth } : null;
}

/** Whether the two come to the same in either order, the instruction being the next one of what is interrupted. */
export function commutes(footprint: Footprint, interruption: Interruption): boolean {
  const { reads, writes, own, uses, flags, depth } = interruption;
  if ((footprint.flags & flags) !== 0) return false;
  const lowest = footprint.stackTop - depth;
  const meets = (place: Place, isWrite: boolean): boolean => {
    const { at, size, linear = 0 } = place;
    for (let i = 0; i < size; i++) {
      const isBelow = linear + i >= lowest && linear + i < footprint.stackTop;
      if (isBelow && !footprint.isStack) return true;
      if (depth === 0 && own.has(at + i)) return true;
      if (writes.has(at + i) || (isWrite && reads.has(at + i))) return true;
    }
    return false;
  };
  if (footprint.writes.some((place) => meets(place, true))) return false;
  if (footprint.reads.some((place) => meets(place, false))) return false;
  return !footprint.fills.some(({ at, size }) => {
    return Array.from({ length: size }, (_, i) => registerKey(at + i)).some((key) => uses.has(key));
  });
}

const STACK_MOVES = new Set('PUSH PUSHA POP POPA PUSHF POPF CALL CALL_IND RET IRET INT PUSH_SREG POP_SREG'.split(' '));

function isTold(instruction: Instruction): boolean {
  const { row } = instruction;
  if (row.kind === 'system' && !TOLD_SYSTEM.has(row.name)) return false;
  if (row.kind === 'branch' && !TOLD_BRANCHES.has(row.name)) return false;
  return !UNTOLD.test(row.name) && !UNIT_ROWS.has(row) && !isBitString(instruction);
}
