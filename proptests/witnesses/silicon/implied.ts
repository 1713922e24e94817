/**
 * What an instruction needs beyond its operands in ModRM: pointers of string instructions, a stack with something
 * sensible on it, counts, dividends, selectors that exist, branch targets that are code. Without this most cases would
 * end in the same few faults. Keyed by row name; rows without an entry need nothing.
 */
import { EAX, EBP, EBX, ECX, EDI, EDX, ESI, ESP } from '../../../src/core/state/layout.ts';
import { SEGMENTS } from '../../../src/core/base/names.ts';
import { STACK, STACK_BYTES } from './background.ts';
import {
  chooseTarget,
  type Draft,
  descriptorOf,
  littleEndian,
  pointRegister,
  type SegmentName,
  segmentBase,
  SEGMENT_PREFIX,
} from './draft.ts';
import { type Form, sizeInBytes } from './forms.ts';
import {
  environmentImage,
  fxImage,
  integerOperand,
  mxcsrImage,
  patchMapped,
  selectorPool,
  vectorOperand,
  x87Operand,
} from './operands.ts';
import { biasedDword } from './random.ts';

/** One instruction in the making; generator.ts fills it in. */
export interface Instruction {
  form: Form;
  operandBits: 16 | 32;
  addressBits: 16 | 32;
  /** ModRM fields, and the low bits of the opcode byte. */
  reg: number;
  rm: number;
  low: number;
  /** Segment override prefix or 0; REP or REPNE or 0. */
  override: number;
  repeat: number;
  /** The explicit memory operand: linear address (−1 without one) and size. */
  memoryLinear: number;
  memoryByteLength: number;
  /** Bytes of it below the wrap of a 16-bit address. */
  memoryWrapsAt: number;
  /** Added to the address by the instruction itself. */
  bitAdjust: number;
  /** Masked to five bits; −1 for what is no shift. */
  shiftCount: number;
  branchDisplacement: number;
  farOffset: number;
  farSelector: number;
}

interface Implied {
  /** A segment prefix means something though there is no ModRM. */
  usesSegment?: boolean;
  /** Before operands are chosen. */
  prepare?: (draft: Draft, it: Instruction) => void;
  immediate?: (draft: Draft, it: Instruction, byteLength: number) => number;
  /** Contents of the explicit memory operand. */
  contents?: (draft: Draft, it: Instruction) => Uint8Array;
}

const REPNE = 0xf2;
const REP = 0xf3;

function setLow(draft: Draft, register: number, bits: number, value: number): void {
  const { registers } = draft.machineCase;
  registers[register] = bits === 32 ? value >>> 0 : ((registers[register] & 0xffff0000) | (value & 0xffff)) >>> 0;
  draft.pinned |= 1 << register;
}

// ---- strings ----

function string(source: boolean, destination: boolean): Implied {
  return {
    usesSegment: source,
    prepare(draft, it) {
      const { random } = draft;
      const byteLength = sizeInBytes(it.form.operands[0].size, it.operandBits, it.form.row.name);
      if (source) {
        let segment: SegmentName = 'ds';
        if (random.oneIn(5)) {
          segment = random.pick(SEGMENTS);
          it.override = SEGMENT_PREFIX[segment];
        }
        pointRegister(draft, ESI, segment, it.addressBits, byteLength);
      }
      if (destination) pointRegister(draft, EDI, 'es', it.addressBits, byteLength);
      if (random.oneIn(3)) return;
      it.repeat = random.oneIn(3) ? REPNE : REP;
      // Counts beyond a page run into its end: the fault in the middle is the point.
      setLow(
        draft,
        ECX,
        it.addressBits,
        random.pick([0, 1, 2, 3, random.below(40), random.below(40), random.below(3000), biasedDword(random)]),
      );
    },
  };
}

/** CMPS and SCAS should see equal elements now and then for more than one iteration. */
function comparing(base: Implied, destination: boolean): Implied {
  return {
    ...base,
    prepare(draft, it) {
      base.prepare?.(draft, it);
      const { random, machineCase: c } = draft;
      if (!random.oneIn(2)) return;
      const fill = new Uint8Array(32).fill(random.word());
      const registers = destination ? [ESI, EDI] : [EDI];
      for (const register of registers) {
        const segment = register === EDI ? 'es' : 'ds';
        const offset = it.addressBits === 32 ? c.registers[register] : c.registers[register] & 0xffff;
        patchMapped(c, (segmentBase(c, segment) + offset) >>> 0, fill.slice(0, 8 + random.below(24)));
      }
      if (!destination) c.registers[EAX] = Math.imul(fill[0], 0x01010101) >>> 0;
    },
  };
}

// ---- stack ----

/** Sets ESP (or EBP) so that the stack offset stands for a linear address. */
function setStackRegister(draft: Draft, register: number, linear: number): void {
  const { random, machineCase: c } = draft;
  const offset = linear - segmentBase(c, 'ss');
  const narrow = descriptorOf(c, 'ss')?.big === false;
  c.registers[register] = (narrow ? (random.word() & 0xffff0000) | (offset & 0xffff) : offset) >>> 0;
  draft.pinned |= 1 << register;
}

/** The linear address that the stack pointer stands for. */
export function stackTop(draft: Draft, register = ESP): number {
  const { machineCase: c } = draft;
  const narrow = descriptorOf(c, 'ss')?.big === false;
  return (segmentBase(c, 'ss') + (narrow ? c.registers[register] & 0xffff : c.registers[register])) >>> 0;
}

/** At times the stack ends within the next pushes or pops: at its page or at its limit. */
function placeStack(draft: Draft): void {
  const { random, machineCase: c } = draft;
  draft.pinned |= 1 << ESP;
  if (!random.oneIn(4)) {
    if (random.oneIn(4)) setStackRegister(draft, ESP, stackTop(draft) + random.below(4));
    return;
  }
  draft.notes.push('stack-edge');
  const descriptor = descriptorOf(c, 'ss');
  const reach = random.below(34);
  if (descriptor && random.oneIn(2)) {
    const offset = random.oneIn(2)
      ? descriptor.limit + 1 - reach
      : random.oneIn(2)
        ? descriptor.limit + 1 + reach
        : reach;
    c.registers[ESP] = descriptor.big ? offset >>> 0 : ((c.registers[ESP] & 0xffff0000) | (offset & 0xffff)) >>> 0;
  } else setStackRegister(draft, ESP, random.oneIn(2) ? STACK + reach : STACK + STACK_BYTES - reach);
}

const stack: Implied = { prepare: placeStack };

/** Puts values on the stack, of operand size, first popped first. */
function stackValues(draft: Draft, it: Instruction, values: number[], register = ESP): void {
  const bytes = values.flatMap((value) => littleEndian(value, it.operandBits / 8));
  patchMapped(draft.machineCase, stackTop(draft, register), Uint8Array.from(bytes));
}

const popFlags: Implied = {
  prepare(draft, it) {
    placeStack(draft);
    if (!draft.random.oneIn(8)) stackValues(draft, it, [flagImage(draft, it)]);
  },
};

/** Any flags; TF seldom, as it changes how the run goes on; NT never for IRET's sake (the next case starts afresh). */
function flagImage(draft: Draft, it: Instruction): number {
  const { random } = draft;
  const wild = random.word() & (random.oneIn(3) ? 0xffffffff : 0x240ed5);
  const kept = random.oneIn(8) ? wild : wild & ~0x100;
  return (it.form.row.name === 'IRET' ? kept & ~0x20000 : kept) >>> 0;
}

// ---- branches ----

/** An offset in the code segment with a HLT, behind or before the program; now and then anything. */
function codeOffset(draft: Draft): number {
  const { random, machineCase: c } = draft;
  if (random.oneIn(12)) return biasedDword(random);
  const offset = c.eip + (random.oneIn(2) ? 24 + random.below(40) : -24 - random.below(40));
  return offset >>> 0;
}

const relative: Implied = {
  prepare(draft, it) {
    const { random } = draft;
    placeStack(draft);
    // Forwards from 0, or backwards over the longest instruction: never into the program itself.
    const near = random.oneIn(2) ? random.below(100) : -(16 + random.below(100));
    const far = random.oneIn(10) ? random.word() : random.below(0x3000) - 0x1800;
    it.branchDisplacement = random.oneIn(2) && !(far < 0 && far > -16) ? far : near;
  },
};

/** A one-byte displacement must stay clear of the program too. */
export function branchBytes(it: Instruction, byteLength: number): number[] {
  const value = byteLength === 1 ? (it.branchDisplacement << 24) >> 24 : it.branchDisplacement;
  return littleEndian(value < 0 && value > -16 ? value + 32 : value, byteLength);
}

const loop: Implied = {
  prepare(draft, it) {
    relative.prepare?.(draft, it);
    setLow(draft, ECX, it.addressBits, draft.random.pick([0, 1, 2, 3, biasedDword(draft.random)]));
  },
};

const indirect: Implied = {
  prepare(draft, it) {
    placeStack(draft);
    // The stack pointer is left to its purpose: what it points at is no program.
    if (!it.form.memory && it.rm === ESP) it.rm = EBP;
    if (!it.form.memory) setLow(draft, it.rm, it.operandBits, codeOffset(draft));
  },
  contents: (draft, it) => Uint8Array.from(littleEndian(codeOffset(draft), it.operandBits / 8)),
};

const returning: Implied = {
  prepare(draft, it) {
    placeStack(draft);
    stackValues(draft, it, [codeOffset(draft)]);
  },
  immediate: (draft) => smallAmount(draft),
};

function smallAmount(draft: Draft): number {
  const { random } = draft;
  return random.pick([0, 4, random.below(64), random.below(64), biasedDword(random) & 0xffff]);
}

function codeSelector(draft: Draft): number {
  const { random, machineCase: c } = draft;
  const pool = selectorPool(draft);
  return random.oneIn(2) ? c.selectors.cs : random.pick(pool);
}

const farReturning: Implied = {
  prepare(draft, it) {
    placeStack(draft);
    const flags = it.form.row.name === 'IRET' ? [flagImage(draft, it)] : [];
    stackValues(draft, it, [codeOffset(draft), codeSelector(draft), ...flags]);
  },
  immediate: (draft) => smallAmount(draft),
};

const farDirect: Implied = {
  prepare(draft, it) {
    placeStack(draft);
    it.farOffset = codeOffset(draft);
    it.farSelector = codeSelector(draft);
  },
};

const farIndirect: Implied = {
  prepare: placeStack,
  contents: (draft, it) =>
    Uint8Array.from([...littleEndian(codeOffset(draft), it.operandBits / 8), ...littleEndian(codeSelector(draft), 2)]),
};

const interrupt: Implied = {
  prepare: placeStack,
  // 80h is the system call gate.
  immediate(draft) {
    const vector = draft.random.oneIn(3) ? draft.random.below(20) : draft.random.below(256);
    return vector === 0x80 ? 0x81 : vector;
  },
};

// ---- segment registers ----

/** One that certainly loads half of the time: the stack segment takes fewer than the others do. */
function dataSelector(draft: Draft): number {
  const { random, machineCase: c } = draft;
  const pool = selectorPool(draft);
  return random.oneIn(2) ? c.selectors.ss : random.pick(pool);
}

const dataSelectors: Implied = {
  prepare(draft, it) {
    if (it.form.memory === false) setLow(draft, it.rm, 16, dataSelector(draft));
  },
  contents(draft, it) {
    const selector = littleEndian(dataSelector(draft), 2);
    if (it.memoryByteLength === 2) return Uint8Array.from(selector);
    return Uint8Array.from([...littleEndian(biasedDword(draft.random), it.memoryByteLength - 2), ...selector]);
  },
};

const popSelector: Implied = {
  prepare(draft, it) {
    placeStack(draft);
    stackValues(draft, it, [dataSelector(draft) | (draft.random.word() & 0xffff0000)]);
  },
};

// ---- arithmetic ----

/** Half of the dividends are chosen so that the quotient fits. */
function dividing(signed: boolean): Implied {
  return {
    prepare(draft, it) {
      const { random, machineCase: c } = draft;
      draft.pinned |= (1 << EAX) | (1 << EDX);
      if (random.oneIn(2)) return;
      const narrow = it.form.operands[0].size === 'b';
      const sign = signed && random.oneIn(2);
      if (narrow) setLow(draft, EAX, 16, sign ? -random.below(0x80) : random.below(0x100));
      else c.registers[EDX] = sign ? 0xffffffff : random.below(4);
    },
  };
}

const bitTest: Implied = {
  prepare(draft, it) {
    const { random, machineCase: c } = draft;
    if (!it.form.memory || !it.form.operands.some((o) => o.place === 'G')) return;
    // The offset reaches at most a few pages away; the operand is placed so that the bit lies at the target.
    const offset = random.oneIn(8) ? random.word() : random.below(1 << 14) - (1 << 13);
    c.registers[it.reg] =
      it.operandBits === 16 ? ((c.registers[it.reg] & 0xffff0000) | (offset & 0xffff)) >>> 0 : offset >>> 0;
    draft.pinned |= 1 << it.reg;
    const signed = it.operandBits === 16 ? (offset << 16) >> 16 : offset;
    it.bitAdjust = it.operandBits === 16 ? (signed >> 4) * 2 : (signed >> 5) * 4;
  },
};

/** The accumulator equals the destination half of the time. */
const compareExchange: Implied = {
  prepare(draft, it) {
    const { random, machineCase: c } = draft;
    draft.pinned |= 1 << EAX;
    if (!it.form.memory && random.oneIn(2))
      c.registers[EAX] = c.registers[it.form.operands[0].size === 'b' ? it.rm & 3 : it.rm];
  },
  contents(draft, it) {
    const { random, machineCase: c } = draft;
    if (!random.oneIn(2)) return integerOperand(random, it.memoryByteLength);
    return Uint8Array.from(littleEndian(c.registers[EAX], 4)).slice(0, it.memoryByteLength);
  },
};

const compareExchange8: Implied = {
  prepare(draft) {
    draft.pinned |= (1 << EAX) | (1 << EDX);
  },
  contents(draft) {
    const { random, machineCase: c } = draft;
    const [low, high] = [c.registers[EAX], random.oneIn(4) ? biasedDword(random) : c.registers[EDX]];
    if (!random.oneIn(2)) return integerOperand(random, 8);
    return Uint8Array.from([...littleEndian(low, 4), ...littleEndian(high, 4)]);
  },
};

/** Bounds on both sides of the index, half of the time around it. */
const bound: Implied = {
  contents(draft, it) {
    const { random, machineCase: c } = draft;
    const index = c.registers[it.reg];
    const near = () => (random.oneIn(4) ? biasedDword(random) : index + random.below(5) - 2);
    const size = it.operandBits / 8;
    return Uint8Array.from([
      ...littleEndian(random.oneIn(2) ? near() : index - random.below(100), size),
      ...littleEndian(near(), size),
    ]);
  },
};

const shiftByCl: Implied = {
  prepare(draft, it) {
    const { machineCase: c } = draft;
    const byCl = it.form.row.name.endsWith('_CL') || it.form.operands.some((o) => o.place === 'CL');
    if (!byCl) {
      if (it.form.operands.some((o) => o.place === '1')) it.shiftCount = 1;
      return;
    }
    const count = shiftAmount(draft, it);
    c.registers[ECX] = ((c.registers[ECX] & 0xffffff00) | count) >>> 0;
    draft.pinned |= 1 << ECX;
    it.shiftCount = count & 31;
  },
  immediate(draft, it) {
    const count = shiftAmount(draft, it);
    it.shiftCount = count & 31;
    return count;
  },
};

function shiftAmount({ random }: Draft, it: Instruction): number {
  // Double shifts by more than 16 bits of a 16-bit operand give an undefined result: seldom of interest.
  const most = /^SH[LR]D/.test(it.form.row.name) && it.operandBits === 16 && !random.oneIn(20) ? 17 : 34;
  return random.oneIn(6)
    ? random.pick([0, 1, 7, 8, 9, 15, 16])
    : random.oneIn(12) && most === 34
      ? random.below(256)
      : random.below(most);
}

// ---- implied memory ----

const translate: Implied = {
  usesSegment: true,
  prepare(draft, it) {
    const { random, machineCase: c } = draft;
    let segment: SegmentName = 'ds';
    if (random.oneIn(5)) {
      segment = random.pick(SEGMENTS);
      it.override = SEGMENT_PREFIX[segment];
    }
    const offset = chooseTarget(draft, segment, 1) - segmentBase(c, segment) - (c.registers[EAX] & 0xff);
    setLow(draft, EBX, it.addressBits, offset);
  },
};

const maskedMove: Implied = {
  usesSegment: true,
  prepare(draft, it) {
    const { random } = draft;
    let segment: SegmentName = 'ds';
    if (random.oneIn(5)) {
      segment = random.pick(SEGMENTS);
      it.override = SEGMENT_PREFIX[segment];
    }
    pointRegister(draft, EDI, segment, it.addressBits, it.form.row.name === 'MASKMOVQ' ? 8 : 16);
  },
};

const state = (withRegisters: boolean): Implied => ({
  contents: (draft, it) => environmentImage(draft.random, it.operandBits, withRegisters),
});

const group = (names: string, implied: Implied): [string, Implied][] => names.split(' ').map((name) => [name, implied]);

export const IMPLIED: Readonly<Record<string, Implied | undefined>> = Object.fromEntries([
  ...group('MOVS', string(true, true)),
  ...group('LODS OUTS', string(true, false)),
  ...group('STOS INS', string(false, true)),
  ...group('CMPS', comparing(string(true, true), true)),
  ...group('SCAS', comparing(string(false, true), false)),
  ...group('PUSH PUSH_SREG POP PUSHA POPA PUSHF INT3 INTO', stack),
  ...group('POPF', popFlags),
  ...group('ENTER', {
    prepare(draft: Draft) {
      placeStack(draft);
      setStackRegister(draft, EBP, STACK + 0x400 + draft.random.below(0x800));
    },
    immediate: (draft: Draft, _it: Instruction, byteLength: number) =>
      byteLength === 2 ? smallAmount(draft) : draft.random.oneIn(3) ? draft.random.below(256) : draft.random.below(5),
  }),
  ...group('LEAVE', {
    prepare(draft: Draft) {
      setStackRegister(
        draft,
        EBP,
        draft.random.oneIn(3) ? STACK + STACK_BYTES - draft.random.below(8) : STACK + 0x400 + draft.random.below(0x800),
      );
    },
  }),
  ...group('JCC JMP CALL', relative),
  ...group('LOOP LOOPE LOOPNE JCXZ', loop),
  ...group('JMP_IND CALL_IND', indirect),
  ...group('RET', returning),
  ...group('RET_FAR IRET', farReturning),
  ...group('JMP_FAR CALL_FAR', farDirect),
  ...group('JMP_FAR_IND CALL_FAR_IND', farIndirect),
  ...group('INT', interrupt),
  ...group('MOV_TO_SREG LES LDS LSS LFS LGS LAR LSL VERR VERW ARPL', dataSelectors),
  ...group('POP_SREG', popSelector),
  ...group('DIV', dividing(false)),
  ...group('IDIV', dividing(true)),
  ...group('BT BTS BTR BTC', bitTest),
  ...group('CMPXCHG', compareExchange),
  ...group('CMPXCHG8B', compareExchange8),
  ...group('BOUND', bound),
  ...group('ROL ROR RCL RCR SHL SHR SAR SHLD SHRD SHLD_CL SHRD_CL', shiftByCl),
  ...group('AAM AAD', { immediate: ({ random }: Draft) => random.pick([0, 1, 2, 10, 10, 10, 16, random.below(256)]) }),
  ...group('XLAT', translate),
  ...group('MASKMOVQ MASKMOVDQU', maskedMove),
  ...group('FLDENV', state(false)),
  ...group('FRSTOR', state(true)),
  ...group('FXRSTOR', { contents: ({ random }: Draft) => fxImage(random) }),
  ...group('LDMXCSR', { contents: ({ random }: Draft) => mxcsrImage(random) }),
]);

/** Puts something of interest where the explicit memory operand is. */
export function fillOperand(draft: Draft, it: Instruction): void {
  const { random, machineCase: c } = draft;
  if (it.memoryLinear < 0 || it.memoryByteLength === 0) return;
  const special = IMPLIED[it.form.row.name]?.contents;
  let bytes: Uint8Array;
  if (special) bytes = special(draft, it);
  else if (random.oneIn(6)) return;
  else if (it.form.area === 'x87') bytes = x87Operand(random, it.form.row.name, it.memoryByteLength);
  else if (it.form.area === 'simd') bytes = vectorOperand(random, it.memoryByteLength);
  else bytes = integerOperand(random, it.memoryByteLength);
  patchMapped(c, it.memoryLinear, bytes);
  if (it.memoryWrapsAt < bytes.length)
    patchMapped(c, it.memoryLinear + it.memoryWrapsAt - 0x10000, bytes.slice(it.memoryWrapsAt));
}
