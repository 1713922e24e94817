/**
 * Bus master IDE of one channel (Programming Interface for Bus Master IDE Controller, revision 1.0; 82371SB data
 * sheet): command, status, and the table of physical regions that a transfer fills or empties. Regions are taken as
 * far as a piece of a transfer needs them, so that a table that leads nowhere, or in a circle, costs little at a time.
 * Imports base and types.
 */
import { bits, flag, integer, unsigned, word32 } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import type { DeviceDma } from '../../board/context.ts';

export const BUS_MASTER_PORTS = 8;
const COMMAND = 0;
const STATUS = 2;
const TABLE = 4;

const START = 0x01;
/** From the drive to memory. */
const TO_MEMORY = 0x08;
const ACTIVE = 0x01;
const ERROR = 0x02;
const INTERRUPT = 0x04;
/** Software says with them that a drive can do DMA. */
const CAPABLE = 0x60;

const REGION_BYTES = 8;
/** What one region of a table may be: a count of 0. */
export const REGION_BYTES_MAX = 0x10000;
/** A table does not cross a boundary of 64 KiB. */
const TABLE_MASK = 0xffff;
/** Regions of one piece of a transfer, however short they are. */
const REGIONS_MAX = 256;

export const BUS_MASTER = fields({
  command: bits(START | TO_MEMORY),
  status: bits(CAPABLE | INTERRUPT | ERROR | ACTIVE),
  table: bits(0xfffffffc),
  /** Of the table: the next region, counted from its beginning. */
  next: unsigned(TABLE_MASK),
  /** The region in hand. */
  address: word32(),
  left: integer(0, REGION_BYTES_MAX),
  isLast: flag(),
});

export class BusMaster extends withFields(BUS_MASTER) {
  readonly #region = new Uint8Array(REGION_BYTES);
  /** Set by the channel: software has started or stopped it. */
  onStart: () => void = () => {};

  get isActive(): boolean {
    return (this.status & ACTIVE) !== 0;
  }

  get isToMemory(): boolean {
    return (this.command & TO_MEMORY) !== 0;
  }

  /** The line of the drive has risen. */
  interrupt(): void {
    this.status |= INTERRUPT;
  }

  read(offset: number): number {
    if (offset === COMMAND) return this.command;
    if (offset === STATUS) return this.status;
    return offset >= TABLE ? (this.table >>> ((offset - TABLE) * 8)) & 0xff : 0;
  }

  write(offset: number, value: number): void {
    if (offset >= TABLE) {
      const shift = (offset - TABLE) * 8;
      this.table = (((this.table & ~(0xff << shift)) | (value << shift)) & 0xfffffffc) >>> 0;
    } else if (offset === STATUS) {
      this.status = (value & CAPABLE) | (this.status & ACTIVE) | (this.status & ~value & (INTERRUPT | ERROR));
    } else if (offset === COMMAND) this.#command(value);
  }

  #command(value: number): void {
    const starts = (value & ~this.command & START) !== 0;
    this.command = value & (START | TO_MEMORY);
    if ((value & START) === 0) this.status &= ~ACTIVE;
    if (!starts) return;
    this.status |= ACTIVE;
    this.next = 0;
    this.left = 0;
    this.isLast = false;
    this.onStart();
  }

  /**
   * Gives memory for up to `count` bytes, a region after the other, to `use`; returns for how many. With fewer the
   * table is at its end, and the master stops, or it has many short regions, and the rest is for the next time.
   */
  take(count: number, dma: DeviceDma, use: (address: number, done: number, run: number) => void): number {
    let done = 0;
    for (let regions = 0; done < count && this.isActive; ) {
      if (this.left === 0) {
        if (regions++ === REGIONS_MAX) break;
        if (!this.#nextRegion(dma)) break;
      }
      const run = Math.min(count - done, this.left);
      use(this.address, done, run);
      this.address = (this.address + run) >>> 0;
      this.left -= run;
      done += run;
      this.#settle();
    }
    return done;
  }

  /** The last region is used up: the master is done. */
  #settle(): void {
    if (this.left === 0 && this.isLast) this.status &= ~ACTIVE;
  }

  #nextRegion(dma: DeviceDma): boolean {
    if (this.isLast) {
      this.status &= ~ACTIVE;
      return false;
    }
    const region = this.#region;
    dma.read(((this.table & ~TABLE_MASK) | ((this.table + this.next) & TABLE_MASK)) >>> 0, region);
    this.next = (this.next + REGION_BYTES) & TABLE_MASK;
    this.address = (region[0] | (region[1] << 8) | (region[2] << 16) | (region[3] << 24)) & ~1;
    this.address >>>= 0;
    const count = (region[4] | (region[5] << 8)) & 0xfffe;
    this.left = count === 0 ? REGION_BYTES_MAX : count;
    this.isLast = (region[7] & 0x80) !== 0;
    return true;
  }

  reset(): void {
    BUS_MASTER.clear(this);
  }
}
