/**
 * PCI configuration space by mechanism #1 (PCI Local Bus Specification 2.1, section 3.7.4.1), ports CF8h and CFCh, with
 * the functions of an i440FX board: host bridge 8086:1237, PIIX3 ISA bridge 8086:7000, PIIX4 power management
 * 8086:7113. A function is its 256 bytes and a mask of the bits software can write; none has a base address register
 * yet, and shadow RAM (PAM) and interrupt routing (PIRQ) registers are kept and read back without effect.
 */
import type { Device, DeviceContext } from '../../board/device.ts';
import { bits, bytes } from '../../base/field-kinds.ts';
import { fields, type Kind, type SavedFields } from '../../base/fields.ts';

const configBytes = 256;

/** Type-0 header and what lies behind it. */
export class PciFunction {
  readonly name: string;
  readonly slot: number;
  readonly config = new Uint8Array(256);
  /** Bits a write changes. */
  readonly writable = new Uint8Array(256);
  readonly #initial = new Uint8Array(256);

  /** `slot` is device · 8 + function; `classCode` base class, subclass, interface. */
  constructor(name: string, slot: number, vendor: number, device: number, classCode: number, revision: number) {
    this.name = name;
    this.slot = slot;
    this.word(0x00, vendor);
    this.word(0x02, device);
    this.config[0x08] = revision;
    this.config[0x09] = classCode & 0xff;
    this.word(0x0a, classCode >> 8);
    // Command: I/O, memory, bus master, parity response, SERR.
    this.writable[0x04] = 0x47;
    this.writable[0x05] = 0x01;
    this.writable[0x0d] = 0xf8;
    this.writable[0x3c] = 0xff;
  }

  word(offset: number, value: number): void {
    this.config[offset] = value & 0xff;
    this.config[offset + 1] = value >> 8;
  }

  /** The contents so far are those after a reset. */
  seal(): this {
    this.#initial.set(this.config);
    return this;
  }

  reset(): void {
    this.config.set(this.#initial);
  }

  /** Whether the byte at `offset` can come to have this value. */
  canHold(offset: number, value: number): boolean {
    return ((value ^ this.#initial[offset]) & ~this.writable[offset]) === 0;
  }
}

/** The 256 bytes of a function: those that software cannot write are what they are. */
function configuration(pciFunction: PciFunction): Kind<Uint8Array> {
  const kind = bytes(configBytes);
  return {
    ...kind,
    initial: () => pciFunction.config.slice(),
    problem: (saved, path) => {
      const problem = kind.problem(saved, path);
      if (problem !== null) return problem;
      const at = (saved as Uint8Array).findIndex((value, i) => !pciFunction.canHold(i, value));
      return at < 0
        ? null
        : `${path} has the value ${(saved as Uint8Array)[at]} at ${at}, which cannot be written there`;
    },
  };
}

export class PciHost implements Device {
  readonly name = 'pci';
  readonly version = 1;
  readonly fields: SavedFields;
  /** `address`, and the configuration of each function by its name. */
  readonly #state: { address: number; [name: string]: number | Uint8Array };
  readonly #functions = new Map<number, PciFunction>();

  constructor(context: DeviceContext, functions: readonly PciFunction[]) {
    for (const pciFunction of functions) this.#functions.set(pciFunction.slot, pciFunction);
    this.#state = { address: 0, ...Object.fromEntries(functions.map(({ name, config }) => [name, config])) };
    const kinds = functions.map((each) => [each.name, configuration(each)] as const);
    this.fields = fields({ address: bits(0x80fffffc), ...Object.fromEntries(kinds) }).of(this.#state);
    context.ports(0xcf8, 4, {
      maxSize: 4,
      // Only the whole dword is the address register.
      read: (_port, size) => (size === 4 ? this.#state.address : 0xffffffff),
      write: (_port, size, value) => {
        if (size === 4) this.#state.address = (value & 0x80fffffc) >>> 0;
      },
    });
    context.ports(0xcfc, 4, {
      maxSize: 4,
      read: (port, size) => this.#read(port & 3, size),
      write: (port, size, value) => this.#write(port & 3, size, value),
    });
  }

  /** The function addressed on bus 0, if enabled and there. */
  get #selected(): PciFunction | undefined {
    if (this.#state.address >>> 31 === 0 || ((this.#state.address >>> 16) & 0xff) !== 0) return undefined;
    return this.#functions.get((this.#state.address >>> 8) & 0xff);
  }

  #read(byte: number, size: number): number {
    const selected = this.#selected;
    if (selected === undefined) return 0xffffffff;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + selected.config[(this.#state.address & 0xfc) + byte + i];
    return value;
  }

  #write(byte: number, size: number, value: number): void {
    const selected = this.#selected;
    if (selected === undefined) return;
    for (let i = 0; i < size; i++) {
      const offset = (this.#state.address & 0xfc) + byte + i;
      const mask = selected.writable[offset];
      selected.config[offset] = (selected.config[offset] & ~mask) | ((value >>> (i * 8)) & mask);
    }
  }

  reset(): void {
    this.#state.address = 0;
    for (const pciFunction of this.#functions.values()) pciFunction.reset();
  }
}

/** The functions of the board, in order of their slots. */
export function boardFunctions(pmBase: number): PciFunction[] {
  const host = new PciFunction('host-bridge', 0x00, 0x8086, 0x1237, 0x060000, 0x02);
  host.config[0x04] = 0x06;
  host.config[0x07] = 0x02;
  host.writable[0x04] = 0x40;
  for (let offset = 0x59; offset <= 0x5f; offset++) host.writable[offset] = offset === 0x59 ? 0x30 : 0x33;

  const isa = new PciFunction('isa-bridge', 0x08, 0x8086, 0x7000, 0x060100, 0x00);
  isa.config[0x04] = 0x07;
  isa.config[0x07] = 0x02;
  isa.config[0x0e] = 0x80; // other functions follow
  isa.writable[0x04] = 0x08;
  // PIRQA–D: bit 7 not routed, bits 3–0 the line.
  for (let offset = 0x60; offset <= 0x63; offset++) {
    isa.config[offset] = 0x80;
    isa.writable[offset] = 0x8f;
  }
  for (const offset of [0x4c, 0x4e, 0x4f, 0x69, 0x6a, 0x70, 0x76, 0x77, 0x82]) isa.writable[offset] = 0xff;
  isa.config[0x4c] = 0x4d;
  isa.config[0x4e] = 0x03;
  isa.config[0x69] = 0x02;

  const pm = new PciFunction('power-management', 0x0b, 0x8086, 0x7113, 0x068000, 0x03);
  pm.config[0x07] = 0x02;
  pm.config[0x3c] = 9;
  pm.config[0x3d] = 1;
  // The base of the ACPI ports, which do not move; PMREGMISC says that they are decoded.
  pm.word(0x40, pmBase | 1);
  pm.config[0x80] = 1;
  return [host.seal(), isa.seal(), pm.seal()];
}
