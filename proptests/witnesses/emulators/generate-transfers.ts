/**
 * Cases about segments and transfers: loading segment registers, limits, stacks, far calls, jumps and returns, IRET,
 * interrupts and exceptions through every kind of gate, task switches. Titles say what was chosen, tags are for
 * verdicts. Follows SDM 3 chapters 5 to 7. Each generator is an area of the campaign (generate.ts).
 */
import type { Random } from '../../../src/core/base/random.ts';
import { SEGMENTS } from '../../../src/core/base/names.ts';
import * as at from './layout.ts';
import {
  enterLevel,
  enterV86,
  program,
  randomCodeSelector,
  randomFlags,
  randomIdtGate,
  randomInnerStacks,
  randomSelector,
  type Generator,
  hex,
} from './random-state.ts';
import { descriptor, gate, type Draft } from './world.ts';

// ------------------------------------------------------------------------------------------ segment registers

const LOADS = [
  'mov ds, ax',
  'mov es, ax',
  'mov fs, ax',
  'mov gs, ax',
  'mov ss, ax',
  'mov ss, ax;nop',
  'push eax;pop ds',
  'push eax;pop ss;nop',
  'push eax;pop gs',
  'o16 pop fs',
  'lds esi, [0x23010]',
  'les esi, [0x23010]',
  'lss esp, [0x23010]',
  'lfs esi, [0x23010]',
  'o16 lgs si, [0x23020]',
  'lar ecx, ax;setz bl',
  'lar cx, ax;setz bl',
  'lsl ecx, ax;setz bl',
  'lsl cx, ax;setz bl',
  'verr ax;setz bl',
  'verw ax;setz bl',
  'lldt ax;sldt ecx',
  'ltr ax;str ecx',
  'arpl ax, cx;setz bl',
  'mov ds, ax;mov ecx, [0x10]',
  'mov es, ax;mov byte [es:0x23040], 5',
  'mov ds, ax;mov ecx, ds;lsl edx, ax',
  'mov fs, ax;mov ecx, [fs:0x23000]',
  'str ecx;sldt edx;smsw esi',
];

export const segments: Generator = (draft, random) => {
  enterLevel(draft, random.below(4));
  const table = random.below(8);
  if (table === 0) {
    draft.system.ldtr = 0;
    draft.say('no ldt');
  } else if (table === 1) {
    draft.system.gdtLimit = at.FREE + random.pick([0, 3, 6, 7]);
    draft.say(`gdt limit=${hex(draft.system.gdtLimit)}`);
  }
  const selector = randomSelector(draft, random);
  draft.registers.eax = selector | (random.oneIn(2) ? 0x12340000 : 0);
  draft.put32(0x23010, at.STACK3 - 0x40);
  draft.put16(0x23014, selector);
  draft.put16(0x23022, selector);
  draft.put16(at.STACK3, selector);
  draft.say(`selector=${hex(selector)}`);
  program(draft, random.pick(LOADS));
};

// ------------------------------------------------------------------------------------------ limits

const ACCESSES: readonly [string, number][] = [
  ['mov al, [fs:ebx]', 1],
  ['mov ax, [fs:ebx]', 2],
  ['mov eax, [fs:ebx]', 4],
  ['mov [fs:ebx], al', 1],
  ['mov [fs:ebx], ax', 2],
  ['mov [fs:ebx], eax', 4],
  ['inc dword [fs:ebx]', 4],
  ['xchg [fs:ebx], ecx', 4],
  ['cmpxchg [fs:ebx], ecx', 4],
  ['cmp word [fs:ebx], 5', 2],
  ['fs;movsd', 4],
  ['fs;lodsb', 1],
  ['push dword [fs:ebx]', 4],
  ['pop dword [fs:ebx]', 4],
  ['fs;xlatb', 1],
  ['sgdt [fs:ebx]', 6],
  ['fild qword [fs:ebx]', 8],
  ['fstp tword [fs:ebx]', 10],
  ['bound eax, [fs:ebx]', 8],
  ['call [fs:ebx]', 4],
  ['jmp [fs:ebx]', 4],
  ['bts dword [fs:ebx], 3', 4],
  ['mov fs, [fs:ebx]', 2],
  ['lar eax, [fs:ebx]', 2],
];

export const limits: Generator = (draft, random) => {
  const level = random.oneIn(2) ? 3 : 0;
  enterLevel(draft, level);
  const isDown = random.oneIn(3);
  const access = 0x93 | (level << 5) | (isDown ? 4 : 0) | (random.oneIn(6) ? 8 : 0);
  const granular = random.oneIn(4);
  const limit = granular
    ? random.below(4)
    : random.pick([0, 1, 2, 3, 7, 0xf, 0xff, 0xfff, 0xffff, random.below(0x1000)]);
  const flags = (granular ? 8 : 0) | (random.oneIn(3) ? 0 : 4);
  const base = random.pick([0x23000, 0x23800, 0x23001]);
  draft.putPair(at.GDT + at.FREE, descriptor(base, limit, random.oneIn(8) ? access & ~2 : access, flags));
  draft.registers.fs = at.FREE | level;
  const edge = granular ? ((limit << 12) | 0xfff) >>> 0 : limit;
  const [picked, size] = random.pick(ACCESSES);
  let text = picked;
  const offset =
    (edge + 1 - random.below(size + 2) + (random.oneIn(6) ? random.pick([0x10000 - edge, -edge]) : 0)) >>> 0;
  // A jump goes somewhere known, also where the limit is not heeded.
  const operand = (base + offset) >>> 0;
  const isInData = operand >= at.DATA && operand < at.DATA + 0xffc;
  if (/^(call|jmp)/.test(text) && !isInData) text = 'mov eax, [fs:ebx]';
  if (isInData) draft.put32(operand, at.TARGET_A);
  draft.registers.ebx = offset;
  draft.registers.esi = offset;
  draft.registers.edi = 0x23f00;
  if (text.includes('xlat')) draft.registers.eax = 0;
  draft.registers.eflags = 2;
  draft.say(`base=${hex(base)} limit=${hex(limit)} access=${hex(access)} flags=${hex(flags)} offset=${hex(offset)}`);
  draft.tag('limit');
  program(draft, text);
};

// ------------------------------------------------------------------------------------------ stacks

const STACK_USES = [
  'push eax',
  'push ax',
  'pop eax',
  'pop ax',
  'pushad',
  'popad',
  'pushfd',
  'call 0x21400',
  'ret',
  'ret 8',
  'enter 8, 0',
  'enter 4, 2',
  'leave',
  'push dword [esp]',
  'pop dword [esp + 4]',
  'push cs',
  'push ss;pop ss',
  'int3',
  'pusha',
  'popa',
];

export const stacks: Generator = (draft, random) => {
  const level = random.oneIn(2) ? 3 : 0;
  enterLevel(draft, level);
  const big = random.oneIn(2);
  const isDown = random.oneIn(3);
  const limit = isDown
    ? random.pick([0, 0xff, 0x2bff, 0x2c00, 0xfffe])
    : random.pick([0xff, 0x2bff, 0x2c03, 0xffff, 0xfffff]);
  const access = 0x93 | (level << 5) | (isDown ? 4 : 0);
  // Small stack pointers lead to the breakpoints behind the code.
  const base = 0x21100;
  draft.putPair(at.GDT + at.FREE, descriptor(base, limit, access, big ? 4 : 0));
  draft.registers.ss = at.FREE | level;
  const sp = random.pick([0x2c00, 0x2c00, 0x2c02, 0x100, 0x102, 0xfffe, 0, 1, 2, 4, 0x12c00, 0x10000, 0x10002]);
  draft.registers.esp = (sp + (big ? 0 : random.pick([0, 0x50000]))) >>> 0;
  draft.registers.ebp = random.pick([0x2c00, 0x12c00, 2, 0, 0x30]);
  draft.put32(base + 0x2c00, 0x21400);
  draft.put32(base + 0x2c04, 0x21600);
  // Ring 0 has no other stack: whatever happens comes back through a task.
  if (level === 0) for (const vector of [3, 12]) draft.putPair(at.IDT + vector * 8, gate(at.RECOVER2, 0, 0xe5));
  draft.say(
    `big=${big} down=${isDown} limit=${hex(limit)} esp=${hex(draft.registers.esp)} ebp=${hex(draft.registers.ebp)}`,
  );
  draft.tag('limit');
  const text = random.pick(STACK_USES);
  // Elsewhere RET would return to nowhere; a selector may be pushed as two bytes or four, which shows at a limit.
  if (/^ret|^push [cs]s/.test(text)) draft.registers.esp = 0x2c00;
  program(draft, text);
};

// ------------------------------------------------------------------------------------------ far transfers

/** A random target of CALL and JMP far: code, call gate, task gate, TSS, or anything. */
function randomTarget(draft: Draft, random: Random, level: number): number {
  const kind = random.below(8);
  if (kind < 3) return randomCodeSelector(draft, random, level, 0);
  if (kind < 6) {
    const targetLevel = random.oneIn(3) ? random.below(4) : random.below(level + 1);
    const selector = randomCodeSelector(draft, random, targetLevel, 1);
    const wide = !random.oneIn(3);
    const dpl = random.oneIn(4) ? random.below(4) : 3;
    const present = random.oneIn(10) ? 0 : 0x80;
    const count = random.oneIn(2) ? 0 : random.below(32);
    const offset = random.pick([at.TARGET_A, at.TARGET_A, 0x1400, 0x1600]);
    draft.putPair(at.GDT + at.FREE, gate(selector, offset, present | (dpl << 5) | (wide ? 0xc : 4), count));
    draft.say(
      `{callgate${wide ? 32 : 16} dpl=${dpl}${present === 0 ? ' absent' : ''} to ${hex(selector)}:${hex(offset)} ` +
        `count=${count}}`,
    );
    draft.tag('callgate');
    return at.FREE | (random.oneIn(4) ? random.below(4) : Math.min(level, dpl));
  }
  if (kind === 6) {
    draft.tag('task');
    const tss = random.pick([at.TSS_B_SELECTOR, at.TSS16_SELECTOR, at.TSS_SELECTOR, at.RECOVER2]);
    const selector = random.oneIn(6) ? randomSelector(draft, random, 1) : tss;
    if (random.oneIn(2)) {
      draft.putPair(at.GDT + at.FREE, gate(selector, 0, (random.oneIn(8) ? 5 : 0x85) | (random.below(4) << 5)));
      draft.say(`{taskgate ${hex(selector)}}`);
      return at.FREE | random.below(4);
    }
    return selector;
  }
  return randomSelector(draft, random, 0);
}

export const far: Generator = (draft, random) => {
  const level = random.below(4);
  enterLevel(draft, level);
  const selector = randomTarget(draft, random, level);
  const offset = random.oneIn(5) ? random.pick([0x1500, 0xffff, 0x11400, 0x1400, 0x1600]) : at.TARGET_A;
  randomInnerStacks(draft, random);
  draft.put32(0x23010, offset);
  draft.put16(0x23014, selector);
  draft.put16(0x23020, offset);
  draft.put16(0x23022, selector);
  for (let k = 0; k < 32; k++) draft.put32(at.STACK3 + k * 4, 0x70000000 + k);
  draft.say(`to ${hex(selector)}:${hex(offset)}`);
  draft.tag('far');
  program(
    draft,
    random.pick([
      'call far [0x23010]',
      'jmp far [0x23010]',
      'call far [0x23010]',
      'o16 call far [0x23020]',
      'o16 jmp far [0x23020]',
    ]),
  );
};

export const farReturns: Generator = (draft, random) => {
  const level = random.below(4);
  enterLevel(draft, level);
  const newLevel = random.oneIn(4) ? random.below(4) : level + random.below(4 - level);
  const cs = randomCodeSelector(draft, random, newLevel, 0);
  const eip = random.oneIn(5) ? random.pick([0x1500, 0x1400, 0xffff, 0x11400]) : at.TARGET_A;
  const ss = random.oneIn(2) ? [at.DATA0, at.DATA1, at.DATA2, at.DATA3][newLevel] : randomSelector(draft, random, 1);
  const isNarrow = random.oneIn(4);
  const release = random.pick([0, 0, 4, 8]);
  const words = [eip, cs | (random.oneIn(3) ? 0xabcd0000 : 0)];
  const outer = [random.pick([at.STACK2, at.STACK2, 0x12345678]), ss | (random.oneIn(3) ? 0xdcba0000 : 0)];
  let pointer = at.STACK3;
  const put = (value: number): void => {
    if (isNarrow) draft.put16(pointer, value);
    else draft.put32(pointer, value);
    pointer += isNarrow ? 2 : 4;
  };
  words.forEach(put);
  pointer += release;
  outer.forEach(put);
  if (random.oneIn(2)) {
    draft.registers.ds = [at.DATA0, at.DATA1, at.DATA2, at.DATA3][random.below(4)];
    draft.registers.es = random.below(4);
    draft.registers.gs = at.CONFORMING0 | random.below(4);
    if ((draft.registers.ds & 3) < level) draft.registers.ds = [at.DATA0, at.DATA1, at.DATA2, at.DATA3][level];
  }
  draft.say(`to ${hex(cs)}:${hex(eip)} ss:esp ${hex(ss)}:${hex(outer[0])}`);
  draft.tag('far');
  program(draft, `${isNarrow ? 'o16 ' : ''}retf${release === 0 ? '' : ` ${release}`}`);
};

// ------------------------------------------------------------------------------------------ IRET

export const interruptReturns: Generator = (draft, random) => {
  const isV86 = random.oneIn(6);
  const level = isV86 ? 3 : random.below(4);
  draft.registers.eflags = randomFlags(random) & ~0x4000;
  if (isV86) enterV86(draft, random.below(4));
  else enterLevel(draft, level);
  if (random.oneIn(2)) draft.system.cr4 |= 1;
  const newLevel = random.oneIn(4) ? random.below(4) : level + random.below(4 - level);
  const isNarrow = random.oneIn(3);
  let cs = isV86 ? 0x2000 : randomCodeSelector(draft, random, newLevel, 0);
  let eip = isV86 ? 0x1400 : random.oneIn(5) ? random.pick([0x1500, 0x1400, 0xffff, 0x11400]) : at.TARGET_A;
  let flags = randomFlags(random, random.oneIn(4));
  if (random.oneIn(5)) {
    flags |= 0x20000;
    draft.tag('tov86');
    if (random.oneIn(2)) {
      cs = 0x2000;
      eip = isV86 ? 0x1400 : random.pick([0x1400, 0x1400, 0x11400]);
    }
  }
  const ss = random.oneIn(2) ? [at.DATA0, at.DATA1, at.DATA2, at.DATA3][newLevel] : randomSelector(draft, random, 1);
  const esp = random.pick([at.STACK2, at.STACK2, 0x12345678]);
  [eip, cs, flags, esp, ss, 0x2301, 0x2302, 0x2303, 0x2304].forEach((value, index) => {
    if (isNarrow) draft.put16(at.STACK3 + index * 2, value);
    else draft.put32(at.STACK3 + index * 4, value);
  });
  if (random.oneIn(8) && !isV86) {
    // A nested task; the back link is random.
    draft.tag('task', 'nt');
    const link = random.oneIn(2) ? at.TSS_B_SELECTOR : randomSelector(draft, random, 2);
    draft.put16(at.TSS, link);
    if (random.oneIn(2)) draft.put8(at.GDT + (at.TSS_B_SELECTOR & ~7) + 5, 0x8b);
    draft.say(`nt link=${hex(link)}`);
    draft.registers.eflags |= 0x4000;
  }
  draft.say(
    `flags=${hex(draft.registers.eflags)} image ${hex(cs)}:${hex(eip)} ${hex(flags)} ${hex(ss)}:${hex(esp)} ` +
      `cr4=${draft.system.cr4}`,
  );
  draft.tag('iret');
  program(draft, isNarrow ? 'o16 iret' : 'iretd', isV86 ? 16 : 32);
};

// ------------------------------------------------------------------------------------------ interrupts and exceptions

const EVENTS: readonly [string, number][] = [
  ['int 0x21', 0x21],
  ['int 0x21', 0x21],
  ['int 0x80', 0x80],
  ['int3', 3],
  ['int 3', 3],
  ['int 13', 13],
  ['int 14', 14],
  ['int 8', 8],
  ['into', 4],
  ['ud2', 6],
  ['hlt', 13],
  ['xor ecx, ecx;div ecx', 0],
  ['bound eax, [0x3080]', 5],
  ['mov ds, cx', 13],
  ['db 0xf1', 1],
  ['fwait', 7],
  ['mov ss, cx', 13],
];

export const interrupts: Generator = (draft, random) => {
  const isV86 = random.oneIn(4);
  const level = isV86 ? 3 : random.below(4);
  draft.registers.eflags = randomFlags(random) | 0x800;
  if (isV86) {
    enterV86(draft, random.below(4));
    if (random.oneIn(2)) draft.system.cr4 |= 1;
  } else enterLevel(draft, level);
  let [text, vector] = random.pick(EVENTS);
  if (text === 'hlt' && level === 0) [text, vector] = ['ud2', 6];
  if (text === 'fwait') draft.system.cr0 |= 0xa;
  draft.registers.ecx = random.pick([0xffff, at.TSS_SELECTOR, 0x1f8, 0x200, 7]);
  if (isV86 && random.oneIn(2)) {
    draft.put32(at.TSS_REDIRECTION + ((vector >> 5) << 2), random.pick([0, 0xffffffff, random.word()]));
    // The 8086 vector table is at 0, beyond the arena: whatever is there stays out of reach.
    draft.put8(at.TSS_REDIRECTION + (vector >> 3), 0xff);
  } else if (isV86) for (let k = 0; k < 32; k += 4) draft.put32(at.TSS_REDIRECTION + k, 0xffffffff);
  randomIdtGate(draft, random, vector, level);
  randomInnerStacks(draft, random);
  if (random.oneIn(8)) randomIdtGate(draft, random, random.pick([10, 11, 12, 13, 14]), level);
  if (random.oneIn(12)) {
    draft.system.idtLimit = vector * 8 + random.pick([-1, 0, 3, 6, 7]);
    if (draft.system.idtLimit < 0x77) draft.system.idtLimit = 0x77;
    draft.say(`idt limit=${hex(draft.system.idtLimit)}`);
  }
  draft.say(`flags=${hex(draft.registers.eflags)} ecx=${hex(draft.registers.ecx)} cr4=${draft.system.cr4}`);
  draft.tag('interrupt');
  if (level === 0 && random.oneIn(3)) {
    const esp = random.pick([0x22c00, 0, 4, 8, 0x22c02]);
    if (esp >= 0x1000) draft.registers.esp = esp;
  }
  program(draft, text, isV86 ? 16 : 32);
};

// ------------------------------------------------------------------------------------------ tasks

export const tasks: Generator = (draft, random) => {
  const level = random.below(4);
  draft.registers.eflags = randomFlags(random) & ~0x4000;
  enterLevel(draft, level);
  const isNarrow = random.oneIn(4);
  const tss = isNarrow ? at.TSS16 : at.TSS_B;
  const selector = isNarrow ? at.TSS16_SELECTOR : at.TSS_B_SELECTOR;
  const access = (random.oneIn(6) ? 0 : 0x80) | (3 << 5) | (isNarrow ? 1 : 9) | (random.oneIn(6) ? 2 : 0);
  const limit = random.oneIn(6) ? random.pick([0x2a, 0x2b, 0x66, 0x67, 0x68]) : isNarrow ? 0x2b : 0x67;
  draft.putPair(at.GDT + selector, descriptor(tss, limit, access, 0));
  draft.say(`tss access=${hex(access)} limit=${hex(limit)}`);
  const newLevel = random.below(4);
  const data = [at.DATA0, at.DATA1, at.DATA2, at.DATA3][newLevel];
  if (!isNarrow) {
    draft.put32(tss + 0x20, random.oneIn(6) ? random.pick([0x1500, 0x1400, 0x11400]) : at.TARGET_A);
    let flags = randomFlags(random, random.oneIn(5));
    const toV86 = random.oneIn(8);
    if (toV86) flags |= 0x20000;
    draft.put32(tss + 0x24, flags);
    SEGMENTS.forEach((name, index) => {
      let value = index === 1 ? [at.CODE0, at.CODE1, at.CODE2, at.CODE3][newLevel] : data;
      if (toV86) value = 0x2000;
      else if (random.oneIn(10)) {
        value = index === 1 ? randomCodeSelector(draft, random, newLevel, index) : randomSelector(draft, random, index);
        draft.say(`${name}=${hex(value)}`);
      }
      draft.put32(tss + 0x48 + index * 4, value | (random.oneIn(8) ? 0x77770000 : 0));
    });
    for (let k = 0; k < 8; k++) if (k !== 4) draft.put32(tss + 0x28 + k * 4, 0x10101010 * (k + 1));
    draft.put32(tss + 0x38, random.oneIn(6) ? random.pick([0, 2, 0x2300]) : at.STACK3);
    if (random.oneIn(6)) {
      const ldt = random.oneIn(2) ? at.LDT_SELECTOR : randomSelector(draft, random, 7);
      draft.put16(tss + 0x60, ldt);
      draft.say(`ldt=${hex(ldt)}`);
    }
    if (random.oneIn(8)) {
      draft.put16(tss + 0x64, 1);
      draft.say('T');
      draft.tag('T');
    }
    draft.say(`task cpl=${newLevel} flags=${hex(flags)}`);
  } else {
    draft.say('16-bit');
    draft.tag('tss16');
  }
  if (random.oneIn(6)) {
    const oldLimit = random.pick([0x2b, 0x5f, 0x5e, 0x5d, 0x67, 0x29]);
    draft.putPair(at.GDT + at.TSS_SELECTOR, descriptor(at.TSS, oldLimit, 0x89, 0));
    draft.say(`old limit=${hex(oldLimit)}`);
    draft.tag('oldlimit');
  }
  draft.tag('task');
  if (random.oneIn(3)) draft.registers.ds = at.CONFORMING0 | 3;
  draft.put32(0x23010, random.word());
  draft.put16(0x23014, selector);
  const how = random.below(5);
  if (how < 2) program(draft, how === 0 ? 'jmp far [0x23010]' : 'call far [0x23010]');
  else if (how === 2) {
    draft.putPair(at.IDT + 0x21 * 8, gate(selector, 0, 0xe5));
    program(draft, 'int 0x21');
  } else if (how === 3) {
    draft.putPair(at.IDT + 13 * 8, gate(selector, 0, 0xe5));
    draft.registers.ecx = 0x1f8;
    program(draft, 'mov ds, cx');
  } else {
    draft.put16(at.TSS, selector);
    draft.registers.eflags |= 0x4000;
    program(draft, 'iretd');
  }
};
