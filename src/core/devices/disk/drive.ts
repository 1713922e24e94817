/**
 * What every drive on an IDE channel has (ATA/ATAPI-6, T13 1410D, chapters 6 to 9): the task file, of which each
 * register remembers what was written to it before, status and error, and the phases of a command. What a command does
 * is the business of ata-drive.ts and atapi-drive.ts; ports and lines belong to the channel. Imports base.
 */
import { MEDIA_MAX } from '../../base/defaults.ts';
import { bits, byte, flag, integer, list, oneOf, unsigned, word16 } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import type { DeviceDma, DeviceImage, ImagePart } from '../../board/context.ts';
import type { BusMaster } from './bus-master.ts';
import { transferBuffer } from './transfer-buffer.ts';

/** Status register. */
export const BSY = 0x80;
export const DRDY = 0x40;
export const DF = 0x20;
export const DSC = 0x10;
export const DRQ = 0x08;
export const ERR = 0x01;
/** Error register. */
export const UNC = 0x40;
export const IDNF = 0x10;
export const ABRT = 0x04;
/** Device register. */
export const SLAVE = 0x10;
export const LBA = 0x40;

/** What a command without data takes. */
export const COMMAND_NS = 4_000;
/** A transfer by bus master goes in pieces, between which other things happen. */
export const PIECE_BYTES = 0x20000;

/** The largest block that a data port moves between two looks at the status: sixteen sectors, or what ATAPI says. */
export const BUFFER_BYTES = 0x10000;
export const PACKET_BYTES = 12;
/** Stretches of the medium that cannot be read or written: how many at a time. */
const FAULTS_MAX = 64;

export type Phase =
  | 'idle'
  /** Busy, without data. */
  | 'working'
  /** Busy: the next block for the data port is being read. */
  | 'reading'
  | 'pio-in'
  | 'pio-out'
  /** Busy: a block from the data port is being written. */
  | 'writing'
  /** Busy: the next piece goes by bus master. */
  | 'dma'
  /** Data is ready, and no bus master has been started. */
  | 'dma-wait'
  /** The data port takes the command packet. */
  | 'packet';
const PHASES: readonly Phase[] = [
  'idle',
  'working',
  'reading',
  'pio-in',
  'pio-out',
  'writing',
  'dma',
  'dma-wait',
  'packet',
];

export const FAULT = fields({
  /** First sector and the one behind the last. */
  from: integer(0, Number.MAX_SAFE_INTEGER),
  to: integer(0, Number.MAX_SAFE_INTEGER),
  isWrite: flag(),
});

export const DRIVE = fields({
  // High byte: what was written before, which commands of 48 bits want.
  features: word16(),
  count: word16(),
  lbaLow: word16(),
  lbaMid: word16(),
  lbaHigh: word16(),
  device: byte(),
  status: byte(),
  error: byte(),
  command: byte(),
  phase: oneOf<Phase>(PHASES, 'a phase of a command', 'idle'),
  /** The next byte of the medium, and how many are still to be moved. */
  position: integer(0, Number.MAX_SAFE_INTEGER),
  left: integer(0, Number.MAX_SAFE_INTEGER),
  buffer: transferBuffer(BUFFER_BYTES),
  /** A log knows the block in the buffer as part of an image. */
  isAnnounced: flag(),
  /** Sectors of a block of READ MULTIPLE and its kin; 0 before SET MULTIPLE MODE. */
  multiple: integer(0, 16),
  /** What SET FEATURES 03h was given last. */
  mode: byte(),
  isCaching: flag(true),
  isLookingAhead: flag(true),
  isSmart: flag(true),
  /** As INITIALIZE DEVICE PARAMETERS says. */
  heads: integer(0, 16),
  sectorsPerTrack: unsigned(0xff),
  faults: list(FAULT, FAULTS_MAX),
  // Of packet drives.
  senseKey: bits(0x0f),
  additionalSense: word16(),
  /** Number of the medium: 0 is what the drive was given first, −1 none. */
  medium: integer(-1, MEDIA_MAX, -1),
  /** Something has happened to the medium that the host has not heard of. */
  isMediumNew: flag(),
  mediaEvent: unsigned(3),
  /** The largest block by the data port, and whether data goes by bus master instead. */
  limit: unsigned(0xffff),
  isByMaster: flag(),
  /** What is sent lies in the buffer, not on the medium. */
  isReply: flag(),
  isTrayOpen: flag(),
  isTrayLocked: flag(),
});

/** What a drive reaches of its channel. */
export interface DriveLink {
  readonly master: BusMaster;
  readonly dma: DeviceDma;
  /** The drive wants to be called again in so many nanoseconds: `expire`. One at a time. */
  later(nanoseconds: number): void;
  /** No more. */
  forget(): void;
  /** The drive has something to say. */
  interrupt(): void;
  /** What the data port will give is that part of an image; null: no longer. */
  announce(part: ImagePart | null): void;
}

export abstract class Drive extends withFields(DRIVE) {
  protected readonly link: DriveLink;

  constructor(link: DriveLink) {
    super();
    this.link = link;
  }

  /** False: nothing is attached there. */
  abstract readonly isPresent: boolean;
  /** It takes command packets. */
  readonly isPacketDrive: boolean = false;
  /** Cylinder registers after a reset, by which software knows the kind. */
  protected abstract readonly signature: readonly [mid: number, high: number];
  protected abstract readonly statusAfterReset: number;
  /** A command other than DEVICE RESET, or DEVICE RESET to a packet drive. */
  abstract execute(command: number): void;
  /** The time that `later` was given is over. */
  abstract expire(): void;
  /** The buffer has been emptied or filled by the data port. */
  abstract blockMoved(): void;

  /** The bus master has been started. */
  masterStarted(): void {
    if (this.phase !== 'dma-wait') return;
    this.phase = 'dma';
    this.status = (this.status & ~DRQ) | BSY;
    this.link.later(0);
  }

  /** The reset line of the board. */
  powerOn(): void {
    this.device = 0;
    this.features = 0;
    this.command = 0;
    this.mode = 0;
    this.reset();
  }

  /** Another state has been loaded. */
  refresh(): void {}

  /** Registers as a drive has them when it has been reset. */
  putSignature(): void {
    const [mid, high] = this.signature;
    this.count = 1;
    this.lbaLow = 1;
    this.lbaMid = mid;
    this.lbaHigh = high;
    this.device &= SLAVE;
  }

  /** The reset line, SRST or DEVICE RESET: what was under way is not finished. */
  reset(): void {
    this.withdraw();
    this.phase = 'idle';
    this.buffer.clear();
    this.left = 0;
    this.error = 1;
    this.status = this.isPresent ? this.statusAfterReset : 0;
    this.putSignature();
  }

  /** Busy without data for a while. */
  protected work(nanoseconds: number): void {
    this.enter('working', nanoseconds);
  }

  /** Power commands that every drive takes (ATA/ATAPI-6, 8.9 to 8.13, 8.40): nothing here ever sleeps. True: done. */
  protected manages(command: number): boolean {
    switch (command) {
      case 0xe5: // CHECK POWER MODE: active
        this.count = 0xff;
        break;
      case 0xe0:
      case 0xe1:
      case 0xe2:
      case 0xe3:
      case 0xe6:
        break;
      default:
        return false;
    }
    this.work(COMMAND_NS);
    return true;
  }

  protected enter(phase: Phase, nanoseconds: number): void {
    this.phase = phase;
    this.status = (this.status & ~(DRQ | ERR | DF)) | BSY | DRDY;
    this.link.later(nanoseconds);
  }

  /** The buffer is there to be emptied or filled by the data port. */
  protected offer(phase: 'pio-in' | 'pio-out' | 'packet', count: number): void {
    this.phase = phase;
    // What is to come from the host is not there yet: what was there before is in no saved state.
    if (phase !== 'pio-in') this.buffer.data.fill(0, 0, count);
    this.buffer.start(count);
    this.status = (this.status & ~(BSY | ERR | DF)) | DRDY | DRQ;
  }

  /** The block for the data port lies there in an image. */
  protected announce(image: DeviceImage, offset: number): void {
    this.isAnnounced = true;
    this.link.announce({ image, offset, count: this.buffer.end - this.buffer.begin });
  }

  /** The image that is in the drive. */
  protected get image(): DeviceImage | null {
    return null;
  }

  /** What of the block in the buffer has been announced and not been read. */
  get announced(): ImagePart | null {
    const { image, buffer } = this;
    if (!this.isAnnounced || image === null || buffer.isDone) return null;
    const count = buffer.end - buffer.at;
    return { image, offset: this.position - count, count };
  }

  /** What of it has not been read is read as any other register. */
  withdraw(): void {
    if (this.isAnnounced && !this.buffer.isDone) this.link.announce(null);
    this.isAnnounced = false;
  }

  protected finish(): void {
    this.withdraw();
    this.phase = 'idle';
    this.buffer.clear();
    this.status = DRDY | DSC;
    this.error = 0;
    this.link.interrupt();
  }

  protected fail(error: number, status = ERR): void {
    this.withdraw();
    this.phase = 'idle';
    this.buffer.clear();
    this.left = 0;
    this.status = DRDY | DSC | status;
    this.error = error;
    this.link.interrupt();
  }

  /** Whether sectors from `first` up to `end` can be read, or written. */
  protected isSound(first: number, end: number, isWrite: boolean): boolean {
    return !this.faults.some((fault) => fault.isWrite === isWrite && first < fault.to && end > fault.from);
  }

  /** These sectors cannot be read or written from now on. False when there are too many such stretches. */
  addFault(from: number, to: number, isWrite: boolean): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push({ from, to, isWrite });
  }
}

/** A place without a drive: its registers are written with those of the other one, and nothing follows. */
export class NoDrive extends Drive {
  readonly isPresent = false;
  protected readonly signature = [0xff, 0xff] as const;
  protected readonly statusAfterReset = 0;

  execute(): void {}
  expire(): void {}
  blockMoved(): void {}
}
