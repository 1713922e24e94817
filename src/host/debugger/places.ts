// Where physical memory is seen: a linear address of it at this moment, for answers that come from RAM itself (find,
// watchpoints, diff), since people and the other commands speak of linear addresses. Looks, and changes nothing.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import { CR0, CR0_PG } from '../../core/state/layout.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { hex, hexValue } from './views.ts';

const PAGES = 1 << 20;

/** One search of the page tables for many physical addresses: made for one moment, then dropped. */
export class LinearPlaces {
  private readonly cpu: Cpu;
  /** First linear page by physical page; made when it is first wanted. */
  private pages: Map<number, number> | null = null;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }

  /** The lowest linear address of these bytes, or null where no page table leads to them. */
  linearOf(physical: number): number | null {
    if ((this.cpu.m32[CR0] & CR0_PG) === 0) return physical;
    this.pages ??= this.look();
    const page = this.pages.get(Math.floor(physical / PAGE_BYTES));
    return page === undefined ? null : page * PAGE_BYTES + (physical % PAGE_BYTES);
  }

  /** `0xc0100000`, or what to say where there is none: `physical 0x1000`. */
  describe(physical: number): string {
    const linear = this.linearOf(physical);
    return linear === null ? `physical ${hexValue(physical)}` : hex(linear);
  }

  private look(): Map<number, number> {
    const pages = new Map<number, number>();
    for (let page = 0; page < PAGES; page++) {
      const physical = peekPhysical(this.cpu, page * PAGE_BYTES);
      const key = Math.floor(physical / PAGE_BYTES);
      if (physical >= 0 && !pages.has(key)) pages.set(key, page);
    }
    return pages;
  }
}
