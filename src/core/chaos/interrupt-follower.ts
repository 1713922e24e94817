/**
 * An interrupt handler, followed instruction by instruction from its delivery to its return: which bytes it reads and
 * writes, and which registers and flags of what it interrupted it makes something of (byte-names.ts). What it saves and
 * gives back it does not use, on any stack, through task switches too.
 */
import { flagMask } from '../isa/ops.ts';
import { META_REP, META_REPNE } from '../isa/record.ts';
import type { Row } from '../isa/row.ts';
import { SIMD_ROWS } from '../isa/rows-simd.ts';
import { X87_ROWS } from '../isa/rows-x87.ts';
import type { Cpu } from '../state/cpu.ts';
import { EAX, EBX, ECX, EDX, ESP, IDTR_BASE, MODE_KEY, MODE_SS32 } from '../state/layout.ts';
import type { Flow } from '../timeline/provenance/flow.ts';
import { flowsOf } from '../timeline/provenance/flows.ts';
import {
  addressParts,
  hasImmediateB,
  type Instruction,
  linearStack,
  operandPlaces,
} from '../timeline/provenance/operands.ts';
import { generalRegister, memoryAt, type Place } from '../timeline/provenance/place.ts';
import { ALL_FLAGS, ByteNames, FRAME_CS, FRAME_EIP, FRAME_FLAGS, NO_NAME, registerKey } from './byte-names.ts';
import { isBitString, linearStackTop } from './footprint.ts';

const STACK_BYTES_MAX = 8192;
/** Below the stack pointer, what one instruction pushes. */
const PUSHED_BYTES_MAX = 32;
/** Of a delivery without a change of rings, and with one. */
const [FRAME_BYTES, OUTER_FRAME_BYTES] = [12, 20];
const FRAME_NAMES: readonly number[] = [FRAME_EIP, FRAME_CS, FRAME_FLAGS];
const ESP_AT = generalRegister(ESP, 4).at;

const isStackPointerName = (name: number): boolean => name <= registerKey(ESP_AT) && name > registerKey(ESP_AT + 4);

export class Follower {
  readonly reads = new Set<number>();
  readonly writes = new Set<number>();
  /** Bytes below the stack pointer of what was interrupted. */
  readonly own = new Set<number>();
  readonly names = new ByteNames();
  readonly isOuter: boolean;
  /** Linear address down to which its stack has gone. */
  lowest: number;
  private readonly frame: number;
  private readonly frameEnd: number;

  /** Right behind the delivery. */
  constructor(cpu: Cpu, isOuter: boolean, vector: number) {
    this.isOuter = isOuter;
    this.frame = linearStackTop(cpu);
    this.frameEnd = this.frame + (isOuter ? OUTER_FRAME_BYTES : FRAME_BYTES);
    this.lowest = this.frame;
    for (let i = 0; i < (this.frameEnd - this.frame) >> 2; i++) {
      for (const place of this.frameWord(cpu, i)) this.fill(place, (at) => nameOfFrame(i, at));
    }
    if (isOuter) this.fill(generalRegister(ESP, 4), () => NO_NAME);
    this.read(memoryAt(cpu, (cpu.m32[IDTR_BASE] + 8 * vector) >>> 0, 8));
  }

  private frameWord(cpu: Cpu, index: number): Place[] {
    return memoryAt(cpu, (this.frame + 4 * index) >>> 0, 4);
  }

  private isOwn({ space, linear }: Place): boolean {
    return space === 'memory' && linear !== undefined && linear >= this.lowest && linear < this.frameEnd;
  }

  private fill(place: Place, nameOf: (offset: number) => number): void {
    const keys = this.names.fill(place, nameOf);
    if (place.space !== 'memory') return;
    const touched = this.isOwn(place) ? this.own : this.writes;
    for (const key of keys) touched.add(key);
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
    const word = (index: number): number[] => this.frameWord(cpu, index).flatMap((place) => this.names.of(place));
    if (!FRAME_NAMES.every((name, i) => word(i).every((each) => each === name))) return false;
    if (this.isOuter && !word(3).every((name, i) => name === registerKey(ESP_AT + i))) return false;
    for (const [key, name] of this.names.filled()) {
      if (key < 0 && name !== key && !(this.isOuter && isStackPointerName(key))) return false;
      // What it leaves elsewhere it has used.
      if (key >= 0 && !this.own.has(key)) this.names.useName(name);
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
    const { lowest, names } = this;
    if (isOnStack) this.lowest = Math.min(lowest, top - PUSHED_BYTES_MAX);
    const [a, b] = [operandPlaces(cpu, instruction, 0), operandPlaces(cpu, instruction, 1)];
    const flows = flowsOf(cpu, instruction);
    const read = [...a, ...b, ...memoryAt(cpu, instruction.linear, instruction.length)];
    for (const { from, inputs } of flows) {
      if (from !== null) read.push(from);
      for (const { places } of inputs) read.push(...places);
    }
    this.read(read);
    names.useFlags(flagMask(row.flags.read));
    if ((meta & (META_REP | META_REPNE)) !== 0) names.use([generalRegister(ECX, 4)]);
    this.useAddress(instruction, [...a, ...b]);
    this.useUntold(cpu, instruction, a, b);
    const moved = flows.map((flow) => this.namesOf(flow, row.name));
    flows.forEach(({ to }, i) => {
      this.fill(to, (offset) => moved[i][offset] ?? NO_NAME);
    });
    names.dropFlags(flagMask(row.flags.written + row.flags.undefined));
    if (row.name === 'IRET') this.returnFlags(cpu);
    this.lowest = lowest;
    return true;
  }

  private useAddress(instruction: Instruction, operands: readonly Place[]): void {
    const isOwn = operands.every((place) => place.space !== 'memory' || this.isOwn(place));
    for (const { place } of addressParts(instruction)) {
      for (const name of this.names.of(place)) if (!isOwn || !isStackPointerName(name)) this.names.useName(name);
    }
  }

  /** What is used and fills nothing, so that no flow speaks of it. */
  private useUntold(cpu: Cpu, instruction: Instruction, a: readonly Place[], b: readonly Place[]): void {
    const { names } = this;
    switch (instruction.row.name) {
      case 'JMP_IND':
      case 'CALL_IND':
        names.use(a);
        return;
      case 'RET':
        names.use(memoryAt(cpu, linearStack(cpu, 0), 4));
        return;
      case 'XLAT':
        names.use([generalRegister(EAX, 1), generalRegister(EBX, 4)]);
        return;
      case 'LOOP':
      case 'LOOPE':
      case 'LOOPNE':
      case 'JCXZ':
        names.use([generalRegister(ECX, 4)]);
        return;
      case 'IN':
        if (!hasImmediateB(instruction)) names.use([generalRegister(EDX, 2)]);
        return;
      case 'OUT':
        names.use([...a, ...b]);
        return;
      case 'INT':
        names.useFlags(ALL_FLAGS);
        for (let i = 1; i <= 3; i++) {
          for (const place of memoryAt(cpu, linearStack(cpu, -4 * i), 4)) this.fill(place, () => NO_NAME);
        }
        return;
    }
  }

  /** The names that the bytes of its target carry afterwards; whatever is computed is used. */
  private namesOf({ how, to, from, inputs }: Flow, row: string): readonly number[] {
    if (how === 'move' && from !== null) return this.names.of(from);
    if (how !== 'computed') return [];
    const isStackPointer = (place: Place): boolean => place.space === 'register' && place.at === ESP_AT;
    const reads = inputs.flatMap(({ places }) => places);
    if (row === 'LEAVE' && isStackPointer(to)) return [];
    if (STACK_MOVES.has(row) && isStackPointer(to) && reads.every(isStackPointer)) {
      return this.names.of(generalRegister(ESP, 4));
    }
    // The flags of a frame are given back, not used.
    if (!(row === 'IRET' && to.space === 'flags')) this.names.use(reads);
    return [];
  }

  private returnFlags(cpu: Cpu): void {
    const frame = memoryAt(cpu, linearStack(cpu, 8), 4);
    const areKept = frame.every((place) => this.names.of(place).every((name) => name === FRAME_FLAGS));
    this.names.restoreFlags(areKept);
  }
}

function nameOfFrame(index: number, offset: number): number {
  return index === 3 ? registerKey(ESP_AT + offset) : (FRAME_NAMES[index] ?? NO_NAME);
}

const STACK_MOVES = new Set('PUSH PUSHA POP POPA PUSHF POPF CALL CALL_IND RET IRET INT PUSH_SREG POP_SREG'.split(' '));
const TOLD_SYSTEM = new Set('PUSHF POPF CLI STI IN OUT MOV_TO_SREG POP_SREG'.split(' '));
const TOLD_BRANCHES = new Set('JCC JMP JMP_IND CALL CALL_IND RET LOOP LOOPE LOOPNE JCXZ IRET INT'.split(' '));
const UNTOLD = /^(ENTER|BOUND)$/;
/** Registers that are not followed: an interrupt that uses them saves them by instructions of other kinds. */
const UNIT_ROWS: ReadonlySet<Row> = new Set<Row>([...X87_ROWS, ...SIMD_ROWS]);

/** Flows and useUntold say all of it. */
function isTold(instruction: Instruction): boolean {
  const { row } = instruction;
  if (row.kind === 'system' && !TOLD_SYSTEM.has(row.name)) return false;
  if (row.kind === 'branch' && !TOLD_BRANCHES.has(row.name)) return false;
  return !UNTOLD.test(row.name) && !UNIT_ROWS.has(row) && !isBitString(instruction);
}
