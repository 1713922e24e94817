// The verbs that look for bugs which happen once in a thousand runs, as rows of the table of the command line
// (verbs.ts): chaos, shrink, explore, fuzz, doom and worker, and the options that they share.

import { KNOBS, KNOBS_DEFAULT } from '../../core/chaos/perturb.ts';
import type { OptionSpec } from './args.ts';
import {
  ENGINE_OPTION,
  FAILS_OPTION,
  grouped,
  IMAGE_OPTIONS,
  JOB_OPTIONS,
  LOG,
  MACHINE_OPTIONS,
  RUN_OPTIONS,
  salvage,
  SYMBOLS_OPTION,
  TICK_MAX,
  TIER_POLICY_OPTION,
  TIMEOUT_OPTION,
} from './options.ts';
import type { Verb } from './verbs.ts';

const KNOBS_OPTION: OptionSpec = {
  name: 'knobs',
  value: 'A,B,...',
  suggestions: Object.keys(KNOBS),
  help:
    `what may happen (default ${KNOBS_DEFAULT.join(',')}): ` +
    Object.entries(KNOBS)
      .map(([name, text]) => `${name}: ${text}`)
      .join('; '),
};

const HORIZON_OPTION: OptionSpec = {
  name: 'horizon',
  value: 'TICK',
  range: [1, TICK_MAX],
  help: 'no run goes on beyond this tick (default: some time after the end of the plain run)',
};

const OUT_LOG_OPTION: OptionSpec = {
  name: 'out',
  short: 'o',
  value: 'FILE',
  kind: 'file',
  help: 'the log that is written, which must not exist yet',
};

export const CHAOS_VERBS: readonly Verb[] = [
  {
    name: 'chaos',
    positionals: [{ ...LOG, isOptional: true }],
    brief: 'run a guest with perturbed interrupts and inputs until it fails; exit 1 with the log',
    summary:
      'Runs a guest many times, its interrupts and inputs moved within what hardware allows, until a run fails, and ' +
      'writes the log of that run. The guest is one to boot, or LOG: its machine and its inputs.',
    options: [
      ...grouped('Chaos', [
        FAILS_OPTION,
        { name: 'runs', value: 'N', range: [1, TICK_MAX], help: 'runs at most (default 1000)' },
        KNOBS_OPTION,
        { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'perturb LOG from this tick on (default 0)' },
        { name: 'to', value: 'TICK', range: [1, TICK_MAX], help: 'perturb nothing behind (default: the end)' },
        HORIZON_OPTION,
        ...JOB_OPTIONS,
        OUT_LOG_OPTION,
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
        salvage('use'),
      ]),
      ...RUN_OPTIONS.filter(({ name }) => name === 'input'),
      ...MACHINE_OPTIONS.filter(({ name }) => name !== 'seed'),
      {
        name: 'seed',
        value: 'S',
        range: [0, TICK_MAX],
        group: 'Chaos',
        help: 'of the perturbations: the same seed finds the same run (default 1)',
      },
      ...IMAGE_OPTIONS.filter(({ name }) => name === 'image'),
    ],
    notes: [
      'Exit status: 1 when a run failed, and the last line of standard output is the path of its log; 0 when none ' +
        'did; 2 for wrong usage, such as a run that fails without any perturbation.',
    ],
    load: async () => (await import('./chaos-command.ts')).chaosCommand,
  },
  {
    name: 'shrink',
    positionals: [LOG],
    brief: 'leave out of a failing recording every input that it does not need',
    summary: 'Finds a small set of the inputs of a failing recording with which it still fails, and writes its log.',
    options: [
      ...grouped('Shrink', [
        FAILS_OPTION,
        HORIZON_OPTION,
        ...JOB_OPTIONS,
        {
          ...OUT_LOG_OPTION,
          help: 'the log that is written (default: LOG with .small before .rlog); the same command goes on from it',
        },
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
        salvage('use'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'Exit status: 0 when the log that was written still fails; 2 when the recording does not fail so. It can be ' +
        'interrupted at any time: the smallest log so far is on disk.',
    ],
    load: async () => (await import('./shrink-command.ts')).shrinkCommand,
  },
  {
    name: 'explore',
    positionals: [LOG],
    brief: 'deliver an event at every instruction of a window; exit 1 when some place fails',
    summary:
      'Goes on from one moment of a recording again and again, an interrupt or a byte arriving at every instruction ' +
      'boundary of a window in turn, and shows at which of them the run fails. Without --fails it shows to which ' +
      'different outcomes it comes: how it ends and what it sends.',
    options: [
      ...grouped('Explore', [
        { name: 'window', value: 'A..B', help: 'the boundaries, as ticks, the last one not included' },
        { name: 'irq', value: 'N', range: [0, 15], help: 'pull this interrupt line, for --release ticks' },
        { name: 'serial', value: 'BYTE', help: 'a byte arrives at the first serial line: a character, or 0xNN' },
        { name: 'nmi', help: 'a non-maskable interrupt' },
        { name: 'hold', value: 'TICKS', range: [1, 0x7fffffff], help: 'interrupts wait for so many ticks' },
        { name: 'release', value: 'TICKS', range: [1, TICK_MAX], help: 'how long the line is pulled (default 64)' },
        FAILS_OPTION,
        { name: 'states', help: 'tell runs apart by the state in which they end too, not by what they sent alone' },
        HORIZON_OPTION,
        ...JOB_OPTIONS,
        {
          name: 'pairs',
          value: 'N',
          range: [1, TICK_MAX],
          help: 'then two events at pairs of boundaries, so many runs',
        },
        { name: 'seed', value: 'S', range: [0, TICK_MAX], help: 'of the pairs, when there are more (default 1)' },
        { name: 'each', help: 'run every place, also those that cannot differ from their neighbours' },
        { name: 'placement', value: 'TICK', range: [0, TICK_MAX], help: 'run this place alone and write its log' },
        { ...OUT_LOG_OPTION, help: `${OUT_LOG_OPTION.help}: of the first place that fails, or of --placement` },
        { name: 'svg', value: 'FILE', kind: 'file', help: 'the picture of the window, for a browser' },
        SYMBOLS_OPTION,
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
        salvage('use'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'Exit status: 1 when some place fails, and the last line of standard output is the path of the log of the ' +
        'first; 0 when none does; 2 for wrong usage, such as a run that fails without the event.',
    ],
    load: async () => (await import('./explore-command.ts')).exploreCommand,
  },
  {
    name: 'fuzz',
    positionals: [LOG],
    brief: 'inputs that nobody has tried, from one moment; exit 1 with the log of a crash',
    summary:
      'Goes on from one moment of a recording again and again, a buffer, a serial line, the keyboard or sectors of a ' +
      'disk holding something else each time, guided by the branches that runs take. Each different crash or hang ' +
      'becomes a log. The corpus is a folder; the same command goes on where it was.',
    options: [
      ...grouped('Fuzz', [
        { name: 'at', value: 'TICK', range: [0, TICK_MAX], help: 'the moment, before the guest reads what is fuzzed' },
        {
          name: 'buffer',
          value: 'PLACE:LENGTH',
          help: 'fuzz memory: an address or a symbol, and its bytes, as in message:256 or 0x200000:256',
        },
        { name: 'length-at', value: 'PLACE', help: 'of --buffer: where the length goes, as 32 bits' },
        { name: 'serial', value: 'LINE', range: [0, 3], help: 'fuzz what comes at this serial line' },
        { name: 'keyboard', help: 'fuzz scan codes of the keyboard' },
        { name: 'sectors', value: 'DRIVE:FIRST..LAST', help: 'fuzz sectors of a disk, as in hda:2048..2055' },
        { name: 'file', value: 'FILE', kind: 'file', help: 'fuzz the sectors that hold what this file holds' },
        { name: 'max-length', value: 'N', range: [1, 65536], help: 'bytes of --serial and --keyboard (default 256)' },
        { ...FAILS_OPTION, help: `${FAILS_OPTION.help} (besides faults, triple faults and hangs)` },
        { name: 'until', value: 'EVENT', repeat: true, help: 'a run ends well there, as in serial:"$ "' },
        { name: 'runs', value: 'N', range: [1, TICK_MAX], help: 'runs in all (default 100000)' },
        { name: 'findings', value: 'N', range: [1, 100_000], help: 'end after so many different crashes and hangs' },
        { name: 'seed', value: 'S', range: [0, TICK_MAX], help: 'the same seed finds the same (default 1)' },
        { name: 'corpus', value: 'DIR', kind: 'file', help: 'the folder (default: LOG with .fuzz for .rlog)' },
        { name: 'example', value: 'FILE', kind: 'file', repeat: true, help: 'one more input to begin with' },
        { name: 'word', value: 'TEXT', repeat: true, help: 'one more word for the dictionary' },
        HORIZON_OPTION,
        ...JOB_OPTIONS,
        SYMBOLS_OPTION,
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
        salvage('use'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'Exit status: 1 when something was found, now or before, and the last line of standard output is the path of ' +
        'the log of the first; 0 when the runs ended without; 2 for wrong usage.',
    ],
    load: async () => (await import('./fuzz-command.ts')).fuzzCommand,
  },
  {
    name: 'doom',
    positionals: [LOG],
    brief: 'when the failure of a recording became inevitable, however long before its symptom',
    summary:
      'Goes on from many moments before the symptom under other perturbations, many times each. The share of runs ' +
      'that still fail jumps where the bug happened; bisection narrows the jump to one instruction.',
    options: [
      ...grouped('Doom', [
        { ...FAILS_OPTION, name: 'symptom', help: FAILS_OPTION.help.replace('a failure is', 'the symptom is') },
        KNOBS_OPTION,
        { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'the first moment (default 0)' },
        { name: 'moments', value: 'N', range: [2, 1000], help: 'moments of the first look (default 16)' },
        { name: 'trials', value: 'K', range: [4, 10_000], help: 'runs from each of them (default 16)' },
        { name: 'seed', value: 'S', range: [0, TICK_MAX], help: 'of the perturbations (default 1)' },
        HORIZON_OPTION,
        ...JOB_OPTIONS,
        { name: 'svg', value: 'FILE', kind: 'file', help: 'the share over time with its band, for a browser' },
        SYMBOLS_OPTION,
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
        salvage('use'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'Exit status: 0 when the moment was found, and the last line of standard output is the command to stand there; ' +
        '1 when the share does not jump; 2 for wrong usage, such as a recording that does not show the symptom.',
    ],
    load: async () => (await import('./doom-command.ts')).doomCommand,
  },
  {
    name: 'powercut',
    positionals: [LOG],
    brief: 'cut the power of the disks of a recording at many moments and check what is left; exit 1 with a log',
    summary:
      'Cuts the power of the disks at many moments of a recording. Of what was written and not flushed, the disks ' +
      'hold what a seed chooses; a command of yours looks at the images, and the first cut that fails is a log.',
    options: [
      ...grouped('Power cut', [
        {
          name: 'check',
          value: 'COMMAND',
          help: 'run by sh for each cut, {hda} and the like being its raw images, {} the first; fails when it is not 0',
        },
        { name: 'cuts', value: 'N', range: [1, 1_000_000], help: 'how many (default 1000), half of them at writes' },
        { name: 'seed', value: 'S', range: [0, TICK_MAX], help: 'of moments and of what survives (default 1)' },
        { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'none before (default: the beginning)' },
        { name: 'to', value: 'TICK', range: [1, TICK_MAX], help: 'none from there on (default: the end)' },
        { name: 'cut', value: 'TICK[:SEED]', help: 'this one alone; with --out its log is written in any case' },
        { name: 'failures', value: 'N', range: [1, 1_000_000], help: 'end after so many cuts that fail (default 1)' },
        { name: 'images', value: 'FOLDER', kind: 'directory', help: 'keep the images there, as TICK-SEED.hda' },
        { ...OUT_LOG_OPTION, help: `${OUT_LOG_OPTION.help} (default: LOG with .cut before .rlog)` },
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
        salvage('use'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'The log of a cut ends with it: reprise replay LOG --overlay FILE has its disk as an overlay, and a ' +
        'machine boots from either. A drive has a cache of 8 MB, or what --write-cache said of the recording.',
      'Exit status: 1 when a cut failed the check, and the last line of standard output is the path of its log; 0 ' +
        'when none did; 2 for wrong usage.',
    ],
    load: async () => (await import('./powercut-command.ts')).powercutCommand,
  },
  {
    name: 'worker',
    positionals: [],
    brief: 'run pieces of what chaos, explore, shrink, fuzz, doom or verify have put into a queue',
    summary:
      'Runs pieces of campaigns from a queue in Redis, for chaos, explore, shrink, fuzz, doom and verify with the ' +
      'same --queue, on this machine or on others. Results do not depend on how many workers there are; the pieces ' +
      'of one that dies are done again.',
    options: [
      { name: 'queue', value: 'URL', help: 'where the work is: redis://HOST:PORT' },
      { name: 'jobs', value: 'N', range: [1, 1024], help: 'so many runs at once (default: as many as processors)' },
      TIMEOUT_OPTION,
    ],
    notes: ['It works until a signal ends it. A worker and a campaign must be of the same version and build.'],
    load: async () => (await import('./worker-command.ts')).workerCommand,
  },
];
