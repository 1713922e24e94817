/**
 * ACPI fixed hardware as a PIIX4 has it (ACPI specification 6.4, chapter 4.8; 82371AB data sheet): PM1a event block at
 * 600h, PM1a control at 604h, the power management timer at 608h, and the SMI command port B2h with which an operating
 * system takes ACPI over. Power button, soft off, SCI on IRQ 9. Firmware finds the block nowhere and places it, and the
 * SMBus host of the same function (chipset/smbus.ts) with it; on a machine without any it lies at 600h for good.
 *
 * The timer is computed, not counted; its status bit is found when somebody looks, and an event is armed only while
 * its interrupt is enabled. There is no system management mode: B2h acts on the enable bit by itself. Sleep types 0
 * (QEMU's S5) and 5 turn the machine off; the others do nothing.
 */
import type { DeviceContext, DeviceEntry, PortAperture } from '../../board/context.ts';
import type { Device, IrqLine, PortHandler, Timer } from '../../board/device.ts';
import { bits, byte, cycle } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import { SMBUS, SMBUS_PORTS, Smbus } from '../chipset/smbus.ts';

export const pmTimerHertz = 3579545;
export const acpiPorts = { event: 0x600, control: 0x604, timer: 0x608, smiCommand: 0xb2 } as const;
/** The PM block may be placed at any multiple of this. */
const PM_ALIGNMENT = 0x40;
const BASE = 0x40;
/** Byte 3 of DEVACTB: bit 1 (25 of the whole) lets a write to B2h raise an SMI. */
const SMI_ENABLES = 0x5b;
const MISCELLANEOUS = 0x80;
const SMBUS_BASE = 0x90;
const SMBUS_CONTROL = 0xd2;
/** Of SMBHSTCFG: the SMBus host is decoded. */
const SMBUS_ENABLED = 1;

interface Configuration {
  readonly config: Readonly<Record<number, number>>;
  readonly writable: Readonly<Record<number, number>>;
}

/** The base of the ACPI ports; PMREGMISC says that they are decoded. */
const PLACED: Configuration = {
  config: { [BASE]: acpiPorts.event | 1, [BASE + 1]: acpiPorts.event >> 8, [MISCELLANEOUS]: 1 },
  writable: {},
};
/**
 * SeaBIOS sets system management mode up unless it finds that done, and waits for an SMI that never comes: there is no
 * such mode.
 */
const FOR_FIRMWARE: Configuration = {
  config: { [BASE]: 1, [SMBUS_BASE]: 1, [SMI_ENABLES]: 2 },
  writable: {
    ...{ [BASE]: 0xc0, [BASE + 1]: 0xff, [MISCELLANEOUS]: 1, [SMI_ENABLES]: 2 },
    ...{ [SMBUS_BASE]: 0xf0, [SMBUS_BASE + 1]: 0xff, [SMBUS_CONTROL]: 0x0f },
  },
};

/** Values for the SMI command port. */
export const acpiEnable = 0xf1;
export const acpiDisable = 0xf0;

const TIMER_STATUS = 0x0001;
const POWER_BUTTON = 0x0100;
/** Status bits: timer, bus master, global lock, power button, sleep button, RTC, wake. */
const statusBits = 0x8731;
const enableBits = 0x0721;
const SCI_ENABLE = 0x0001;
const SLEEP_ENABLE = 0x2000;

const FIELDS = fields({
  status: bits(statusBits),
  enable: bits(enableBits),
  control: bits(0x1c03),
  smiCommand: byte(),
  smiStatus: byte(),
  /** Count of half periods of the timer's top bit that have been taken into the status. */
  carriesSeen: cycle(),
});

const WITH_SMBUS = fields({ ...FIELDS.shape, smbus: SMBUS });

export interface AcpiOptions {
  /** Width of the timer in bits. */
  readonly timerBits: 24 | 32;
  /** Firmware places the block. */
  readonly isMovable: boolean;
}

export class AcpiPm extends withFields(WITH_SMBUS) implements Device {
  readonly name = 'acpi-pm';
  readonly version: number;
  readonly fields;
  override readonly smbus = new Smbus();
  readonly #context: DeviceContext;
  readonly #sci: IrqLine;
  readonly #timer: Timer;
  readonly #timerBits: number;

  constructor(context: DeviceContext, options: AcpiOptions = { timerBits: 24, isMovable: false }) {
    super();
    this.#context = context;
    this.#timerBits = options.timerBits;
    this.#sci = context.irq(9);
    context.input('power-button', () => this.pressPowerButton());
    const { isMovable } = options;
    const hasSmbus = isMovable && !context.hasQuirk('no-smbus');
    this.version = hasSmbus ? 2 : 1;
    this.fields = hasSmbus ? WITH_SMBUS.of(this) : FIELDS.of(this);
    const smbusPorts = context.portAperture(SMBUS_PORTS, {
      read: (port) => this.smbus.read(port),
      write: (port, _size, value) => this.smbus.write(port, value),
    });
    const ports: { readonly offset: number; readonly aperture: PortAperture }[] = [];
    const place = (): void => {
      const { config } = pci;
      const base = (config[BASE] | (config[BASE + 1] << 8)) & -PM_ALIGNMENT;
      const isOn = base !== 0 && (config[MISCELLANEOUS] & 1) !== 0;
      for (const { offset, aperture } of ports) aperture.place(isOn ? base + offset : -1);
      const smbus = (config[SMBUS_BASE] | (config[SMBUS_BASE + 1] << 8)) & -SMBUS_PORTS;
      const isSmbusOn = hasSmbus && smbus !== 0 && (config[SMBUS_CONTROL] & SMBUS_ENABLED) !== 0;
      smbusPorts.place(isSmbusOn ? smbus : -1);
    };
    const { config, writable } = isMovable ? FOR_FIRMWARE : PLACED;
    const pci = context.pci({
      name: 'power-management',
      slot: 0x0b,
      vendor: 0x8086,
      device: 0x7113,
      classCode: 0x068000,
      revision: 0x03,
      config: { 0x07: 0x02, 0x3c: 9, 0x3d: 1, ...config },
      writable: { 0x04: 0x47, 0x05: 0x01, ...writable },
      ...(isMovable ? { written: place, loaded: place } : {}),
    });
    const register = (port: number, count: number, handler: PortHandler): void => {
      if (!isMovable) context.ports(port, count, handler);
      else ports.push({ offset: port - acpiPorts.event, aperture: context.portAperture(count, handler) });
    };
    this.#timer = context.clock.timer('acpi-pm', () => this.#settle());
    register(
      acpiPorts.event,
      4,
      byteWise(
        (offset) => this.#readEvent(offset),
        (o, v) => this.#writeEvent(o, v),
      ),
    );
    register(
      acpiPorts.control,
      2,
      byteWise(
        (offset) => this.#readControl(offset),
        (o, v) => this.#writeControl(o, v),
      ),
    );
    register(acpiPorts.timer, 4, {
      maxSize: 4,
      read: (port) => (this.#count() >>> 0) >>> ((port & 3) * 8),
      write: () => {},
    });
    context.ports(acpiPorts.smiCommand, 2, {
      read: (port) => (port === acpiPorts.smiCommand ? this.smiCommand : this.smiStatus),
      write: (port, _size, value) => {
        if (port === acpiPorts.smiCommand) this.#command(value);
        else this.smiStatus = value;
      },
    });
  }

  /** The button on the case. Without ACPI in charge it turns the machine off, as the hardware would. */
  pressPowerButton(): void {
    this.status |= POWER_BUTTON;
    if ((this.control & SCI_ENABLE) === 0) this.#context.output.powerOff();
    this.#settle();
  }

  #cycle(): number {
    return this.#context.clock.cycles(this.#context.clock.now(), pmTimerHertz);
  }

  #count(): number {
    return this.#cycle() % (this.#timerBits === 24 ? 0x100_0000 : 0x1_0000_0000);
  }

  get #halfPeriod(): number {
    return this.#timerBits === 24 ? 0x80_0000 : 0x8000_0000;
  }

  /** Take changes of the timer's top bit into the status; drive the SCI; arm the next change if it would be seen. */
  #settle(): void {
    const carries = Math.floor(this.#cycle() / this.#halfPeriod);
    if (carries !== this.carriesSeen) this.status |= TIMER_STATUS;
    this.carriesSeen = carries;
    this.#sci.set((this.status & this.enable) !== 0 && (this.control & SCI_ENABLE) !== 0);
    if ((this.enable & ~this.status & TIMER_STATUS) === 0) this.#timer.disarm();
    else this.#timer.arm(this.#context.clock.tickOfCycle((carries + 1) * this.#halfPeriod, pmTimerHertz));
  }

  #readEvent(offset: number): number {
    this.#settle();
    const word = offset < 2 ? this.status : this.enable;
    return (word >> ((offset & 1) * 8)) & 0xff;
  }

  #writeEvent(offset: number, value: number): void {
    this.#settle();
    const shift = (offset & 1) * 8;
    if (offset < 2) this.status &= ~((value << shift) & statusBits);
    else this.enable = ((this.enable & ~(0xff << shift)) | (value << shift)) & enableBits;
    this.#settle();
  }

  #readControl(offset: number): number {
    return (this.control >> (offset * 8)) & 0xff;
  }

  #writeControl(offset: number, value: number): void {
    const shift = offset * 8;
    const written = (this.control & ~(0xff << shift)) | (value << shift);
    // SCI_EN belongs to the firmware; the global release bit and SLP_EN are write-only.
    this.control = (written & 0x1c02) | (this.control & SCI_ENABLE);
    this.#settle();
    if (offset !== 1 || (written & SLEEP_ENABLE) === 0) return;
    const sleepType = (written >> 10) & 7;
    if (sleepType === 0 || sleepType === 5) this.#context.output.powerOff();
  }

  #command(value: number): void {
    this.smiCommand = value;
    if (value === acpiEnable) this.control |= SCI_ENABLE;
    else if (value === acpiDisable) this.control &= ~SCI_ENABLE;
    this.#settle();
  }

  reset(): void {
    WITH_SMBUS.clear(this);
    this.carriesSeen = Math.floor(this.#cycle() / this.#halfPeriod);
    this.#settle();
  }
}

/** A block of byte registers at an aligned address; the bus splits wider accesses, low byte first. */
function byteWise(
  read: (offset: number) => number,
  write: (offset: number, value: number) => void,
): { read(port: number): number; write(port: number, size: number, value: number): void } {
  return { read: (port) => read(port & 3), write: (port, _size, value) => write(port & 3, value) };
}

export const acpiPm: DeviceEntry = {
  create: (context, options) => new AcpiPm(context, { timerBits: 24, isMovable: options.firmware !== undefined }),
};
