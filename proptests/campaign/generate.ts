/**
 * The areas of the campaign: each makes a random case of its kind from a random number generator. A case is one or a few
 * instructions; the breakpoints that fill the code pages end it. Titles say what was chosen, tags are for verdicts.
 */
import type { Random } from '../witness/random.ts';
import * as at from './layout.ts';
import {
  enablePaging,
  enterLevel,
  enterReal,
  enterV86,
  program,
  randomCodeSelector,
  randomFlags,
  randomIdtGate,
  randomInnerStacks,
  randomSelector,
} from './random-state.ts';
import { descriptor, type Draft, gate } from './world.ts';

export type Generator = (draft: Draft, random: Random) => void;

const hex = (value: number): string => (value >>> 0).toString(16);

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

const segments: Generator = (draft, random) => {
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

const limits: Generator = (draft, random) => {
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
  const [text, size] = random.pick(ACCESSES);
  const offset =
    (edge + 1 - random.below(size + 2) + (random.oneIn(6) ? random.pick([0x10000 - edge, -edge]) : 0)) >>> 0;
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

const stacks: Generator = (draft, random) => {
  const level = random.oneIn(2) ? 3 : 0;
  enterLevel(draft, level);
  const big = random.oneIn(2);
  const isDown = random.oneIn(3);
  const limit = isDown
    ? random.pick([0, 0xff, 0x2bff, 0x2c00, 0xfffe])
    : random.pick([0xff, 0x2bff, 0x2c03, 0xffff, 0xfffff]);
  const access = 0x93 | (level << 5) | (isDown ? 4 : 0);
  draft.putPair(at.GDT + at.FREE, descriptor(0x21000, limit, access, big ? 4 : 0));
  draft.registers.ss = at.FREE | level;
  const sp = random.pick([0x2c00, 0x2c00, 0x2c02, 0x100, 0x102, 0xfffe, 0, 1, 2, 4, 0x12c00, 0x10000, 0x10002]);
  draft.registers.esp = (sp + (big ? 0 : random.pick([0, 0x50000]))) >>> 0;
  draft.registers.ebp = random.pick([0x2c00, 0x12c00, 2, 0, 0x30]);
  draft.put32(0x23c00, 0x21400);
  draft.put32(0x23c04, 0x21600);
  // Ring 0 has no other stack: whatever happens comes back through a task.
  if (level === 0) for (const vector of [3, 12]) draft.putPair(at.IDT + vector * 8, gate(at.RECOVER2, 0, 0xe5));
  draft.say(
    `big=${big} down=${isDown} limit=${hex(limit)} esp=${hex(draft.registers.esp)} ebp=${hex(draft.registers.ebp)}`,
  );
  draft.tag('limit');
  const text = random.pick(STACK_USES);
  if (text.startsWith('ret')) draft.registers.esp = 0x2c00; // elsewhere it would return to nowhere
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
      `{callgate${wide ? 32 : 16} dpl=${dpl}${present === 0 ? ' absent' : ''} to ${hex(selector)}:${hex(offset)} count=${count}}`,
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

const far: Generator = (draft, random) => {
  const level = random.below(4);
  enterLevel(draft, level);
  const selector = randomTarget(draft, random, level);
  const offset = random.oneIn(5) ? random.pick([0, 0xffff, 0x10000, 0x1400, 0x1600]) : at.TARGET_A;
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

const farReturns: Generator = (draft, random) => {
  const level = random.below(4);
  enterLevel(draft, level);
  const newLevel = random.oneIn(4) ? random.below(4) : level + random.below(4 - level);
  const cs = randomCodeSelector(draft, random, newLevel, 0);
  const eip = random.oneIn(5) ? random.pick([0, 0x1400, 0xffff, 0x10000]) : at.TARGET_A;
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

const interruptReturns: Generator = (draft, random) => {
  const isV86 = random.oneIn(6);
  const level = isV86 ? 3 : random.below(4);
  draft.registers.eflags = randomFlags(random) & ~0x4000;
  if (isV86) enterV86(draft, random.below(4));
  else enterLevel(draft, level);
  if (random.oneIn(2)) draft.system.cr4 |= 1;
  const newLevel = random.oneIn(4) ? random.below(4) : level + random.below(4 - level);
  const isNarrow = random.oneIn(3);
  let cs = isV86 ? 0x2000 : randomCodeSelector(draft, random, newLevel, 0);
  let eip = isV86 ? 0x1400 : random.oneIn(5) ? random.pick([0, 0x1400, 0xffff, 0x10000, 0x11400]) : at.TARGET_A;
  let flags = randomFlags(random, random.oneIn(4));
  if (random.oneIn(5)) {
    flags |= 0x20000;
    draft.tag('tov86');
    if (random.oneIn(2)) {
      cs = 0x2000;
      eip = random.pick([0x1400, 0x1400, 0x11400]);
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
    `flags=${hex(draft.registers.eflags)} image ${hex(cs)}:${hex(eip)} ${hex(flags)} ${hex(ss)}:${hex(esp)} cr4=${draft.system.cr4}`,
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

const interrupts: Generator = (draft, random) => {
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

const tasks: Generator = (draft, random) => {
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
    draft.put32(tss + 0x20, random.oneIn(6) ? random.pick([0, 0x1400, 0x10000]) : at.TARGET_A);
    let flags = randomFlags(random, random.oneIn(5));
    const toV86 = random.oneIn(8);
    if (toV86) flags |= 0x20000;
    draft.put32(tss + 0x24, flags);
    const names = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
    names.forEach((name, index) => {
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

// ------------------------------------------------------------------------------------------ paging

const PAGE_ACCESSES: readonly string[] = [
  'mov al, [ebx]',
  'mov eax, [ebx]',
  'mov [ebx], eax',
  'mov [ebx], al',
  'inc dword [ebx]',
  'add [ebx], eax',
  'xchg [ebx], ecx',
  'cmpxchg [ebx], ecx',
  'cmp [ebx], ecx',
  'call ebx',
  'jmp ebx',
  'push dword [ebx]',
  'pop dword [ebx]',
  'mov esp, ebx;push eax',
  'mov esp, ebx;pop eax',
  'fild qword [ebx]',
  'fistp qword [ebx]',
  'mov esi, ebx;mov edi, 0x23000;mov ecx, 3;rep movsd',
  'mov edi, ebx;mov ecx, 3;rep stosd',
  'bts dword [ebx], 1',
  'btr [ebx], eax',
  'invlpg [ebx];mov eax, [ebx]',
  'mov eax, [ebx];mov [ebx], eax',
  'mov eax, [ebx];inc byte [ebx + 0x1000]',
  'cmpxchg8b [ebx]',
  'mov fs, [ebx]',
  'lgdt [ebx]',
  'sgdt [ebx]',
  'enter 8, 0;mov [ebx], eax',
  'lar eax, [ebx]',
  'xadd [ebx], eax',
  'rol dword [ebx], 3',
  'neg dword [ebx]',
  'verr [ebx]',
  'bound eax, [ebx]',
];

const paging: Generator = (draft, random) => {
  const level = random.oneIn(2) ? 3 : random.below(3);
  enterLevel(draft, level);
  const pae = random.oneIn(2);
  enablePaging(draft, pae);
  const { system: s } = draft;
  if (random.oneIn(2)) s.cr0 |= 0x10000;
  if (random.oneIn(2)) s.cr4 |= 0x10;
  if (random.oneIn(3)) s.cr4 |= 0x80;
  if (pae && random.oneIn(2)) s.efer = 0x800;
  const flags = (): number =>
    (random.oneIn(6) ? 0 : 1) |
    (random.oneIn(4) ? 0 : 2) |
    (random.oneIn(4) ? 0 : 4) |
    (random.below(4) << 5) |
    (random.oneIn(4) ? 0x100 : 0) |
    (random.oneIn(8) ? random.below(8) << 9 : 0) |
    (random.oneIn(8) ? 0x18 : 0);
  const high = (): number =>
    random.oneIn(4) ? random.pick([0x80000000, 0x80000000, 0x100, 0x40000000, 0x7ff00000]) : 0;
  const large = random.oneIn(5);
  if (pae) {
    const table = large ? 0x80 | (random.oneIn(3) ? 1 << (13 + random.below(8)) : 0) : at.PAE_TABLE2;
    draft.put32(at.PAE_DIRECTORY + 16, table | flags());
    draft.put32(at.PAE_DIRECTORY + 20, random.oneIn(3) ? high() : 0);
    if (!large) {
      for (let k = 0; k < 2; k++) {
        draft.put32(at.PAE_TABLE2 + k * 8, (at.PAGES + k * 0x1000) | flags() | (random.oneIn(10) ? 0x80 : 0));
        draft.put32(at.PAE_TABLE2 + k * 8 + 4, high());
      }
    }
    if (random.oneIn(8)) {
      const pdpte = random.pick([
        0,
        at.PAE_DIRECTORY,
        at.PAE_DIRECTORY | 0xe19,
        at.PAE_DIRECTORY | 3,
        at.PAE_DIRECTORY | 0x21,
        at.PAE_DIRECTORY | 0x201,
      ]);
      draft.put32(at.POINTERS + 8, pdpte);
      draft.say(`pdpte1=${hex(pdpte)}`);
      draft.tag('pdpte');
    }
    draft.say(`pde=${hex(draft.get32(at.PAE_DIRECTORY + 20))}:${hex(draft.get32(at.PAE_DIRECTORY + 16))}`);
    draft.say(`pte=${hex(draft.get32(at.PAE_TABLE2 + 4))}:${hex(draft.get32(at.PAE_TABLE2))}`);
    draft.say(`pte1=${hex(draft.get32(at.PAE_TABLE2 + 12))}:${hex(draft.get32(at.PAE_TABLE2 + 8))}`);
  } else {
    const table = large ? 0x80 | (random.oneIn(3) ? 1 << 21 : 0) : at.PAGE_TABLE1;
    draft.put32(at.PAGE_DIRECTORY + 4, table | flags());
    if (!large || (s.cr4 & 0x10) === 0) {
      for (let k = 0; k < 2; k++) {
        draft.put32(at.PAGE_TABLE1 + k * 4, (at.PAGES + k * 0x1000) | flags() | (random.oneIn(10) ? 0x80 : 0));
      }
    }
    if (large && (s.cr4 & 0x10) === 0)
      draft.put32(at.PAGE_DIRECTORY + 4, (draft.get32(at.PAGE_DIRECTORY + 4) & 0xfff) | at.PAGE_TABLE1);
    draft.say(
      `pde=${hex(draft.get32(at.PAGE_DIRECTORY + 4))} pte=${hex(draft.get32(at.PAGE_TABLE1))} pte1=${hex(draft.get32(at.PAGE_TABLE1 + 4))}`,
    );
  }
  if (large) draft.tag('large');
  const inLarge = large && (pae || (s.cr4 & 0x10) !== 0);
  const offset = random.oneIn(3) ? random.pick([0xffe, 0xfff, 0xffd, 0xffc]) : random.below(1024) * 4;
  draft.registers.ebx = at.WINDOW + (inLarge ? at.PAGES : 0) + offset;
  if (random.oneIn(20)) draft.registers.ebx = random.pick([0x800000, 0xc0000000, 0xfffffffe, 0x10000]);
  draft.say(`cr0=${hex(s.cr0)} cr4=${hex(s.cr4)} efer=${hex(s.efer)} ebx=${hex(draft.registers.ebx)}`);
  draft.registers.eax = random.pick([5, 0x20, 0xffffffe0, at.DATA3, 0xcccccccc]);
  if (random.oneIn(6)) {
    draft.putPair(at.IDT + 14 * 8, gate(at.RECOVER2, 0, 0x85));
  }
  program(draft, random.pick(PAGE_ACCESSES));
};

// Descriptor tables, TSS and stacks behind pages that are not there or not writable.
const pagedTables: Generator = (draft, random) => {
  const level = random.oneIn(2) ? 3 : 0;
  enterLevel(draft, level);
  const pae = random.oneIn(2);
  enablePaging(draft, pae);
  if (random.oneIn(2)) draft.system.cr0 |= 0x10000;
  const entry = (k: number, flags: number): void => {
    const value = (at.PAGES + k * 0x1000) | flags;
    if (pae) draft.put32(at.PAE_TABLE2 + k * 8, value);
    else draft.put32(at.PAGE_TABLE1 + k * 4, value);
    draft.say(`page${k}=${hex(flags)}`);
  };
  entry(0, random.pick([1, 3, 5, 7, 0, 0x61]));
  entry(1, random.pick([1, 3, 5, 7, 0, 0]));
  // Some structure lies across the two pages of the window.
  const where = at.WINDOW + 0x1000 - random.pick([4, 8, 0x10, 0x24, 0x40, 0x60, 0x1000]);
  const physical = at.PAGES + where - at.WINDOW;
  const what = random.below(4);
  if (what === 0) {
    draft.putPair(at.GDT + at.FREE, descriptor(where, 0xff, 0x82, 0));
    draft.system.ldtr = at.FREE;
    const inner = random.oneIn(2) ? 0xf2 : 0xfa;
    for (let k = 1; k < 4; k++) draft.putPair(physical + k * 8, descriptor(0, 0xfffff, inner, 0xc));
    const entryIndex = random.below(3) + 1;
    draft.registers.eax = (entryIndex * 8) | 7;
    draft.put32(0x23010, at.TARGET_A);
    draft.put16(0x23014, (entryIndex * 8) | 7);
    draft.say('ldt');
    program(draft, random.pick(['mov ds, ax', 'lar ecx, ax', 'verw ax', 'jmp far [0x23010]', 'mov ss, ax']));
  } else if (what === 1) {
    draft.putPair(at.GDT + at.TSS_SELECTOR, descriptor(where, 0x67, 0x89, 0));
    for (let k = 0; k < 0x68; k += 4)
      if (physical + k < at.PAGES + 0x2000)
        draft.put32(physical + k, draft.template.getUint32(at.TSS - at.ARENA + k, true));
    draft.put32(0x23014, random.pick([at.TSS_B_SELECTOR, at.RECOVER2]));
    draft.say('tss');
    draft.putPair(at.IDT + 14 * 8, gate(at.CODE0, at.STUBS32 + 14 * 8, 0x8e));
    program(draft, random.pick(['int 0x21', 'jmp far [0x23010]', 'call far [0x23010]', 'in al, 0x21', 'int3']));
  } else if (what === 2) {
    for (let k = 0; k < 0x68; k += 4)
      draft.put32(
        physical + k < at.PAGES + 0x2000 ? physical + k : physical,
        draft.template.getUint32(at.TSS_B - at.ARENA + k, true),
      );
    if (physical + 0x68 <= at.PAGES + 0x2000) draft.put32(physical + 0x1c, draft.system.cr3);
    draft.putPair(at.GDT + at.TSS_B_SELECTOR, descriptor(where, 0x67, 0xe9, 0));
    draft.put32(0x23014, at.TSS_B_SELECTOR);
    draft.say('new tss');
    program(draft, random.pick(['jmp far [0x23010]', 'call far [0x23010]']));
  } else {
    if (level === 3) draft.put32(at.TSS + 4, at.WINDOW + 0x1000 + random.pick([0, 4, 8, 12, 16, 20, 0x1000]));
    else draft.registers.esp = at.WINDOW + 0x1000 + random.pick([12, 16, 20, 0x1000]);
    draft.say('stack');
    draft.putPair(at.IDT + 14 * 8, gate(at.RECOVER2, 0, 0x85));
    program(draft, random.pick(['int 0x21', 'int3', 'ud2', 'push eax', 'pushad', 'enter 16, 0', 'call 0x21400']));
  }
  draft.tag('pagedtables');
};

// ------------------------------------------------------------------------------------------ control, debug, model-specific

const CONTROL = [
  'mov cr0, eax;mov ecx, cr0',
  'mov cr0, eax',
  'mov cr2, eax;mov ecx, cr2',
  'mov cr4, eax;mov ecx, cr4',
  'mov cr4, eax',
  'lmsw ax;smsw ecx',
  'smsw ecx',
  'smsw [0x23000]',
  'clts;smsw ecx',
  'mov ecx, cr0',
  'mov ecx, cr3',
  'db 0x0f, 0x20, 0xc9',
  'db 0x0f, 0x22, 0xc8',
  'db 0x0f, 0x22, 0x20',
  'db 0x0f, 0x20, 0xe8',
  'mov dr7, eax;mov ecx, dr7',
  'mov dr6, eax;mov ecx, dr6',
  'mov dr0, eax;mov ecx, dr0',
  'db 0x0f, 0x23, 0xe0, 0x0f, 0x21, 0xe1',
  'db 0x0f, 0x23, 0xe8, 0x0f, 0x21, 0xe9',
  'mov ecx, dr6',
  'invlpg [ebx]',
  'invd',
  'wbinvd',
  'hlt',
  'rdtsc;mov eax, 0;mov edx, 0',
  'lgdt [0x23080]',
  'lidt [0x23080];mov eax, 0',
  'sgdt [0x23000];sidt [0x23010]',
  'o16 lgdt [0x23080];sgdt [0x23000]',
  'sldt ecx',
  'str [0x23002]',
  'cli',
  'sti',
  'rsm',
];

const control: Generator = (draft, random) => {
  const where = random.below(8);
  draft.registers.eflags = randomFlags(random) & ~0x4000;
  const bits = where === 7 ? 16 : 32;
  if (where === 7) enterV86(draft, random.below(4));
  else enterLevel(draft, where < 5 ? 0 : where - 4);
  const { registers: r, system: s } = draft;
  if (random.oneIn(4)) s.cr4 |= 8;
  if (random.oneIn(4)) s.cr4 |= 4;
  if (random.oneIn(8)) s.dr7 |= 0x2000;
  if (random.oneIn(8)) s.cr0 |= random.pick([2, 4, 8, 0xe]);
  r.eax = random.oneIn(2)
    ? random.word() >>> 0
    : random.pick([
        0, 1, 0x11, 0x10, 0x60000011, 0x40000011, 0x20000011, 0x80000010, 0x7ff, 0x800, 0x2000, 0x10, 0x20, 0xf,
        0xfffffff0,
      ]);
  let text = random.pick(CONTROL);
  if (text === 'hlt' && where < 5) text = 'clts'; // would wait for ever
  if (text.startsWith('mov cr4')) r.eax = (r.eax & ~0x2000) >>> 0; // VMXE: one peer has VMX
  // Paging without page tables only ends in a reset.
  if (text.startsWith('mov cr0') && r.eax !== 0x80000010) r.eax = ((r.eax & 0x7fffffff) | 1) >>> 0;
  if (text.startsWith('mov dr7')) s.dr = [0xffffff00, 0xffffff10, 0xffffff20, 0xffffff30];
  draft.put32(0x23080, 0x8fff | ((s.gdtLimit | 1) << 16));
  if (text.includes('lgdt')) {
    draft.put16(0x23080, s.gdtLimit);
    draft.put32(0x23082, at.GDT);
  } else {
    draft.put16(0x23080, 0x7ff);
    draft.put32(0x23082, at.IDT);
  }
  draft.say(`eax=${hex(r.eax)} cr4=${hex(s.cr4)} dr7=${hex(s.dr7)} cr0=${hex(s.cr0)} flags=${hex(r.eflags)}`);
  draft.tag('control');
  program(draft, bits === 16 ? text.replace('0x230', '0x').replace('0x230', '0x') : text, bits);
};

const FLAG_USES = [
  'popfd;pushfd;pop ecx',
  'popfd;nop;nop',
  'o16 popf;pushfd;pop ecx',
  'pushfd;pop ecx',
  'o16 pushf;o16 pop cx',
  'cli;pushfd;pop ecx',
  'sti;pushfd;pop ecx',
  'sti',
  'cli',
  'mov ax, ss;mov ss, ax;nop;nop',
  'mov ax, ss;mov ss, ax;int3',
  'o16 popf;nop',
];
const FLAG_USES_16 = [
  'popf;pushf;pop cx',
  'o32 popf;o32 pushf;o32 pop ecx',
  'pushf;pop cx',
  'pushfd;pop ecx',
  'cli',
  'sti',
  'cli;pushf;pop cx',
  'sti;pushf;pop cx',
  'popf;nop;nop',
];

const flags: Generator = (draft, random) => {
  const where = random.below(6);
  const { registers: r, system: s } = draft;
  r.eflags = randomFlags(random, random.oneIn(4)) & ~0x4000;
  if (where === 5) enterReal(draft);
  else if (where === 4) enterV86(draft, random.below(4));
  else enterLevel(draft, where);
  s.cr4 = random.below(4);
  if (random.oneIn(6)) s.cr0 |= 0x40000;
  const image = randomFlags(random, random.oneIn(4)) | (random.oneIn(6) ? 0x20000 : 0);
  draft.put32(at.STACK3, image);
  draft.say(`flags=${hex(r.eflags)} image=${hex(image)} cr4=${s.cr4}`);
  draft.tag('flags');
  if (where >= 4) program(draft, random.pick(FLAG_USES_16), 16);
  else program(draft, random.pick(FLAG_USES));
};

const DEBUG_USES = [
  'mov eax, [0x23000]',
  'mov [0x23000], eax',
  'mov [0x22fff], eax',
  'inc dword [0x23000]',
  'mov al, [0x23001];nop',
  'nop;nop;nop',
  'push eax;nop',
  'rep movsd',
  'mov ax, ss;mov ss, ax;nop;nop',
  'mov ss, [0x23000];nop;nop',
  'int 0x21',
  'int3',
  'in al, 0x80;nop',
  'out 0x80, al;nop',
  'ud2',
  'pushfd;nop',
  'mov dr0, eax;nop',
  'db 0xf1',
  'nop;db 0xf1',
  'xchg [0x23000], eax;nop',
  'mov ds, [0x23000]',
  'jmp far [0x23020]',
  'popfd;nop;nop',
  'fild qword [0x23000];nop',
];

const debug: Generator = (draft, random) => {
  enterLevel(draft, random.oneIn(2) ? 3 : 0);
  const { registers: r, system: s } = draft;
  r.eflags = randomFlags(random, random.oneIn(2)) & ~0x4000;
  if (random.oneIn(2)) s.cr4 |= 8;
  let dr7 = 0x400;
  const places = [at.CODE, at.CODE + 1, at.CODE + 2, at.CODE + 6, 0x23000, 0x23000, 0x23001, 0x22bfc, 0x80, 0x23004];
  for (let index = 0; index < 3; index++) {
    if (random.oneIn(2)) continue;
    s.dr[index] = random.pick(places);
    const condition = random.below(4);
    const length = condition === 0 ? 0 : random.pick([0, 1, 3, 3]);
    dr7 |= (random.pick([1, 2, 3]) << (index * 2)) | (condition << (16 + index * 4)) | (length << (18 + index * 4));
    draft.say(`dr${index}=${hex(s.dr[index])} rw=${condition} len=${length}`);
  }
  if (random.oneIn(6)) dr7 |= 0x300;
  if (random.oneIn(12)) dr7 |= 0x2000;
  s.dr7 = dr7;
  r.ecx = random.below(3);
  r.esi = 0x23000;
  r.edi = 0x23800;
  draft.put32(0x23000, random.pick([at.DATA3, at.DATA0, 0x1f8]));
  draft.put32(0x23020, at.TARGET_A);
  draft.put16(0x23024, (r.cs & 3) === 3 ? at.CODE3 : at.CODE0);
  draft.put32(at.STACK3, randomFlags(random, true) & ~0x4000);
  draft.say(`dr7=${hex(dr7)} flags=${hex(r.eflags)} cr4=${hex(s.cr4)} ecx=${r.ecx}`);
  draft.tag('debug');
  program(draft, random.pick(DEBUG_USES));
};

const MSRS = [
  0x10, 0x1b, 0x174, 0x175, 0x176, 0xc0000080, 0x277, 0x200, 0x2ff, 0xfe, 0x12345678, 0xc0000081, 0xffffffff,
];

const modelSpecific: Generator = (draft, random) => {
  enterLevel(draft, random.oneIn(4) ? 3 : 0);
  const { registers: r, system: s } = draft;
  r.ecx = random.pick([0x174, 0x175, 0x176, 0xc0000080, random.pick(MSRS)]);
  r.eax = random.pick([0, 0x800, 0x801, 1, 0xd00, 8, 0x33]);
  r.edx = r.ecx === 0xc0000080 ? random.pick([0, 0, 1, 0x80000000]) : 0; // others have 32 bits here, 64 elsewhere
  if (r.ecx !== 0x10 && r.ecx !== 0x1b && random.oneIn(2)) program(draft, 'wrmsr;rdmsr');
  else if (r.ecx === 0x10 || r.ecx === 0x1b || r.ecx === 0x277 || r.ecx === 0xfe || r.ecx === 0x200)
    program(draft, 'nop');
  else program(draft, 'rdmsr');
  s.sysenter = [8, 1, 2];
  draft.say(`ecx=${hex(r.ecx)} edx:eax=${hex(r.edx)}:${hex(r.eax)}`);
  draft.tag('msr');
};

const fastCalls: Generator = (draft, random) => {
  const { registers: r, system: s } = draft;
  const isV86 = random.oneIn(8);
  r.eflags = randomFlags(random, random.oneIn(8)) & ~0x4000;
  if (isV86) enterV86(draft, random.below(4));
  else enterLevel(draft, random.oneIn(3) ? 0 : random.below(4));
  s.sysenter = [random.pick([0, 3, 8, 0x48, 0x4b, 0xa0, 0xfff0]), random.pick([at.STACK0, 0x22202]), at.TARGET_A];
  r.edx = at.TARGET_B;
  r.ecx = at.STACK2;
  draft.say(`sysenter_cs=${hex(s.sysenter[0])} flags=${hex(r.eflags)}`);
  draft.tag('sysenter');
  program(draft, random.pick(['sysenter', 'sysexit']), isV86 ? 16 : 32);
};

// ------------------------------------------------------------------------------------------ ports

const IO_USES = [
  'in al, dx',
  'in ax, dx',
  'in eax, dx',
  'out dx, al',
  'out dx, ax',
  'out dx, eax',
  'outsb',
  'outsw',
  'outsd',
  'in al, 0x80',
  'out 0x80, al',
];

const ports: Generator = (draft, random) => {
  const { registers: r } = draft;
  const isV86 = random.oneIn(4);
  r.eflags = 2;
  if (!isV86) r.eflags |= random.below(4) << 12;
  if (isV86) enterV86(draft, random.below(4));
  else enterLevel(draft, random.below(4));
  // Ports that do nothing: the bits of a whole neighbourhood are random.
  const port = random.pick([
    0x80, 0x81, 0x87, 0x8c, 0x1ee, 0x1ef, 0x1f8, 0x1fc, 0x1fd, 0x1fe, 0x1ff, 0x200, 0xffff, 0xfffe,
  ]);
  r.edx = port;
  r.esi = isV86 ? 0 : 0x23000;
  r.eax = 0;
  for (let k = 0; k < 64; k += 4)
    draft.put32(at.TSS_IO_MAP + k, random.pick([0, 0, 0xffffffff, random.word(), random.word() & random.word()]));
  if (random.oneIn(3)) {
    const limit = random.pick([0x66, 0x67, 0x68, 0x88, 0x89, 0x98, 0x99, 0x9a, 0xc6, 0xc7, 0xc8]);
    draft.putPair(at.GDT + at.TSS_SELECTOR, descriptor(at.TSS, limit, random.oneIn(6) ? 0x81 : 0x89, 0));
    draft.say(`tss limit=${hex(limit)}`);
  }
  if (random.oneIn(4)) {
    const base = random.pick([0x66, 0x68, 0xc7, 0xc8, 0xc9, 0xffff, 0xfff8]);
    draft.put16(at.TSS + 0x66, base);
    draft.say(`map base=${hex(base)}`);
  }
  draft.say(`port=${hex(port)} flags=${hex(r.eflags)}`);
  draft.tag('io');
  // What an empty port reads differs between boards.
  program(draft, `${random.pick(IO_USES)};mov eax, 0`, isV86 ? 16 : 32);
};

// ------------------------------------------------------------------------------------------ real mode

const REAL_USES = [
  'int 0x21',
  'int3',
  'into',
  'push ax',
  'pop ax',
  'pusha',
  'popa',
  'pushad',
  'mov al, [bx]',
  'mov ax, [bx]',
  'mov eax, [bx]',
  'mov [bx], ax',
  'mov [bx], eax',
  'o32 iret',
  'iret',
  'retf',
  'o32 retf',
  'ret',
  'lds si, [0x10]',
  'call far [0x10]',
  'jmp far [0x10]',
  'o32 call far [0x10]',
  'o32 jmp far [0x18]',
  'o32 ret',
  'mov eax, [ebx]',
  'xor cx, cx;div cx',
  'ud2',
  'lldt ax',
  'ltr ax',
  'str ax',
  'sldt ax',
  'lar ax, cx',
  'verr ax',
  'arpl ax, cx',
  'sysenter',
  'sysexit',
  'smsw cx',
  'lgdt [0x40];sgdt [0x48]',
  'lidt [0x40]',
  'o32 lidt [0x40];sidt [0x48]',
  'movsw',
  'movsd',
  'enter 8, 1',
  'leave',
  'mov cr0, eax',
  'call 0x1400',
  'bound ax, [0x10]',
  'xlatb',
  'loop $+2',
  'mov ds, ax',
  'db 0x8e, 0xc8',
  'o32 popf;o32 pushf',
  'popf;pushf',
];

const real: Generator = (draft, random) => {
  const { registers: r, system: s } = draft;
  const isV86 = random.oneIn(3);
  r.eflags = randomFlags(random, random.oneIn(8)) | (random.oneIn(2) ? 0x800 : 0);
  r.eflags &= ~0x4000;
  if (isV86) {
    enterV86(draft, random.below(4));
    for (let k = 0; k < 32; k += 4) draft.put32(at.TSS_REDIRECTION + k, 0xffffffff);
    if (random.oneIn(2)) s.cr4 |= 1;
  } else enterReal(draft);
  r.esp = random.pick([0x2c00, 0x2c00, 0x2c00, 0xffff, 0xfffe, 0xfffd, 1, 2, 3, 4, 0, 6, 0x52c00]);
  // A frame that goes over the end of the segment lands in the tables of the arena: fine in real mode only.
  if (isV86 && (r.esp & 0xffff) < 0x100) r.esp = 0x2c00;
  r.ebx = random.pick([0x20, 0xffff, 0xfffe, 0xfffd, 0xfffc, 0x10020, 0x1fffe]);
  r.esi = random.pick([0x20, 0xffff, 0xfffe, 0xfffd]);
  r.edi = random.pick([0x80, 0xffff, 0xfffe]);
  r.eax = random.pick([0x2300, 0x10, 0x12342000]);
  r.ebp = random.pick([0x2c00, 2, 0xffff, 0]);
  r.ecx = 2;
  draft.put16(0x23010, random.pick([0x1400, 0x1400, 0xffff]));
  draft.put16(0x23012, 0x2000);
  draft.put32(0x23018, random.pick([0x1400, 0x10000, 0x11400]));
  draft.put16(0x2301c, 0x2000);
  draft.put16(0x23040, random.pick([0x3ff, 0x3ff, 0x1f, 0x23]));
  draft.put32(0x23042, at.REAL_VECTORS);
  const image = randomFlags(random, random.oneIn(8));
  const stack = 0x20000 + (r.esp & 0xffff);
  if (stack + 12 < 0x23000 && (stack & 1) === 0) {
    if (random.oneIn(2))
      [random.pick([0x1400, 0x11400]), 0x2000, image].forEach((value, k) => {
        draft.put32(stack + k * 4, value);
      });
    else
      [0x1400, 0x2000, image].forEach((value, k) => {
        draft.put16(stack + k * 2, value);
      });
  }
  if (!isV86 && random.oneIn(8)) {
    s.idtLimit = random.pick([0x83, 0x84, 0x86, 0x87, 0x3b, 0x18, 0x37]);
    draft.say(`idt limit=${hex(s.idtLimit)}`);
  }
  const text = random.pick(REAL_USES);
  if (text.startsWith('mov cr0')) r.eax = random.pick([0x10, 0x60000010, 0x20000010, 0x80000010, 0xfffffffe]);
  draft.say(
    `flags=${hex(r.eflags)} image=${hex(image)} esp=${hex(r.esp)} ebx=${hex(r.ebx)} esi=${hex(r.esi)} edi=${hex(r.edi)} eax=${hex(r.eax)} ebp=${hex(r.ebp)} cr4=${s.cr4}`,
  );
  program(draft, text, 16);
};

export const AREAS: Readonly<Record<string, Generator>> = {
  segments,
  limits,
  stacks,
  far,
  'far-returns': farReturns,
  iret: interruptReturns,
  interrupts,
  tasks,
  paging,
  'paged-tables': pagedTables,
  control,
  flags,
  debug,
  msr: modelSpecific,
  sysenter: fastCalls,
  ports,
  real,
};
