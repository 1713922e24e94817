/**
 * Where things are for the guest that runs campaign cases: the monitor in a segment of its own where no case's jump
 * leads, the arena that a case owns, the cases above 1 MiB. Addresses are physical; the page tables of a case map the
 * first 4 MiB to themselves. Selectors are those of the GDT that every case starts from (world.ts fills it).
 */

import { REGISTERS_32 } from '../../../src/core/base/names.ts';

/** The monitor runs here; the boot loader puts the image at LOAD and the first instructions copy it. */
export const MONITOR = 0x50000;
export const MONITOR_SIZE = 0x8000;
export const STUBS32 = MONITOR + 0x6000;
export const STUBS16 = MONITOR + 0x6800;
export const STUBS_REAL = MONITOR + 0x7000;
export const LOAD = 0x100000;
export const TEMPLATE = LOAD + MONITOR_SIZE;

/** What a case may change; restored before each, compared after each. */
export const ARENA = 0x20000;
export const ARENA_SIZE = 0x4000;
/** Page tables and their pages: only compared for cases that say so. */
export const PAGED_SIZE = 0x9000;
/** Copy of the arena as it was when the case began. */
export const SHADOW = 0x30000;
/** Survives a reset: a mark, the next case, its number. */
export const PROGRESS = 0x1800000;
export const CASES = TEMPLATE + ARENA_SIZE + PAGED_SIZE;

export const GDT = 0x20000;
export const GDT_ENTRIES = 64;
export const LDT = 0x20200;
export const LDT_ENTRIES = 32;
export const IDT = 0x20300;
/** 104 bytes, then the redirection bit map (32 bytes), then the I/O bit map (64 bytes and an end byte). */
export const TSS = 0x20b00;
export const TSS_REDIRECTION = TSS + 104;
export const TSS_IO_MAP = TSS_REDIRECTION + 32;
export const TSS_LIMIT = 104 + 32 + 64;
export const TSS_B = 0x20c80;
export const TSS16 = 0x20d00;
/** Tasks of the monitor: a gate to one of them gets control back from any state. */
export const TSS_RECOVER = 0x20e00;
export const TSS_RECOVER2 = 0x20e80;
export const TASK_STACK = 0x20ff0;
export const TASK_STACK2 = 0x20f80;

export const CODE = 0x21000;
/** 256 bytes of breakpoints each, to jump to. */
export const TARGET_A = 0x21400;
export const TARGET_B = 0x21600;
export const STACK0 = 0x22200;
export const STACK1 = 0x22400;
export const STACK2 = 0x22600;
export const STACK3 = 0x22c00;
export const DATA = 0x23000;
/** Vector table of real mode: every vector leads to the monitor. */
export const REAL_VECTORS = 0x23400;

export const PAGE_DIRECTORY = 0x24000;
export const PAGE_TABLE0 = 0x25000;
export const PAGE_TABLE1 = 0x26000;
export const POINTERS = 0x27000;
export const PAE_DIRECTORY = 0x28000;
export const PAE_TABLE0 = 0x29000;
export const PAE_TABLE2 = 0x2a000;
/** Two pages to be mapped anywhere. */
export const PAGES = 0x2b000;
/** Linear addresses of the second table: 4 MiB on. */
export const WINDOW = 0x400000;

// Selectors.
export const CODE0 = 0x08;
export const DATA0 = 0x10;
export const RECOVER = 0x18;
export const RECOVER2 = 0x20;
export const CODE16 = 0x28;
export const DATA16 = 0x30;
export const TSS_SELECTOR = 0x38;
export const LDT_SELECTOR = 0x40;
export const CODE1 = 0x49;
export const DATA1 = 0x51;
export const CODE2 = 0x5a;
export const DATA2 = 0x62;
export const CODE3 = 0x6b;
export const DATA3 = 0x73;
export const CONFORMING0 = 0x78;
export const TSS_B_SELECTOR = 0x80;
export const TSS16_SELECTOR = 0x88;
export const CODE3_16 = 0x93;
export const DATA3_16 = 0x9b;
/** First of the entries that are free for a case. */
export const FREE = 0xa0;

/** What the monitor prints of a finished case, in this order, before the changed doublewords of the arena. */
export const FIELDS = [
  'kind',
  'vector',
  ...REGISTERS_32,
  'flags',
  'ss',
  'ds',
  'es',
  'fs',
  'gs',
  'ldtr',
  'tr',
  'cr0',
  'cr2',
  'cr3',
  'cr4',
  'dr6',
  'dr7',
  'gdtLimit',
  'gdtBase',
  'idtLimit',
  'idtBase',
  'efer',
] as const;
export type Field = (typeof FIELDS)[number];

// How the handler was entered.
export const KIND_GATE32 = 0;
export const KIND_GATE16 = 1;
export const KIND_TASK = 2;
export const KIND_REAL = 3;
