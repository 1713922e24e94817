// The options that say what machine to build, shared by run and record, and what they mean: the images that they name
// are read, and core/session/describe-machine.ts makes a manifest of it all.

import { basename } from 'node:path';
import { isLinuxImage } from '../../core/machine/boot/linux.ts';
import { splitModuleList } from '../../core/machine/boot/multiboot.ts';
import {
  type BootImages,
  describeMachine,
  type GuestOptions,
  type MachineSetup,
  MEMORY_MEGABYTES_DEFAULT,
  type NamedImage,
} from '../../core/session/describe-machine.ts';
import { HASH_EVERY_TICKS_DEFAULT, MEMORY_MEGABYTES_MAX, NS_PER_TICK_DEFAULT } from '../../core/session/session.ts';
import { type Arguments, type OptionSpec, UsageError } from './args.ts';
import { ENGINE_OPTION, TIER_POLICY_OPTION } from './engine-options.ts';
import { readGivenFile, sha256 } from '../node/images.ts';

const MACHINE = 'Machine';
const OUTPUT = 'Input and output';

export const MACHINE_OPTIONS: readonly OptionSpec[] = [
  { group: MACHINE, name: 'kernel', value: 'FILE', help: 'a Linux bzImage or a multiboot kernel' },
  {
    group: MACHINE,
    name: 'initrd',
    value: 'FILE',
    help: 'initial RAM disk of Linux; for multiboot "FILE ARGUMENTS,FILE ARGUMENTS" are modules',
  },
  { group: MACHINE, name: 'append', value: 'TEXT', help: 'command line of the kernel' },
  {
    group: MACHINE,
    name: 'bios',
    value: 'FILE',
    help: 'start this firmware from the reset vector instead of a kernel',
  },
  {
    group: MACHINE,
    name: 'memory',
    value: 'MB',
    range: [1, MEMORY_MEGABYTES_MAX],
    help: `size of memory (default ${MEMORY_MEGABYTES_DEFAULT})`,
  },
  {
    group: MACHINE,
    name: 'ns-per-tick',
    value: 'N',
    help: `guest nanoseconds per instruction, a power of two (default ${NS_PER_TICK_DEFAULT})`,
  },
  { group: MACHINE, name: 'epoch', value: 'ISO', help: 'wall clock of the guest at the start (default: now)' },
  {
    group: MACHINE,
    name: 'seed',
    value: 'N',
    range: [0, Number.MAX_SAFE_INTEGER],
    help: 'seed of the entropy that the guest can ask for (default 0)',
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
    range: [0, Number.MAX_SAFE_INTEGER],
    help: 'ticks between two digests of the whole state in the log, 0 for none (default 2^26)',
  },
];

export const SERIAL_OPTIONS: readonly OptionSpec[] = [
  {
    group: OUTPUT,
    name: 'serial',
    value: 'WHERE',
    repeat: true,
    help: 'stdio, file:FILE or none for the first serial line; again for the second and so on (default stdio, then none)',
  },
  { group: OUTPUT, name: 'debugcon', value: 'WHERE', help: 'the same for the debug console, port E9h (default none)' },
];

export const GDB_OPTION = {
  name: 'gdb',
  value: 'PORT',
  range: [0, 65535],
  help: 'serve gdb on this port of the loopback interface (0: any free one)',
} as const;

export const RUN_OPTIONS: readonly OptionSpec[] = [
  ENGINE_OPTION,
  TIER_POLICY_OPTION,
  { group: 'Running', ...GDB_OPTION },
  {
    group: 'Running',
    name: 'max-ticks',
    value: 'N',
    range: [1, Number.MAX_SAFE_INTEGER],
    help: 'end after so many ticks (instructions and idle time)',
  },
  {
    group: 'Running',
    name: 'pace',
    value: 'HOW',
    choices: ['real', 'none'],
    help: 'real: idle time of the guest takes as long as it says; none: it is skipped (default: real at a terminal)',
  },
  ...SERIAL_OPTIONS,
  {
    group: OUTPUT,
    name: 'input',
    value: 'FILE',
    help: 'inputs from a script, lines of `at TICK serial "text"` and `when "text" serial "text"`',
  },
];

/** What the options ask for. Throws UsageError, CommandError or BootError. */
export function buildMachine(args: Arguments): MachineSetup {
  const options: GuestOptions = {
    append: args.text('append') ?? '',
    memoryMegabytes: args.number('memory') ?? MEMORY_MEGABYTES_DEFAULT,
    nsPerTick: readNsPerTick(args.text('ns-per-tick')),
    epochSeconds: readEpoch(args.text('epoch')),
    seed: args.number('seed') ?? 0,
    reboot: !args.has('no-reboot'),
    serialTiming: args.text('serial-timing') === 'baud' ? 'baud' : 'instant',
    hashEveryTicks: args.number('hash-every') ?? HASH_EVERY_TICKS_DEFAULT,
  };
  return describeMachine(readBootImages(args), options, sha256);
}

function readNsPerTick(text: string | undefined): number {
  if (text === undefined) return NS_PER_TICK_DEFAULT;
  const match = /^(?:(\d{1,7})|1\/(\d{1,7}))$/.exec(text);
  if (match === null) throw new UsageError(`--ns-per-tick wants a power of two such as 1, 8 or 1/2, not "${text}".`);
  return match[1] === undefined ? 1 / Number(match[2]) : Number(match[1]);
}

function readEpoch(text: string | undefined): number {
  if (text === undefined) return Math.floor(Date.now() / 1000);
  const milliseconds = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(withZone(text)) : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    throw new UsageError(`--epoch wants a date and time such as 2026-01-31T12:00:00Z, not "${text}".`);
  }
  return Math.floor(milliseconds / 1000);
}

/** Without a zone UTC is meant, whatever the zone of the host. */
function withZone(text: string): string {
  return /T\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? `${text}Z` : text;
}

/** The files that the options name. */
function readBootImages(args: Arguments): BootImages {
  const biosPath = args.text('bios');
  if (biosPath !== undefined) {
    for (const name of ['kernel', 'initrd', 'append']) {
      if (args.has(name)) throw new UsageError(`--bios and --${name} exclude each other: give one of them.`);
    }
    return { bios: readImage(biosPath, 'firmware image', 'give one with --bios') };
  }
  const kernelPath = args.text('kernel');
  if (kernelPath === undefined) return {};
  const kernel = readImage(kernelPath, 'kernel', 'give one with --kernel');
  const initrd = args.text('initrd');
  if (initrd === undefined) return { kernel };
  if (isLinuxImage(kernel.data)) {
    return { kernel, initrd: readImage(initrd, 'initial RAM disk', 'give one with --initrd') };
  }
  const modules = splitModuleList(initrd).map(({ file, commandLine }) => ({
    ...readImage(file, 'module', 'give modules with --initrd "FILE ARGUMENTS,FILE ARGUMENTS"'),
    commandLine: basename(file) + commandLine.slice(file.length),
  }));
  return { kernel, modules };
}

function readImage(path: string, what: string, how: string): NamedImage {
  return { name: basename(path), data: readGivenFile(path, what, how) };
}
