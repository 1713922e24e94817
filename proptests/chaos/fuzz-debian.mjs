/**
 * A parser on the Debian guest with an overflow on purpose (reader/reader.c), found by fuzz in two ways: by the file on
 * the guest's disk before it is read, and by the buffer in the process's memory before it is parsed:
 * npm run fuzz:debian -- FOLDER [--runs N] [--seed S]
 *
 * The guest boots, mounts a FAT disk and runs the program on a file of it; that is well. What fuzz finds ends in a
 * segmentation fault that the guest's shell tells, and replays on another engine and without devices; the program that
 * asks for the length (built with -DSAFE) stands as many runs. Needs apt, dpkg-deb, gcc with -m32, dosfstools, mtools.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptArguments } from '../../dist/src/host/cli/script-arguments.js';
import { Checks, last, reprise, root } from '../debian/guest.mjs';
import { bootToCommand, DISK_MODULES, kernelModules, recordCommand, run } from '../debian/with-modules.mjs';

const args = scriptArguments({
  name: 'fuzz:debian',
  program: 'npm run fuzz:debian --',
  positionals: [{ name: 'FOLDER', kind: 'file' }],
  brief: 'a planted overflow of a parser on Debian',
  summary: `Builds a parser with a planted overflow, boots Debian with it, and has fuzz find it, by its file and by its
buffer. Needs apt, dpkg-deb, gcc with -m32, dosfstools and mtools.`,
  options: [
    { name: 'runs', value: 'N', range: [1, 1_000_000], help: 'of fuzz at most (default 1500)' },
    { name: 'seed', value: 'N', range: [0, 2 ** 32 - 1], help: 'of fuzz (default 1)' },
  ],
});
const [folder] = args.positionals;
const values = { runs: String(args.number('runs') ?? 1500), seed: String(args.number('seed') ?? 1) };
const checks = new Checks('the parser of the Debian guest');
mkdirSync(folder, { recursive: true });
const path = (name) => join(folder, name);

const FILE_BYTES = 512;
/** A number, a name that fits, the end. */
const RECORDS = [...Buffer.from('REC1'), 0x4e, 0, 4, 1, 2, 3, 4, 0x31, 0x7a, 3, 97, 98, 99, 0xff, 0, 0];

const compile = (name, words) => {
  const flags = ['-m32', '-O1', '-static', '-nostdlib', '-fno-stack-protector', '-fno-pie', '-no-pie', ...words];
  run('gcc', [...flags, '-o', path(name), join(root, 'proptests/chaos/reader/reader.c')]);
  return path(name);
};
const [reader, safe] = [compile('reader', []), compile('safe', ['-DSAFE'])];
const input = Buffer.alloc(FILE_BYTES);
input.set(RECORDS);
writeFileSync(path('input'), input);
const disk = path('fat.img');
rmSync(disk, { force: true });
run('truncate', ['-s', '16M', disk]);
run('mkfs.fat', ['-F', '16', disk]);
run('mcopy', ['-i', disk, path('input'), '::/input']);

const guest = bootToCommand(
  folder,
  {
    loaded: kernelModules(DISK_MODULES),
    files: [
      ['/bin/reader', reader],
      ['/bin/safe', safe],
    ],
    device: '/dev/sda',
    options: ['--hda', disk],
  },
  checks,
);

/** The program on the file, and when the disk was mounted. */
function plainRun(program) {
  const log = path(`${program}.rlog`);
  const command = `mkdir /f; mount -t vfat /dev/sda /f; echo moun''ted; ${program}; echo do''ne; poweroff -f`;
  const recorded = recordCommand(log, guest, command, ['--hda', disk]);
  checks.that(`${program} is well by itself`, /^sum [0-9a-f]{8}\r?$/m.test(recorded.output), last(recorded.errors));
  const line = reprise(['query', log, 'serial() where text = "mounted"', '--json']);
  return { log, mounted: Number(/"position":"(\d+)"/.exec(line.output)?.[1]) };
}

function fuzz(name, log, words) {
  const corpus = path(`${name}.fuzz`);
  rmSync(corpus, { recursive: true, force: true });
  return reprise([
    ...['fuzz', log, ...words, '--corpus', corpus, '--seed', values.seed, '--runs', values.runs, '--findings', '1'],
    ...['--fails', 'serial:"Segmentation fault"', '--until', 'serial:"done"'],
  ]);
}

function proveFound(what, { status, output, errors }) {
  const told = errors
    .split('\n')
    .filter((line) => /^fuzz: /.test(line))
    .join('; ');
  checks.that(`${what}: fuzz finds the overflow in ${values.runs} runs`, status === 1, told || last(errors));
  if (status !== 1) return;
  // By the program, not by the shell that tells of it.
  checks.that(
    `${what}: the site is that of the program's fault`,
    /fault (14|13|6) at (wild|8049[0-9a-f]{3})/.test(told),
  );
  for (const way of [['interp'], ['tiered', '--devices', 'log']]) {
    const again = reprise(['replay', output.trim(), '--engine', ...way, ...guest.images, '--hda', disk]);
    const isCrash = again.output.includes('Segmentation fault') || way.includes('log');
    checks.that(`${what}: it replays on ${way.join(' ')}`, again.status === 0 && isCrash, last(again.errors));
  }
}

const { log, mounted } = plainRun('reader');
proveFound('by the file on the disk', fuzz('file', log, ['--at', `${mounted}`, '--file', path('input')]));

/** The first instruction of parse, of the process. */
const parse = Number(`0x${/^([0-9a-f]+) T parse$/m.exec(run('nm', [reader]))[1]}`);
const stood = reprise(['debug', log, '--exec', `seek ${mounted}; break 0x${parse.toString(16)}; continue`]);
const at = Number(/^tick (\d+) .*breakpoint 1$/m.exec(stood.output)?.[1]);
const buffer = ['--buffer', `file:${FILE_BYTES}`, '--symbols', reader];
proveFound('by the buffer in memory', fuzz('buffer', log, ['--at', `${at}`, ...buffer]));

const spared = plainRun('safe');
const stands = fuzz('safe', spared.log, ['--at', `${spared.mounted}`, '--file', path('input')]);
checks.that(
  `the program that asks for the length stands ${values.runs} runs`,
  stands.status === 0,
  last(stands.errors),
);
checks.end();
