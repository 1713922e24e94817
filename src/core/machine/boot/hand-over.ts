/**
 * What PC firmware leaves to whom it starts, for kernels that are started without any (multiboot 0.6.96 and the Linux
 * boot protocol are silent about it, and kernels rely on it all the same): the state is that of SeaBIOS behind
 * QEMU's `-kernel`, as its monitor shows it. Interrupt controllers programmed and open, the timer ticking at 18.2 Hz,
 * the local APIC as a virtual wire, interrupt vectors with code behind them that acknowledges, the BIOS data area, and
 * the few bytes of firmware that programs look for at fixed addresses. BIOS services (INT 10h to 1Ah) are not there:
 * their vectors return.
 */
import { assemble } from '../../isa/assemble.ts';
import type { AddressSpace } from '../../memory/address-space.ts';
import type { PortBus } from '../../state/cpu.ts';
import { write16, write32 } from './bytes.ts';
import { LOW_MEMORY_END } from './memory-map.ts';

const BIOS_SEGMENT = 0xf000;
const VECTORS = 256;
const BIOS_DATA = 0x400;

/** Entry points at the addresses that the IBM BIOS gave them (a program may call them by number). */
const KEYBOARD_ENTRY = 0xe987;
const TIMER_ENTRY = 0xfea5;
const RETURN_ENTRY = 0xff53;
const RESET_ENTRY = 0xfff0;
/** Nobody knows these by address. */
const MASTER_ENTRY = 0xfe80;
const SLAVE_ENTRY = 0xfe90;

/** A day of the 18.2 Hz clock, after which it starts again and the byte behind it says so. */
const TICKS_PER_DAY = 0x1800b0;
const TIMER_HERTZ = 1_193_182;

const ENTRIES: readonly (readonly [offset: number, source: string])[] = [
  [KEYBOARD_ENTRY, 'push ax\nin al, 0x60\nmov al, 0x20\nout 0x20, al\npop ax\niret\n'],
  [MASTER_ENTRY, 'push ax\nmov al, 0x20\nout 0x20, al\npop ax\niret\n'],
  [SLAVE_ENTRY, 'push ax\nmov al, 0x20\nout 0xa0, al\nout 0x20, al\npop ax\niret\n'],
  [
    TIMER_ENTRY,
    `push ax
push ds
mov ax, 0x40
mov ds, ax
inc dword [0x6c]
cmp dword [0x6c], ${TICKS_PER_DAY}
jb same_day
mov dword [0x6c], 0
inc byte [0x70]
same_day:
int 0x1c
mov al, 0x20
out 0x20, al
pop ds
pop ax
iret
`,
  ],
  [RETURN_ENTRY, 'iret\n'],
  // A jump to the reset vector restarts the machine.
  [RESET_ENTRY, 'mov al, 0xfe\nout 0x64, al\nstopped: hlt\njmp stopped\n'],
];
/** F000:FFFE says which model of PC this is: an AT. */
const MODEL_ADDRESS = 0xffffe;
const MODEL_AT = 0xfc;

let assembled: readonly (readonly [offset: number, bytes: Uint8Array])[] | null = null;

function writeFirmware(space: AddressSpace): void {
  assembled ??= ENTRIES.map(
    ([offset, source]) => [offset, assemble(`bits 16\norg ${offset}\n${source}`).bytes] as const,
  );
  for (const [offset, bytes] of assembled) space.writeBytes(BIOS_SEGMENT * 16 + offset, bytes);
  space.writeBytes(MODEL_ADDRESS, Uint8Array.of(MODEL_AT));
  const table = new Uint8Array(VECTORS * 4);
  const point = (vector: number, offset: number): void => write32(table, vector * 4, BIOS_SEGMENT * 0x10000 + offset);
  for (let vector = 0; vector < VECTORS; vector++) point(vector, RETURN_ENTRY);
  for (let line = 0; line < 8; line++) {
    point(0x08 + line, MASTER_ENTRY);
    point(0x70 + line, SLAVE_ENTRY);
  }
  point(0x08, TIMER_ENTRY);
  point(0x09, KEYBOARD_ENTRY);
  space.writeBytes(0, table);
}

/**
 * The BIOS data area (40:00): what is there of it on a machine without screen, disks and parallel ports.
 * `secondsOfDay`: the wall clock at hand-over.
 */
function writeBiosData(space: AddressSpace, secondsOfDay: number): void {
  const area = new Uint8Array(0x100);
  [0x3f8, 0x2f8, 0x3e8, 0x2e8].forEach((port, index) => {
    write16(area, index * 2, port);
    area[0x7c + index] = 10; // seconds to wait for it
  });
  write16(area, 0x0e, LOW_MEMORY_END >>> 4);
  write16(area, 0x10, 0x0806); // four serial ports, a pointing device, a coprocessor
  write16(area, 0x13, LOW_MEMORY_END >>> 10);
  for (const at of [0x1a, 0x1c, 0x80]) write16(area, at, 0x1e); // the key buffer, empty
  write16(area, 0x82, 0x3e);
  write32(area, 0x6c, Math.floor((secondsOfDay * TIMER_HERTZ) / 0x10000) % TICKS_PER_DAY);
  area[0x96] = 0x10; // a keyboard of 101 keys
  space.writeBytes(BIOS_DATA, area);
  space.writeBytes(LOW_MEMORY_END, Uint8Array.of(1)); // the extended area: its size in KiB
}

/** Interrupts at vectors 08h and 70h, with the lines open that SeaBIOS opens; the timer at 18.2 Hz. */
function programChips(ports: PortBus): void {
  const program = (first: number, ...bytes: number[]): void => {
    bytes.forEach((byte, index) => {
      ports.write(index === 0 ? first : first + 1, 1, byte);
    });
  };
  program(0x20, 0x11, 0x08, 0x04, 0x01, 0xb8);
  program(0xa0, 0x11, 0x70, 0x02, 0x01, 0x8e);
  ports.write(0x43, 1, 0x34); // channel 0, both bytes, mode 2
  ports.write(0x40, 1, 0);
  ports.write(0x40, 1, 0);
}

const APIC_SPURIOUS = 0xfee000f0;
const APIC_LINT0 = 0xfee00350;
const APIC_LINT1 = 0xfee00360;

/**
 * The local APIC on, LINT0 passing on what the 8259 says, LINT1 an NMI: virtual wire (MultiProcessor Specification 1.4,
 * section 3.6.2.2).
 */
function programApic(space: AddressSpace): void {
  space.write32(APIC_SPURIOUS, 0x1ff);
  space.write32(APIC_LINT0, 0x8700);
  space.write32(APIC_LINT1, 0x8400);
}

export interface HandOverMachine {
  readonly space: AddressSpace;
  readonly ports: PortBus;
  readonly hasApic: boolean;
  /** Wall clock of the guest, in seconds since 1970. */
  readonly epochSeconds: number;
}

const SECONDS_PER_DAY = 86_400;

/** To be done after the processor's reset and before the images are put in place, which may lie over it. */
export function handOver({ space, ports, hasApic, epochSeconds }: HandOverMachine): void {
  writeFirmware(space);
  writeBiosData(space, ((epochSeconds % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY);
  programChips(ports);
  if (hasApic) programApic(space);
}

/** The quirk `bare-hand-over`: every line masked but the cascade; serial ports and memory size known, no more. */
export function handOverBare(space: AddressSpace, ports: PortBus): void {
  const program = (first: number, ...bytes: number[]): void => {
    bytes.forEach((byte, index) => {
      ports.write(index === 0 ? first : first + 1, 1, byte);
    });
  };
  program(0x20, 0x11, 0x08, 0x04, 0x01, 0xfb);
  program(0xa0, 0x11, 0x70, 0x02, 0x01, 0xff);
  const area = new Uint8Array(0x100);
  [0x3f8, 0x2f8, 0x3e8, 0x2e8].forEach((port, index) => {
    write16(area, index * 2, port);
  });
  write16(area, 0x0e, LOW_MEMORY_END >>> 4);
  write16(area, 0x13, LOW_MEMORY_END >>> 10);
  space.writeBytes(BIOS_DATA, area);
}
