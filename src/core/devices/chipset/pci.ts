/**
 * The host bridge and the ISA bridge of an i440FX board, as far as PCI is concerned: configuration mechanism #1 (PCI
 * Local Bus Specification 2.1, section 3.7.4.1) at ports CF8h and CFCh, host bridge 8086:1237 (82441FX data sheet),
 * PIIX3 ISA bridge 8086:7000 with its interrupt router (82371SB data sheet, "PIRQRC[A:D]"). On a machine that firmware
 * starts the PAM and SMRAM registers lay out shadow RAM (shadow-ram.ts); on others, which are past that, they are kept
 * and read back without effect.
 */
import type { DeviceContext, DeviceEntry, PciBusPort } from '../../board/context.ts';
import type { Device, IrqLine } from '../../board/device.ts';
import type { SavedFields } from '../../base/fields.ts';
import type { BoardOptions } from '../../board/board.ts';
import { SHADOW_CONFIG, SHADOW_FIRST, SHADOW_LAST, SHADOW_WRITABLE, ShadowRam } from './shadow-ram.ts';

const ROUTE = 0x60;
const NOT_ROUTED = 0x80;
const pirqCount = 4;
/** Lines that a PIRQ can be routed to: bit n is line n. */
const routableLines = 0xdef8;

export class PciHost implements Device {
  readonly name = 'pci';
  readonly version = 1;
  readonly #bus: PciBusPort;
  /** Sources on the sixteen lines; none on a board whose functions drive no pin. */
  #lines: readonly IrqLine[] = [];
  readonly #routes: Uint8Array;

  constructor(context: DeviceContext, options: BoardOptions) {
    const bus = context.pciBus;
    this.#bus = bus;
    const { firmware } = options;
    const shadow = firmware === undefined ? null : new ShadowRam(context, firmware.romBytes);
    const hostBridge = context.pci({
      name: 'host-bridge',
      slot: 0x00,
      vendor: 0x8086,
      device: 0x1237,
      classCode: 0x060000,
      revision: 0x02,
      config: { 0x04: 0x06, 0x07: 0x02, ...(shadow === null ? {} : SHADOW_CONFIG) },
      writable: {
        ...(shadow === null ? {} : SHADOW_WRITABLE),
        ...{ 0x04: 0x40, 0x05: 0x01 },
        ...{ 0x59: 0x30, 0x5a: 0x33, 0x5b: 0x33, 0x5c: 0x33, 0x5d: 0x33, 0x5e: 0x33, 0x5f: 0x33 },
      },
      written: (offset, size) => {
        if (offset <= SHADOW_LAST && offset + size > SHADOW_FIRST) shadow?.place(hostBridge.config);
      },
      loaded: () => shadow?.place(hostBridge.config),
    });
    shadow?.place(hostBridge.config);
    const isaBridge = context.pci({
      name: 'isa-bridge',
      slot: 0x08,
      vendor: 0x8086,
      device: 0x7000,
      classCode: 0x060100,
      config: {
        ...{ 0x04: 0x07, 0x07: 0x02 },
        0x0e: 0x80, // other functions follow
        ...{ 0x60: NOT_ROUTED, 0x61: NOT_ROUTED, 0x62: NOT_ROUTED, 0x63: NOT_ROUTED },
        ...{ 0x4c: 0x4d, 0x4e: 0x03, 0x69: 0x02 },
      },
      writable: {
        ...{ 0x04: 0x08, 0x05: 0x01 },
        // PIRQA–D: bit 7 not routed, bits 3–0 the line.
        ...{ 0x60: 0x8f, 0x61: 0x8f, 0x62: 0x8f, 0x63: 0x8f },
        ...{
          0x4c: 0xff,
          0x4e: 0xff,
          0x4f: 0xff,
          0x69: 0xff,
          0x6a: 0xff,
          0x70: 0xff,
          0x76: 0xff,
          0x77: 0xff,
          0x82: 0xff,
        },
      },
      written: (offset, size) => {
        if (offset < ROUTE + pirqCount && offset + size > ROUTE) this.#route();
      },
    });
    this.#routes = isaBridge.config.subarray(ROUTE, ROUTE + pirqCount);
    bus.routeInterrupts({
      connect: () => {
        this.#lines = Array.from({ length: 16 }, (_, line) => context.irq(line));
      },
      changed: () => this.#route(),
    });
    context.ports(0xcf8, 4, {
      maxSize: 4,
      // Only the whole dword is the address register.
      read: (_port, size) => (size === 4 ? bus.address : 0xffffffff),
      write: (_port, size, value) => {
        if (size === 4) bus.address = (value & 0x80fffffc) >>> 0;
      },
    });
    context.ports(0xcfc, 4, {
      maxSize: 4,
      read: (port, size) => (this.#slot < 0 ? 0xffffffff : bus.read(this.#slot, this.#offset + (port & 3), size)),
      write: (port, size, value) => {
        if (this.#slot >= 0) bus.write(this.#slot, this.#offset + (port & 3), size, value);
      },
    });
  }

  get fields(): SavedFields {
    return this.#bus.fields;
  }

  /** The slot addressed on bus 0, −1 while none is. */
  get #slot(): number {
    const { address } = this.#bus;
    return address >>> 31 === 0 || ((address >>> 16) & 0xff) !== 0 ? -1 : (address >>> 8) & 0xff;
  }

  get #offset(): number {
    return this.#bus.address & 0xfc;
  }

  /** Each line follows those of the four wires that are routed to it. */
  #route(): void {
    const driven = new Array<boolean>(16).fill(false);
    for (let pirq = 0; pirq < pirqCount; pirq++) {
      const route = this.#routes[pirq];
      const line = route & 15;
      if ((route & NOT_ROUTED) === 0 && (routableLines & (1 << line)) !== 0 && this.#bus.pirqLevels[pirq])
        driven[line] = true;
    }
    this.#lines.forEach((line, i) => line.set(driven[i]));
  }

  reset(): void {
    this.#bus.reset();
  }
}

export const pciHost: DeviceEntry = { create: (context, options) => new PciHost(context, options) };
