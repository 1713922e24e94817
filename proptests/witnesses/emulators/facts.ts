/**
 * What verdicts ask of a case and its outcome: where our frame lies, which flags an event pushes, what the program was.
 * Nothing here decides who is right.
 */
import { NT, RF, TF } from '../../../src/core/state/layout.ts';
import { VECTOR_DB, VECTOR_GP, VECTOR_PF } from '../../../src/core/base/vectors.ts';
import { before, type Difference, valueAt } from './compare.ts';
import * as at from './layout.ts';
import type { Evidence } from './verdicts.ts';

export const VIF_VIP = 0x180000;

/** By the entry (IF through an interrupt gate), and DF by the monitor. */
const HANDLER_CLEARS = TF | NT | RF | 0x20600;
const FAULTS = [0, 5, 6, 7, 10, 11, 12, 13, 14, 17];
const WITH_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17];

/** Bits in which the two differ. */
export const changed = ({ ours, theirs }: Difference): number => (ours ^ theirs) >>> 0;
export const isOnly = (d: Difference, bits: number): boolean => (changed(d) & ~bits) === 0;

export const isIn = ({ place }: Difference, start: number, size: number): boolean =>
  typeof place === 'number' && place >= start && place < start + size;

export const ourMemory = ({ c, template, ours }: Evidence, address: number): number =>
  valueAt(c, template, ours, address);

/** The program has nothing but software interrupts that might be taken for a fault with an error code. */
const isAmbiguous = (e: Evidence): boolean => /\bint (8|10|11|12|13|14)\b/.test(e.c.program);

export function hasErrorCode(e: Evidence): boolean {
  return WITH_ERROR_CODE.includes(e.ours.fields.vector) && !isAmbiguous(e);
}

/** We ended in a fault-class exception (not a trap, not a software interrupt). */
export function isFault(e: Evidence): boolean {
  const { vector, dr6 } = e.ours.fields;
  if (e.ours.end !== 'done' || isAmbiguous(e)) return false;
  return FAULTS.includes(vector) || (vector === VECTOR_DB && (dr6 & 0x2000) !== 0);
}

/** Address of EIP in the frame that we left through a 32-bit gate on a flat stack; undefined for other entries. */
export function frameAt(e: Evidence): number | undefined {
  const { kind, esp, ss } = e.ours.fields;
  const isFlat = [at.DATA0, at.DATA1, at.DATA2].includes(ss);
  if (e.ours.end !== 'done' || kind !== at.KIND_GATE32 || !isFlat || isAmbiguous(e) || (esp & 3) !== 0)
    return undefined;
  return esp + (hasErrorCode(e) ? 4 : 0);
}

export const frameFlagsAt = (e: Evidence): number | undefined => {
  const frame = frameAt(e);
  return frame === undefined ? undefined : frame + 8;
};

/** Our error code as pushed through a 32-bit gate. */
export function errorCode(e: Evidence): number | undefined {
  return frameAt(e) === undefined || !hasErrorCode(e) ? undefined : ourMemory(e, e.ours.fields.esp);
}

/** A place that may hold an image of EFLAGS: the flags of the handler, a register that POP filled, memory. */
export const mayHoldFlags = ({ place }: Difference): boolean =>
  place === 'flags' || place === 'ecx' || typeof place === 'number';

export const isDone = (e: Evidence): boolean => e.ours.end === 'done' && e.theirs.end === 'done';
export const ourVector = (e: Evidence): number => (e.ours.end === 'done' ? e.ours.fields.vector : -1);
export const theirVector = (e: Evidence): number => (e.theirs.end === 'done' ? e.theirs.fields.vector : -1);

/** Registers, and images of them, after a switch to a 16-bit task: lower halves as they should be, our upper ones 0. */
export function isUpperHalfOfTask16(d: Difference, { c }: Evidence): boolean {
  const isRegister = typeof d.place === 'number' || /^(e(ax|cx|dx|bx|sp|bp|si|di)|flags)$/.test(d.place);
  return (
    (c.tags.has('tss16') || c.tags.has('task') || /taskgate/.test(c.title)) &&
    isRegister &&
    (changed(d) & 0xffff) === 0 &&
    d.ours >>> 16 === 0
  );
}

/**
 * The whole outcome is that of a fault of the first instruction at CPL 0 to 3 in protected mode, with nothing else
 * changed: what a fault-class exception demands, computed from the entry state and not from any peer.
 */
export function isCleanFault(e: Evidence, vector: number, error: number): boolean {
  const { c, template, ours } = e;
  const { registers: r, system: s } = c;
  const { fields: f } = ours;
  const frame = frameAt(e);
  if (frame === undefined || f.vector !== vector || c.isReal || c.tags.has('v86')) return false;
  const isInner = (r.cs & 3) !== 0;
  const top = isInner ? before(c, template, at.TSS + 4) : r.esp;
  const saved = (r.eflags | RF) >>> 0;
  const words = isInner ? [r.eip, r.cs, saved, r.esp, r.ss] : [r.eip, r.cs, saved];
  const start = top - words.length * 4 - 4;
  if (frame !== start + 4) return false;
  const same =
    f.eax === r.eax >>> 0 &&
    f.ecx === r.ecx >>> 0 &&
    f.edx === r.edx >>> 0 &&
    f.ebx === r.ebx >>> 0 &&
    f.ebp === r.ebp >>> 0 &&
    f.esi === r.esi >>> 0 &&
    f.edi === r.edi >>> 0 &&
    f.ds === r.ds &&
    f.es === r.es &&
    f.fs === r.fs &&
    f.gs === r.gs &&
    f.ss === (isInner ? before(c, template, at.TSS + 8) & 0xffff : r.ss) &&
    f.tr === s.tr &&
    f.ldtr === s.ldtr &&
    f.cr0 === s.cr0 >>> 0 &&
    f.cr2 === 0 &&
    f.cr3 === s.cr3 >>> 0 &&
    f.cr4 === s.cr4 &&
    f.dr6 === 0xffff0ff0 &&
    f.dr7 === s.dr7 >>> 0 &&
    f.efer === s.efer &&
    f.gdtLimit === s.gdtLimit &&
    f.gdtBase === at.GDT &&
    f.idtLimit === s.idtLimit &&
    f.idtBase === s.idtBase &&
    (f.flags & ~0x8d5) === (r.eflags & ~(0x8d5 | HANDLER_CLEARS)) + (isTrapGate(e, vector) ? r.eflags & 0x200 : 0);
  if (!same) return false;
  // What the handler itself has pushed lies below the frame: DS, EAX, its flags.
  const all = [r.ds, r.eax, f.flags, error, ...words];
  const expected = new Map(all.map((word, index) => [start - 12 + index * 4, word >>> 0]));
  const busy = at.GDT + (at.TSS_SELECTOR & 0xfff8) + 4;
  expected.set(busy, (before(c, template, busy) | 0x200) >>> 0);
  for (const address of ours.memory.keys()) {
    if (ourMemory(e, address) !== (expected.get(address) ?? before(c, template, address))) return false;
  }
  return [...expected].every(([address, value]) => ourMemory(e, address) === value);
}

const isTrapGate = ({ c, template }: Evidence, vector: number): boolean =>
  ((before(c, template, at.IDT + vector * 8 + 4) >>> 8) & 0xf) === 0xf;

/**
 * IRETD at CPL 0 to virtual-8086 mode with EIP beyond 64 KiB, and our outcome is the #GP(0) that the manual demands.
 */
export function isLongV86Return(e: Evidence): boolean {
  const { c, template } = e;
  return (
    c.program === 'iretd' &&
    c.tags.has('tov86') &&
    (c.registers.cs & 3) === 0 &&
    before(c, template, at.STACK3) > 0xffff &&
    isCleanFault(e, VECTOR_GP, 0)
  );
}

/**
 * DR6 after a debug trap: theirs has, beyond ours, B bits of instruction breakpoints at the instruction that follows.
 */
export function isNextBreakpoint(d: Difference, e: Evidence): boolean {
  const frame = frameAt(e);
  if (d.place !== 'dr6' || ourVector(e) !== VECTOR_DB || frame === undefined) return false;
  if (!isOnly(d, 15) || (changed(d) & d.ours) !== 0) return false;
  const { dr, dr7 } = e.c.system;
  const next = ourMemory(e, frame);
  return [0, 1, 2, 3].every(
    (k) => ((changed(d) >>> k) & 1) === 0 || (dr[k] === next && ((dr7 >>> (16 + 4 * k)) & 3) === 0),
  );
}

/**
 * EFLAGS in the frame of a debug trap between two iterations of REP MOVSD that began with RF = 1: ours has kept it,
 * which is what the manual has there.
 */
export function isResumeFlagBetweenIterations(d: Difference, e: Evidence): boolean {
  const frame = frameAt(e);
  const { registers: r } = e.c;
  return (
    e.c.program === 'rep movsd' &&
    (r.eflags & RF) !== 0 &&
    ourVector(e) === VECTOR_DB &&
    frame !== undefined &&
    ourMemory(e, frame) === r.eip &&
    e.ours.fields.ecx > 0 &&
    e.ours.fields.ecx < r.ecx &&
    d.place === frame + 8 &&
    d.ours === (r.eflags | 2) >>> 0 // MOVS changes no flag
  );
}

/** SGDT or SIDT over the end of a page into one that refuses; ours has stored nothing there. */
export function isPartOfTableStore(d: Difference, e: Evidence): boolean {
  return (
    /^s[gi]dt/.test(e.c.program) &&
    e.c.tags.has('paged') &&
    [VECTOR_PF, 0x101].includes(ourVector(e)) &&
    isIn(d, at.PAGES + 0xff8, 8) &&
    d.ours === before(e.c, e.template, d.place as number)
  );
}

/**
 * The EFLAGS of the task that a double fault has left (RECOVER is its task gate's); undefined when we ended otherwise.
 */
export function savedByDoubleFault(e: Evidence): number | undefined {
  if (ourVector(e) !== 0x100) return undefined;
  // Another vector may lead to that gate as well.
  for (const [address, value] of e.c.patches) {
    const isGate = address >= at.IDT && address < at.IDT + 0x800 && (address & 7) === 4;
    if (isGate && (value & 0x1f00) === 0x500 && (((e.c.patches.get(address - 4) ?? 0) >>> 16) & 0xfff8) === at.RECOVER)
      return undefined;
  }
  const left = ourMemory(e, at.TSS_RECOVER) & 0xffff;
  if ((left & 0xfff8) === (at.TSS_SELECTOR & 0xfff8)) return at.TSS + 0x24;
  return (left & 0xfff8) === (at.TSS_B_SELECTOR & 0xfff8) ? at.TSS_B + 0x24 : undefined;
}
