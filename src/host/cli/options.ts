// Options that several verbs share: the machine, its images, running it, where its output goes. Rows only; what they
// mean is machine-options.ts and the verbs. Loads nothing of the machine, so that help and completion are quick.

import { CHECK_KIND, INPUT_KIND } from '../../core/log/events.ts';
import {
  CHECKPOINT_BYTES_DEFAULT,
  CHECKPOINT_CACHE_BYTES_DEFAULT,
  BOOT_ORDER_DEFAULT,
  BOOT_ORDER_WANTED,
  DISK_ROOM_MEGABYTES_DEFAULT,
  HASH_EVERY_TICKS_DEFAULT,
  MEMORY_MEGABYTES_DEFAULT,
  MEMORY_MEGABYTES_MAX,
  NS_PER_TICK_DEFAULT,
  NS_PER_TICK_WANTED,
  WRITE_CACHE_KILOBYTES_MAX,
} from '../../core/base/defaults.ts';
import { DISK_ROLES, DRIVE_ROLES, FLOPPY_ROLES, type DriveRole } from '../../core/devices/disk/roles.ts';
import { KNOBS } from '../../../tiers/policy.ts';
import { DEFAULT_ENGINE } from '../../engines.ts';
import type { OptionSpec } from './args.ts';

export const TICK_MAX = Number.MAX_SAFE_INTEGER;
/** Kinds of events in a log, as people name them. */
export const EVENT_KINDS: readonly string[] = [...Object.keys(INPUT_KIND), ...Object.keys(CHECK_KIND)];

const MACHINE = 'Machine';
const OUTPUT = 'Input and output';
const RUNNING = 'Running';
const IMAGES = 'Images, where they are not found by themselves';

const BACKING_OPTION: OptionSpec = {
  group: MACHINE,
  name: 'backing',
  value: 'PATH',
  kind: 'file',
  repeat: true,
  help: 'a file, or a directory with files, among which images that lie below qcow2 images are looked for',
};

export const OVERLAY_OPTION: OptionSpec = {
  group: MACHINE,
  name: 'overlay',
  value: '[DRIVE=]FILE',
  kind: 'file',
  repeat: true,
  help: 'keep what the guest has written to a disk (default hda) in a new qcow2 image over the old one, which stays',
};

const DRIVE_HELP: Readonly<Record<DriveRole, string>> = {
  hda: 'image of the first disk; without a kernel the machine boots from it, by SeaBIOS unless --bios names another',
  hdb: 'image of a second disk, slave of the first',
  hdc: 'image of a third disk, on the second channel',
  hdd: 'image of a fourth disk, slave of the third',
  cdrom: 'ISO image in the CD-ROM drive, which takes the place of hdc',
  fda: 'image of a diskette in the first drive, up to 2.88 MB',
  fdb: 'image of a diskette in the second drive',
};

export const MACHINE_OPTIONS: readonly OptionSpec[] = [
  {
    group: MACHINE,
    name: 'machine',
    value: 'FILE',
    kind: 'file',
    help: 'all of these from a JSON file, as reprise info --machine LOG prints one; options beside it go before it',
  },
  { group: MACHINE, name: 'kernel', value: 'FILE', kind: 'file', help: 'a Linux bzImage or a multiboot kernel' },
  {
    group: MACHINE,
    name: 'initrd',
    value: 'FILE',
    kind: 'file',
    help: 'initial RAM disk of Linux; for multiboot "FILE ARGUMENTS,FILE ARGUMENTS" are modules',
  },
  { group: MACHINE, name: 'append', value: 'TEXT', help: 'command line of the kernel' },
  {
    group: MACHINE,
    name: 'bios',
    value: 'FILE',
    kind: 'file',
    help: 'start this firmware from the reset vector instead of a kernel',
  },
  ...DRIVE_ROLES.map(
    (role): OptionSpec => ({ group: MACHINE, name: role, value: 'FILE', kind: 'file', help: DRIVE_HELP[role] }),
  ),
  BACKING_OPTION,
  OVERLAY_OPTION,
  {
    group: MACHINE,
    name: 'writable',
    value: 'DRIVE',
    choices: [...DISK_ROLES, ...FLOPPY_ROLES],
    repeat: true,
    help: 'write what the guest has written to that disk into its raw image when the run is over',
  },
  {
    group: MACHINE,
    name: 'disk-room',
    value: 'MB',
    range: [1, MEMORY_MEGABYTES_MAX],
    help: `room for what the guest writes; images stay as they are (default ${DISK_ROOM_MEGABYTES_DEFAULT})`,
  },
  {
    group: MACHINE,
    name: 'write-cache',
    value: 'KB',
    range: [1, WRITE_CACHE_KILOBYTES_MAX],
    help: 'imitate the write cache of disks, of this size each, which a power cut loses (default: none)',
  },
  {
    group: MACHINE,
    name: 'boot',
    value: 'HOW',
    suggestions: ['order=c', 'order=d', 'menu=on'],
    help:
      `what firmware boots from, as in order=cd,menu=on: ${BOOT_ORDER_WANTED} (default ${BOOT_ORDER_DEFAULT}); ` +
      'menu: off (default) or on',
  },
  {
    group: MACHINE,
    name: 'vga',
    value: 'WHICH',
    choices: ['std', 'none'],
    help: 'std: a VGA with linear frame buffer; none: no screen (default: std with --bios, else none)',
  },
  {
    group: MACHINE,
    name: 'vga-bios',
    value: 'FILE',
    kind: 'file',
    help: 'BIOS of the screen, for firmware (default: that of seabios, where it is installed)',
  },
  {
    group: MACHINE,
    name: 'memory',
    value: 'MB',
    range: [1, MEMORY_MEGABYTES_MAX],
    help: `size of memory, up to ${MEMORY_MEGABYTES_MAX} (default ${MEMORY_MEGABYTES_DEFAULT})`,
  },
  {
    group: MACHINE,
    name: 'ns-per-tick',
    value: 'N',
    help: `guest nanoseconds per instruction: ${NS_PER_TICK_WANTED} (default ${NS_PER_TICK_DEFAULT})`,
  },
  { group: MACHINE, name: 'epoch', value: 'ISO', help: 'wall clock of the guest at the start (default: now)' },
  {
    group: MACHINE,
    name: 'seed',
    value: 'N',
    range: [0, TICK_MAX],
    help: 'seed of the entropy that the guest can ask for (default 0)',
  },
  { group: MACHINE, name: 'hpet', help: 'high precision event timers, which ACPI tells the guest of' },
  {
    group: MACHINE,
    name: 'parallel',
    help: 'a parallel port at 378h, interrupt 7, with a printer behind it (--printer)',
  },
  { group: MACHINE, name: 'no-reboot', help: 'a reset or triple fault ends the run, with status 3' },
  {
    group: MACHINE,
    name: 'serial-timing',
    value: 'HOW',
    choices: ['instant', 'baud'],
    help: 'instant (default): a byte leaves at once; baud: at the rate of the line',
  },
  {
    group: MACHINE,
    name: 'hash-every',
    value: 'TICKS',
    range: [0, TICK_MAX],
    help: `ticks between two digests of the whole state in the log, 0 for none (default ${HASH_EVERY_TICKS_DEFAULT})`,
  },
];

export const ENGINE_OPTION: OptionSpec = {
  name: 'engine',
  value: 'NAME',
  kind: 'engine',
  help: `what executes the instructions; the guest cannot tell (default ${DEFAULT_ENGINE})`,
};

export const TIER_POLICY_OPTION: OptionSpec = {
  name: 'tier-policy',
  value: 'KNOBS',
  help:
    'when and what js, wasm and tiered compile, as in threshold=500,region=10; also ' +
    KNOBS.filter((knob) => knob !== 'threshold' && knob !== 'region').join(', '),
};

export const SERIAL_OPTIONS: readonly OptionSpec[] = [
  {
    group: OUTPUT,
    name: 'serial',
    value: 'WHERE',
    repeat: true,
    suggestions: ['stdio', 'none', 'file:'],
    help:
      'stdio, file:FILE or none for the first serial line; again for the second and so on ' +
      '(default stdio, then none)',
  },
  {
    group: OUTPUT,
    name: 'debugcon',
    value: 'WHERE',
    suggestions: ['stdio', 'none', 'file:'],
    help: 'the same for the debug console, port E9h (default none)',
  },
  {
    group: OUTPUT,
    name: 'printer',
    value: 'WHERE',
    suggestions: ['stdio', 'none', 'file:'],
    help: 'the same for what is printed at the parallel port (default none)',
  },
];

export const DISPLAY_OPTION: OptionSpec = {
  group: OUTPUT,
  name: 'display',
  value: 'WHERE',
  choices: ['none', 'curses'],
  help: 'none (default), or curses: the text screen and the keyboard of the guest in this terminal, serial lines none',
};

export const GDB_OPTION: OptionSpec = {
  name: 'gdb',
  value: 'PORT',
  range: [0, 65535],
  help: 'serve gdb on this port of the loopback interface (0: any free one)',
};

const IMAGE_OPTION: OptionSpec = {
  group: IMAGES,
  name: 'image',
  value: 'PATH',
  kind: 'file',
  repeat: true,
  help: 'a file, or a directory with files, among which the images are found by their SHA-256',
};

/** To go on from a snapshot, whose images are found as those of a log are. */
export const FROM_OPTIONS: readonly OptionSpec[] = [
  {
    group: MACHINE,
    name: 'from',
    value: 'FILE',
    kind: 'file',
    help: 'go on from a snapshot (reprise snapshot save), which has the whole machine, at its tick',
  },
  IMAGE_OPTION,
];

export const SYMBOLS_OPTION: OptionSpec = {
  name: 'symbols',
  value: 'FILE[+OFFSET][@PROCESS]',
  kind: 'file',
  repeat: true,
  help:
    'an ELF file, System.map or listing of /proc/kallsyms; how far a kernel has moved is found, or +0x1000000; ' +
    'a kernel module (mod.ko) and a program that may lie anywhere are found where the guest has loaded them; ' +
    'names of a program hold in its process alone: @NAME or @PID of a Linux, or @0x1234000, the CR3',
};

export const RUN_OPTIONS: readonly OptionSpec[] = [
  { group: RUNNING, ...ENGINE_OPTION },
  { group: RUNNING, ...TIER_POLICY_OPTION },
  { group: RUNNING, ...GDB_OPTION },
  { group: RUNNING, ...SYMBOLS_OPTION, help: `${SYMBOLS_OPTION.help}; for monitor, with --gdb` },
  {
    group: RUNNING,
    name: 'powercut',
    value: 'TICK[:SEED]',
    help: 'cut the power of all disks at that tick and end there: the seed says what of their caches survives',
  },
  {
    group: RUNNING,
    name: 'max-ticks',
    value: 'N',
    range: [1, TICK_MAX],
    help: 'end after so many ticks (instructions and idle time)',
  },
  {
    group: RUNNING,
    name: 'stop-on',
    value: 'WHAT',
    repeat: true,
    suggestions: ['serial:', 'fault:', 'irq:', 'nmi', 'reset'],
    help:
      'end by itself at the first serial:"TEXT" (#3 behind it: the third), fault:N (an exception by its vector), ' +
      'irq:N, nmi or reset',
  },
  {
    group: RUNNING,
    name: 'pace',
    value: 'HOW',
    choices: ['real', 'none'],
    help: 'real: idle time of the guest takes as long as it says; none: it is skipped (default: real at a terminal)',
  },
  ...SERIAL_OPTIONS,
  DISPLAY_OPTION,
  {
    group: OUTPUT,
    name: 'input',
    value: 'FILE',
    kind: 'file',
    help:
      'inputs from a script, lines as `at TICK serial "text"`, `when "text" serial "text"` and ' +
      '`when screen "text" type "text"`; also key, mouse, power, reset, nmi, end',
  },
];

/** Options that name files by their role; any of them serves any image with the right SHA-256. */
export const IMAGE_FILE_OPTIONS: readonly string[] = ['kernel', 'initrd', 'bios', 'vga-bios', ...DRIVE_ROLES];

export const IMAGE_OPTIONS: readonly OptionSpec[] = [
  IMAGE_OPTION,
  { ...BACKING_OPTION, group: IMAGES },
  ...IMAGE_FILE_OPTIONS.map(
    (name): OptionSpec => ({ group: IMAGES, name, value: 'FILE', kind: 'file', help: 'the same, as given to record' }),
  ),
];

export const DEVICES_OPTION: OptionSpec = {
  name: 'devices',
  value: 'WHICH',
  choices: ['model', 'log'],
  help: 'model (default): devices run and are checked; log: no device runs, all they did comes from the log',
};

export const FAILS_OPTION: OptionSpec = {
  name: 'fails',
  value: 'WHAT',
  repeat: true,
  suggestions: ['serial:', 'exit', 'exit:', 'fault:', 'triple-fault', 'hang', 'reset'],
  help:
    'what a failure is: serial:"TEXT", fault:N, irq:N, nmi, reset, exit:N (the value written to the debug-exit port; ' +
    'exit: any but 0), triple-fault, hang, or an expression over the state at the end, such as [0x200000] != 5',
};

export const LOG = { name: 'LOG', kind: 'log' } as const;

const CHECKPOINT_MEGABYTES_MAX = 1 << 16;

export const CHECKPOINT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'checkpoint-memory',
    value: 'MB',
    range: [1, CHECKPOINT_MEGABYTES_MAX],
    help: `memory for checkpoints (default ${CHECKPOINT_BYTES_DEFAULT >> 20})`,
  },
  {
    name: 'checkpoint-cache',
    value: 'MB',
    range: [0, CHECKPOINT_MEGABYTES_MAX],
    help:
      'disk for checkpoints of all logs that later sessions begin with, in the cache folder of this user; half of it ' +
      `for one log (default ${CHECKPOINT_CACHE_BYTES_DEFAULT >> 20}; 0: none are read or written)`,
  },
];

export function grouped(group: string, options: readonly OptionSpec[]): OptionSpec[] {
  return options.map((option) => ({ ...option, group }));
}

export function salvage(what: string): OptionSpec {
  return { name: 'salvage', help: `${what} what is before the damaged part of a damaged log` };
}

export const TIMEOUT_OPTION: OptionSpec = {
  name: 'timeout',
  value: 'SECONDS',
  range: [1, 1_000_000],
  help: 'give up when the queue, or every worker, is away for so long (default: wait)',
};

/** Who runs the trials; the results are the same. */
export const JOB_OPTIONS: readonly OptionSpec[] = [
  { name: 'jobs', value: 'N', range: [1, 1024], help: 'so many runs at once, in threads (default 1)' },
  { name: 'queue', value: 'URL', help: 'let reprise worker do the runs, on any machines: redis://HOST:PORT' },
  TIMEOUT_OPTION,
];
