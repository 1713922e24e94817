/**
 * One machine case from one seed for a chosen form: prefixes, ModRM, immediates, operands in registers and memory, the
 * state around them, and what of the outcome the architecture leaves open. Assembles by itself from the row's encoding,
 * so that it is a witness against the project's assembler and decoder too. Implied operands are prepared in implied.ts,
 * layouts and addresses in draft.ts.
 */
import type { Random } from '../../../src/core/base/random.ts';
import { SEGMENTS } from '../../../src/core/base/names.ts';
import { flagMask } from '../../../src/core/isa/ops.ts';
import { OBSERVED_ENVIRONMENT } from './background.ts';
import type { MachineCase } from './case.ts';
import {
  isWrapping,
  type Draft,
  littleEndian,
  memoryOperand,
  newDraft,
  offsetOperand,
  SEGMENT_PREFIX,
  setProgram,
} from './draft.ts';
import { ANY_REG_FIELD, type Form, formName, NO_MODRM, NO_PREFIX_ALLOWED, rmOperand, sizeInBytes } from './forms.ts';
import { branchBytes, fillOperand, IMPLIED, type Instruction } from './implied.ts';
import { biasedDword, biasedVector } from './random.ts';
import { toleranceOf } from './undefined.ts';
import type { Tolerance } from './vectors.ts';

export interface GeneratedCase {
  /** Form, mode and what is special. */
  label: string;
  /** `formName` of the form: what coverage counts. */
  form: string;
  seed: number;
  machineCase: MachineCase;
  tolerance: Tolerance;
}

const LOCK = 0xf0;
const REPNE = 0xf2;
const REP = 0xf3;
const OPERAND_SIZE = 0x66;
const ADDRESS_SIZE = 0x67;
const NOP = 0x90;
const TRAP_FLAG = 0x100;
const NESTED_TASK = 0x4000;
const FLAGS_SELDOM_SET = [NESTED_TASK, 0x40000, 0x200000]; // NT AC ID
const FX_ST = 32;

/** The same form and seed always give the same case: reports name cases by them. */
export function generateCase(form: Form, seed: number): GeneratedCase {
  const layout = Math.imul(seed ^ 0x51ed270b, 0x9e3779b1) >>> 20;
  const codeBits = (layout & 3) === 0 ? 16 : 32;
  const segmented = ((layout >>> 2) & 7) < (codeBits === 16 ? 6 : 3);
  const draft = newDraft(seed, { codeBits, segmented });
  const { random, machineCase } = draft;
  const instruction = newInstruction(draft, form);
  setFloatingState(draft, form);
  setFlags(draft, form);
  IMPLIED[form.row.name]?.prepare?.(draft, instruction);
  setProgram(draft, [...assemble(draft, instruction), ...observePointers(draft, form)]);
  // A branch is best seen where it lands; otherwise the HLT there ends the run as well.
  if (random.oneIn(form.row.kind === 'branch' ? 2 : 4)) machineCase.steps = 1;
  const mode = codeBits === 16 ? ' code16' : '';
  return {
    label: [formName(form) + mode, ...new Set(draft.notes)].join(' ; '),
    form: formName(form),
    seed,
    machineCase,
    tolerance: toleranceOf(draft, instruction, flagMask(form.row.flags.undefined)),
  };
}

function newInstruction(draft: Draft, form: Form): Instruction {
  const { random, codeBits, machineCase: c } = draft;
  // 16-bit addresses reach nothing from a flat segment: seldom worth it there.
  const flat = SEGMENTS.every((name) => name === 'cs' || !(c.selectors[name] & 4));
  const otherAddressOneIn = codeBits === 32 ? (flat ? 30 : 5) : flat ? 2 : 4;
  const otherBits = codeBits === 32 ? 16 : 32;
  return {
    form,
    operandBits: form.operandBits || codeBits,
    addressBits: random.oneIn(otherAddressOneIn) ? otherBits : codeBits,
    reg: form.modrm === ANY_REG_FIELD ? regField(random, form) : Math.max(0, form.modrm),
    rm: random.below(8),
    low: form.plus === '' ? 0 : random.below(form.plus === 'cc' ? 16 : 8),
    override: 0,
    repeat: 0,
    memoryLinear: -1,
    memoryByteLength: 0,
    memoryWrapsAt: Number.POSITIVE_INFINITY,
    bitAdjust: 0,
    shiftCount: -1,
    branchDisplacement: 0,
    farOffset: 0,
    farSelector: 0,
  };
}

function regField(random: Random, form: Form): number {
  // Segment registers 6 and 7 do not exist: #UD.
  if (form.operands.some((o) => o.place === 'S')) return random.oneIn(12) ? random.below(8) : random.below(6);
  return random.below(8);
}

function setFlags(draft: Draft, form: Form): void {
  const { random, machineCase: c } = draft;
  for (const bit of FLAGS_SELDOM_SET) if (random.oneIn(20)) c.eflags |= bit;
  // IRET with NT is a task return, which the mode of the witness does not have.
  if (form.row.name === 'IRET') c.eflags &= ~NESTED_TASK;
  c.eflags &= ~TRAP_FLAG;
}

/** x87 and SSE state for the rows that use it, and now and then for others, which must leave it alone. */
function setFloatingState(draft: Draft, form: Form): void {
  const { random, machineCase: c } = draft;
  if (form.area === 'integer' && form.row.name !== 'FWAIT' && !random.oneIn(12)) {
    c.fx = null;
    return;
  }
  const usesMmx = form.operands.some((o) => /^[PQN]$/.test(o.place));
  if (usesMmx && c.fx && random.oneIn(2))
    for (let i = 0; i < 8; i++) {
      const vector = new Uint8Array(16);
      biasedVector(random, vector, 0);
      c.fx.set(vector.subarray(0, 8), FX_ST + 16 * i);
    }
}

/** Instruction bytes, prefixes in any order; registers and memory are set up on the way. */
function assemble(draft: Draft, it: Instruction): number[] {
  const { random, codeBits } = draft;
  const { form } = it;
  // Immediates first: a shift count must be known, ENTER and RET amounts do not depend on addresses.
  const immediates = form.operands.flatMap((o) => immediateBytes(draft, it, o.place, o.size));
  const tail = form.modrm === NO_MODRM ? [] : modrmBytes(draft, it);
  for (const o of form.operands) {
    if (o.place === 'O') tail.push(...offsetBytes(draft, it, sizeInBytes(o.size, it.operandBits, form.row.name)));
    if (o.place === 'A')
      tail.push(...littleEndian(it.farOffset, it.operandBits / 8), ...littleEndian(it.farSelector, 2));
  }
  tail.push(...immediates);

  const prefixes: number[] = [];
  if (form.mandatoryPrefix > NO_PREFIX_ALLOWED) prefixes.push(form.mandatoryPrefix);
  if (form.operandBits && form.operandBits !== codeBits) prefixes.push(OPERAND_SIZE);
  if (it.addressBits !== codeBits) prefixes.push(ADDRESS_SIZE);
  if (it.override) prefixes.push(it.override);
  if (it.repeat) prefixes.push(it.repeat);
  addStrayPrefixes(draft, it, prefixes);
  for (let i = prefixes.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [prefixes[i], prefixes[j]] = [prefixes[j], prefixes[i]];
  }
  const opcode = [...form.opcode];
  opcode[opcode.length - 1] += it.low;
  return [...prefixes, ...opcode, ...tail];
}

/** LOCK where legal and where not, REP where it means nothing, segment prefixes without memory, too many of them. */
function addStrayPrefixes(draft: Draft, it: Instruction, prefixes: number[]): void {
  const { random } = draft;
  const { form } = it;
  // LOCK MOV CR0 names CR8 on AMD processors, and LOCK VERW is no #UD there.
  if (/^(MOV_(TO|FROM)_[CD]R|VERW)$/.test(form.row.name)) return;
  if (random.oneIn(form.lockable && form.memory ? 6 : 40)) {
    prefixes.push(LOCK);
    draft.notes.push('lock');
  }
  // AMD processors let REP and REPNE choose between LOOPE and LOOPNE.
  const repeatMeansNothing =
    form.mandatoryPrefix === 0 &&
    form.opcode.length === 1 &&
    form.area === 'integer' &&
    !isString(form) &&
    !/^LOOPN?E$/.test(form.row.name);
  if (repeatMeansNothing && form.opcode[0] + it.low !== NOP && random.oneIn(40)) {
    prefixes.push(random.oneIn(2) ? REP : REPNE);
    draft.notes.push('stray-rep');
  }
  const segmentMeansNothing =
    form.memory !== true && !IMPLIED[form.row.name]?.usesSegment && !form.operands.some((o) => o.place === 'O');
  if (segmentMeansNothing && random.oneIn(40)) {
    prefixes.push(random.pick(Object.values(SEGMENT_PREFIX)));
    draft.notes.push('stray-segment');
  }
  if ((segmentMeansNothing || it.override) && random.oneIn(100)) {
    const wanted = 9 + random.below(6);
    while (prefixes.length < wanted) prefixes.push(it.override || SEGMENT_PREFIX.ds);
    draft.notes.push('long');
  }
}

function isString(form: Form): boolean {
  return form.operands.some((o) => o.place === 'X' || o.place === 'Y');
}

function immediateBytes(draft: Draft, it: Instruction, place: string, size: string): number[] {
  if (place === 'J') return branchBytes(it, size === 'b' ? 1 : it.operandBits / 8);
  if (place !== 'I' && place !== 'sI') return [];
  const byteLength = size === 'b' ? 1 : size === 'w' ? 2 : it.operandBits / 8;
  const value = IMPLIED[it.form.row.name]?.immediate?.(draft, it, byteLength) ?? biasedDword(draft.random);
  return littleEndian(value, byteLength);
}

function modrmBytes(draft: Draft, it: Instruction): number[] {
  const { form } = it;
  if (!form.memory) return [0xc0 | (it.reg << 3) | it.rm];
  it.memoryByteLength = sizeInBytes(rmOperand(form)?.size ?? 'b', it.operandBits, form.row.name);
  const operand = memoryOperand(draft, it.addressBits, it.memoryByteLength, it.bitAdjust);
  it.memoryLinear = operand.linear;
  it.memoryWrapsAt = operand.wrapsAt;
  it.override = operand.override;
  if (STATE_IMAGE.test(form.row.name) && it.memoryWrapsAt < it.memoryByteLength) liftLimits(draft);
  fillOperand(draft, it);
  const [first, ...rest] = operand.bytes;
  return [first | (it.reg << 3), ...rest];
}

const STATE_IMAGE = /^(FXSAVE|FXRSTOR|FNSAVE|FRSTOR|FNSTENV|FLDENV)$/;

/** No limit within an image that wraps: what a fault in its middle leaves behind is each implementation's own. */
function liftLimits({ machineCase: c }: Draft): void {
  for (const descriptor of c.descriptors) if (isWrapping(descriptor)) descriptor.limit = 0xfffff;
}

function offsetBytes(draft: Draft, it: Instruction, byteLength: number): number[] {
  const operand = offsetOperand(draft, it.addressBits, byteLength);
  it.memoryLinear = operand.linear;
  it.memoryWrapsAt = operand.wrapsAt;
  it.memoryByteLength = byteLength;
  it.override = operand.override;
  fillOperand(draft, it);
  return operand.bytes;
}

/** FNSTENV behind an x87 instruction shows pointers, opcode and full tags, which FXSAVE on AMD does not. */
function observePointers(draft: Draft, form: Form): number[] {
  const { random, machineCase: c, codeBits } = draft;
  const flat = codeBits === 32 && !(c.selectors.ds & 4) && c.selectors.ds !== 0;
  if (form.area !== 'x87' || !flat || form.row.name === 'FNSAVE' || !random.oneIn(3)) return [];
  draft.notes.push('env');
  return [0xd9, 0x35, ...littleEndian(OBSERVED_ENVIRONMENT.address, 4)];
}
