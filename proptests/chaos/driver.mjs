/**
 * A Linux driver with a planted race between its interrupt handler and process context (driver/ledger.c), found by
 * chaos on a Debian boot: node proptests/chaos/driver.mjs FOLDER [--runs N] [--seed S] [--repeat N]
 *
 * The module is built against Debian's kernel headers, which are fetched into the cache. The guest boots with it and
 * waits; from that moment a process settles the ledger, and nothing else happens: it balances. Chaos pulls the line
 * of the driver and finds the loss within a budget of runs; what it found is shrunk, replayed on every engine and
 * without devices, and explore and changes name the two sides of the race. Loaded with safe=1 the driver stands as many
 * runs and every placement. Needs apt, dpkg-deb, gcc with -m32, make.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptArguments } from '../../dist/src/host/cli/script-arguments.js';
import { Checks, last, reprise, root } from '../debian/guest.mjs';
import { bootToCommand, kernelPackage, recordCommand, run } from '../debian/with-modules.mjs';

const args = scriptArguments({
  name: 'driver',
  program: 'npm run driver --',
  positionals: [{ name: 'FOLDER', kind: 'file' }],
  brief: 'a planted race of a Linux driver',
  summary: `Builds a driver with a planted race, boots Debian with it, and has chaos, shrink, doom and explore find it.
Needs apt, dpkg-deb, gcc with -m32 and make.`,
  options: [
    { name: 'runs', value: 'N', range: [1, 1_000_000], help: 'of chaos at most (default 2000)' },
    { name: 'seed', value: 'N', range: [0, 2 ** 32 - 1], help: 'of chaos (default 1)' },
    { name: 'rounds', value: 'N', range: [1, 1_000_000], help: 'deposits of the guest (default 400)' },
    { name: 'window', value: 'N', range: [1, 1_000_000], help: 'ticks that explore tries (default 1000)' },
    { name: 'repeat', value: 'N', range: [1, 1000], help: 'replays of what is found (default 1)' },
  ],
});
const [folder] = args.positionals;
const number = (name, otherwise) => args.number(name) ?? otherwise;
const values = {
  runs: number('runs', 2000),
  seed: number('seed', 1),
  rounds: number('rounds', 400),
  window: number('window', 1000),
  repeat: number('repeat', 1),
};
const checks = new Checks('the race of the driver');
const cache = join(root, 'guests/cache/debian');

/** Debian's headers for the guest's kernel, unpacked; nothing is installed. The folder to build in. */
function kernelHeaders() {
  const version = /linux-image-(\S+?)-686_/.exec(kernelPackage())[1];
  const packages = join(cache, 'packages');
  const folder = join(cache, `headers-${version}`);
  const build = join(folder, `usr/src/linux-headers-${version}-686`);
  if (existsSync(build)) return build;
  const state = join(cache, 'apt');
  const settings = [
    ...['APT::Architecture=i386', 'APT::Architectures=i386', 'APT::Sandbox::User=root', `Dir::State=${state}/state`],
    ...[`Dir::State::status=${state}/status`, `Dir::Cache=${state}/cache`],
  ].flatMap((each) => ['-o', each]);
  const names = [`linux-headers-${version}-686`, `linux-headers-${version}-common`, 'linux-kbuild-6.1'];
  names.push('linux-compiler-gcc-12-x86');
  run('apt-get', [...settings, '-q', 'download', ...names], { cwd: packages });
  rmSync(`${folder}.new`, { recursive: true, force: true });
  mkdirSync(`${folder}.new`, { recursive: true });
  for (const name of names) {
    const file = readdirSync(packages).find((each) => each.startsWith(`${name}_`));
    run('dpkg-deb', ['-x', join(packages, file), `${folder}.new`]);
  }
  // It names the other package by where it would be installed.
  const makefile = join(`${folder}.new`, `usr/src/linux-headers-${version}-686/Makefile`);
  writeFileSync(makefile, readFileSync(makefile, 'utf8').replaceAll('/usr/src/', `${folder}/usr/src/`));
  renameSync(`${folder}.new`, folder);
  return build;
}

function buildModule() {
  const place = join(folder, 'module');
  mkdirSync(place, { recursive: true });
  cpSync(join(root, 'proptests/chaos/driver/ledger.c'), join(place, 'ledger.c'));
  writeFileSync(join(place, 'Makefile'), 'obj-m := ledger.o\n');
  run('make', ['-C', kernelHeaders(), `M=${place}`, 'ARCH=i386', 'modules']);
  return join(place, 'ledger.ko');
}

mkdirSync(folder, { recursive: true });
const module = buildModule();
checks.that('the module is built', existsSync(module));
const guest = bootToCommand(folder, { loaded: [], files: [['/lib/ledger.ko', module]] }, checks);
const fails = ['--fails', 'serial:"LOST"'];
const budget = ['--runs', String(values.runs), '--seed', String(values.seed)];

/** The plain run, and where the driver has been loaded in it. */
function plainRun(name, parameters) {
  const log = join(folder, `${name}.rlog`);
  const command = `insmod /lib/ledger.ko ${parameters}; echo loaded; echo ${values.rounds} > /dev/ledger; poweroff -f`;
  const recorded = recordCommand(log, guest, command);
  checks.that(`${name}: the ledger balances when nothing happens`, recorded.output.includes('ledger: balanced'));
  return { log, from: whenSaid(log, 'text = "loaded"'), to: whenSaid(log, 'text ~ "ledger: "') };
}

/** When the guest said something on its console. */
function whenSaid(log, what) {
  const line = reprise(['query', log, `serial() where ${what}`, '--json']);
  return Number(/"position":"(\d+)"/.exec(line.output)?.[1]);
}

/** The same log again, every way. */
function replays(what, log) {
  for (const words of [['tiered'], ['interp'], ['js'], ['wasm'], ['tiered', '--devices', 'log']]) {
    const again = reprise(['replay', log, '--engine', ...words]);
    checks.that(`${what} replays on ${words.join(' ')}`, again.status === 0, last(again.errors));
  }
}

const racy = plainRun('racy', '');
const lost = join(folder, 'lost.rlog');
rmSync(lost, { force: true });
const startMs = Date.now();
const found = reprise([
  'chaos',
  racy.log,
  '--from',
  `${racy.from}`,
  ...fails,
  ...budget,
  '--knobs',
  'hold,spurious',
  '--out',
  lost,
]);
const tookSeconds = Math.round((Date.now() - startMs) / 1000);
checks.that(
  `chaos finds the loss in ${values.runs} runs`,
  found.status === 1,
  `${tookSeconds} s; ${found.errors.split('\n')[0]}`,
);
const small = join(folder, 'small.rlog');
rmSync(small, { force: true });
const shrunk = reprise(['shrink', lost, ...fails, '--out', small, '--json']);
const inputs = shrunk.status === 0 ? JSON.parse(shrunk.output).inputs : [];
// A line that is pulled and let go is one perturbation.
const added = inputs.filter(({ event }) => !event.startsWith('serial') && !/^irq-line \d+ low/.test(event));
checks.that(
  'shrunk to three perturbations at most',
  shrunk.status === 0 && added.length > 0 && added.length <= 3,
  added.map(({ tick, event }) => `${event} at ${tick}`).join(', '),
);
for (let i = 0; i < values.repeat; i++) replays('what is left', small);
const doom = reprise(['doom', small, '--from', `${racy.from}`, '--symptom', 'serial:"LOST"', '--knobs', 'hold,input']);
const lines = doom.errors.split('\n');
const at = lines.findIndex((line) => line.includes('race on'));
const race = at < 0 ? last(doom.errors) : lines.slice(at, at + 4).join(' ');
checks.that(
  'doom names both sides of the race',
  /ledger_settle\+/.test(race) && /interrupt +writes .*ledger_interrupt\+/.test(race),
  race.replaceAll(/\s+/g, ' '),
);

/** Line 5 pulled at every instruction of some rounds: of those in which the interrupt that did it came, or as late. */
function exploreRounds({ log, from }) {
  const pulled = added.findLast(({ event }) => event.startsWith('irq-line 5'))?.tick ?? racy.from;
  const fromTick = from + pulled - racy.from - Math.floor(values.window / 2);
  const window = `${fromTick}..${fromTick + values.window}`;
  return reprise(['explore', log, '--window', window, '--irq', '5', ...fails]);
}

const explored = exploreRounds(racy);
checks.that(
  'explore names the instructions',
  explored.status === 1 && /<ledger_settle\+/.test(explored.errors),
  explored.errors.split('\n')[0],
);

const safe = plainRun('safe', 'safe=1');
const stood = reprise([
  ...[
    'chaos',
    safe.log,
    '--from',
    `${safe.from}`,
    '--to',
    `${safe.to}`,
    ...fails,
    ...budget,
    '--knobs',
    'hold,spurious',
  ],
  ...['--out', join(folder, 'never.rlog')],
]);
checks.that(`the driver without the race stands ${values.runs} runs`, stood.status === 0, last(stood.errors));
const spared = exploreRounds(safe);
checks.that('and a pulse at every instruction', spared.status === 0, spared.errors.split('\n')[0]);
checks.end();
