/**
 * The diskette controller of a PC, an Intel 82077AA (data sheet 290166), with two drives: ports 3F0h–3F5h and 3F7h, IRQ
 * 6, channel 2 of the 8237. Commands come and results go a byte at a time; data by DMA, or by the data port where
 * SPECIFY says so. Seeks are implied, as software for PC emulators expects; motors are always up to speed; sectors have
 * 512 bytes. Diskettes are the images fda and fdb with bulk memory for what is written; one that is put in later is
 * write-protected.
 */
import { bits, byte, byteList, flag, integer, list, oneOf, unsigned } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import { MEDIA_MAX } from '../../base/defaults.ts';
import { PAGE_BYTES } from '../../base/pages.ts';
import type { BoardOptions } from '../../board/board.ts';
import type { DeviceContext, DeviceEntry, DeviceImage } from '../../board/context.ts';
import type { Device, IrqLine, Timer } from '../../board/device.ts';
import { DiskContents, SECTOR_BYTES, writtenBytes } from './disk-contents.ts';
import { type FloppyFormat, formatOf } from './floppy-formats.ts';
import { FLOPPY_ROLES, mediumRole, sizeOfImage } from './roles.ts';
import { transferBuffer } from './transfer-buffer.ts';

const FLOPPIES: readonly string[] = FLOPPY_ROLES;

const DMA_CHANNEL = 2;
const RESET_NS = 20_000;
const SEEK_NS = 100_000;
const ACCESS_NS = 50_000;
const SECTOR_NS = 20_000;

/** Digital output register. */
const DRIVE_MASK = 0x03;
const NOT_RESET = 0x04;
const DMA_GATE = 0x08;
/** Main status register. */
const READY = 0x80;
const TO_HOST = 0x40;
const NO_DMA = 0x20;
const BUSY = 0x10;
const CHANGED = 0x80;
const DRIVES = 4;

/** ST0, ST1, ST2, ST3. */
const ABNORMAL = 0x40;
const INVALID = 0x80;
const NOT_READY_CHANGE = 0xc0;
const SEEK_END = 0x20;
const END_OF_TRACK = 0x80;
const DATA_ERROR = 0x20;
const NO_DATA = 0x04;
const NOT_WRITABLE = 0x02;
const MISSING_ADDRESS = 0x01;
const PROTECTED = 0x40;
const IS_READY = 0x20;
const TRACK_0 = 0x10;
const TWO_SIDES = 0x08;

const MULTI_TRACK = 0x80;
const VERSION = 0x90;
const SIZE_CODE = 2;

type Phase = 'idle' | 'command' | 'seek' | 'execute' | 'data' | 'result' | 'reset';
const PHASES: readonly Phase[] = ['idle', 'command', 'seek', 'execute', 'data', 'result', 'reset'];

const FLOPPY = fields({
  track: byte(),
  /** Number of the diskette: 0 is what the drive was given first, −1 none. */
  medium: integer(-1, MEDIA_MAX, -1),
  isChanged: flag(true),
});

const FAULT = fields({
  drive: unsigned(1),
  from: integer(0, Number.MAX_SAFE_INTEGER),
  to: integer(0, Number.MAX_SAFE_INTEGER),
  isWrite: flag(),
});

const FIELDS = fields({
  output: byte(),
  tape: bits(0x03),
  rate: bits(0x03, 2),
  phase: oneOf<Phase>(PHASES, 'a phase of a command', 'idle'),
  command: byteList(16),
  results: byteList(16),
  buffer: transferBuffer(SECTOR_BYTES),
  isWriting: flag(),
  /** The sector in hand, as in the command. */
  cylinder: byte(),
  head: unsigned(1),
  sector: byte(),
  specified: list(byte(), 2, 2),
  configured: list(byte(), 3, 3),
  perpendicular: byte(),
  isLocked: flag(),
  isInterrupting: flag(),
  /** ST0 of what SENSE INTERRUPT STATUS has still to tell. */
  pending: list(byte(), DRIVES),
  drives: list(FLOPPY, 2, 2),
  faults: list(FAULT, 64),
});

/** Parameters behind the first byte, by the command without its flags. */
const PARAMETERS: Readonly<Record<number, number>> = {
  ...{ 0x02: 8, 0x03: 2, 0x04: 1, 0x05: 8, 0x06: 8, 0x07: 1, 0x08: 0, 0x09: 8, 0x0a: 1, 0x0c: 8, 0x0d: 5, 0x0e: 0 },
  ...{ 0x0f: 2, 0x10: 0, 0x12: 1, 0x13: 3, 0x14: 0, 0x16: 8, 0x18: 0 },
};
const WRITES: readonly number[] = [0x05, 0x09];
const FORMAT = 0x0d;
const VERIFY = 0x16;

export class FloppyController extends withFields(FIELDS) implements Device {
  readonly name = 'floppy';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    loaded: () => {
      for (const contents of this.disks.values()) contents.refresh();
    },
  });
  /** By role. */
  readonly disks = new Map<string, DiskContents>();
  readonly #context: DeviceContext;
  readonly #irq: IrqLine;
  readonly #timer: Timer;

  constructor(context: DeviceContext) {
    super();
    this.#context = context;
    this.#irq = context.irq(6);
    this.#timer = context.clock.timer('floppy', () => this.#expire());
    FLOPPY_ROLES.forEach((role, index) => {
      const image = context.image(role);
      if (image === null) return;
      this.disks.set(role, new DiskContents(image, context.bulk(bulkName(role))));
      this.drives[index].medium = 0;
    });
    context.ports(0x3f0, 6, {
      read: (port) => this.#read(port - 0x3f0),
      write: (port, _size, value) => this.#write(port - 0x3f0, value),
    });
    context.ports(0x3f7, 1, {
      read: () => (this.#selected?.isChanged === true ? CHANGED : 0),
      write: (_port, _size, value) => {
        this.rate = value & 3;
      },
    });
    context.input('medium', ({ drive, medium }) => {
      const index = FLOPPIES.indexOf(drive);
      if (index < 0 || !this.disks.has(drive)) return;
      this.drives[index].medium = medium;
      this.drives[index].isChanged = true;
    });
    context.input('disk-fault', ({ drive, from, to, isWrite }) => {
      const index = FLOPPIES.indexOf(drive);
      if (index >= 0 && this.faults.length < 64) this.faults.push({ drive: index, from, to, isWrite });
    });
  }

  // -------------------------------------------------------------------------------------------------------------
  // Drives and media

  get #selected() {
    const number = this.output & DRIVE_MASK;
    return number < 2 && this.disks.has(FLOPPY_ROLES[number]) ? this.drives[number] : undefined;
  }

  /** The diskette in a drive, with its format; null without one. */
  #medium(number: number): { readonly image: DeviceImage; readonly format: FloppyFormat } | null {
    const drive = this.drives[number];
    if (drive === undefined || drive.medium < 0 || !this.disks.has(FLOPPY_ROLES[number])) return null;
    const image = this.#context.image(mediumRole(FLOPPY_ROLES[number], drive.medium));
    const format = image === null ? null : formatOf(image.sizeBytes);
    return image === null || format === null ? null : { image, format };
  }

  /** What is written is kept for the first diskette alone. */
  #contents(number: number): DiskContents | null {
    return this.drives[number]?.medium === 0 ? (this.disks.get(FLOPPY_ROLES[number]) ?? null) : null;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Registers

  #read(offset: number): number {
    switch (offset) {
      case 2:
        return this.output;
      case 3:
        return this.tape;
      case 4:
        return this.#status;
      case 5:
        return this.#readData();
      default:
        return 0;
    }
  }

  #write(offset: number, value: number): void {
    if (offset === 2) this.#writeOutput(value);
    else if (offset === 3) this.tape = value & 3;
    else if (offset === 4) {
      this.rate = value & 3;
      if ((value & 0x80) !== 0) this.#startReset();
    } else if (offset === 5) this.#writeData(value);
  }

  get #status(): number {
    switch (this.phase) {
      case 'idle':
        return READY;
      case 'command':
        return READY | BUSY;
      case 'result':
        return READY | TO_HOST | BUSY;
      case 'data':
        return READY | NO_DMA | BUSY | (this.isWriting ? 0 : TO_HOST);
      case 'seek':
        return READY | (1 << (this.command[1] & DRIVE_MASK));
      case 'execute':
        return BUSY;
      default:
        return 0;
    }
  }

  #writeOutput(value: number): void {
    const before = this.output;
    this.output = value;
    if ((value & NOT_RESET) === 0) {
      this.#stop();
      this.phase = 'reset';
    } else if ((before & NOT_RESET) === 0) this.#startReset();
  }

  #stop(): void {
    this.#timer.disarm();
    this.#interrupt(false);
    this.command = [];
    this.results = [];
    this.pending = [];
    this.buffer.clear();
    this.phase = 'idle';
    if (this.isLocked) return;
    this.configured = [0, 0, 0];
  }

  #startReset(): void {
    this.#stop();
    this.phase = 'reset';
    this.#later(RESET_NS);
  }

  #later(nanoseconds: number): void {
    const { clock } = this.#context;
    this.#timer.arm(clock.now() + Math.max(1, Math.ceil(nanoseconds / clock.nsPerTick)));
  }

  #interrupt(level: boolean): void {
    this.isInterrupting = level;
    this.#irq.set(level && (this.output & DMA_GATE) !== 0);
  }

  // -------------------------------------------------------------------------------------------------------------
  // The data port

  #readData(): number {
    if (this.phase === 'data' && !this.isWriting) {
      const value = this.buffer.data[this.buffer.at++];
      if (this.buffer.isDone) this.#sectorDone(false);
      return value;
    }
    if (this.phase !== 'result') return 0;
    this.#interrupt(false);
    const value = this.results.shift() ?? 0;
    if (this.results.length === 0) this.phase = 'idle';
    return value;
  }

  #writeData(value: number): void {
    if (this.phase === 'data' && this.isWriting) {
      this.buffer.data[this.buffer.at++] = value;
      if (this.buffer.isDone) this.#writeSector(false);
      return;
    }
    if (this.phase !== 'idle' && this.phase !== 'command') return;
    if (this.phase === 'idle') this.command = [];
    this.command.push(value);
    this.phase = 'command';
    const wanted = PARAMETERS[this.command[0] & 0x1f];
    if (wanted === undefined) this.#finish([INVALID], false);
    else if (this.command.length > wanted) this.#execute();
  }

  /** The command is over: its results are read, announced by an interrupt or not. */
  #finish(results: readonly number[], isAnnounced: boolean): void {
    this.results = [...results];
    this.buffer.clear();
    this.phase = results.length === 0 ? 'idle' : 'result';
    if (isAnnounced) this.#interrupt(true);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Commands

  get #operation(): number {
    return this.command[0] & 0x1f;
  }

  #execute(): void {
    const [, first, second, third] = this.command;
    switch (this.#operation) {
      case 0x03:
        this.specified = [first, second];
        this.#finish([], false);
        break;
      case 0x04:
        this.#finish([this.#driveStatus(first)], false);
        break;
      case 0x07:
      case 0x0f:
        this.phase = 'seek';
        this.#later(SEEK_NS);
        break;
      case 0x08:
        this.#senseInterrupt();
        break;
      case 0x0e:
        this.#finish(this.#registers(), false);
        break;
      case 0x10:
        this.#finish([VERSION], false);
        break;
      case 0x12:
        this.perpendicular = first;
        this.#finish([], false);
        break;
      case 0x13:
        this.configured = [first, second, third];
        this.#finish([], false);
        break;
      case 0x14:
        this.isLocked = (this.command[0] & 0x80) !== 0;
        this.#finish([this.isLocked ? 0x10 : 0], false);
        break;
      case 0x18:
        this.#finish([0x41], false);
        break;
      default:
        this.#startTransfer();
    }
  }

  #driveStatus(select: number): number {
    const number = select & DRIVE_MASK;
    const isProtected = this.#medium(number) !== null && this.#contents(number) === null;
    const isAtTrack0 = this.drives[number]?.track === 0;
    return (select & 7) | IS_READY | TWO_SIDES | (isAtTrack0 ? TRACK_0 : 0) | (isProtected ? PROTECTED : 0);
  }

  #registers(): number[] {
    const [a, b] = this.drives;
    const lock = (this.isLocked ? 0x80 : 0) | (this.perpendicular & 0x7f);
    return [a.track, b.track, 0, 0, ...this.specified, this.sector, lock, this.configured[1], this.configured[2]];
  }

  #senseInterrupt(): void {
    const status = this.pending.shift();
    this.#interrupt(false);
    if (status === undefined) this.#finish([INVALID], false);
    else this.#finish([status, this.drives[status & DRIVE_MASK]?.track ?? 0], false);
  }

  #expire(): void {
    switch (this.phase) {
      case 'reset':
        this.phase = 'idle';
        for (let drive = 0; drive < DRIVES; drive++) this.pending.push(NOT_READY_CHANGE | drive);
        this.#interrupt(true);
        break;
      case 'seek':
        this.#seekDone();
        break;
      case 'execute':
        this.#step();
        break;
      default:
    }
  }

  #seekDone(): void {
    const [, select, track = 0] = this.command;
    const number = select & DRIVE_MASK;
    this.#move(number, this.#operation === 0x07 ? 0 : track);
    this.#finish([], false);
    if (this.pending.length < DRIVES) this.pending.push(SEEK_END | (select & 7));
    this.#interrupt(true);
  }

  /** Stepping tells the drive that the diskette of now is there. */
  #move(number: number, track: number): void {
    const drive = this.drives[number];
    if (drive === undefined) return;
    drive.track = track;
    if (this.#medium(number) !== null) drive.isChanged = false;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Transfers

  get #isByDma(): boolean {
    return (this.specified[1] & 1) === 0;
  }

  #startTransfer(): void {
    const [, select, cylinder, head, sector] = this.command;
    this.head = (select >> 2) & 1;
    if (this.#operation === 0x0a || this.#operation === FORMAT) {
      this.cylinder = this.drives[select & 1]?.track ?? 0;
      this.sector = 1;
    } else {
      this.cylinder = cylinder;
      this.sector = this.#operation === 0x02 ? 1 : sector;
      // The address says which side as the drive does.
      if (head !== this.head) {
        this.#end(ABNORMAL, NO_DATA, 0);
        return;
      }
      this.#move(select & DRIVE_MASK, cylinder);
    }
    this.phase = 'execute';
    this.#later(ACCESS_NS);
  }

  /** Seven bytes of results and an interrupt. */
  #end(status0: number, status1: number, status2: number): void {
    const select = this.command[1] & 7;
    const address = [this.cylinder, this.head, this.sector, SIZE_CODE];
    this.#finish([status0 | (select & 3) | (this.head << 2), status1, status2, ...address], true);
  }

  /** A sector, an address, or a track to be formatted. */
  #step(): void {
    const number = this.command[1] & DRIVE_MASK;
    const medium = this.#medium(number);
    if (medium === null || !medium.format.rates.includes(this.rate)) {
      this.#end(ABNORMAL, MISSING_ADDRESS, 0);
      return;
    }
    const { format } = medium;
    const operation = this.#operation;
    if (operation === 0x0a) {
      if (this.head >= format.heads || this.cylinder >= format.tracks) this.#end(ABNORMAL, MISSING_ADDRESS, 0);
      else this.#end(0, 0, 0);
    } else if ((operation === FORMAT || WRITES.includes(operation)) && this.#contents(number) === null) {
      this.#end(ABNORMAL, NOT_WRITABLE, 0);
    } else if (operation === FORMAT) this.#formatTrack(number, format);
    else this.#sector(number, format);
  }

  /** The number of the sector in hand on its diskette, −1 where there is none. */
  #place(format: FloppyFormat): number {
    const { cylinder, head, sector } = this;
    const isThere = cylinder < format.tracks && head < format.heads && sector >= 1 && sector <= format.sectors;
    return isThere ? (cylinder * format.heads + head) * format.sectors + sector - 1 : -1;
  }

  #isSound(drive: number, place: number, isWrite: boolean): boolean {
    return !this.faults.some(
      (fault) => fault.drive === drive && fault.isWrite === isWrite && place >= fault.from && place < fault.to,
    );
  }

  #sector(number: number, format: FloppyFormat): void {
    const place = this.#place(format);
    if (place < 0 || this.command[5] !== SIZE_CODE) {
      this.#end(ABNORMAL, NO_DATA, 0);
      return;
    }
    this.isWriting = WRITES.includes(this.#operation);
    if (!this.#isSound(number, place, this.isWriting)) {
      this.#end(ABNORMAL, DATA_ERROR, DATA_ERROR);
      return;
    }
    this.buffer.start(SECTOR_BYTES);
    if (this.isWriting) {
      this.buffer.data.fill(0);
      if (!this.#isByDma) this.#offer();
      else
        this.#writeSector(
          this.#dma()?.fromMemory(DMA_CHANNEL, this.buffer.data) !== SECTOR_BYTES || this.#isOver('from-memory'),
        );
      return;
    }
    this.#readSector(number, place);
    if (this.#operation === VERIFY) {
      this.#dma()?.verify(DMA_CHANNEL, SECTOR_BYTES);
      this.#sectorDone((this.command[1] & 0x80) === 0 && this.#isOver('verify'));
    } else if (!this.#isByDma) this.#offer();
    else this.#readByDma();
  }

  #readByDma(): void {
    const dma = this.#dma();
    if (dma === undefined) return;
    // A channel that is set to verify takes the bytes and writes none.
    const isVerified = dma.available(DMA_CHANNEL, 'verify') > 0;
    if (isVerified) dma.verify(DMA_CHANNEL, SECTOR_BYTES);
    else dma.toMemory(DMA_CHANNEL, this.buffer.data);
    this.#sectorDone(this.#isOver(isVerified ? 'verify' : 'to-memory'));
  }

  #readSector(number: number, place: number): void {
    const contents = this.#contents(number);
    if (contents !== null) contents.read(place * SECTOR_BYTES, this.buffer.data);
    else this.#medium(number)?.image.read(place * SECTOR_BYTES, this.buffer.data);
  }

  #dma() {
    return this.#context.services.isaDma;
  }

  /** Terminal count: the channel would move nothing more. */
  #isOver(direction: 'to-memory' | 'from-memory' | 'verify'): boolean {
    return (this.#dma()?.available(DMA_CHANNEL, direction) ?? 0) === 0;
  }

  /** The data port gives or takes the sector. */
  #offer(): void {
    this.phase = 'data';
    this.#interrupt(true);
  }

  #writeSector(isOver: boolean): void {
    const number = this.command[1] & DRIVE_MASK;
    const medium = this.#medium(number);
    const place = medium === null ? -1 : this.#place(medium.format);
    const isDone = place >= 0 && this.#contents(number)?.write(place * SECTOR_BYTES, this.buffer.data.slice()) === true;
    if (isDone) this.#sectorDone(isOver);
    else this.#end(ABNORMAL, NOT_WRITABLE, 0);
  }

  /** To the next sector, the other side of the track, or the end. */
  #sectorDone(isOver: boolean): void {
    this.#interrupt(false);
    const isLast = this.sector >= this.command[6];
    if (!isLast) this.sector++;
    else if ((this.command[0] & MULTI_TRACK) !== 0 && this.head === 0) {
      this.sector = 1;
      this.head = 1;
    } else {
      if (!isOver) {
        this.#end(ABNORMAL, END_OF_TRACK, 0);
        return;
      }
      this.sector = 1;
      this.cylinder = (this.cylinder + 1) & 0xff;
    }
    if (isOver) {
      this.#end(0, 0, 0);
      return;
    }
    this.phase = 'execute';
    this.#later(SECTOR_NS);
  }

  /** Four bytes for each sector come by DMA: its address. */
  #formatTrack(number: number, format: FloppyFormat): void {
    const [, , , count, , filler] = this.command;
    const addresses = new Uint8Array(4 * count);
    this.#dma()?.fromMemory(DMA_CHANNEL, addresses);
    for (let i = 0; i < count; i++) {
      [this.cylinder, , this.sector] = addresses.subarray(i * 4, i * 4 + 4);
      const place = this.#place(format);
      const isDone =
        place >= 0 &&
        this.#isSound(number, place, true) &&
        this.#contents(number)?.write(place * SECTOR_BYTES, new Uint8Array(SECTOR_BYTES).fill(filler)) === true;
      if (isDone) continue;
      this.#end(ABNORMAL, NO_DATA, 0);
      return;
    }
    this.#end(0, 0, 0);
  }

  /** The reset line: diskettes stay in their drives. */
  reset(): void {
    this.isLocked = false;
    this.#stop();
    this.output = 0;
    this.tape = 0;
    this.rate = 2;
    this.specified = [0, 0];
    this.perpendicular = 0;
    this.phase = 'reset';
  }
}

function bulkName(role: string): string {
  return `${role}.written`;
}

export const floppy: DeviceEntry = {
  isPresent: (options) => FLOPPY_ROLES.some((role) => sizeOfImage(options, role) >= 0),
  bulk: (options: BoardOptions) => {
    const sizes = FLOPPY_ROLES.map((role) => [role, formatOf(sizeOfImage(options, role))?.sizeBytes ?? 0] as const);
    const present = sizes.filter(([, sizeBytes]) => sizeBytes > 0);
    return Object.fromEntries(
      present.map(([role, size]) => [bulkName(role), writtenBytes(Math.ceil(size / PAGE_BYTES))]),
    );
  },
  create: (context) => new FloppyController(context),
};
