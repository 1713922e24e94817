/**
 * A CD-ROM drive (ATA/ATAPI-6, T13 1410D, section 9.8, PACKET; Multimedia Commands 4): packets come by the data port,
 * data goes by it in blocks as large as the host allows, or by bus master. Sense data, unit attention, tray and lock,
 * media events. The medium is an image that is read only. What a packet asks for is in atapi-replies.ts.
 */
import type { DeviceImage } from '../../board/context.ts';
import {
  BLOCK_BYTES,
  type DiscState,
  discInformation,
  eventStatus,
  getConfiguration,
  inquiry,
  mechanismStatus,
  modeSense,
  readCapacity,
  readToc,
  requestSense,
  subChannel,
  trackInformation,
} from './atapi-replies.ts';
import { COMMAND_NS, PIECE_BYTES } from './drive.ts';
import { ABRT, Drive, type DriveLink, DRDY, DRQ, DSC, ERR, PACKET_BYTES, BSY } from './drive.ts';
import { identifyCdrom } from './identify.ts';

const ACCESS_NS = 40_000;
const BLOCK_NS = 8_000;
/** Blocks of data by the data port are even, and not larger than that. */
const LIMIT_MAX = 0xfffe;

/** Interrupt reason, in the place of the sector count. */
const IS_COMMAND = 1;
const TO_HOST = 2;

/** Sense keys, and additional codes with their qualifiers. */
const NOT_READY = 2;
const MEDIUM_ERROR = 3;
const ILLEGAL_REQUEST = 5;
const UNIT_ATTENTION = 6;
const NO_MEDIUM = 0x3a00;
const UNRECOVERED_READ = 0x1100;
const INVALID_OPERATION = 0x2000;
const OUT_OF_RANGE = 0x2100;
const INVALID_FIELD = 0x2400;
const MEDIUM_CHANGED = 0x2800;
const REMOVAL_PREVENTED = 0x5302;

/** What happened to the medium, as GET EVENT STATUS NOTIFICATION tells it. */
const EVENT_NEW_MEDIUM = 2;
const EVENT_REMOVED = 3;

/** These answer even where something has happened to the medium that nobody has heard of. */
const ALWAYS_ANSWERED: readonly number[] = [0x03, 0x12, 0x46, 0x4a];

/** The medium by its number: what the drive was given first is 0. */
export type MediumOf = (number: number) => DeviceImage | null;

export class AtapiDrive extends Drive {
  readonly isPresent = true;
  override readonly isPacketDrive = true;
  protected readonly signature = [0x14, 0xeb] as const;
  protected readonly statusAfterReset = 0;
  readonly #mediumOf: MediumOf;
  readonly #serial: string;

  constructor(link: DriveLink, role: string, mediumOf: MediumOf) {
    super(link);
    this.#mediumOf = mediumOf;
    this.#serial = `RP-${role.toUpperCase()}`;
    this.medium = mediumOf(0) === null ? -1 : 0;
    this.reset();
  }

  override powerOn(): void {
    super.powerOn();
    this.isTrayLocked = false;
    this.senseKey = 0;
    this.additionalSense = 0;
  }

  protected override get image(): DeviceImage | null {
    return this.medium < 0 ? null : this.#mediumOf(this.medium);
  }

  get #disc(): DiscState {
    const { isTrayOpen, isTrayLocked } = this;
    return { blocks: Math.floor((this.image?.sizeBytes ?? 0) / BLOCK_BYTES), isTrayOpen, isTrayLocked };
  }

  /** Another medium, or −1 for none: somebody has opened the tray and closed it again. */
  change(medium: number): void {
    this.medium = medium;
    this.isTrayOpen = false;
    this.isMediumNew = true;
    this.mediaEvent = medium < 0 ? EVENT_REMOVED : EVENT_NEW_MEDIUM;
  }

  execute(command: number): void {
    this.command = command;
    this.error = 0;
    switch (command) {
      case 0xa0:
        this.#awaitPacket();
        return;
      case 0xa1:
        this.#reply(Array.from(identifyCdrom(this.#serial, this)), LIMIT_MAX);
        return;
      case 0xec: // a packet drive shows what it is
      case 0x20:
        this.putSignature();
        this.#abort();
        return;
      case 0xef:
        if ((this.features & 0xff) === 0x03) this.mode = this.count & 0xff;
        this.work(COMMAND_NS);
        return;
      default:
        if (!this.manages(command)) this.#abort();
    }
  }

  #abort(): void {
    this.fail(ABRT);
  }

  #awaitPacket(): void {
    const limit = (this.lbaMid & 0xff) | ((this.lbaHigh & 0xff) << 8);
    this.limit = Math.min(limit === 0 ? LIMIT_MAX : limit, LIMIT_MAX) & ~1 || 2;
    this.isByMaster = (this.features & 1) !== 0;
    this.offer('packet', PACKET_BYTES);
    this.count = IS_COMMAND;
  }

  blockMoved(): void {
    this.isAnnounced = false;
    if (this.phase === 'packet') {
      this.#packet(this.buffer.data.slice(0, PACKET_BYTES));
      return;
    }
    this.left = Math.max(0, this.left - (this.buffer.end - this.buffer.begin));
    if (this.left === 0) {
      // IDENTIFY PACKET DEVICE is no packet command: nothing follows its data.
      if (this.command === 0xa0) this.work(COMMAND_NS);
      else this.#idle();
      return;
    }
    this.#nextBlock(COMMAND_NS);
  }

  #idle(): void {
    this.phase = 'idle';
    this.buffer.clear();
    this.status = DRDY | DSC;
  }

  expire(): void {
    switch (this.phase) {
      case 'working':
        if (this.command === 0xa0) this.count = IS_COMMAND | TO_HOST;
        this.finish();
        break;
      case 'reading':
        this.#offerBlock();
        break;
      case 'dma':
        this.#movePiece();
        break;
      default:
    }
  }

  // -------------------------------------------------------------------------------------------------------------
  // Data to the host

  /** Bytes that are not on the medium; the host takes as many as it wants. */
  #reply(bytes: readonly number[], allocation: number): void {
    const count = Math.min(bytes.length, allocation);
    this.buffer.data.set(bytes.slice(0, count));
    this.buffer.start(count);
    this.isReply = true;
    this.position = 0;
    this.left = count;
    if (count === 0) this.work(COMMAND_NS);
    else if (this.command === 0xa0 && this.isByMaster) this.enter('dma', COMMAND_NS);
    else this.#nextBlock(COMMAND_NS);
  }

  #blocks(first: number, count: number): void {
    const { blocks } = this.#disc;
    if (first + count > blocks) {
      this.#check(ILLEGAL_REQUEST, OUT_OF_RANGE);
      return;
    }
    if (!this.isSound(first, first + count, false)) {
      this.#check(MEDIUM_ERROR, UNRECOVERED_READ);
      return;
    }
    this.isReply = false;
    this.position = first * BLOCK_BYTES;
    this.left = count * BLOCK_BYTES;
    if (count === 0) this.work(COMMAND_NS);
    else if (this.isByMaster) this.enter('dma', ACCESS_NS + this.#pieceNs());
    else this.#nextBlock(ACCESS_NS);
  }

  #nextBlock(nanoseconds: number): void {
    const count = Math.min(this.left, this.command === 0xa0 ? this.limit : LIMIT_MAX);
    if (this.isReply) this.buffer.select(this.position, this.position + count);
    else {
      this.image?.read(this.position, this.buffer.data.subarray(0, count));
      this.buffer.start(count);
    }
    this.position += count;
    this.enter('reading', nanoseconds + (this.isReply ? 0 : Math.ceil(count / BLOCK_BYTES) * BLOCK_NS));
  }

  #offerBlock(): void {
    const count = this.buffer.end - this.buffer.begin;
    this.phase = 'pio-in';
    this.status = (this.status & ~BSY) | DRDY | DRQ;
    const image = this.image;
    const offset = this.position - count;
    if (!this.isReply && image !== null && offset >= 0 && this.position <= image.sizeBytes)
      this.announce(image, offset);
    if (this.command === 0xa0) {
      this.count = TO_HOST;
      this.lbaMid = count & 0xff;
      this.lbaHigh = count >> 8;
    }
    this.link.interrupt();
  }

  #pieceNs(): number {
    return Math.ceil(Math.min(this.left, PIECE_BYTES) / BLOCK_BYTES) * BLOCK_NS;
  }

  #movePiece(): void {
    const { master, dma } = this.link;
    if (!master.isActive || !master.isToMemory) {
      this.#awaitMaster();
      return;
    }
    const count = Math.min(this.left, PIECE_BYTES);
    const image = this.image;
    const moved = master.take(count, dma, (address, done, run) => {
      const from = this.position + done;
      if (this.isReply) dma.write(address, this.buffer.data.slice(from, from + run));
      else if (image !== null && from + run <= image.sizeBytes) dma.writeImage(address, image, from, run);
    });
    this.position += moved;
    this.left -= moved;
    if (this.left === 0) {
      this.count = IS_COMMAND | TO_HOST;
      this.finish();
    } else if (!master.isActive) this.#awaitMaster();
    else this.enter('dma', this.#pieceNs());
  }

  #awaitMaster(): void {
    this.phase = 'dma-wait';
    this.status = (this.status & ~BSY) | DRDY | DRQ;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Packets

  /** The packet ends with sense data. */
  #check(key: number, additional: number): void {
    this.senseKey = key;
    this.additionalSense = additional;
    this.count = IS_COMMAND | TO_HOST;
    this.fail((key << 4) | ABRT, ERR);
  }

  #packet(packet: Uint8Array): void {
    const [operation] = packet;
    const word16 = (at: number): number => (packet[at] << 8) | packet[at + 1];
    const word32 = (at: number): number => word16(at) * 0x10000 + word16(at + 2);
    const disc = this.#disc;
    if (operation !== 0x03) this.#forgetSense();
    if (this.isMediumNew && !ALWAYS_ANSWERED.includes(operation)) {
      this.isMediumNew = false;
      this.#check(UNIT_ATTENTION, MEDIUM_CHANGED);
      return;
    }
    const hasMedium = disc.blocks > 0 && !disc.isTrayOpen;
    const withMedium = (work: () => void): void => {
      if (hasMedium) work();
      else this.#check(NOT_READY, NO_MEDIUM);
    };
    const answer = (bytes: readonly number[] | null, allocation: number): void => {
      if (bytes === null) this.#check(ILLEGAL_REQUEST, INVALID_FIELD);
      else this.#reply(bytes, allocation);
    };
    switch (operation) {
      case 0x00: // TEST UNIT READY
      case 0x2b: // SEEK
        withMedium(() => this.work(COMMAND_NS));
        break;
      case 0x03:
        answer(requestSense(this.senseKey, this.additionalSense), packet[4]);
        this.#forgetSense();
        break;
      case 0x12:
        answer((packet[1] & 1) !== 0 ? null : inquiry(), word16(3));
        break;
      case 0x1b:
        this.#startStop(packet[4]);
        break;
      case 0x1e:
        this.isTrayLocked = (packet[4] & 1) !== 0;
        this.work(COMMAND_NS);
        break;
      case 0x25:
        withMedium(() => answer(readCapacity(disc.blocks), 8));
        break;
      case 0x28:
        withMedium(() => this.#blocks(word32(2), word16(7)));
        break;
      case 0xa8:
        withMedium(() => this.#blocks(word32(2), word32(6)));
        break;
      case 0xbe:
        withMedium(() => this.#readCd(word32(2), (packet[6] << 16) | word16(7), packet[9] & 0xf8));
        break;
      case 0x42:
        withMedium(() => answer(subChannel(), word16(7)));
        break;
      case 0x43: {
        // Old drivers put the format into the control byte.
        const format = (packet[2] & 0x0f) === 0 ? packet[9] >> 6 : packet[2] & 0x0f;
        withMedium(() => answer(readToc(format, (packet[1] & 2) !== 0, packet[6], disc.blocks), word16(7)));
        break;
      }
      case 0x46:
        answer(getConfiguration(packet[1] & 3, word16(2), disc), word16(7));
        break;
      case 0x4a:
        // Only what is asked for again and again is told, not what is waited for.
        answer((packet[1] & 1) === 0 ? null : eventStatus(packet[4], this.mediaEvent, disc), word16(7));
        if ((packet[1] & 1) !== 0) this.mediaEvent = 0;
        break;
      case 0x51:
        withMedium(() => answer(discInformation(), word16(7)));
        break;
      case 0x52:
        withMedium(() => answer(trackInformation(disc.blocks), word16(7)));
        break;
      case 0x5a:
        answer(modeSense(packet[2] & 0x3f, disc), word16(7));
        break;
      case 0xbb: // SET CD SPEED
        this.work(COMMAND_NS);
        break;
      case 0xbd:
        answer(mechanismStatus(disc), word16(8));
        break;
      default:
        this.#check(ILLEGAL_REQUEST, INVALID_OPERATION);
    }
  }

  #forgetSense(): void {
    this.senseKey = 0;
    this.additionalSense = 0;
  }

  /** The user data of blocks and nothing else, or nothing at all. */
  #readCd(first: number, count: number, wanted: number): void {
    if (wanted === 0) this.work(COMMAND_NS);
    else if (wanted === 0x10) this.#blocks(first, count);
    else this.#check(ILLEGAL_REQUEST, INVALID_FIELD);
  }

  #startStop(what: number): void {
    const movesTray = (what & 2) !== 0;
    if (movesTray && (what & 1) === 0) {
      if (this.isTrayLocked) {
        this.#check(this.medium < 0 ? NOT_READY : ILLEGAL_REQUEST, REMOVAL_PREVENTED);
        return;
      }
      if (!this.isTrayOpen) this.mediaEvent = EVENT_REMOVED;
      this.isTrayOpen = true;
    } else if (movesTray && this.isTrayOpen) {
      this.isTrayOpen = false;
      this.isMediumNew = this.medium >= 0;
      this.mediaEvent = this.medium < 0 ? 0 : EVENT_NEW_MEDIUM;
    }
    this.work(COMMAND_NS);
  }
}
