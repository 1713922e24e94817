/**
 * The command line of `npm run bench`, for the runner and for the benchmarks that it starts: each takes of it what it
 * knows. Loads no machine, so that help is quick.
 */
import type { Arguments, VerbSpec } from '../src/host/cli/args.ts';
import { scriptArguments } from '../src/host/cli/script-arguments.ts';

const BENCH: VerbSpec = {
  name: 'bench',
  program: 'npm run bench --',
  isText: true,
  positionals: [{ name: 'WORD', isOptional: true, isRepeated: true }],
  brief: 'the benchmarks',
  summary:
    'Runs the benchmarks whose file has one of the WORDs in its path, or all of them, each in a process of its own: ' +
    'cliffs, coverage, engines, micro, programs, record, seek, whole.',
  options: [
    {
      name: 'guest',
      value: 'A,B,...',
      help:
        'engines, programs, whole: these guests (default: all; programs: debian needs npm run guests -- debian); ' +
        'cliffs: these loops',
    },
    {
      name: 'engines',
      value: 'A,B,...',
      help:
        'cliffs, engines, programs, whole: these engines (default interp,js,tiered; cliffs: tiered; programs: ' +
        'interp,tiered); a tier policy with + between its parts, as in js:threshold=1+region=4',
    },
    { name: 'scale', value: 'N', range: [1, 1_000_000], help: 'cliffs, engines: length in thousandths (default 1000)' },
    { name: 'rounds', value: 'N', range: [1, 1000], help: 'programs, whole: so many rounds (default 3, 7)' },
    { name: 'count', value: 'N', range: [1, 1_000_000], help: 'programs: repetitions, for a quick look' },
    { name: 'log', value: 'FILE', kind: 'file', repeat: true, help: 'programs: recordings of your own' },
    { name: 'image', value: 'PATH', kind: 'file', repeat: true, help: 'programs: where images of --log are' },
    { name: 'add', help: 'programs: append the ratios to benchmarks/history.jsonl' },
  ],
  notes: [
    'seek takes the recording in the environment variable SEEK_LOG with the images in the folder SEEK_IMAGES. ' +
      'Numbers from a busy machine mean nothing: compare only what ran side by side.',
  ],
};

export function benchArguments(words?: readonly string[]): Arguments {
  return scriptArguments(BENCH, words);
}
