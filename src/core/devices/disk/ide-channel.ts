/**
 * One IDE channel (ATA/ATAPI-6, T13 1410D, chapter 7; 82371SB data sheet): the command block at 1F0h or 170h, the
 * control block at 3F6h or 376h, two places for drives, the interrupt line 14 or 15, its bus master. Registers are
 * written for both drives and read from the one that is selected, as on the cable.
 */
import { bits, flag, unsigned } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import type { DeviceContext, DeviceDma, PortAperture } from '../../board/context.ts';
import type { IrqLine, KnownBlock, Timer } from '../../board/device.ts';
import { BUS_MASTER, BusMaster } from './bus-master.ts';
import { BSY, type Drive, DRIVE, type DriveLink, DRQ, NoDrive, SLAVE } from './drive.ts';

/** Control register. */
const HIGH_BYTES = 0x80;
const SOFT_RESET = 0x04;
const NO_INTERRUPT = 0x02;

const DEVICE_RESET = 0x08;
const DIAGNOSTIC = 0x90;

const COMMAND_PORTS = 8;

export const CHANNEL = fields({
  master: BUS_MASTER,
  first: DRIVE,
  second: DRIVE,
  selected: unsigned(1),
  control: bits(HIGH_BYTES | SOFT_RESET | NO_INTERRUPT),
  /** The selected drive asks for an interrupt that nobody has taken notice of. */
  isInterrupting: flag(),
  /** The drive that the timer is for. */
  timed: unsigned(1),
});

/** Makes the drive of a place, or none. */
export type MakeDrive = (link: DriveLink, place: 0 | 1) => Drive | null;

export class IdeChannel extends withFields(CHANNEL) {
  override readonly master = new BusMaster();
  override readonly first: Drive;
  override readonly second: Drive;
  readonly #drives: readonly Drive[];
  readonly #irq: IrqLine;
  readonly #timer: Timer;
  readonly #context: DeviceContext;
  readonly #commandBlock: PortAperture;
  readonly #controlBlock: PortAperture;
  readonly #ports: readonly [command: number, control: number];

  constructor(context: DeviceContext, number: 0 | 1, dma: DeviceDma, makeDrive: MakeDrive) {
    super();
    this.#context = context;
    this.#ports = number === 0 ? [0x1f0, 0x3f6] : [0x170, 0x376];
    this.#irq = context.irq(14 + number);
    this.#timer = context.clock.timer(`ide${number}`, () => this.#drives[this.timed].expire());
    const make = (place: 0 | 1): Drive => {
      const link = this.#link(place, dma);
      return makeDrive(link, place) ?? new NoDrive(link);
    };
    this.first = make(0);
    this.second = make(1);
    this.#drives = [this.first, this.second];
    this.master.onStart = () => {
      for (const drive of this.#drives) drive.masterStarted();
    };
    this.#commandBlock = context.portAperture(COMMAND_PORTS, {
      maxSize: 4,
      read: (port, size) => (port === 0 ? this.#readData(size) : this.#readWide(port, size)),
      write: (port, size, value) => {
        if (port === 0) this.#writeData(size, value);
        else this.#writeWide(port, size, value);
      },
    });
    this.#controlBlock = context.portAperture(1, {
      read: () => this.#status,
      write: (_port, _size, value) => this.#writeControl(value),
    });
    for (const drive of this.#drives) drive.putSignature();
  }

  #link(place: 0 | 1, dma: DeviceDma): DriveLink {
    const context = this.#context;
    return {
      master: this.master,
      dma,
      later: (nanoseconds) => {
        const { clock } = this.#context;
        this.timed = place;
        this.#timer.arm(clock.now() + Math.max(1, Math.ceil(nanoseconds / clock.nsPerTick)));
      },
      forget: () => this.#timer.disarm(),
      announce: (part) => context.portBlock(this.#ports[0], part),
      interrupt: () => {
        if (place === this.selected) this.#interrupt();
      },
    };
  }

  /** −1, −1 where the channel is switched off. */
  place(isOn: boolean): void {
    const [command, control] = this.#ports;
    if (!isOn) this.#withdraw();
    this.#commandBlock.place(isOn ? command : -1);
    this.#controlBlock.place(isOn ? control : -1);
  }

  get #current(): Drive {
    return this.#drives[this.selected];
  }

  /** What its data port gives next, where that lies in an image. */
  get block(): KnownBlock | null {
    const announced = this.first.announced ?? this.second.announced;
    if (announced === null) return null;
    const { image, offset, count } = announced;
    return { port: this.#ports[0], image: image.index, offset, length: count };
  }

  get #isEmpty(): boolean {
    return !this.first.isPresent && !this.second.isPresent;
  }

  get #isHeld(): boolean {
    return (this.control & NO_INTERRUPT) !== 0;
  }

  /** The line follows what the drive wants, unless the control register holds it. */
  #drive(): void {
    this.#irq.set(this.isInterrupting && !this.#isHeld);
  }

  /** The bus master notes that the line rises, not that it is high. */
  #interrupt(): void {
    if (!this.isInterrupting && !this.#isHeld) this.master.interrupt();
    this.isInterrupting = true;
    this.#drive();
  }

  #acknowledge(): void {
    this.isInterrupting = false;
    this.#drive();
  }

  get #status(): number {
    return this.#current.isPresent ? this.#current.status : 0;
  }

  /** Several registers at once, as the ISA bus splits such an access. */
  #readWide(port: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (port + i < COMMAND_PORTS ? this.#read(port + i) : 0xff);
    return value;
  }

  #writeWide(port: number, size: number, value: number): void {
    for (let i = 0; i < size && port + i < COMMAND_PORTS; i++) this.#write(port + i, (value >>> (i * 8)) & 0xff);
  }

  #read(port: number): number {
    if (this.#isEmpty) return 0;
    // Where there is no second drive, the first one answers for it, with a status of 0.
    const drive = this.#current.isPresent ? this.#current : this.#drives[1 - this.selected];
    const byteOf = (register: number): number => ((this.control & HIGH_BYTES) !== 0 ? register >> 8 : register & 0xff);
    switch (port) {
      case 1:
        return drive.error;
      case 2:
        return byteOf(drive.count);
      case 3:
        return byteOf(drive.lbaLow);
      case 4:
        return byteOf(drive.lbaMid);
      case 5:
        return byteOf(drive.lbaHigh);
      case 6:
        return (drive.device & ~SLAVE) | 0xa0 | (this.selected === 0 ? 0 : SLAVE);
      default:
        this.#acknowledge();
        return this.#status;
    }
  }

  #write(port: number, value: number): void {
    // What a drive is busy with is not disturbed by the task file; only DEVICE RESET comes through.
    if (this.#current.isPresent && (this.#current.status & BSY) !== 0 && !(port === 7 && value === DEVICE_RESET))
      return;
    this.control &= ~HIGH_BYTES;
    const pushed = (register: number): number => ((register & 0xff) << 8) | value;
    if (port === 7) {
      this.#command(value);
      return;
    }
    for (const drive of this.#drives) {
      switch (port) {
        case 1:
          drive.features = pushed(drive.features);
          break;
        case 2:
          drive.count = pushed(drive.count);
          break;
        case 3:
          drive.lbaLow = pushed(drive.lbaLow);
          break;
        case 4:
          drive.lbaMid = pushed(drive.lbaMid);
          break;
        case 5:
          drive.lbaHigh = pushed(drive.lbaHigh);
          break;
        default:
          drive.device = value;
      }
    }
    if (port === 6) this.#select((value & SLAVE) !== 0 ? 1 : 0);
  }

  /** What one drive has ready is not what the other one's data port gives. */
  #select(place: 0 | 1): void {
    if (place !== this.selected) this.#withdraw();
    this.selected = place;
  }

  #withdraw(): void {
    for (const drive of this.#drives) drive.withdraw();
  }

  #command(value: number): void {
    // A drive that waits for data takes no other command.
    if ((this.#current.status & DRQ) !== 0 && value !== DEVICE_RESET) return;
    this.isInterrupting = false;
    this.#drive();
    if (value === DIAGNOSTIC) {
      this.#diagnose();
      return;
    }
    const drive = this.#current;
    if (!drive.isPresent) return;
    if (value === DEVICE_RESET) this.#resetDevice(drive);
    else drive.execute(value);
  }

  /** For packet drives; a disk does not know the command. */
  #resetDevice(drive: Drive): void {
    this.#timer.disarm();
    if (drive.isPacketDrive) drive.reset();
    else drive.execute(DEVICE_RESET);
  }

  /** Both drives look at themselves, the first one reports. */
  #diagnose(): void {
    this.#timer.disarm();
    for (const drive of this.#drives) drive.reset();
    this.selected = 0;
    this.#interrupt();
  }

  #writeControl(value: number): void {
    const isReset = (value & ~this.control & SOFT_RESET) !== 0;
    const wasHeld = this.#isHeld;
    this.control = value & (HIGH_BYTES | SOFT_RESET | NO_INTERRUPT);
    if (isReset) {
      this.#timer.disarm();
      this.isInterrupting = false;
      for (const drive of this.#drives) drive.reset();
      this.selected = 0;
    }
    if (wasHeld && !this.#isHeld && this.isInterrupting) this.master.interrupt();
    this.#drive();
  }

  #readData(size: number): number {
    const drive = this.#current;
    const { buffer } = drive;
    if (size === 1 || drive.phase !== 'pio-in') return size === 4 ? 0xffffffff : 0xffff;
    if (drive.isAnnounced && !this.#context.portBlockRead(this.#ports[0])) drive.withdraw();
    let value = 0;
    for (let i = size - 1; i >= 0; i--) {
      const at = buffer.at + i;
      value = value * 256 + (at < buffer.end ? buffer.data[at] : 0);
    }
    buffer.at = Math.min(buffer.end, buffer.at + size);
    if (buffer.isDone) drive.blockMoved();
    return value;
  }

  #writeData(size: number, value: number): void {
    const drive = this.#current;
    const { buffer, phase } = drive;
    if (size === 1 || (phase !== 'pio-out' && phase !== 'packet')) return;
    for (let i = 0; i < size && buffer.at < buffer.end; i++) buffer.data[buffer.at++] = value >>> (i * 8);
    if (buffer.isDone) drive.blockMoved();
  }

  /** The drive of a place is without power for a moment; `cut` says what becomes of it. */
  powerCut(place: 0 | 1, cut: () => void): void {
    cut();
    if (this.timed === place) this.#timer.disarm();
    if (place === this.selected) this.#acknowledge();
  }

  /** What the drive of a place is busy with takes so much longer. */
  stall(place: 0 | 1, ticks: number): void {
    const { dueTick } = this.#timer;
    if (this.timed === place && dueTick !== Infinity) this.#timer.arm(dueTick + ticks);
  }

  reset(): void {
    this.#timer.disarm();
    this.master.reset();
    this.control = 0;
    this.selected = 0;
    this.isInterrupting = false;
    this.timed = 0;
    for (const drive of this.#drives) drive.powerOn();
    this.#drive();
  }

  /** Another state has been loaded. */
  loaded(): void {
    for (const drive of this.#drives) drive.refresh();
  }
}
