// The options that say what machine to build, shared by run and record, and what they mean: images are read, the kind
// of kernel is recognised, and a manifest comes out that holds all the guest can notice.

import { basename } from 'node:path';
import { isElf } from '../../core/machine/boot/elf.ts';
import { isLinuxImage } from '../../core/machine/boot/linux.ts';
import { findMultibootHeader, splitModuleList } from '../../core/machine/boot/multiboot.ts';
import type { ImageRecord, MachineManifest } from '../../core/log/manifest.ts';
import {
  CPU_MODEL,
  deviceRecords,
  HASH_EVERY_TICKS_DEFAULT,
  MEMORY_MEGABYTES_MAX,
  NS_PER_TICK_DEFAULT,
  type Images,
} from '../../core/session/session.ts';
import { type Arguments, CommandError, type OptionSpec, UsageError } from './args.ts';
import { DEFAULT_ENGINE } from '../node/engines.ts';
import { imageRecord, readGivenFile } from '../node/images.ts';

const MEMORY_MEGABYTES_DEFAULT = 128;

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

export const ENGINE_OPTION: OptionSpec = {
  group: 'Running',
  name: 'engine',
  value: 'NAME',
  help: `what executes the instructions; the guest cannot tell (default ${DEFAULT_ENGINE})`,
};

export const TIER_POLICY_OPTION: OptionSpec = {
  group: 'Running',
  name: 'tier-policy',
  value: 'KNOBS',
  help: `when and what js and tiered compile, as in threshold=500,region=10; also delay, ramp, steepest, instructions, cache, ahead, losses, optimise, wait, evict, seed`,
};

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

export interface MachineSetup {
  readonly manifest: MachineManifest;
  readonly images: Images;
}

/** What the options ask for. Throws UsageError or CommandError. */
export function buildMachine(args: Arguments): MachineSetup {
  const nsPerTick = readNsPerTick(args.text('ns-per-tick'));
  const epochSeconds = readEpoch(args.text('epoch'));
  const boot = readBoot(args);
  const memoryMegabytes = args.number('memory') ?? MEMORY_MEGABYTES_DEFAULT;
  checkFits(boot, memoryMegabytes);
  const options: MachineManifest['options'] = {
    reboot: !args.has('no-reboot'),
    'serial-timing': args.text('serial-timing') ?? 'instant',
    'hash-every': args.number('hash-every') ?? HASH_EVERY_TICKS_DEFAULT,
    ...boot.options,
  };
  const settings = { memoryMegabytes, nsPerTick, epochSeconds, options };
  return {
    manifest: {
      cpu: CPU_MODEL,
      ...settings,
      devices: deviceRecords(settings),
      seed: args.number('seed') ?? 0,
      boot: { method: boot.method, commandLine: boot.commandLine },
      images: boot.records,
      quirks: [],
    },
    images: boot.images,
  };
}

function readNsPerTick(text: string | undefined): number {
  if (text === undefined) return NS_PER_TICK_DEFAULT;
  const match = /^(?:(\d{1,7})|1\/(\d{1,7}))$/.exec(text);
  const whole = Number(match?.[1] ?? match?.[2] ?? Number.NaN);
  const isPower = whole >= 1 && whole <= 1 << 20 && (whole & (whole - 1)) === 0;
  if (!isPower) throw new UsageError(`--ns-per-tick wants a power of two such as 1, 8 or 1/2, not "${text}".`);
  return match?.[1] === undefined ? 1 / whole : whole;
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

interface Boot {
  readonly method: MachineManifest['boot']['method'];
  readonly commandLine: string;
  readonly records: readonly ImageRecord[];
  readonly images: Images;
  /** Command lines of modules, by role. */
  readonly options: Readonly<Record<string, string>>;
}

function readBoot(args: Arguments): Boot {
  const kernelPath = args.text('kernel');
  const biosPath = args.text('bios');
  if (biosPath !== undefined) {
    for (const name of ['kernel', 'initrd', 'append']) {
      if (args.has(name)) throw new UsageError(`--bios and --${name} exclude each other: give one of them.`);
    }
    const bios = readGivenFile(biosPath, 'firmware image', 'give one with --bios');
    return {
      method: 'bios',
      commandLine: '',
      records: [imageRecord('bios', biosPath, bios)],
      images: new Map([['bios', bios]]),
      options: {},
    };
  }
  if (kernelPath === undefined) {
    throw new UsageError('There is nothing to boot: give a kernel with --kernel FILE or a firmware with --bios FILE.');
  }
  const kernel = readGivenFile(kernelPath, 'kernel', 'give one with --kernel');
  const records = [imageRecord('kernel', kernelPath, kernel)];
  const images = new Map([['kernel', kernel]]);
  const initrd = args.text('initrd');
  const append = args.text('append') ?? '';
  if (isLinuxImage(kernel)) {
    if (initrd !== undefined) {
      const bytes = readGivenFile(initrd, 'initial RAM disk', 'give one with --initrd');
      records.push(imageRecord('initrd', initrd, bytes));
      images.set('initrd', bytes);
    }
    return { method: 'linux', commandLine: append, records, images, options: {} };
  }
  if (findMultibootHeader(kernel) === -1) throw notBootable(kernelPath, kernel);
  const options: Record<string, string> = {};
  splitModuleList(initrd ?? '').forEach(({ file, commandLine }, index) => {
    const role = `module${index}`;
    const bytes = readGivenFile(file, 'module', 'give modules with --initrd "FILE ARGUMENTS,FILE ARGUMENTS"');
    records.push(imageRecord(role, file, bytes));
    images.set(role, bytes);
    options[role] = basename(file) + commandLine.slice(file.length);
  });
  const commandLine = append === '' ? basename(kernelPath) : `${basename(kernelPath)} ${append}`;
  return { method: 'multiboot', commandLine, records, images, options };
}

function notBootable(path: string, kernel: Uint8Array): CommandError {
  const what =
    kernel.length === 0 ? 'is empty' : isElf(kernel) ? 'is an ELF file without a multiboot header' : 'is neither';
  return new CommandError(
    `The kernel ${path} ${what}: expected a Linux bzImage (protocol 2.03 or newer) or a kernel with a multiboot 1 header.`,
  );
}

/** The loaders check exactly; this keeps an image that can never fit from being copied around first. */
function checkFits(boot: Boot, memoryMegabytes: number): void {
  if (boot.method === 'bios') return;
  for (const { role, name, sizeBytes } of boot.records) {
    if (sizeBytes <= memoryMegabytes * 2 ** 20) continue;
    const wanted = Math.ceil(sizeBytes / 2 ** 20) + 16;
    const advice =
      wanted <= MEMORY_MEGABYTES_MAX ? `give --memory ${wanted} or more` : 'it is too large for any machine here';
    throw new CommandError(
      `The ${role} image ${name} has ${sizeBytes} bytes and the machine ${memoryMegabytes} MB of memory: ${advice}.`,
    );
  }
}
