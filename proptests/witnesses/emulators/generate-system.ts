/**
 * Cases about everything else of the system: paging and structures behind pages, control, debug and model-specific
 * registers, flags by privilege, SYSENTER, the I/O permission map, real and virtual-8086 mode. SDM 3 chapters 2, 4, 17,
 * 20. Each generator is an area of the campaign (generate.ts).
 */
import * as at from './layout.ts';
import {
  enablePaging,
  enterLevel,
  enterReal,
  enterV86,
  program,
  randomFlags,
  type Generator,
  hex,
} from './random-state.ts';
import { descriptor, gate } from './world.ts';

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

export const paging: Generator = (draft, random) => {
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
      `pde=${hex(draft.get32(at.PAGE_DIRECTORY + 4))} pte=${hex(draft.get32(at.PAGE_TABLE1))} ` +
        `pte1=${hex(draft.get32(at.PAGE_TABLE1 + 4))}`,
    );
  }
  if (large) draft.tag('large');
  const inLarge = large && (pae || (s.cr4 & 0x10) !== 0);
  const offset = random.oneIn(3) ? random.pick([0xffe, 0xfff, 0xffd, 0xffc]) : random.below(1024) * 4;
  draft.registers.ebx = at.WINDOW + (inLarge ? at.PAGES : 0) + offset;
  if (random.oneIn(20)) draft.registers.ebx = random.pick([0x800000, 0xc0000000, 0xfffffffe, at.MONITOR]);
  draft.say(`cr0=${hex(s.cr0)} cr4=${hex(s.cr4)} efer=${hex(s.efer)} ebx=${hex(draft.registers.ebx)}`);
  draft.registers.eax = random.pick([5, 0x20, 0xffffffe0, at.DATA3, 0xcccccccc]);
  if (random.oneIn(6)) {
    draft.putPair(at.IDT + 14 * 8, gate(at.RECOVER2, 0, 0x85));
  }
  program(draft, random.pick(PAGE_ACCESSES));
};

// Descriptor tables, TSS and stacks behind pages that are not there or not writable.
export const pagedTables: Generator = (draft, random) => {
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

// ------------------------------------------------------------------------------------------ control, debug,
// model-specific

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

export const control: Generator = (draft, random) => {
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
  // VMXE: one peer has VMX. Reserved bits: the other peer hangs, which takes a while to see.
  if (text.startsWith('mov cr4')) r.eax = (r.eax & (random.oneIn(6) ? ~0x2000 : 0x7ff)) >>> 0;
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

export const flags: Generator = (draft, random) => {
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

export const debug: Generator = (draft, random) => {
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

export const modelSpecific: Generator = (draft, random) => {
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

export const fastCalls: Generator = (draft, random) => {
  const { registers: r, system: s } = draft;
  const isV86 = random.oneIn(8);
  r.eflags = randomFlags(random, random.oneIn(8)) & ~0x4000;
  if (isV86) enterV86(draft, random.below(4));
  else enterLevel(draft, random.oneIn(3) ? 0 : random.below(4));
  s.sysenter = [random.pick([0, 3, 8, 0x48, 0x4b, 0xa0, 0xfff0]), random.pick([at.STACK0, 0x22204]), at.TARGET_A];
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

export const ports: Generator = (draft, random) => {
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
  'call $+0x400',
  'bound ax, [0x10]',
  'xlatb',
  'loop $+2',
  'mov ds, ax',
  'db 0x8e, 0xc8',
  'o32 popf;o32 pushf',
  'popf;pushf',
];

export const real: Generator = (draft, random) => {
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
      [isV86 ? 0x1400 : random.pick([0x1400, 0x11400]), 0x2000, image].forEach((value, k) => {
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
    `flags=${hex(r.eflags)} image=${hex(image)} esp=${hex(r.esp)} ebx=${hex(r.ebx)}`,
    `esi=${hex(r.esi)} edi=${hex(r.edi)} eax=${hex(r.eax)} ebp=${hex(r.ebp)} cr4=${s.cr4}`,
  );
  program(draft, text, 16);
};
