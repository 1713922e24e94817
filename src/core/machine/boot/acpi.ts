// ACPI tables, built by hand (ACPI 6.4 chapter 5; table versions of ACPI 2.0): RSDP, RSDT, XSDT, FADT, FACS, DSDT and,
// when the machine has an APIC, MADT. They describe the PIIX4-style power block of devices/timers/acpi-pm.ts and, for
// firmware, the interrupts of PCI as SeaBIOS routes them. No processor objects. A machine without firmware finds them
// in memory; firmware gets them as files, with the script that puts them in place (acpi-loader.ts).

import type { AddressSpace } from '../../memory/address-space.ts';
import { HPET_ADDRESS, HPET_CAPABILITIES } from '../../devices/timers/hpet.ts';
import * as aml from './aml.ts';
import { write16, write32 } from './bytes.ts';

// The power-management block; devices/timers/acpi-pm.ts answers there.
export const PM1_EVENT_PORT = 0x600;
export const PM1_CONTROL_PORT = 0x604;
export const PM_TIMER_PORT = 0x608;
export const SMI_COMMAND_PORT = 0xb2;
export const ACPI_ENABLE = 0xf1;
export const ACPI_DISABLE = 0xf0;
export const SCI_INTERRUPT = 9;
export const RESET_PORT = 0xcf9;
export const RESET_VALUE = 6;
/** SLP_TYP of soft off, in \_S5 and in PM1 control. */
export const SLEEP_TYPE_S5 = 5;
const CMOS_CENTURY = 0x32;

/** Where the tables go: within the area that operating systems search for the RSDP. */
export const ACPI_ADDRESS = 0xe0000;

/** What the machine has, as far as the tables say it. */
export interface AcpiPlatform {
  readonly hasApic: boolean;
  readonly hasPci: boolean;
  readonly hasVga: boolean;
  /** High precision event timers. */
  readonly hasHpet?: boolean;
  /** The lines of PCI interrupts, by PIRQ, where the tables shall say them. */
  readonly pirqLines?: readonly number[];
}

export interface AcpiOptions extends AcpiPlatform {
  /** Physical address of the first byte; a multiple of 64. */
  readonly address: number;
  readonly ramSize: number;
}

/** A field that holds the address of a table. */
export interface AcpiPointer {
  /** Both as offsets into the bytes. */
  readonly at: number;
  readonly to: number;
  readonly sizeBytes: number;
}

/** A byte that makes others add up to 0. */
export interface AcpiChecksum {
  readonly at: number;
  readonly from: number;
  readonly sizeBytes: number;
}

export interface AcpiTables {
  readonly rsdpAddress: number;
  /** To be written at options.address. */
  readonly bytes: Uint8Array;
  /** What depends on the address. */
  readonly pointers: readonly AcpiPointer[];
  readonly checksums: readonly AcpiChecksum[];
}

function putText(table: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) table[at + i] = text.charCodeAt(i);
}

/** Makes the bytes of [from, from + size) add up to 0 modulo 256. */
function putChecksum(table: Uint8Array, at: number, from: number, size: number): void {
  table[at] = 0;
  let sum = 0;
  for (let i = 0; i < size; i++) sum += table[from + i];
  table[at] = -sum;
}

/** A table with its common header of 36 bytes. */
function table(signature: string, revision: number, body: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(36 + body.length);
  putText(bytes, 0, signature);
  write32(bytes, 4, bytes.length);
  bytes[8] = revision;
  putText(bytes, 10, 'REPRIS');
  putText(bytes, 16, 'REPRISEP');
  write32(bytes, 24, 1);
  putText(bytes, 28, 'RPRS');
  write32(bytes, 32, 1);
  bytes.set(body, 36);
  putChecksum(bytes, 9, 0, bytes.length);
  return bytes;
}

function buildDsdt(options: AcpiOptions): Uint8Array {
  const isaDevice = (path: string, id: string, ...resourceList: (readonly number[])[]): readonly number[] =>
    aml.device(path, aml.name('_HID', aml.eisaId(id)), aml.name('_CRS', aml.resources(...resourceList)));
  const isaDevices = [
    isaDevice('KBD', 'PNP0303', aml.ioPorts(0x60, 1), aml.ioPorts(0x64, 1), aml.isaInterrupt(1)),
    isaDevice('MOU', 'PNP0F13', aml.isaInterrupt(12)),
    isaDevice('RTC', 'PNP0B00', aml.ioPorts(0x70, 2), aml.isaInterrupt(8)),
    isaDevice('COM1', 'PNP0501', aml.ioPorts(0x3f8, 8), aml.isaInterrupt(4)),
  ];
  const { pirqLines } = options;
  const bridge = aml.device(
    'PCI0',
    aml.name('_HID', aml.eisaId('PNP0A03')),
    ...(pirqLines === undefined ? [] : [aml.name('_PRT', pciRouting(pirqLines))]),
    aml.name(
      '_CRS',
      aml.resources(
        aml.bridgeRange('bus', 0, 0xff),
        aml.ioPorts(0xcf8, 8),
        aml.bridgeRange('io', 0, 0xcf7),
        aml.bridgeRange('io', 0xd00, 0xffff),
        aml.bridgeRange('memory', 0xa0000, 0xbffff),
        aml.bridgeRange('memory', Math.max(options.ramSize, 0x80000000), 0xfebfffff),
      ),
    ),
    ...isaDevices,
  );
  const zero = aml.integer(0);
  const sleep = aml.integer(SLEEP_TYPE_S5);
  const body = [
    ...aml.name('\\_S5', aml.packageOf(sleep, sleep, zero, zero)),
    ...aml.scope('\\_SB', ...(options.hasPci ? [bridge] : isaDevices)),
  ];
  return table('DSDT', 1, body);
}

const PCI_DEVICES = 32;

/** Every pin of every device, and the line that it is wired to: device − 1 + pin is its PIRQ. */
function pciRouting(pirqLines: readonly number[]): readonly number[] {
  const rows: (readonly number[])[] = [];
  for (let device = 1; device < PCI_DEVICES; device++) {
    for (let pin = 0; pin < pirqLines.length; pin++) {
      const line = pirqLines[(device - 1 + pin) % pirqLines.length];
      const address = aml.integer(device * 0x10000 + 0xffff);
      rows.push(aml.packageOf(address, aml.integer(pin), aml.integer(0), aml.integer(line)));
    }
  }
  return aml.packageOf(...rows);
}

/** Generic address of an I/O port. */
function putPort(fadt: Uint8Array, at: number, port: number, bits: number): void {
  fadt[at] = 1; // system I/O
  fadt[at + 1] = bits;
  fadt[at + 3] = bits === 8 ? 1 : bits === 16 ? 2 : 3;
  write32(fadt, at + 4, port);
}

const LEGACY_DEVICES = 0x0001;
const HAS_8042 = 0x0002;
const NO_VGA = 0x0004;
const NO_MSI = 0x0008;

const FLAG_WBINVD = 0x1;
const FLAG_NO_SLEEP_BUTTON = 0x20;
const FLAG_NO_RTC_WAKE_STATUS = 0x40;
const FLAG_RESET_REGISTER = 0x400;

function buildFadt(options: AcpiOptions, facs: number, dsdt: number): Uint8Array {
  const fadt = new Uint8Array(244);
  write32(fadt, 36, facs);
  write32(fadt, 40, dsdt);
  fadt[45] = 1; // desktop
  write16(fadt, 46, SCI_INTERRUPT);
  write32(fadt, 48, SMI_COMMAND_PORT);
  fadt[52] = ACPI_ENABLE;
  fadt[53] = ACPI_DISABLE;
  write32(fadt, 56, PM1_EVENT_PORT);
  write32(fadt, 64, PM1_CONTROL_PORT);
  write32(fadt, 76, PM_TIMER_PORT);
  fadt[88] = 4;
  fadt[89] = 2;
  fadt[91] = 4;
  write16(fadt, 96, 0xffff); // no C2
  write16(fadt, 98, 0xffff); // no C3
  fadt[108] = CMOS_CENTURY;
  write16(fadt, 109, LEGACY_DEVICES | HAS_8042 | (options.hasVga ? 0 : NO_VGA) | NO_MSI);
  write32(fadt, 112, FLAG_WBINVD | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE_STATUS | FLAG_RESET_REGISTER);
  putPort(fadt, 116, RESET_PORT, 8);
  fadt[128] = RESET_VALUE;
  // The 64-bit FACS address stays 0, since the 32-bit one is given: kernels take two as two structures.
  write32(fadt, 140, dsdt);
  putPort(fadt, 148, PM1_EVENT_PORT, 32);
  putPort(fadt, 172, PM1_CONTROL_PORT, 16);
  putPort(fadt, 208, PM_TIMER_PORT, 32);
  return table('FACP', 3, fadt.subarray(36));
}

/** Firmware control structure: no checksum, and nothing in it since there is neither S4BIOS nor a global lock. */
function buildFacs(): Uint8Array {
  const facs = new Uint8Array(64);
  putText(facs, 0, 'FACS');
  write32(facs, 4, facs.length);
  facs[32] = 1;
  return facs;
}

const LOCAL_APIC = 0xfee00000;
const IO_APIC = 0xfec00000;
/** MPS INTI flags: active high with edge or level trigger. */
const ACTIVE_HIGH_LEVEL = 0x000d;

function buildMadt(pirqLines: readonly number[]): Uint8Array {
  const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
  const double = (value: number): number[] => [...word(value), ...word(value >>> 16)];
  return table('APIC', 1, [
    ...double(LOCAL_APIC),
    ...double(1), // there are 8259s too
    ...[0, 8, 0, 0, ...double(1)], // processor 0, APIC 0, enabled
    ...[1, 12, 1, 0, ...double(IO_APIC), ...double(0)], // I/O APIC 1, first input 0
    ...[2, 10, 0, 0, ...double(2), ...word(0)], // the timer is on input 2
    ...[SCI_INTERRUPT, ...new Set(pirqLines)].flatMap((line) => [
      ...[2, 10, 0, line, ...double(line), ...word(ACTIVE_HIGH_LEVEL)],
    ]),
    ...[4, 6, 0xff, ...word(0), 1], // LINT1 of every processor is NMI
  ]);
}

/** IA-PC HPET specification 1.0a, 3.2.4: where the timers lie, in memory. */
function buildHpet(): Uint8Array {
  const body = new Uint8Array(20);
  write32(body, 0, HPET_CAPABILITIES);
  write32(body, 8, HPET_ADDRESS);
  return table('HPET', 1, body);
}

const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** All tables as one block of memory, starting with the RSDP. */
export function buildAcpi(options: AcpiOptions): AcpiTables {
  const placed: { at: number; bytes: Uint8Array }[] = [];
  let next = 64;
  const place = (bytes: Uint8Array): number => {
    const at = next;
    placed.push({ at, bytes });
    next = alignUp(at + bytes.length, 16);
    return options.address + at;
  };
  const facs = place(buildFacs()); // first, because it must lie at a multiple of 64
  const dsdt = place(buildDsdt(options));
  const described = [place(buildFadt(options, facs, dsdt))];
  if (options.hasApic) described.push(place(buildMadt(options.pirqLines ?? [])));
  if (options.hasHpet === true) described.push(place(buildHpet()));
  const pointers = (size: number): Uint8Array => {
    const body = new Uint8Array(described.length * size);
    described.forEach((address, index) => {
      write32(body, index * size, address);
    });
    return body;
  };
  const rsdt = place(table('RSDT', 1, pointers(4)));
  const xsdt = place(table('XSDT', 1, pointers(8)));
  const rsdp = new Uint8Array(36);
  putText(rsdp, 0, 'RSD PTR ');
  putText(rsdp, 9, 'REPRIS');
  rsdp[15] = 2;
  write32(rsdp, 16, rsdt);
  write32(rsdp, 20, rsdp.length);
  write32(rsdp, 24, xsdt);
  putChecksum(rsdp, 8, 0, 20);
  putChecksum(rsdp, 32, 0, 36);
  const bytes = new Uint8Array(next);
  bytes.set(rsdp, 0);
  for (const each of placed) bytes.set(each.bytes, each.at);
  const offset = (address: number): number => address - options.address;
  const fadt = offset(described[0]);
  const pointer = (at: number, address: number, sizeBytes: number) => ({ at, to: offset(address), sizeBytes });
  return {
    rsdpAddress: options.address,
    bytes,
    pointers: [
      ...[pointer(16, rsdt, 4), pointer(24, xsdt, 8)],
      ...[pointer(fadt + 36, facs, 4), pointer(fadt + 40, dsdt, 4), pointer(fadt + 140, dsdt, 8)],
      ...described.map((address, index) => pointer(offset(rsdt) + 36 + index * 4, address, 4)),
      ...described.map((address, index) => pointer(offset(xsdt) + 36 + index * 8, address, 8)),
    ],
    checksums: [
      ...[
        { at: 8, from: 0, sizeBytes: 20 },
        { at: 32, from: 0, sizeBytes: 36 },
      ],
      ...[fadt, offset(rsdt), offset(xsdt)].map((from) => ({
        at: from + 9,
        from,
        sizeBytes: placed.find(({ at }) => at === from)?.bytes.length ?? 0,
      })),
    ],
  };
}

/** Put the tables where firmware would have, and return the address of their root pointer. */
export function placeAcpi(space: AddressSpace, platform: AcpiPlatform): number {
  const { bytes, rsdpAddress } = buildAcpi({ address: ACPI_ADDRESS, ramSize: space.memory.ramBytes, ...platform });
  space.writeBytes(ACPI_ADDRESS, bytes);
  return rsdpAddress;
}
