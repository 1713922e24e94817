/**
 * The arena before a case changes it (tables, tasks, stacks, code full of breakpoints, page tables), a builder for the
 * changes, and the image that holds a batch. Registers and system state start out as flat 32-bit ring 0 code.
 */
import * as at from './layout.ts';
import type { Monitor } from './monitor.ts';

/** In the order of the monitor's block: what is popped, then the IRETD frame. */
export interface Registers {
  gs: number;
  fs: number;
  es: number;
  ds: number;
  edi: number;
  esi: number;
  ebp: number;
  ebx: number;
  edx: number;
  ecx: number;
  eax: number;
  eip: number;
  cs: number;
  eflags: number;
  esp: number;
  ss: number;
  /** Virtual-8086 mode only. */
  v86: [es: number, ds: number, fs: number, gs: number];
}

export interface SystemState {
  cr0: number;
  cr3: number;
  cr4: number;
  efer: number;
  dr: [number, number, number, number];
  dr7: number;
  gdtLimit: number;
  idtLimit: number;
  idtBase: number;
  ldtr: number;
  tr: number;
  sysenter: [cs: number, esp: number, eip: number];
}

export interface CampaignCase {
  readonly area: string;
  /** What it does, for people and for verdicts: instructions and choices. */
  readonly title: string;
  readonly tags: ReadonlySet<string>;
  /** Its instructions in our assembler's notation, parted by semicolons. */
  readonly program: string;
  readonly isPaged: boolean;
  readonly isReal: boolean;
  readonly registers: Registers;
  readonly system: SystemState;
  /** Doublewords of the arena that differ from the template. */
  readonly patches: ReadonlyMap<number, number>;
}

export const EFLAGS_V86 = 0x20000;

/** Low and high doubleword of a segment descriptor; access: P, DPL, S, type; flags: G D/B 0 AVL. */
export function descriptor(base: number, limit: number, access: number, flags: number): [number, number] {
  return [
    (limit & 0xffff) | (base << 16),
    ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000),
  ];
}

export function gate(selector: number, offset: number, access: number, count = 0): [number, number] {
  return [(selector << 16) | (offset & 0xffff), (offset & 0xffff0000) | (access << 8) | count];
}

/** The arena and its page tables as every case finds them. */
export function buildTemplate(monitor: Monitor): DataView {
  const view = new DataView(new ArrayBuffer(at.ARENA_SIZE + at.PAGED_SIZE));
  const put = (address: number, value: number): void => view.setUint32(address - at.ARENA, value, true);
  const put16 = (address: number, value: number): void => view.setUint16(address - at.ARENA, value, true);
  const putPair = (address: number, [low, high]: [number, number]): void => {
    put(address, low);
    put(address + 4, high);
  };
  const segment = (selector: number, base: number, limit: number, access: number, flags: number): void =>
    putPair(at.GDT + (selector & 0xfff8), descriptor(base, limit, access, flags));
  segment(at.CODE0, 0, 0xfffff, 0x9b, 0xc);
  segment(at.DATA0, 0, 0xfffff, 0x93, 0xc);
  segment(at.RECOVER, at.TSS_RECOVER, 0x67, 0x89, 0);
  segment(at.RECOVER2, at.TSS_RECOVER2, 0x67, 0x89, 0);
  segment(at.CODE16, at.MONITOR, 0xffff, 0x9b, 0);
  segment(at.DATA16, 0x20000, 0xffff, 0x93, 0);
  segment(at.TSS_SELECTOR, at.TSS, at.TSS_LIMIT, 0x89, 0);
  segment(at.LDT_SELECTOR, at.LDT, at.LDT_ENTRIES * 8 - 1, 0x82, 0);
  for (const selector of [at.CODE1, at.CODE2, at.CODE3]) {
    segment(selector, 0, 0xfffff, 0x9b | ((selector & 3) << 5), 0xc);
  }
  for (const selector of [at.DATA1, at.DATA2, at.DATA3]) {
    segment(selector, 0, 0xfffff, 0x93 | ((selector & 3) << 5), 0xc);
  }
  segment(at.CONFORMING0, 0, 0xfffff, 0x9f, 0xc);
  segment(at.TSS_B_SELECTOR, at.TSS_B, 0x67, 0x89, 0);
  segment(at.TSS16_SELECTOR, at.TSS16, 0x2b, 0x81, 0);
  segment(at.CODE3_16, 0x20000, 0xffff, 0xfb, 0);
  segment(at.DATA3_16, 0x20000, 0xffff, 0xf3, 0);
  for (let vector = 0; vector < 256; vector++) {
    const openToAll = vector === 3 || vector === 4 || vector === 5 || vector >= 0x20;
    putPair(at.IDT + vector * 8, gate(at.CODE0, at.STUBS32 + vector * 8, openToAll ? 0xee : 0x8e));
  }
  putPair(at.IDT + 8 * 8, gate(at.RECOVER, 0, 0x85));
  // The main TSS.
  [at.STACK0, at.STACK1, at.STACK2].forEach((stack, level) => {
    put(at.TSS + 4 + level * 8, stack);
    put(at.TSS + 8 + level * 8, [at.DATA0, at.DATA1, at.DATA2][level]);
  });
  put16(at.TSS + 0x66, at.TSS_IO_MAP - at.TSS);
  put(at.TSS_IO_MAP + 64, 0xff);
  const task = (tss: number, eip: number, level: number, esp: number): void => {
    put(tss + 0x20, eip);
    put(tss + 0x24, 2);
    put(tss + 0x38, esp);
    const data = [at.DATA0, at.DATA1, at.DATA2, at.DATA3][level];
    put(tss + 4, at.STACK0);
    put(tss + 8, at.DATA0);
    [data, [at.CODE0, at.CODE1, at.CODE2, at.CODE3][level], data, data, data, data].forEach((selector, index) => {
      put(tss + 0x48 + index * 4, selector);
    });
    put16(tss + 0x66, 0x68);
  };
  task(at.TSS_RECOVER, monitor.taskEntry, 0, at.TASK_STACK);
  task(at.TSS_RECOVER2, monitor.taskEntry2, 0, at.TASK_STACK2);
  task(at.TSS_B, at.TARGET_A, 3, at.STACK3);
  // The 16-bit task: code and data segments based at the arena.
  put16(at.TSS16 + 0x0e, at.TARGET_B & 0xffff);
  put16(at.TSS16 + 0x10, 2);
  put16(at.TSS16 + 2, at.STACK0 & 0xffff);
  put16(at.TSS16 + 4, at.DATA16);
  put16(at.TSS16 + 0x12 + 8, at.STACK3 & 0xffff);
  [at.DATA3_16, at.CODE3_16, at.DATA3_16, at.DATA3_16].forEach((selector, index) => {
    put16(at.TSS16 + 0x22 + index * 2, selector);
  });
  for (let address = at.CODE; address < 0x22000; address += 4) put(address, 0xcccccccc);
  for (let address = at.DATA; address < at.DATA + 0x1000; address += 4) put(address, address * 0x01010101);
  for (let vector = 0; vector < 256; vector++) {
    put(at.REAL_VECTORS + vector * 4, ((at.MONITOR >> 4) << 16) | ((at.STUBS_REAL + vector * 8) & 0xffff));
  }
  for (let address = at.PAGES; address < at.PAGES + 0x2000; address += 4) put(address, 0xcccccccc);
  // Page tables: the first 4 MiB to themselves, all accessed and dirty so that only the window changes.
  put(at.PAGE_DIRECTORY, at.PAGE_TABLE0 | 0x27);
  put(at.PAGE_DIRECTORY + 4, at.PAGE_TABLE1 | 7);
  put(at.POINTERS, at.PAE_DIRECTORY | 1);
  put(at.PAE_DIRECTORY, at.PAE_TABLE0 | 0x27);
  put(at.PAE_DIRECTORY + 16, at.PAE_TABLE2 | 7);
  for (let page = 0; page < 1024; page++) {
    const isMonitor = page >= at.MONITOR >> 12 && page < (at.MONITOR >> 12) + 0x10;
    const entry = (page << 12) | (isMonitor ? 0x63 : 0x67);
    put(at.PAGE_TABLE0 + page * 4, entry);
    if (page < 512) put(at.PAE_TABLE0 + page * 8, entry);
  }
  return view;
}

/** What generators change. */
export class Draft {
  readonly area: string;
  readonly template: DataView;
  readonly tags = new Set<string>();
  readonly titles: string[] = [];
  readonly patches = new Map<number, number>();
  program = '';
  isPaged = false;
  isReal = false;
  registers: Registers = {
    gs: at.DATA0,
    fs: at.DATA0,
    es: at.DATA0,
    ds: at.DATA0,
    edi: 0xd1d1d1d1,
    esi: 0x51515151,
    ebp: 0xb9b9b9b9,
    ebx: 0xbbbbbbbb,
    edx: 0xd0d0d0d0,
    ecx: 0xc0c0c0c0,
    eax: 0xa0a0a0a0,
    eip: at.CODE,
    cs: at.CODE0,
    eflags: 2,
    esp: at.STACK3,
    ss: at.DATA0,
    v86: [0x2300, 0x2300, 0x2300, 0x2300],
  };
  system: SystemState = {
    cr0: 0x11,
    cr3: 0,
    cr4: 0,
    efer: 0,
    dr: [0, 0, 0, 0],
    dr7: 0x400,
    gdtLimit: at.GDT_ENTRIES * 8 - 1,
    idtLimit: 0x7ff,
    idtBase: at.IDT,
    ldtr: at.LDT_SELECTOR,
    tr: at.TSS_SELECTOR,
    sysenter: [0, 0, 0],
  };

  constructor(area: string, template: DataView) {
    this.area = area;
    this.template = template;
  }

  get32(address: number): number {
    const aligned = address & ~3;
    if (aligned !== address) throw new Error('an aligned address was expected');
    return this.patches.get(address) ?? this.template.getUint32(address - at.ARENA, true);
  }

  put8(address: number, value: number): void {
    const shift = (address & 3) * 8;
    const word = address & ~3;
    this.patches.set(word, ((this.get32(word) & ~(0xff << shift)) | ((value & 0xff) << shift)) >>> 0);
  }

  put16(address: number, value: number): void {
    this.put8(address, value);
    this.put8(address + 1, value >>> 8);
  }

  put32(address: number, value: number): void {
    if ((address & 3) === 0) this.patches.set(address, value >>> 0);
    else {
      this.put16(address, value);
      this.put16(address + 2, value >>> 16);
    }
  }

  putPair(address: number, [low, high]: [number, number]): void {
    this.put32(address, low);
    this.put32(address + 4, high);
  }

  putBytes(address: number, bytes: ArrayLike<number>): void {
    for (let index = 0; index < bytes.length; index++) this.put8(address + index, bytes[index]);
  }

  say(...words: string[]): void {
    this.titles.push(...words);
  }

  tag(...names: string[]): void {
    for (const name of names) this.tags.add(name);
  }

  finish(): CampaignCase {
    const { area, tags, program, isPaged, isReal, registers, system, patches } = this;
    return { area, title: this.titles.join(' '), tags, program, isPaged, isReal, registers, system, patches };
  }
}

const ENTRY_WORDS = 42;

/** Bytes of a case in the image. */
export function caseSize(c: CampaignCase): number {
  return (ENTRY_WORDS + c.patches.size * 2) * 4;
}

function writeCase(words: number[], c: CampaignCase): void {
  const { registers: r, system: s } = c;
  words.push(caseSize(c), (c.isPaged ? 1 : 0) | (c.isReal ? 2 : 0));
  words.push(s.cr0, s.cr3, s.cr4, s.efer, ...s.dr, s.dr7, s.gdtLimit, at.GDT, s.idtLimit, s.idtBase, s.ldtr, s.tr);
  words.push(...s.sysenter);
  words.push(r.gs, r.fs, r.es, r.ds, r.edi, r.esi, r.ebp, 0, r.ebx, r.edx, r.ecx, r.eax);
  words.push(r.eip, r.cs, r.eflags, r.esp, r.ss, ...r.v86);
  words.push(c.patches.size);
  for (const [address, value] of c.patches) words.push(address, value);
}

/** A multiboot kernel that runs `cases` one after the other. */
export function buildImage(monitor: Monitor, template: DataView, cases: readonly CampaignCase[]): Uint8Array {
  const words: number[] = [];
  for (const c of cases) writeCase(words, c);
  words.push(0);
  const image = new Uint8Array(at.CASES - at.LOAD + words.length * 4);
  image.set(monitor.bytes);
  image.set(new Uint8Array(template.buffer), at.TEMPLATE - at.LOAD);
  const view = new DataView(image.buffer, at.CASES - at.LOAD);
  words.forEach((word, index) => {
    view.setUint32(index * 4, word, true);
  });
  return image;
}
