/**
 * What of a generated case's outcome is not compared: flags that the row calls undefined, narrowed by what is known of
 * the operands, x87 condition codes, results out of range, and fields of state images that tell about the host.
 */
import { C0, C1, C2, C3 } from '../../../src/core/cpu/float/x87/status-word.ts';
import { AF, ARITHMETIC_FLAGS, CF, OF } from '../../../src/core/state/layout.ts';
import { OBSERVED_ENVIRONMENT } from './background.ts';
import type { Draft } from './draft.ts';
import { type Instruction, stackTop } from './implied.ts';
import type { Tolerance } from './vectors.ts';

/** Undefined unless the instruction reports by them. C1 is the round-up or stack fault bit. */
const REPORTING_CODES = C0 | C2 | C3;

const REPORTS_BY_CONDITION_CODES = new Set(
  `FCOM FCOMP FCOMPP FUCOM FUCOMP FUCOMPP FICOM FICOMP FTST FXAM FPREM FPREM1 FLDENV FRSTOR FNINIT FNSAVE FNCLEX
   FNSTENV FNSTCW FNSTSW FNSTSW_AX FLDCW FNOP FNENI FNDISI FNSETPM`.split(/\s+/),
);
const TRANSCENDENTAL = /^(F2XM1|FYL2X|FYL2XP1|FPTAN|FPATAN|FSIN|FCOS|FSINCOS)$/;
const TRIGONOMETRIC = /^(FPTAN|FSIN|FCOS|FSINCOS)$/;
/** One last place for each side. */
const TRANSCENDENTAL_ULPS = 2;
/**
 * Beyond this the host reduces by a π of 66 bits, which may leave no digit right; proptests/float compares those with
 * it.
 */
const REDUCED_EXPONENT = 0x3ffe;
const ANY_ULPS = 2 ** 80;
/** Sign and exponent of ST(0) in an FXSAVE image. */
const FX_ST0_EXPONENT = 40;
/** The manual has C1 cleared; the host leaves it. */
const COMPARES_TO_FLAGS = /^FU?COMIP?$/;

/** Of one operand. */
const MOST_PUSHED_BYTES = 4;

export function toleranceOf(draft: Draft, it: Instruction, undefinedFlags: number): Tolerance {
  const name = it.form.row.name;
  const tolerance: Tolerance = {
    flags: narrowFlags(it, undefinedFlags),
    registers: 0,
    statusWord: 0,
    x87Ulps: 0,
    xmmApproximate: /^R(CP|SQRT)[PS]S$/.test(name),
    // AMD processors read the selector, and for other privileges the whole frame, before they check anything; CALL
    // pushes before it checks the target's limit. CMPS may look at its operands in either order.
    faultOrder: /^(RET_FAR|IRET|CMPS|CALL_FAR|CALL_FAR_IND)$/.test(name),
    memory: [],
  };
  if (it.form.area === 'x87') {
    if (!REPORTS_BY_CONDITION_CODES.has(name)) tolerance.statusWord |= REPORTING_CODES;
    if (TRIGONOMETRIC.test(name)) tolerance.statusWord &= ~0x400;
    if (COMPARES_TO_FLAGS.test(name)) tolerance.statusWord |= C1;
    if (TRANSCENDENTAL.test(name)) {
      tolerance.x87Ulps = TRIGONOMETRIC.test(name) && isReduced(draft) ? ANY_ULPS : TRANSCENDENTAL_ULPS;
      tolerance.statusWord |= C1;
    }
    // The status word in memory behind an appended FNSTENV has the same undefined bits.
    if (tolerance.statusWord && draft.notes.includes('env'))
      tolerance.memory.push({ address: OBSERVED_ENVIRONMENT.address + 5, byteLength: 1 });
  }
  if (/^SH[LR]D/.test(name) && it.operandBits === 16 && it.shiftCount > 16) {
    if (it.form.memory) tolerance.memory.push({ address: it.memoryLinear, byteLength: 2 });
    else tolerance.registers |= 1 << it.rm;
    tolerance.flags = ARITHMETIC_FLAGS;
  }
  if (/^CALL_FAR/.test(name)) {
    // Pushed, but not popped again from sight, when the target turns out to lie beyond its limit.
    const stack = stackTop(draft);
    tolerance.memory.push({ address: stack - 2 * MOST_PUSHED_BYTES, byteLength: 2 * MOST_PUSHED_BYTES });
  }
  if (name === 'FXSAVE') {
    // Pointers are stored on AMD only while an exception is pending; MXCSR_MASK is the host's.
    tolerance.memory.push(
      { address: pieceAddress(it, 4) + 2, byteLength: 2 },
      { address: pieceAddress(it, 8), byteLength: 8 },
      { address: pieceAddress(it, 16), byteLength: 8 },
      { address: pieceAddress(it, 28), byteLength: 4 },
    );
  }
  return tolerance;
}

/** Linear address of what the instruction moves as a piece of its own, `skip` bytes into its operand. */
function pieceAddress(it: Instruction, skip: number): number {
  return it.memoryLinear + skip - (skip >= it.memoryWrapsAt ? 0x10000 : 0);
}

/** The operand of a trigonometric instruction is about 1/2 or more. */
function isReduced(draft: Draft): boolean {
  const { fx } = draft.machineCase;
  if (!fx) return false;
  return new DataView(fx.buffer, fx.byteOffset).getUint16(FX_ST0_EXPONENT, true) % 0x8000 >= REDUCED_EXPONENT;
}

/** Shifts: the count decides. */
function narrowFlags(it: Instruction, undefinedFlags: number): number {
  const name = it.form.row.name;
  if (it.shiftCount === 0) return 0;
  if (it.shiftCount === 1) return undefinedFlags & ~OF;
  const bits = it.form.operands[0]?.size === 'b' ? 8 : it.operandBits;
  if (it.shiftCount > 1 && /^SH[LR]$/.test(name) && it.shiftCount >= bits) return undefinedFlags | CF | AF;
  return undefinedFlags;
}
