// The verbs that ask about values of a recording: rows of the table of the command line (verbs.ts). What they do is in
// ask-command.ts.

import type { OptionSpec } from './args.ts';
import {
  CHECKPOINT_OPTIONS,
  DEVICES_OPTION,
  ENGINE_OPTION,
  grouped,
  IMAGE_OPTIONS,
  LOG,
  salvage,
  SYMBOLS_OPTION,
} from './options.ts';
import type { Verb } from './verbs.ts';

/** What a question over time is about, and what it takes besides. */
const WHAT = [{ name: 'WHAT' }, { name: 'BYTES', isOptional: true }] as const;
const WHAT_NOTE =
  'WHAT is a register (eax, ah, zf), memory ("byte [esi + 4]"), an address with its bytes behind it (0x200000 4), a ' +
  'symbol, or a variable of the source. These verbs are commands of reprise debug too.';
const AT_OPTION: OptionSpec = {
  name: 'at',
  value: 'POSITION',
  help: 'the moment, as reprise debug takes positions (default end)',
};
const ASKED_OPTIONS: readonly OptionSpec[] = [
  SYMBOLS_OPTION,
  ...CHECKPOINT_OPTIONS,
  DEVICES_OPTION,
  salvage('use'),
  ENGINE_OPTION,
];

export const ASK_VERBS: readonly Verb[] = [
  {
    name: 'origin',
    positionals: [LOG, ...WHAT],
    brief: 'where a value came from, back through copies and arithmetic',
    summary: 'Says where a value of a moment came from: back through copies and arithmetic to what brought it in.',
    options: [
      ...grouped('Origin', [
        AT_OPTION,
        { name: 'via', value: 'N.N...', help: 'what to follow at forks, one after another' },
        { name: 'all', help: 'every way, as a graph, the nearest first' },
        { name: 'format', value: 'NAME', choices: ['text', 'dot'], help: 'text (default), or the graph for Graphviz' },
        ...ASKED_OPTIONS,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [WHAT_NOTE, 'Where a value was computed from several that are not fixed they are numbered: --via chooses.'],
    load: async () => (await import('./ask-command.ts')).originCommand,
  },
  {
    name: 'why-not',
    positionals: [LOG, { name: 'ADDRESS' }],
    brief: 'the last branches that could have led to an address and did not',
    summary: 'Says which branches could have led to code last and did not, with what they tested.',
    options: [...grouped('Why not', [AT_OPTION, ...ASKED_OPTIONS]), ...IMAGE_OPTIONS],
    notes: ['ADDRESS is a number, a symbol or FILE:LINE of the guest.'],
    load: async () => (await import('./ask-command.ts')).whyNotCommand,
  },
  {
    name: 'changes',
    positionals: [LOG, ...WHAT],
    brief: 'every value that a word had, and who wrote it',
    summary: 'Lists every value that a word, a variable, or a register at an address had in a recorded run.',
    options: [
      ...grouped('Changes', [
        { ...AT_OPTION, help: 'the moment whose page tables and frame WHAT is meant in (default end)' },
        {
          name: 'each',
          value: 'ADDRESS',
          help: 'the value of WHAT, any expression, each time that this is about to run',
        },
        { name: 'limit', value: 'N', range: [1, 1_000_000], help: 'so many at most (default 10000)' },
        ...ASKED_OPTIONS,
      ]),
      ...IMAGE_OPTIONS,
    ],
    notes: [WHAT_NOTE],
    load: async () => (await import('./ask-command.ts')).changesCommand,
  },
];
