/**
 * Random descriptors, gates, selectors, stacks, flags and privilege levels for generators, biased to what is nearly
 * right: a choice that is wrong in one respect says more than noise. Every choice goes into the title of the case.
 */
import type { Random } from '../../../src/core/base/random.ts';
import { assemble } from '../../../src/core/isa/assemble.ts';
import * as at from './layout.ts';
import { descriptor, type Draft, EFLAGS_V86, gate } from './world.ts';

export type Generator = (draft: Draft, random: Random) => void;

export const hex = (value: number): string => (value >>> 0).toString(16);

const assembled = new Map<string, Uint8Array>();

/** Bytes of one line; the same text is assembled once. */
export function code(text: string, bits: 16 | 32 = 32): Uint8Array {
  const key = `${bits} ${text}`;
  let bytes = assembled.get(key);
  if (bytes === undefined) {
    bytes = assemble(text.replaceAll(';', '\n'), { bits }).bytes;
    assembled.set(key, bytes);
  }
  return bytes;
}

/** Put `text` (lines parted by semicolons) where the case starts. */
export function program(draft: Draft, text: string, bits: 16 | 32 = 32): void {
  draft.program = text;
  draft.say(`[${text}]`);
  draft.putBytes(at.CODE, code(text, bits));
}

export const CODES = [at.CODE0, at.CODE1, at.CODE2, at.CODE3];
export const DATAS = [at.DATA0, at.DATA1, at.DATA2, at.DATA3];

/** Flat 32-bit code at this privilege. */
export function enterLevel(draft: Draft, level: number): void {
  const r = draft.registers;
  r.cs = CODES[level];
  r.ss = r.ds = r.es = r.fs = r.gs = DATAS[level];
  r.esp = at.STACK3;
  draft.say(`cpl=${level}`);
  draft.tag(`cpl${level}`);
}

/** Virtual-8086 mode: CS 2000h, so that CODE is at 2000:1000, STACK3 at 2000:2C00. */
export function enterV86(draft: Draft, iopl: number): void {
  const r = draft.registers;
  r.cs = r.ss = 0x2000;
  r.eip = at.CODE & 0xffff;
  r.esp = at.STACK3 & 0xffff;
  r.eflags = (r.eflags & ~0x3000) | EFLAGS_V86 | (iopl << 12);
  draft.say(`v86 iopl=${iopl}`);
  draft.tag('v86');
}

/** Real mode at the same addresses; every vector leads to the monitor. */
export function enterReal(draft: Draft): void {
  draft.isReal = true;
  const { registers: r, system: s } = draft;
  s.cr0 &= ~1;
  s.tr = 0;
  s.ldtr = 0;
  s.idtLimit = 0x3ff;
  r.cs = r.ss = 0x2000;
  r.ds = r.es = r.fs = r.gs = 0x2300;
  r.eip = at.CODE & 0xffff;
  r.esp = at.STACK3 & 0xffff;
  s.idtBase = at.REAL_VECTORS;
  draft.say('real');
  draft.tag('real');
}

/** Page tables on; 32-bit or PAE. */
export function enablePaging(draft: Draft, pae: boolean): void {
  draft.isPaged = true;
  const { system: s } = draft;
  s.cr0 |= 0x80000000;
  s.cr3 = pae ? at.POINTERS : at.PAGE_DIRECTORY;
  if (pae) s.cr4 |= 0x20;
  for (const tss of [at.TSS, at.TSS_B, at.TSS_RECOVER, at.TSS_RECOVER2]) draft.put32(tss + 0x1c, s.cr3);
  draft.say(pae ? 'pae' : 'paging');
  draft.tag('paged', pae ? 'pae' : 'paging');
}

const LIMITS = [0, 1, 3, 0x2b, 0x67, 0xff, 0xfff, 0x1000, 0x7fff, 0xffff, 0x10000, 0x22fff, 0x23000, 0xfffff];
const BASES = [0, 0, 0, 1, 0x10, 0x20000, 0x21000, 0x22000, 0x23000, 0x2300f, 0xfffe0000];
/** With these every target of a transfer is a breakpoint. */
const CODE_BASES = [0, 0, 0, 1, 0x10, 0x20000];

/** Any access byte, most of them present code or data. */
export function randomAccess(random: Random): number {
  const present = random.oneIn(8) ? 0 : 0x80;
  const system = random.oneIn(4) ? 0 : 0x10;
  return present | (random.below(4) << 5) | system | random.below(16);
}

export function randomDescriptor(random: Random): { pair: [number, number]; text: string } {
  const access = randomAccess(random);
  const base = random.pick((access & 0x18) === 0x18 ? CODE_BASES : BASES);
  const limit = random.oneIn(3) ? 0xfffff : random.pick(LIMITS);
  const flags = random.pick([0x4, 0x4, 0xc, 0xc, 0x8, 0x0, 0x6, 0xf, random.below(16)]);
  const text =
    `base=${base.toString(16)} limit=${limit.toString(16)} access=${access.toString(16)} ` +
    `flags=${flags.toString(16)}`;
  return { pair: descriptor(base, limit, access, flags), text };
}

/** Put a random descriptor into a free GDT or LDT entry; returns a selector for it. */
export function randomSegment(draft: Draft, random: Random, entry = 0): number {
  const { pair, text } = randomDescriptor(random);
  const rpl = random.below(4);
  const inLdt = random.oneIn(3);
  const address = inLdt ? at.LDT + 8 * (entry + 1) : at.GDT + at.FREE + 8 * entry;
  draft.putPair(address, pair);
  draft.say(`{${text} rpl=${rpl}${inLdt ? ' ldt' : ''}}`);
  return (inLdt ? (8 * (entry + 1)) | 4 : at.FREE + 8 * entry) | rpl;
}

const STANDING = [
  ...[at.CODE0, at.DATA0, at.RECOVER, at.CODE16, at.DATA16, at.TSS_SELECTOR, at.LDT_SELECTOR, at.CODE1, at.DATA1],
  ...[
    at.CODE2,
    at.DATA2,
    at.CODE3,
    at.DATA3,
    at.CONFORMING0,
    at.TSS_B_SELECTOR,
    at.TSS16_SELECTOR,
    at.CODE3_16,
    at.DATA3_16,
  ],
];

/** A selector of something: a random descriptor, one of the standing ones, null, or beyond the table. */
export function randomSelector(draft: Draft, random: Random, entry = 0): number {
  switch (random.below(10)) {
    case 0:
      return random.below(4);
    case 1:
      return random.pick([0x200, 0x208, 0xfff8, 0x104, 0xfffc, 0x1ff]) | random.below(4);
    case 2:
    case 3:
      return (random.pick(STANDING) & ~3) | random.below(4);
    default:
      return randomSegment(draft, random, entry);
  }
}

/** A code segment that is right for a target at `level` or nearly so. */
export function randomCodeSelector(draft: Draft, random: Random, level: number, entry: number): number {
  if (random.oneIn(3)) return CODES[random.below(4)];
  if (random.oneIn(6)) return randomSelector(draft, random, entry);
  const access = 0x9a | (random.below(2) << 2) | ((random.oneIn(3) ? random.below(4) : level) << 5);
  const isAbsent = random.oneIn(10);
  const is16 = random.oneIn(4);
  const limit = random.oneIn(5) ? random.pick([0x13ff, 0x1400, 0x21400, 0x15ff]) : 0xfffff;
  const flags = is16 ? (limit === 0xfffff ? 8 : 0) : limit === 0xfffff ? 0xc : 4;
  const base = limit < 0x2000 || random.oneIn(6) ? 0x20000 : 0;
  draft.putPair(at.GDT + at.FREE + 8 * entry, descriptor(base, limit, access & (isAbsent ? 0x7f : 0xff), flags));
  const rpl = random.oneIn(4) ? random.below(4) : level;
  draft.say(
    `{code access=${access.toString(16)}${isAbsent ? ' absent' : ''} limit=${limit.toString(16)}`,
    `base=${base.toString(16)} flags=${flags.toString(16)} rpl=${rpl}}`,
  );
  return (at.FREE + 8 * entry) | rpl;
}

/** Make the stacks of the TSS random: null, wrong level, small, at an odd place, beyond the TSS limit. */
export function randomInnerStacks(draft: Draft, random: Random): void {
  if (!random.oneIn(3)) return;
  const level = random.below(3);
  const offset = at.TSS + 4 + level * 8;
  if (random.oneIn(3)) {
    const esp = random.pick([0x21ffc, 0x22002, 0x12210]);
    draft.put32(offset, esp);
    draft.say(`esp${level}=${esp.toString(16)}`);
  } else if (random.oneIn(2)) {
    const ss = randomSelector(draft, random, 6);
    draft.put16(offset + 4, ss);
    draft.say(`ss${level}=${ss.toString(16)}`);
  } else {
    // Not 9 and 19h: the manual asks for ESP and the selector (+ 5), both peers for eight bytes.
    const limit = random.pick([3, 4, 7, 8, 0xb, 0xc, 0x10, 0x13, 0x14, 0x17, 0x18, 0x1b, 0x67, 0x66]);
    const isNarrow = random.oneIn(3);
    if (isNarrow) {
      for (let k = 0; k < 3; k++) {
        draft.put16(at.TSS + 2 + k * 4, [at.STACK0, at.STACK1, at.STACK2][k] & 0xffff);
        draft.put16(at.TSS + 4 + k * 4, [at.DATA16, at.DATA1, at.DATA2][k]);
      }
    }
    draft.putPair(at.GDT + at.TSS_SELECTOR, descriptor(at.TSS, limit, isNarrow ? 0x81 : 0x89, 0));
    draft.say(`tss limit=${limit.toString(16)}${isNarrow ? ' 16-bit' : ''}`);
  }
}

/** A random IDT entry for `vector`. */
export function randomIdtGate(draft: Draft, random: Random, vector: number, level: number): void {
  // A target made of breakpoints would come back through vector 3 for ever.
  const kind = vector === 3 ? random.below(7) : random.below(10);
  const dpl = random.oneIn(4) ? random.below(4) : 3;
  const present = random.oneIn(10) ? 0 : 0x80;
  const access = present | (dpl << 5);
  let pair: [number, number];
  let text: string;
  if (kind < 4) {
    const trap = random.below(2);
    pair = gate(at.CODE0, at.STUBS32 + vector * 8, access | 0xe | trap);
    text = trap === 1 ? 'trap32' : 'int32';
  } else if (kind < 6) {
    const trap = random.below(2);
    pair = gate(at.CODE16, (at.STUBS16 - at.MONITOR + vector * 8) & 0xffff, access | 6 | trap);
    text = trap === 1 ? 'trap16' : 'int16';
  } else if (kind < 7) {
    pair = gate(random.oneIn(3) ? randomSelector(draft, random, 5) : at.RECOVER2, random.word(), access | 5);
    text = 'taskgate';
  } else if (kind < 9) {
    const selector = randomCodeSelector(draft, random, random.below(level + 1), 5);
    const offset = random.pick([at.TARGET_A, at.TARGET_A, at.TARGET_A & 0xffff, 0x1500, 0x1400, 0x1600]);
    pair = gate(selector, offset, access | random.pick([0xe, 0xf, 6, 7]));
    text = `gate to ${selector.toString(16)}:${offset.toString(16)} type=${((pair[1] >>> 8) & 15).toString(16)}`;
  } else {
    pair = gate(randomSelector(draft, random, 5), random.word(), random.below(256));
    text = 'odd gate';
  }
  draft.putPair(at.IDT + vector * 8, pair);
  draft.say(`idt[${vector}]={${text} dpl=${dpl}${present === 0 ? ' absent' : ''}}`);
}

const FLAG_CHOICES = [0x100, 0x200, 0x4000, 0x10000, 0x40000, 0x200000, 0x400, 0x8d5];
const VIF_VIP_CHOICES = [0x80000, 0x100000, 0x180000];

/** Some of IOPL, IF, NT, RF, AC, VIF, VIP, ID, DF and the arithmetic flags; TF only when asked for. */
export function randomFlags(random: Random, withTrap = false): number {
  let flags = random.below(4) << 12;
  for (const flag of FLAG_CHOICES) if ((flag !== 0x100 || withTrap) && random.oneIn(4)) flags |= flag;
  if (random.oneIn(6)) flags |= random.pick(VIF_VIP_CHOICES);
  return flags | 2;
}
