/**
 * Quirks: behaviours of earlier versions that a recording depends on. A log made before a guest-visible change replays
 * as it was made; one made after it says nothing. Each quirk has a name, which stands in the manifest of logs that need
 * it (a branch of an old recording, say), and words for `reprise info`. Format 1 had no place for the names of what was
 * changed later: every log of that format has the quirks of FORMAT_1. A device that has changed since has another
 * version, and the log names the one that it was recorded with. May import nothing.
 */

/** By name: what the machine does, in the words of a report. */
export const QUIRKS = {
  'bare-hand-over':
    'a kernel started without firmware finds every interrupt line masked, no interrupt vectors and the local APIC off',
  'exact-pi': 'FSIN, FCOS, FSINCOS and FPTAN reduce their argument by the true value of pi',
  'fixed-apic': 'the local APIC answers at FEE00000h, wherever IA32_APIC_BASE says, and also while that turns it off',
  'late-power-on': 'timers that nobody has programmed stand still, and the clock of the CMOS counts from its first use',
  'latching-8259': 'an interrupt controller that nobody has programmed keeps requests and passes them on',
  'no-bootorder': 'firmware is told in which order to try kinds of drives, and no file names the drives',
  'no-smbus': 'the ports of the SMBus host controller are nowhere, though firmware has placed them',
  'open-lint-reset': 'the local APIC passes interrupts of the 8259 on from its reset, though it is off',
  'plain-firmware':
    'firmware finds its shadow as plain RAM, the ACPI ports in place, and no tables, memory map or drive controllers',
  'unheard-apic': 'INIT messages of the local APIC have no effect, and its NMIs are in no log',
  'unmasked-nmi': 'an NMI from outside is taken whatever bit 7 of port 70h says',
} as const;

export type QuirkName = keyof typeof QUIRKS;

/** What a log of format 1 was recorded with. */
const FORMAT_1: readonly QuirkName[] = [
  'bare-hand-over',
  'exact-pi',
  'late-power-on',
  'latching-8259',
  'open-lint-reset',
  'unheard-apic',
  'unmasked-nmi',
];

export function isQuirk(name: string): name is QuirkName {
  return Object.hasOwn(QUIRKS, name);
}

/** What the manifest of a log says of the machine that it was recorded on. */
export interface RecordedMachine {
  readonly devices: readonly { readonly name: string; readonly version: number }[];
  readonly boot: { readonly method: string };
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Quirks that a log of this format (frames.ts, LOG_FORMAT) has besides those that its manifest names. Firmware had
 * nothing to boot from once, and nobody had to say in which order.
 */
export function quirksOfLog(format: number, { boot, options, devices }: RecordedMachine): readonly QuirkName[] {
  const isPlain = boot.method === 'bios' && !Object.hasOwn(options, 'boot-order');
  const isFirst = (device: string): boolean => devices.some(({ name, version }) => name === device && version === 1);
  return [
    ...(format === 1 ? FORMAT_1 : []),
    ...(isPlain ? (['plain-firmware'] as const) : []),
    ...(isFirst('apic') ? (['fixed-apic'] as const) : []),
    ...(boot.method === 'bios' && isFirst('fw-cfg') ? (['no-bootorder'] as const) : []),
    ...(boot.method === 'bios' && isFirst('acpi-pm') ? (['no-smbus'] as const) : []),
  ];
}
