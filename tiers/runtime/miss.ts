// What compiled code asks when an access is not plain: make it plain, so that the function goes on. A page that is not
// in the TLB yet is looked up, a clean one is marked written, and a value that lies unaligned inside one page is moved
// through a scratch word. Everything else is answered with 0, and the instruction goes the slow way: devices, faults,
// code, page tables, page ends, #AC, watchpoints, and whatever asks the function to leave.
// A write that changes nothing but a device's own memory, such as that of a screen, is done at once too.
// What the page tables are marked with is what the handler would mark: only instructions with one address ask for it.

import * as pages from '../../src/core/base/pages.ts';
import * as access from '../../src/core/memory/access.ts';
import * as tlbBits from '../../src/core/memory/tlb.ts';
import * as cpuState from '../../src/core/state/cpu.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import * as layout from '../../src/core/state/layout.ts';

const { CPU_BLOCK_SIZE, MODE_CPL3, MODE_KEY, SCRATCH } = layout;
const { EXIT_FAULT } = cpuState;
const { PAGE_BYTES } = pages;

/** How a load may be made plain: log2 of its bytes, and these. */
export const MISS_SIZE_MASK = 7;
/** A store to the same place follows: the page must be writable. */
export const MISS_WRITE = 8;
/** The page tables may be read. */
export const MISS_WALK = 16;
/**
 * Nothing else relies on the host address: it may be the scratch word's. Fetches and stashes: they may be unaligned.
 */
export const MISS_UNALIGNED = 32;
const SIZE = MISS_SIZE_MASK;
const WRITE = MISS_WRITE;
const WALK = MISS_WALK;
const UNALIGNED = MISS_UNALIGNED;

export interface Miss {
  /** Host address where the value can be loaded by a plain access, or 0. */
  readonly loadMiss: (linear: number, how: number) => number;
  /** Host address where the value can be stored by a plain access (the scratch word: it has been stored), or 0. */
  readonly storeMiss: (linear: number, how: number, value: number) => number;
  /** Move 8 or 16 bytes to words of the CPU block, or from there: 1 when it has been done, 0 when not. */
  readonly fetchMiss: (linear: number, how: number, index: number) => number;
  readonly stashMiss: (linear: number, how: number, index: number) => number;
}

export function makeMiss(cpu: Cpu): Miss {
  const { tlb, m32, view } = cpu;
  const { locateExplicit, wouldFaultOnAlignment } = access;

  /** Physical address of what `plain` was asked for, if a device answers there; else −1. */
  let atDevice = -1;
  /** Host address of an access that is plain but for its alignment, or 0. */
  const plain = (linear: number, how: number, read: boolean, write: boolean): number => {
    atDevice = -1;
    if (cpu.watchActive) return 0;
    const user = (m32[MODE_KEY] & MODE_CPL3) !== 0;
    let deny = 0;
    if (read) deny |= user ? tlbBits.TLB_NO_USER_READ : tlbBits.TLB_NO_SUPER_READ;
    if (write) deny |= user ? tlbBits.TLB_NO_USER_WRITE : tlbBits.TLB_NO_SUPER_WRITE;
    const page = linear >>> 12;
    if ((tlb[page] & deny) !== 0) {
      if ((how & WALK) === 0) return 0;
      const tables = cpu.tables.marked;
      const host = locateExplicit(cpu, linear, write);
      if (cpu.exitRequest !== 0) {
        // The handler meets the same fault again.
        cpu.exitRequest &= ~EXIT_FAULT;
        return 0;
      }
      if (cpu.tables.marked !== tables) return 0;
      if (host < CPU_BLOCK_SIZE) atDevice = cpu.walkPhysical;
      if (host < CPU_BLOCK_SIZE || (tlb[page] & deny) !== 0) return 0;
    }
    return ((tlb[page] & -4096) + linear) | 0;
  };

  /** Whether the access is aligned, or may be moved through the scratch word. */
  const mayMove = (linear: number, how: number): boolean => {
    const bytes = 1 << (how & SIZE);
    if ((linear & (bytes - 1)) === 0) return true;
    return (
      (how & UNALIGNED) !== 0 && (linear & 0xfff) + bytes <= PAGE_BYTES && !wouldFaultOnAlignment(cpu, linear, bytes)
    );
  };

  const loadMiss = (linear: number, how: number): number => {
    if (!mayMove(linear, how)) return 0;
    const host = plain(linear, how, true, (how & WRITE) !== 0);
    const size = how & SIZE;
    if (host === 0 || (host & ((1 << size) - 1)) === 0) return host;
    m32[SCRATCH] = size === 2 ? view.getInt32(host, true) : view.getUint16(host, true);
    return SCRATCH << 2;
  };

  const storeMiss = (linear: number, how: number, value: number): number => {
    if (!mayMove(linear, how)) return 0;
    const host = plain(linear, how, false, true);
    const size = how & SIZE;
    if (host === 0) {
      const isAlone = atDevice >= 0 && (how & UNALIGNED) !== 0 && (linear & ((1 << size) - 1)) === 0;
      return isAlone && cpu.space.writesQuietly(atDevice, 1 << size, value) ? SCRATCH << 2 : 0;
    }
    if ((host & ((1 << size) - 1)) === 0) return host;
    if (size === 2) view.setInt32(host, value, true);
    else view.setInt16(host, value, true);
    return SCRATCH << 2;
  };

  const fetchMiss = (linear: number, how: number, index: number): number => {
    if (!mayMove(linear, how)) return 0;
    const host = plain(linear, how, true, false);
    if (host === 0) return 0;
    for (let k = 0; k < 1 << ((how & SIZE) - 2); k++) m32[index + k] = view.getInt32(host + 4 * k, true);
    return 1;
  };

  const stashMiss = (linear: number, how: number, index: number): number => {
    if (!mayMove(linear, how)) return 0;
    const host = plain(linear, how, false, true);
    if (host === 0) return 0;
    for (let k = 0; k < 1 << ((how & SIZE) - 2); k++) view.setInt32(host + 4 * k, m32[index + k], true);
    return 1;
  };

  return { loadMiss, storeMiss, fetchMiss, stashMiss };
}
