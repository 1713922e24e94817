// The table of the command line: every verb with its positionals and options, and the file that does it, loaded when it
// is wanted. Parser, help, completions and man page are made from these rows and from nothing else; a verb is added
// here.

import { INTERVAL_TICKS_DEFAULT } from '../../core/base/defaults.ts';
import { HOT_BY } from '../measure/hot-by.ts';
import { ESCAPE_HELP } from '../node/terminal.ts';
import type { Arguments, OptionSpec, VerbSpec } from './args.ts';
import { CHAOS_VERBS } from './chaos-verbs.ts';
import {
  CHECKPOINT_OPTIONS,
  DEVICES_OPTION,
  ENGINE_OPTION,
  EVENT_KINDS,
  FROM_OPTIONS,
  GDB_OPTION,
  grouped,
  IMAGE_OPTIONS,
  JOB_OPTIONS,
  LOG,
  MACHINE_OPTIONS,
  OVERLAY_OPTION,
  RUN_OPTIONS,
  salvage,
  SERIAL_OPTIONS,
  SYMBOLS_OPTION,
  TICK_MAX,
  TIER_POLICY_OPTION,
} from './options.ts';
import { ASK_VERBS } from './ask-verbs.ts';

/** Gets the table too: help, completions and the man page speak of all verbs. */
export type VerbCommand = (args: Arguments, verbs: readonly VerbSpec[]) => Promise<number>;

export interface Verb extends VerbSpec {
  readonly load: () => Promise<VerbCommand>;
}

const JOBS_MAX = 64;
const EXPLAIN_BYTES_MAX = 4096;
const SHELLS = ['bash', 'zsh', 'fish'] as const;

const WINDOW_OPTIONS: readonly OptionSpec[] = [
  { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'begin at this tick, from a checkpoint' },
  { name: 'to', value: 'TICK', range: [0, TICK_MAX], help: 'end at this tick (default: the end of the run)' },
];

const HOT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'by',
    value: 'WHAT',
    choices: HOT_BY,
    help: `by what the hottest are listed: ${HOT_BY.join(', ')} (default ${HOT_BY[0]})`,
  },
  { name: 'top', value: 'N', range: [1, 100_000], help: 'list so many of them (default 10)' },
  SYMBOLS_OPTION,
];

const LIVE_NOTES: readonly string[] = [
  'Exit status: (v << 1) | 1 when the guest writes v to the debug-exit port F4h; 0 when it powers off, when it ' +
    'halts and nothing can wake it, and after --max-ticks; 3 for a triple fault or reset with --no-reboot; 2 for ' +
    'wrong usage; 128 + number of the signal when stopped by one (the log is whole then).',
  'With --gdb the guest waits for the first continue of gdb; stops leave no trace in a recording, and what gdb ' +
    'writes to registers and memory is an input of it.',
  `At a terminal keys go to the guest. ${ESCAPE_HELP}`,
];

export const VERBS: readonly Verb[] = [
  {
    name: 'run',
    positionals: [],
    brief: 'boot a guest, record nothing',
    summary: 'Boots a guest and records nothing.',
    options: [...MACHINE_OPTIONS, ...FROM_OPTIONS, ...RUN_OPTIONS],
    notes: LIVE_NOTES,
    load: async () => (await import('./run-command.ts')).runCommand,
  },
  {
    name: 'record',
    positionals: [{ name: 'LOG', kind: 'file' }],
    brief: 'the same, recorded',
    summary: 'Boots a guest and records the run in LOG, which must not exist yet.',
    options: [
      ...grouped('Log', [
        {
          name: 'profile',
          value: 'NAME',
          choices: ['full', 'checked', 'inputs'],
          help:
            'full (default): every interrupt, read value, timer and DMA write; checked: their digests; ' +
            'inputs: smallest',
        },
        {
          name: 'frame-ticks',
          value: 'N',
          range: [1, TICK_MAX],
          help: 'ticks after which a frame is written: what a kill can lose (default 2^25)',
        },
        {
          name: 'checkpoint-every',
          value: 'N',
          range: [1, TICK_MAX],
          help:
            'store a checkpoint about every N ticks, so that reprise debug opens the log fast (not with --profile ' +
            'checked)',
        },
        {
          name: 'shadow',
          help:
            'run a second machine behind the first, on interp (on step when that is what runs), and stop where they ' +
            'differ',
        },
        { name: 'embed', help: 'store the images in the log, so that one file is the whole run' },
        {
          name: 'index',
          help:
            'make the checkpoints of reprise index while the guest runs, so that reprise debug reaches any moment at ' +
            'once',
        },
        ...CHECKPOINT_OPTIONS,
      ]),
      ...MACHINE_OPTIONS,
      ...FROM_OPTIONS,
      ...RUN_OPTIONS,
    ],
    notes: LIVE_NOTES,
    load: async () => (await import('./record-command.ts')).recordCommand,
  },
  {
    name: 'replay',
    positionals: [LOG],
    brief: 'again, exactly; exit 1 on divergence',
    summary: 'Runs a recorded run again and asserts everything that the log says about it.',
    options: [
      ...grouped('Replay', [
        DEVICES_OPTION,
        {
          name: 'screenshot',
          value: 'POSITION=FILE',
          repeat: true,
          suggestions: ['end=', '50%='],
          help: 'the screen of that moment as a PNG file: end=screen.png, 1_000_000=…, serial:"login"=…',
        },
        salvage('replay'),
        ENGINE_OPTION,
        TIER_POLICY_OPTION,
      ]),
      ...IMAGE_OPTIONS,
      OVERLAY_OPTION,
      ...SERIAL_OPTIONS,
    ],
    notes: [
      'Exit status: 0 when every check and the final state agreed; 1 when the replay left the recorded run; 2 for ' +
        'wrong usage, a log that cannot be read or an image that is missing. A log that was cut off (the recording ' +
        'was killed) replays to its last whole frame.',
    ],
    load: async () => (await import('./replay-command.ts')).replayCommand,
  },
  {
    name: 'render',
    positionals: [LOG, { name: 'OUT', kind: 'file' }],
    brief: 'what the screen showed, as an animated PNG or one picture after another',
    summary:
      'Runs a recorded run again and writes what its screen showed, at guest time: an animated PNG when OUT ends in ' +
      '.png or .apng, else a folder with one PNG for each change.',
    options: [
      ...grouped('Render', [
        {
          name: 'every',
          value: 'MS',
          range: [1, 1_000_000],
          help: 'look at the screen every so many milliseconds of guest time (default 100)',
        },
        { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'begin at this tick' },
        { name: 'to', value: 'TICK', range: [0, TICK_MAX], help: 'end at this tick' },
        salvage('render'),
        ENGINE_OPTION,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'OUT must not exist yet. Pictures in a folder are named by their tick. Exit status: 1 when the replay leaves ' +
        'the recorded run; what was shown up to there is written.',
    ],
    load: async () => (await import('./render-command.ts')).renderCommand,
  },
  {
    name: 'verify',
    positionals: [LOG],
    brief: 'lockstep on several engines; exit 1 when they differ',
    summary: 'Runs a recorded run on several engines in lockstep and finds the first instruction they do differently.',
    options: [
      ...grouped('Verify', [
        {
          name: 'engines',
          value: 'A,B,...',
          kind: 'engines',
          help:
            'the engines, two or more (one with --schedules); the first is the reference (default interp,js); ' +
            'a tier policy of its own may follow a name, as in js:threshold=1,region=2',
        },
        TIER_POLICY_OPTION,
        {
          name: 'schedules',
          value: 'N',
          range: [0, 100_000],
          help: 'then run N times more, with slices cut and code dropped at random, and require the same states',
        },
        { name: 'seed', value: 'S', range: [0, TICK_MAX], help: 'of the schedules (default 0)' },
        ...JOB_OPTIONS.map((option) =>
          option.name === 'jobs' ? { ...option, help: 'so many schedules at once, in threads (default 1)' } : option,
        ),
        {
          name: 'interval',
          value: 'TICKS',
          range: [1, TICK_MAX],
          help: `ticks between two comparisons (default ${INTERVAL_TICKS_DEFAULT})`,
        },
        {
          name: 'out',
          short: 'o',
          value: 'NAME',
          kind: 'file',
          help: 'where a difference is written: NAME.rlog and NAME.prop.ts (default: LOG with .difference)',
        },
        salvage('verify'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'Exit status: 0 when all engines did the same and what the log says; 1 when they did not; 2 for wrong usage, ' +
        'a log that cannot be read or an image that is missing. A log that was cut off is verified to its last whole ' +
        'frame.',
    ],
    load: async () => (await import('./verify-command.ts')).verifyCommand,
  },
  ...CHAOS_VERBS,
  {
    name: 'snapshot',
    positionals: [
      { name: 'save', choices: ['save'] },
      { name: 'LOG@POSITION', kind: 'log' },
      { name: 'FILE', kind: 'file' },
    ],
    brief: 'a moment of a recording as a file, from which run and record go on (--from)',
    summary:
      'Goes to a moment of a recording and saves the whole machine in FILE, which must not exist yet. reprise run ' +
      '--from FILE and reprise record LOG --from FILE go on from there, with the same states as if nobody had stopped.',
    options: [
      ...grouped('Snapshot', [
        salvage('replay'),
        ENGINE_OPTION,
        ...CHECKPOINT_OPTIONS.filter(({ name }) => name === 'checkpoint-cache'),
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'POSITION is any that reprise debug takes: a tick, 50%, end, serial:"login:", irq:8. The images of the machine ' +
        'are not in FILE, which knows them by their SHA-256; reprise pack FILE puts them in. reprise info shows what ' +
        'a snapshot is of.',
    ],
    load: async () => (await import('./snapshot-command.ts')).snapshotCommand,
  },
  {
    name: 'pack',
    positionals: [LOG],
    brief: 'put the images into the log, so that one file is the whole run',
    summary: 'Writes a log with its images inside, as record --embed does, from a log and its images after the fact.',
    options: [
      {
        name: 'out',
        short: 'o',
        value: 'FILE',
        kind: 'file',
        help: 'the packed log, which must not exist yet (default: LOG with .packed before .rlog)',
      },
      { name: 'sidecar', help: 'put the images as files into the folder LOG.images instead' },
      {
        name: 'html',
        value: 'FILE',
        kind: 'file',
        help: 'write a page instead that holds the recording, its images and what reprise view shows of it',
      },
      { name: 'no-images', help: 'with --html: leave the images out; the page asks for them' },
      SYMBOLS_OPTION,
      salvage('pack'),
      ...IMAGE_OPTIONS,
    ],
    load: async () => (await import('./pack-command.ts')).packCommand,
  },
  {
    name: 'info',
    positionals: [LOG],
    brief: 'manifest, size, events by kind',
    summary: 'Says what a log holds: the machine, its images, how the run ended, events by kind.',
    options: [
      salvage('look at'),
      { name: 'machine', help: 'the machine alone, as a file that run and record take with --machine' },
    ],
    load: async () => (await import('./info-command.ts')).infoCommand,
  },
  {
    name: 'events',
    positionals: [LOG],
    brief: 'list and filter the events of a log',
    summary: 'Lists the inputs and checks of a log: tick, class, number, event.',
    options: [
      { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'only events at this tick or later' },
      { name: 'to', value: 'TICK', range: [0, TICK_MAX], help: 'only events at this tick or earlier' },
      { name: 'class', value: 'NAME', choices: ['input', 'check'], help: 'only inputs or only checks' },
      {
        name: 'kind',
        value: 'NAME',
        repeat: true,
        suggestions: EVENT_KINDS,
        help: `only this kind: ${EVENT_KINDS.join(', ')}`,
      },
      { name: 'limit', value: 'N', range: [0, TICK_MAX], help: 'at most so many' },
      salvage('look at'),
    ],
    notes: ['With --json every event is one line of JSON.'],
    load: async () => (await import('./events-command.ts')).eventsCommand,
  },
  {
    name: 'debug',
    positionals: [LOG],
    brief: 'walk through a recorded run, forwards and backwards; --gdb PORT serves gdb',
    summary: 'Walks through a recorded run, forwards and backwards.',
    options: [
      ...grouped('Debug', [
        {
          name: 'exec',
          value: 'COMMANDS',
          repeat: true,
          help: 'run these commands, separated by ; and leave',
        },
        GDB_OPTION,
        SYMBOLS_OPTION,
        ...CHECKPOINT_OPTIONS,
        DEVICES_OPTION,
        salvage('use'),
        ENGINE_OPTION,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'The command help inside lists the commands. From a pipe they are read line by line. With --json every command ' +
        'gives one line of JSON. Nothing that was recorded is ever changed; bookmarks are appended to the log.',
      'gdb: target remote :PORT, then also reverse-stepi, reverse-continue, and monitor help. monitor branch FILE ' +
        'leaves the recording for a live run in which gdb may write registers and memory; monitor leave leads back.',
      'The server stays after a detach, with its checkpoints, until Ctrl-C or a kill by gdb; a client that comes ' +
        'while another is connected may look, and goes on when that one has gone.',
    ],
    load: async () => (await import('./debug-command.ts')).debugCommand,
  },
  ...ASK_VERBS,
  {
    name: 'view',
    positionals: [{ ...LOG, isOptional: true }],
    brief: 'a recorded run as a page in the browser: screen, timeline, debugger',
    summary:
      'Serves a recorded run as a page on the loopback interface and opens it in the browser: the screen and the ' +
      'serial line at any moment, a timeline of what happened, and a debugger that walks both ways.',
    options: [
      ...grouped('Page', [
        { name: 'port', value: 'PORT', range: [0, 65535], help: 'the port to listen on (default: any free one)' },
        { name: 'no-open', help: 'print the address only; away from a terminal no browser is opened anyway' },
        SYMBOLS_OPTION,
        salvage('show'),
        ENGINE_OPTION,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'The page runs the recording itself, in the browser; the server only hands out the files and appends bookmarks ' +
        'to the log. Without LOG the page waits for one to be dropped on it. Images that are not found are asked for ' +
        'there. reprise pack LOG --html writes the same as one file.',
    ],
    load: async () => (await import('./view-command.ts')).viewCommand,
  },
  {
    name: 'index',
    positionals: [LOG],
    brief: 'make the checkpoints with which reprise debug reaches any moment at once',
    summary:
      'Runs a recorded run once and keeps checkpoints of it, so that reprise debug reaches any moment at once, and ' +
      'its events (system calls, interrupts, faults, ports, switches, serial lines), so that queries of them run ' +
      'nothing.',
    options: [
      ...grouped('Index', [...CHECKPOINT_OPTIONS, DEVICES_OPTION, salvage('use'), ENGINE_OPTION]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'They lie in the cache folder of this user ($XDG_CACHE_HOME or ~/.cache), may be deleted at ' +
        'any time and are checked when they are used. reprise debug keeps them by itself too, when it has walked far.',
      'Exit status: 0 when the run has been walked to its end; 1 when the replay left the recorded run; 2 for wrong ' +
        'usage, a log that cannot be read or an image that is missing.',
    ],
    load: async () => (await import('./index-command.ts')).indexCommand,
  },
  {
    name: 'query',
    positionals: [
      { ...LOG, isOptional: true },
      { name: 'EXPRESSION', kind: 'query', isOptional: true },
    ],
    brief: 'ask a recorded run as a database: calls, accesses, system calls, faults',
    summary:
      'Answers a query over a recorded run: a table such as calls("vfs_read"), accesses(ADDRESS, BYTES, rwx), ' +
      'syscalls(), faults(14), serial(), with where, select, group by, order by, limit.',
    options: [
      ...grouped('Query', [
        { name: 'grammar', help: 'the language on one page: clauses, tables, columns, examples' },
        { name: 'csv', help: 'rows as CSV, with the names of the columns first' },
        { name: 'limit', value: 'N', range: [0, TICK_MAX], help: 'write at most so many rows' },
        {
          name: 'jobs',
          value: 'N',
          range: [1, JOBS_MAX],
          help: 'threads, where checkpoints are kept (reprise index); default: as many as pay',
        },
        SYMBOLS_OPTION,
        ...CHECKPOINT_OPTIONS.filter(({ name }) => name === 'checkpoint-cache'),
        DEVICES_OPTION,
        salvage('use'),
        ENGINE_OPTION,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'With --json every row is one line of JSON. Rows come in the order of their positions, as they are found; ' +
        'Ctrl-C ends the work, and what has been found is the answer. reprise debug seeks the positions.',
    ],
    load: async () => (await import('./query-command.ts')).queryCommand,
  },
  {
    name: 'dap',
    positionals: [{ ...LOG, isOptional: true }],
    brief: 'a recorded run for editors, by the Debug Adapter Protocol',
    summary:
      'Serves a recorded run to an editor by the Debug Adapter Protocol, on standard input and output: forwards and ' +
      'backwards, by source line where symbols tell them.',
    options: [
      ...grouped('Editor', [
        {
          name: 'listen',
          value: 'PORT',
          range: [0, 65535],
          help: 'on this port of the loopback interface instead, one editor at a time (0: any free one)',
        },
        SYMBOLS_OPTION,
        ...CHECKPOINT_OPTIONS.filter(({ name }) => name === 'checkpoint-cache'),
        salvage('use'),
        ENGINE_OPTION,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'A launch request may have "log", "symbols" and "images" (lists of files), "sourceMap" (beginnings of paths in ' +
        'the debug information and what stands for them here) and "stopOnEntry". At the prompt of the editor every ' +
        'command of reprise debug can be typed, such as seek serial:"panic".',
    ],
    load: async () => (await import('./dap-command.ts')).dapCommand,
  },
  {
    name: 'trace',
    positionals: [LOG, { name: 'FILE', kind: 'file' }],
    brief: 'a recorded run as Trace Event JSON, for Perfetto',
    summary: 'Writes a recorded run as Trace Event JSON, for Perfetto and chrome://tracing.',
    options: [
      { name: 'from', value: 'TICK', range: [0, TICK_MAX], help: 'begin at this tick' },
      { name: 'to', value: 'TICK', range: [0, TICK_MAX], help: 'end at this tick' },
      {
        name: 'format',
        value: 'NAME',
        choices: ['events', 'coverage', 'memory', 'io'],
        help:
          'events (default): Trace Event JSON; by running the window again: coverage (lcov), ' +
          'memory (accesses to --range) and io (ports and devices) as JSON lines',
      },
      {
        name: 'range',
        value: 'FROM-TO',
        help: 'physical addresses for --format memory, the second one behind the last byte',
      },
      { name: 'msgpack', help: 'memory and io as one msgpack map after another, not as JSON lines' },
      {
        name: 'engine-events',
        help: 'run the window again: what the engine compiles and drops, by tick, and exits of compiled code',
      },
      { name: 'io', help: 'also every value that was read from a port or a device' },
      { name: 'functions', help: 'run the window again: exceptions, and the function of every moment (needs symbols)' },
      SYMBOLS_OPTION,
      salvage('use'),
      ...IMAGE_OPTIONS,
    ],
    notes: ['FILE must not exist yet. Images are needed where the window is run again.'],
    load: async () => (await import('./trace-command.ts')).traceCommand,
  },
  {
    name: 'stat',
    positionals: [LOG],
    brief: 'a quick look: ticks by tier, what was compiled, slow ways, hottest functions',
    summary:
      'Runs a recorded run once on a counted engine: ticks by tier, functions compiled and dropped and why, exits, ' +
      'hit rates, slow ways by reason, and the hottest functions.',
    options: [
      ...grouped('Stat', [...WINDOW_OPTIONS, ...HOT_OPTIONS, ENGINE_OPTION, TIER_POLICY_OPTION]),
      salvage('look at'),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'The figures are counted and the same on every host; ticks by tier add up to the ticks of the window. Host ' +
        'time is measured by reprise bench. Names are those of --symbols, of the kernel image, or of a built-in guest.',
    ],
    load: async () => (await import('./stat-command.ts')).statCommand,
  },
  {
    name: 'bench',
    positionals: [
      { name: 'LOG', kind: 'log' },
      { name: 'FILE', kind: 'file', isOptional: true, isRepeated: true },
    ],
    brief: 'engines and builds on identical work; bench diff A.json B.json; exit 1 when slower',
    summary:
      'Measures a recorded run on several engines, in rounds of fresh processes in turns: instructions a second with ' +
      'spread, warm-up, compiling, host time by tier, the hottest code. reprise bench diff A.json B.json compares ' +
      'two measurements of the same log.',
    options: [
      ...grouped('Bench', [
        {
          name: 'engines',
          value: 'A,B,...',
          kind: 'engines',
          help: 'the engines (default interp,tiered); a tier policy may follow a name, as in js:threshold=1,region=2',
        },
        TIER_POLICY_OPTION,
        ...WINDOW_OPTIONS,
        { name: 'rounds', value: 'N', range: [1, 1000], help: 'runs of each engine (default 7; a verdict wants 5)' },
        { name: 'pieces', value: 'N', range: [1, 10_000], help: 'pieces of the run timed one by one (default 100)' },
        { name: 'no-sampling', help: 'leave out the run that is sampled: no host time by tier and place' },
        { name: 'against', value: 'DIR', kind: 'file', help: 'measure another built checkout in turns with this one' },
        { name: 'save', value: 'FILE', kind: 'file', help: 'keep the measurement as JSON, for bench diff' },
        { name: 'html', value: 'FILE', kind: 'file', help: 'a report as one page that needs nothing else' },
        {
          name: 'peers',
          value: 'FILE',
          kind: 'file',
          help: 'put what npm run peers -- --json printed into the report',
        },
        {
          name: 'format',
          value: 'NAME',
          choices: ['text', 'json', 'csv', 'speedscope'],
          help: 'what is printed: text (default), json as --json, csv, or a file for speedscope',
        },
        ...HOT_OPTIONS,
      ]),
      salvage('measure'),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'Exit status: 0; 1 when this build is slower than the other (--against, bench diff) beyond the interval, or an ' +
        'engine failed; 2 for wrong usage; 128 + number of the signal when stopped by one (the rounds so far are ' +
        'told).',
      'Processor time of the main thread is measured, so that other work on the machine disturbs little; a verdict ' +
        'comes from the bootstrap over rounds and says when the machine was too noisy for one. Host time is sampled ' +
        'in one run apart; where that cannot tell (interpreted code) it is shared out by counts, and the report says ' +
        'so.',
    ],
    load: async () => (await import('./bench-command.ts')).benchCommand,
  },
  {
    name: 'explain',
    positionals: [{ name: 'HEX|-|LOG@POSITION', isOptional: true }],
    brief: 'bytes, their rows, IR and what compiled code they become',
    summary: 'Explains the instructions that bytes decode to: row, operands, flags, faults; IR, passes, compiled code.',
    options: [
      { name: 'bits', value: 'N', choices: ['16', '32'], help: 'code segment of 16 or 32 bits (default 32)' },
      {
        name: 'rows',
        help: 'the rows alone, without IR and compiled code (which 16-bit code has not: it is interpreted)',
      },
      { name: 'count', value: 'N', range: [1, EXPLAIN_BYTES_MAX], help: 'so many instructions at most' },
      ...grouped('Where the bytes come from', [
        { name: 'file', value: 'FILE', kind: 'file', help: 'a file, as bytes' },
        { name: 'offset', value: 'N', range: [0, TICK_MAX], help: 'from this byte of the file on (default 0)' },
        { name: 'length', value: 'N', range: [1, EXPLAIN_BYTES_MAX], help: 'so many bytes of it (default 64)' },
        { name: 'raw', help: 'standard input (-) is bytes, not digits' },
      ]),
      salvage('look at'),
      ...IMAGE_OPTIONS,
    ],
    notes: [
      'HEX is bytes as digits, such as 8b4508 or "8b 45 08"; several instructions are explained one after another. - ' +
        'reads the digits from standard input.',
      'LOG@POSITION is the code that is about to run at a moment of a recording, such as boot.rlog@fault:14 or ' +
        'boot.rlog@50%: eight instructions unless --count says otherwise, 16 or 32-bit ones as the code segment has ' +
        'them there. Positions are those of reprise debug.',
    ],
    load: async () => (await import('./explain-command.ts')).explainCommand,
  },
  {
    name: 'completion',
    positionals: [{ name: 'SHELL', choices: SHELLS }],
    brief: 'completion for bash, zsh or fish, as a script',
    summary: 'Prints a script that teaches a shell to complete verbs, options, their values and recordings.',
    options: [],
    notes: [
      'bash: source <(reprise completion bash) in .bashrc. zsh: reprise completion zsh > a folder of ' +
        '$fpath/_reprise. fish: reprise completion fish > ~/.config/fish/completions/reprise.fish.',
    ],
    isText: true,
    load: async () => (await import('./completion.ts')).completionCommand,
  },
  {
    name: 'man',
    positionals: [],
    brief: 'the manual page, for man -l or a folder of man pages',
    summary: 'Prints the manual page: reprise man > reprise.1; man -l reprise.1.',
    options: [],
    isText: true,
    load: async () => (await import('./man-page.ts')).manCommand,
  },
  {
    name: 'help',
    positionals: [{ name: 'VERB', kind: 'verb', isOptional: true }],
    brief: 'this list, or the options of a verb',
    summary: 'Lists the verbs, or the options of one. With --json: as rows of the table that they are made from.',
    options: [],
    load: async () => (await import('./help-command.ts')).helpCommand,
  },
];
