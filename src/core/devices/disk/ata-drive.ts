/**
 * An ATA disk (ATA/ATAPI-6, T13 1410D, chapters 8 and 9): reads and writes by the data port, one sector or several at a
 * time, and by bus master; sectors by cylinder, head and sector, by 28 and by 48 bits; identification, features, power,
 * cache and SMART as far as software asks for them. What a command takes is a fixed time by the number of sectors.
 * Commands that are not here are aborted, as the standard wants.
 */
import type { Random } from '../../base/random.ts';
import type { Bulk, DeviceImage } from '../../board/context.ts';
import { DiskContents, SECTOR_BYTES } from './disk-contents.ts';
import { REGION_BYTES_MAX } from './bus-master.ts';
import { COMMAND_NS, PIECE_BYTES } from './drive.ts';
import { ABRT, BSY, DF, Drive, type DriveLink, DRDY, DRQ, DSC, ERR, IDNF, LBA, UNC } from './drive.ts';
import { HEADS, identifyDisk, MULTIPLE_MAX, SECTORS_PER_TRACK, smartData } from './identify.ts';
import type { WriteCache } from './write-cache.ts';

/** How long commands take: small, so that guests need not wait, and enough that they see it. */
const ACCESS_NS = 20_000;
const SECTOR_NS = 2_000;
const FLUSH_NS = 50_000;

const SMART_MID = 0x4f;
const SMART_HIGH = 0xc2;

interface TransferCommand {
  readonly isWrite: boolean;
  readonly isLba48: boolean;
  readonly by: 'sector' | 'multiple' | 'dma' | 'verify';
}

const transfer = (isWrite: boolean, isLba48: boolean, by: TransferCommand['by']): TransferCommand => ({
  isWrite,
  isLba48,
  by,
});

const TRANSFERS: Readonly<Record<number, TransferCommand>> = {
  0x20: transfer(false, false, 'sector'),
  0x21: transfer(false, false, 'sector'),
  0x24: transfer(false, true, 'sector'),
  0x25: transfer(false, true, 'dma'),
  0x29: transfer(false, true, 'multiple'),
  0x30: transfer(true, false, 'sector'),
  0x31: transfer(true, false, 'sector'),
  0x34: transfer(true, true, 'sector'),
  0x35: transfer(true, true, 'dma'),
  0x39: transfer(true, true, 'multiple'),
  0x3d: transfer(true, true, 'dma'),
  0x40: transfer(false, false, 'verify'),
  0x41: transfer(false, false, 'verify'),
  0x42: transfer(false, true, 'verify'),
  0xc4: transfer(false, false, 'multiple'),
  0xc5: transfer(true, false, 'multiple'),
  0xc8: transfer(false, false, 'dma'),
  0xc9: transfer(false, false, 'dma'),
  0xca: transfer(true, false, 'dma'),
  0xcb: transfer(true, false, 'dma'),
  0xce: transfer(true, true, 'multiple'),
};

/** FLUSH CACHE, and commands before which a drive flushes: STANDBY and SLEEP, SET FEATURES 82h. */
const FLUSHES: readonly number[] = [0xe7, 0xea, 0xe0, 0xe2, 0xe6, 0x94, 0x96, 0x99];
/** Writes with forced unit access: what they have written when they end is on the medium. */
const FORCED: readonly number[] = [0x3d, 0xce];

export class AtaDrive extends Drive {
  readonly isPresent = true;
  protected readonly signature = [0, 0] as const;
  protected readonly statusAfterReset = DRDY | DSC;
  readonly contents: DiskContents;
  /** Null: what has been written is on the medium at once. */
  readonly cache: WriteCache | null;
  readonly #serial: string;
  /** A region of a transfer on its way: no state. */
  readonly #moved = new Uint8Array(REGION_BYTES_MAX);

  constructor(link: DriveLink, role: string, image: DeviceImage, bulk: Bulk, cache: WriteCache | null = null) {
    super(link);
    this.contents = new DiskContents(image, bulk);
    this.cache = cache;
    this.#serial = `RP-${role.toUpperCase()}`;
    this.heads = HEADS;
    this.sectorsPerTrack = SECTORS_PER_TRACK;
    this.reset();
  }

  override refresh(): void {
    this.contents.refresh();
  }

  override powerOn(): void {
    super.powerOn();
    this.multiple = 0;
    this.isCaching = true;
    this.isLookingAhead = true;
    this.isSmart = true;
    this.heads = HEADS;
    this.sectorsPerTrack = SECTORS_PER_TRACK;
  }

  execute(command: number): void {
    this.command = command;
    this.error = 0;
    this.status &= ~(ERR | DF);
    const moved = TRANSFERS[command];
    if (moved !== undefined) this.#transfer(moved);
    else if ((command & 0xf0) === 0x10 || (command & 0xf0) === 0x70) this.work(ACCESS_NS);
    else this.#other(command);
  }

  #other(command: number): void {
    switch (command) {
      case 0x27: // READ NATIVE MAX ADDRESS EXT
      case 0xf8:
        this.#putAddress(this.contents.sectors - 1, command === 0x27);
        this.work(COMMAND_NS);
        return;
      case 0x91:
        this.#setGeometry();
        return;
      case 0xb0:
        this.#smart();
        return;
      case 0xc6:
        this.#setMultiple();
        return;
      case 0x94:
      case 0x95:
      case 0x96:
      case 0x97:
      case 0x99:
        this.work(COMMAND_NS);
        return;
      case 0x98:
        this.count = 0xff;
        this.work(COMMAND_NS);
        return;
      case 0xe7:
      case 0xea:
        this.work(FLUSH_NS);
        return;
      case 0xec:
        this.#answer(identifyDisk(this.contents.sectors, this.#serial, this));
        return;
      case 0xef:
        this.#setFeatures();
        return;
      default:
        if (!this.manages(command)) this.fail(ABRT);
    }
  }

  /** A block of data that is not on the medium. */
  #answer(bytes: Uint8Array): void {
    this.position = 0;
    this.buffer.data.set(bytes);
    this.buffer.start(bytes.length);
    this.left = bytes.length;
    this.enter('reading', COMMAND_NS);
  }

  #setGeometry(): void {
    const sectors = this.count & 0xff;
    if (sectors === 0) {
      this.fail(ABRT);
      return;
    }
    this.heads = (this.device & 0x0f) + 1;
    this.sectorsPerTrack = sectors;
    this.work(COMMAND_NS);
  }

  #setMultiple(): void {
    const sectors = this.count & 0xff;
    if (sectors > MULTIPLE_MAX || (sectors & (sectors - 1)) !== 0) {
      this.fail(ABRT);
      return;
    }
    this.multiple = sectors;
    this.work(COMMAND_NS);
  }

  #setFeatures(): void {
    const mode = this.count & 0xff;
    switch (this.features & 0xff) {
      case 0x02:
        this.isCaching = true;
        break;
      case 0x82:
        this.isCaching = false;
        this.cache?.flush();
        break;
      case 0xaa:
        this.isLookingAhead = true;
        break;
      case 0x55:
        this.isLookingAhead = false;
        break;
      case 0x66: // whether settings outlive a soft reset: they do
      case 0xcc:
        break;
      case 0x03:
        if (!isTransferMode(mode)) {
          this.fail(ABRT);
          return;
        }
        this.mode = mode;
        break;
      default:
        this.fail(ABRT);
        return;
    }
    this.work(COMMAND_NS);
  }

  #smart(): void {
    if ((this.lbaMid & 0xff) !== SMART_MID || (this.lbaHigh & 0xff) !== SMART_HIGH) {
      this.fail(ABRT);
      return;
    }
    const feature = this.features & 0xff;
    if (feature === 0xd8) this.isSmart = true;
    else if (!this.isSmart) {
      this.fail(ABRT);
      return;
    } else if (feature === 0xd0 || feature === 0xd1) {
      this.#answer(smartData(feature === 0xd1));
      return;
    } else if (feature === 0xd9) this.isSmart = false;
    // D2h autosave and DAh status: cylinder registers that stay as they are say that all is well.
    else if (feature !== 0xd2 && feature !== 0xda) {
      this.fail(ABRT);
      return;
    }
    this.work(COMMAND_NS);
  }

  // -------------------------------------------------------------------------------------------------------------
  // Transfers

  #transfer(command: TransferCommand): void {
    const { isWrite, isLba48, by } = command;
    if (by === 'multiple' && this.multiple === 0) {
      this.fail(ABRT);
      return;
    }
    const first = this.#address(isLba48);
    const count = isLba48 ? ((this.count - 1) & 0xffff) + 1 : ((this.count - 1) & 0xff) + 1;
    if (first < 0 || first + count > this.contents.sectors) {
      this.fail(IDNF);
      return;
    }
    this.position = first * SECTOR_BYTES;
    this.left = count * SECTOR_BYTES;
    if (isWrite) this.cache?.begin();
    if (by === 'dma') this.enter('dma', ACCESS_NS + this.#pieceNs());
    else if (by === 'verify') this.#verify(first, count);
    else if (isWrite) this.offer('pio-out', this.#blockBytes);
    else this.#readBlock(ACCESS_NS);
  }

  #verify(first: number, count: number): void {
    if (this.#isReadable(first, first + count)) this.work(ACCESS_NS + count * SECTOR_NS);
  }

  #isReadable(first: number, end: number): boolean {
    if (this.isSound(first, end, false)) return true;
    this.#failAt(first, end, false);
    return false;
  }

  /** An error of the medium: the address registers say where. */
  #failAt(first: number, end: number, isWrite: boolean): void {
    let at = first;
    while (at + 1 < end && this.isSound(at, at + 1, isWrite)) at++;
    this.#putAddress(at, TRANSFERS[this.command]?.isLba48 === true);
    this.fail(isWrite ? IDNF : UNC);
  }

  /** What the disk holds from this sector on is changed from outside; where there is no room for it, it stays. */
  edit(sector: number, bytes: Uint8Array): void {
    this.contents.write(sector * SECTOR_BYTES, bytes);
  }

  get #blockBytes(): number {
    const sectors = TRANSFERS[this.command]?.by === 'multiple' ? this.multiple : 1;
    return Math.min(this.left, sectors * SECTOR_BYTES);
  }

  /** The next block for the data port. */
  #readBlock(extraNs: number): void {
    const count = this.#blockBytes;
    const first = this.position / SECTOR_BYTES;
    if (!this.#isReadable(first, first + count / SECTOR_BYTES)) return;
    this.contents.read(this.position, this.buffer.data.subarray(0, count));
    this.buffer.start(count);
    this.position += count;
    this.enter('reading', extraNs + (count / SECTOR_BYTES) * SECTOR_NS);
  }

  /** A block that lies in the image as it is. */
  #announceBlock(): void {
    const count = this.buffer.end;
    const offset = this.position - count;
    if (TRANSFERS[this.command] === undefined || offset < 0) return;
    const [first, ...others] = this.contents.pieces(offset, count);
    if (others.length === 0 && 'offset' in first) this.announce(this.contents.image, offset);
  }

  protected override get image(): DeviceImage {
    return this.contents.image;
  }

  blockMoved(): void {
    this.isAnnounced = false;
    const count = this.buffer.end;
    if (this.phase === 'pio-out') {
      this.enter('writing', (count / SECTOR_BYTES) * SECTOR_NS);
      return;
    }
    this.left = Math.max(0, this.left - count);
    if (this.left > 0) {
      this.#readBlock(0);
      return;
    }
    // The last block has been announced by an interrupt: there is none at the end.
    this.phase = 'idle';
    this.buffer.clear();
    this.status = DRDY | DSC;
  }

  expire(): void {
    switch (this.phase) {
      case 'working':
        if (FLUSHES.includes(this.command)) this.cache?.flush();
        this.finish();
        break;
      case 'reading':
        this.offer('pio-in', this.buffer.end);
        this.#announceBlock();
        this.link.interrupt();
        break;
      case 'writing':
        this.#writeBlock();
        break;
      case 'dma':
        this.#movePiece();
        break;
      default:
    }
  }

  #writeBlock(): void {
    const { content } = this.buffer;
    const first = this.position / SECTOR_BYTES;
    const end = first + content.length / SECTOR_BYTES;
    if (!this.isSound(first, end, true)) {
      this.#failAt(first, end, true);
      return;
    }
    if (!this.#store(this.position, content)) {
      this.fail(ABRT, ERR | DF);
      return;
    }
    this.position += content.length;
    this.left = Math.max(0, this.left - content.length);
    if (this.left === 0) {
      this.#written();
      return;
    }
    this.offer('pio-out', this.#blockBytes);
    this.link.interrupt();
  }

  #pieceNs(): number {
    return (Math.min(this.left, PIECE_BYTES) / SECTOR_BYTES) * SECTOR_NS;
  }

  /** A piece of a transfer between the medium and memory. */
  #movePiece(): void {
    const { master, dma } = this.link;
    const isWrite = TRANSFERS[this.command]?.isWrite === true;
    // A master that goes the other way moves nothing.
    if (!master.isActive || master.isToMemory === isWrite) {
      this.#awaitMaster();
      return;
    }
    const count = Math.min(this.left, PIECE_BYTES);
    const first = Math.floor(this.position / SECTOR_BYTES);
    const end = Math.ceil((this.position + count) / SECTOR_BYTES);
    if (!this.isSound(first, end, isWrite)) {
      this.#failAt(first, end, isWrite);
      return;
    }
    let hasRoom = true;
    const moved = master.take(count, dma, (address, done, run) => {
      if (isWrite) {
        const bytes = this.#moved.subarray(0, run);
        dma.read(address, bytes);
        hasRoom &&= this.#store(this.position + done, bytes);
      } else this.#toMemory(address, this.position + done, run);
    });
    this.position += moved;
    this.left -= moved;
    if (!hasRoom) {
      this.fail(ABRT, ERR | DF);
      return;
    }
    if (this.left === 0) {
      if (isWrite) this.#written();
      else this.finish();
      return;
    }
    if (!master.isActive) {
      this.#awaitMaster();
      return;
    }
    this.enter('dma', Math.ceil(this.#pieceNs()));
  }

  #store(offset: number, bytes: Uint8Array): boolean {
    this.cache?.note(this.contents, offset, bytes.length);
    return this.contents.write(offset, bytes);
  }

  get #isWrittenThrough(): boolean {
    return !this.isCaching || FORCED.includes(this.command);
  }

  /** A command that writes is done. */
  #written(): void {
    this.cache?.end(this.#isWrittenThrough);
    this.finish();
  }

  /**
   * The power fails. Of the transfer in hand the drive has got a part; of what it has got and not flushed, the medium
   * holds what the seed chooses. Then it is as it is when the power comes back.
   */
  powerCut(random: Random): void {
    if (this.cache !== null) {
      this.#takePart(random);
      this.cache.end(this.#isWrittenThrough);
      this.cache.cut(this.contents, random);
    }
    this.withdraw();
    this.powerOn();
  }

  /** Whole sectors of the block or piece that is on its way. */
  #takePart(random: Random): void {
    const { master, dma } = this.link;
    const sectorsOf = (bytes: number): number => random.below(Math.floor(bytes / SECTOR_BYTES) + 1);
    if (this.phase === 'writing') {
      const { content } = this.buffer;
      this.#store(this.position, content.subarray(0, sectorsOf(content.length) * SECTOR_BYTES));
    } else if (this.phase === 'dma' && TRANSFERS[this.command]?.isWrite === true) {
      if (!master.isActive || master.isToMemory) return;
      const wanted = sectorsOf(Math.min(this.left, PIECE_BYTES)) * SECTOR_BYTES;
      master.take(wanted, dma, (address, done, run) => {
        const bytes = new Uint8Array(run);
        dma.read(address, bytes);
        this.#store(this.position + done, bytes);
      });
    }
  }

  #toMemory(address: number, offset: number, count: number): void {
    const { dma } = this.link;
    const { contents } = this;
    let at = address;
    for (const piece of contents.pieces(offset, count)) {
      if ('bytes' in piece) {
        dma.write(at, piece.bytes);
        at += piece.bytes.length;
      } else {
        dma.writeImage(at, contents.image, piece.offset, piece.count);
        at += piece.count;
      }
    }
  }

  #awaitMaster(): void {
    this.phase = 'dma-wait';
    this.status = (this.status & ~BSY) | DRDY | DRQ;
  }

  // -------------------------------------------------------------------------------------------------------------
  // Addresses

  /** The first sector that the task file names, −1 where it names none. */
  #address(isLba48: boolean): number {
    const low = (register: number): number => register & 0xff;
    const high = (register: number): number => register >> 8;
    const { lbaLow, lbaMid, lbaHigh, device } = this;
    const bits24 = low(lbaLow) | (low(lbaMid) << 8) | (low(lbaHigh) << 16);
    if (isLba48) return bits24 + (high(lbaLow) + high(lbaMid) * 0x100 + high(lbaHigh) * 0x10000) * 0x100_0000;
    if ((device & LBA) !== 0) return bits24 + (device & 0x0f) * 0x100_0000;
    const sector = low(lbaLow);
    const head = device & 0x0f;
    if (sector === 0 || sector > this.sectorsPerTrack || head >= this.heads) return -1;
    const cylinder = low(lbaMid) | (low(lbaHigh) << 8);
    return (cylinder * this.heads + head) * this.sectorsPerTrack + sector - 1;
  }

  #putAddress(sector: number, isLba48: boolean): void {
    const byteAt = (shift: number): number => Math.floor(sector / shift) % 0x100;
    if (isLba48) {
      this.lbaLow = byteAt(1) | (byteAt(0x100_0000) << 8);
      this.lbaMid = byteAt(0x100) | (byteAt(0x1_0000_0000) << 8);
      this.lbaHigh = byteAt(0x10000) | (byteAt(0x100_0000_0000) << 8);
      return;
    }
    if ((this.device & LBA) !== 0) {
      this.lbaLow = byteAt(1);
      this.lbaMid = byteAt(0x100);
      this.lbaHigh = byteAt(0x10000);
      this.device = (this.device & 0xf0) | (byteAt(0x100_0000) & 0x0f);
      return;
    }
    const track = Math.floor(sector / this.sectorsPerTrack);
    const cylinder = Math.min(0xffff, Math.floor(track / this.heads));
    this.lbaLow = (sector % this.sectorsPerTrack) + 1;
    this.lbaMid = cylinder & 0xff;
    this.lbaHigh = cylinder >> 8;
    this.device = (this.device & 0xf0) | (track % this.heads);
  }
}

/** PIO by default or by flow control, multiword DMA 0–2, Ultra DMA 0–5. */
function isTransferMode(mode: number): boolean {
  return (
    mode <= 0x01 || (mode >= 0x08 && mode <= 0x0c) || (mode >= 0x20 && mode <= 0x22) || (mode >= 0x40 && mode <= 0x45)
  );
}
