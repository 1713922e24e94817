/**
 * Everything that is made from the table of verbs: help in all its spellings, completion in the three shells (asked as
 * each shell can be asked: bash's function, fish's `complete -C`, zsh at a pseudo-terminal), the man page, and the help
 * of npm's scripts. Shells and man are those of this machine; where one is missing its test is skipped and says so.
 */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { findVerb } from '../../src/host/cli/help-command.ts';
import { verbHelp } from '../../src/host/cli/help.ts';
import { VERBS } from '../../src/host/cli/verbs.ts';
import { engineNames } from '../../src/engines.ts';
import { projectRoot } from '../support/poison.ts';
import { inFolder, reprise } from './command.ts';

const has = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
const needs = (program: string) => ({ skip: has(program) ? false : `needs ${program}` });

/** A folder with recordings to complete, and the script of the shell. */
async function withScript(shell: string, work: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    for (const name of ['one.rlog', 'my log.rlog', 'other.txt']) writeFileSync(join(folder, name), '');
    mkdirSync(join(folder, 'logs'));
    const { status, stdout, stderr } = await reprise(['completion', shell]);
    assert.equal(status, 0, stderr);
    writeFileSync(join(folder, 'script'), stdout);
    await work(folder);
  });
}

/** A line up to the Tab, and some of what must be offered; `isAll`: nothing else. */
const CASES: readonly { readonly line: string; readonly offers: readonly string[]; readonly isAll?: boolean }[] = [
  { line: 'reprise re', offers: ['record', 'render', 'replay'], isAll: true },
  { line: 'reprise ', offers: VERBS.map(({ name }) => name), isAll: true },
  { line: 'reprise replay --dev', offers: ['--devices'], isAll: true },
  { line: 'reprise replay --engine ', offers: engineNames(), isAll: true },
  { line: 'reprise verify --engines interp,ti', offers: ['interp,tiered'], isAll: true },
  { line: 'reprise record new.rlog --profile ', offers: ['full', 'checked', 'inputs'], isAll: true },
  { line: 'reprise replay o', offers: ['one.rlog'] },
  { line: 'reprise trace --from 3 one.rlog ot', offers: ['other.txt'] },
  { line: 'reprise help expla', offers: ['explain'], isAll: true },
  { line: 'reprise query one.rlog sys', offers: ['syscalls'], isAll: true },
  { line: 'reprise completion ', offers: ['bash', 'zsh', 'fish'], isAll: true },
];

function assertOffered(line: string, offered: readonly string[]): void {
  const { offers = [], isAll } = CASES.find((one) => one.line === line) ?? {};
  for (const wanted of offers) assert.ok(offered.includes(wanted), `${line}: ${wanted} is not among ${offered}`);
  if (isAll === true) assert.deepEqual([...offered].sort(), [...offers].sort(), line);
}

test('bash completes verbs, options, values, engines and recordings', needs('bash'), async () => {
  await withScript('bash', async (cwd) => {
    for (const { line } of CASES) {
      const words = line.split(' ').map((word) => `'${word}'`);
      const ask = `source ./script; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _reprise
        printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout } = spawnSync('bash', ['--norc', '-c', ask], { cwd, encoding: 'utf8' });
      assertOffered(line, stdout.trimEnd().split('\n'));
    }
    // Readline cuts at the equals sign.
    const ask =
      `source ./script; COMP_WORDS=(reprise replay --engine = ti); COMP_CWORD=4; _reprise; ` +
      `echo "\${COMPREPLY[@]}"`;
    assert.equal(spawnSync('bash', ['--norc', '-c', ask], { cwd, encoding: 'utf8' }).stdout, 'tiered\n');
    const inQuotes =
      `source ./script; COMP_WORDS=(reprise query one.rlog $'\\'calls("f") gr'); COMP_CWORD=3; _reprise; ` +
      `echo "\${COMPREPLY[@]}"`;
    const completed = spawnSync('bash', ['--norc', '-c', inQuotes], { cwd, encoding: 'utf8' }).stdout;
    assert.equal(completed, 'calls("f") group\n');
    const print = `printf '%s\\n' "\${COMPREPLY[@]}"`;
    const logs = `source ./script; COMP_WORDS=(reprise info ''); COMP_CWORD=2; _reprise; ${print}`;
    const offered = spawnSync('bash', ['--norc', '-c', logs], { cwd, encoding: 'utf8' }).stdout.trimEnd().split('\n');
    assert.deepEqual(offered.sort(), ['logs', 'my log.rlog', 'one.rlog']);
  });
});

test('fish completes verbs, options, values, engines and recordings', needs('fish'), async () => {
  await withScript('fish', async (cwd) => {
    for (const { line } of CASES) {
      const ask = `source ./script; complete -C '${line}'`;
      const { stdout } = spawnSync('fish', ['--no-config', '-c', ask], { cwd, encoding: 'utf8' });
      const offered = stdout.trimEnd().split('\n');
      assertOffered(
        line,
        offered.map((each) => each.split('\t')[0]),
      );
    }
  });
});

test('zsh completes verbs, options, values, engines and recordings', needs('zsh'), async () => {
  await withScript('zsh', async (cwd) => {
    const child = spawn('script', ['-qec', 'zsh -f -i', '/dev/null'], { cwd, env: { ...process.env, TERM: 'dumb' } });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    const until = async (text: string): Promise<void> => {
      for (let waited = 0; !shown.includes(text); waited += 20) {
        assert.ok(waited < 20_000, `${text} was not shown, but ${JSON.stringify(shown)}`);
        await later(20);
      }
    };
    try {
      await completeByHand(child, until);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

async function completeByHand(child: ChildProcessWithoutNullStreams, until: (text: string) => Promise<void>) {
  // A function that runs instead of the program and prints the words that it is given.
  child.stdin.write('unsetopt zle_bracketed_paste; reprise() { print -r -- "<$*>" }; echo ready$((1 + 1))\n');
  await until('ready2');
  child.stdin.write('autoload -Uz compinit; compinit -D -u; source ./script; echo loaded$((1 + 1))\n');
  await until('loaded2');
  const unambiguous = CASES.filter(({ offers }) => offers.length === 1);
  assert.ok(unambiguous.length >= 5);
  for (const { line, offers } of unambiguous) {
    const before = line.split(' ').slice(1, -1);
    child.stdin.write(`${line}\t`);
    await later(150);
    child.stdin.write('\n');
    // A list may be followed by a comma: it can go on.
    await until(`<${[...before, ...offers].join(' ')}>`);
  }
  child.stdin.write('reprise record x --profile \t');
  await until('checked');
}

test(
  'the man page is one that man takes without a warning, with every verb and option in it',
  needs('man'),
  async () => {
    await inFolder(async (cwd) => {
      const { status, stdout } = await reprise(['man']);
      assert.equal(status, 0);
      writeFileSync(join(cwd, 'reprise.1'), stdout);
      const env = { ...process.env, MANWIDTH: '200', MANPAGER: 'cat', LC_ALL: 'C.UTF-8' };
      const shown = spawnSync('man', ['--warnings', '-l', 'reprise.1'], { cwd, encoding: 'utf8', env });
      assert.equal(shown.status, 0, shown.stderr);
      assert.equal(shown.stderr, '');
      const text = shown.stdout.replace(/.\x08/g, '');
      for (const { name, options } of VERBS) {
        assert.match(text, new RegExp(`^ +reprise ${name}\\b`, 'm'));
        for (const option of options) assert.ok(text.includes(`--${option.name}`), `${name} --${option.name}`);
      }
    });
  },
);

test('help is the same in every spelling, and says what verbs and options there are', async () => {
  const overview = await reprise(['help']);
  for (const words of [['--help'], ['-h']]) assert.deepEqual((await reprise(words)).stdout, overview.stdout);
  for (const { name, options } of VERBS) {
    assert.match(overview.stdout, new RegExp(`^  reprise ${name}\\b`, 'm'));
    const help = verbHelp(findVerb(VERBS, name));
    for (const option of options) assert.match(help, new RegExp(`^  (-\\w, )?--${option.name}\\b`, 'm'));
    assert.ok(help.split('\n').every((line) => line.length <= 100));
  }
  for (const words of [
    ['help', 'record'],
    ['record', '--help'],
    ['record', 'x', '-h'],
  ]) {
    const { status, stdout } = await reprise(words);
    assert.deepEqual([status, stdout], [0, verbHelp(findVerb(VERBS, 'record'))]);
  }
  const rows = JSON.parse((await reprise(['help', '--json'])).stdout) as { name: string }[];
  assert.deepEqual(
    rows.map(({ name }) => name),
    VERBS.map(({ name }) => name),
  );
  const [plain, short] = [await reprise(['--version']), await reprise(['-V'])];
  assert.match(short.stdout, /^reprise \d+\.\d+\.\d+\n$/);
  assert.equal(short.stdout, plain.stdout);
  const none = await reprise([]);
  assert.deepEqual([none.status, none.stdout, none.stderr], [2, '', overview.stdout]);
});

/** Script of npm, as package.json starts it, and an option that its help must have. */
const SCRIPTS = [
  ['benchmarks/run.mjs', '--rounds N'],
  ['dist/benchmarks/peers.js', '--rounds N'],
  ['dist/benchmarks/fuzz-peers.js', '--megabytes N'],
  ['benchmarks/beside-qemu.mjs', '--rounds N'],
  ['dist/proptests/page/measure-debian.js', '--seconds N'],
  ['proptests/debian/seeks.mjs', '--places N'],
  ['proptests/chaos/driver.mjs', '--runs N'],
  ['dist/proptests/witnesses/silicon/campaign.js', '--cases N'],
  ['dist/proptests/witnesses/emulators/run.js', '--cases N'],
  ['dist/proptests/mutation/run.js', '--only TEXT'],
  ['dist/src/host/node/guests/guests.js', '--flavour NAME'],
  ['proptests/run.mjs', 'WORD'],
  ['proptests/ci-extra.mjs', 'WORD'],
] as const;

test('the scripts of npm help too, and an option that is none gets one sentence and status 2', () => {
  for (const [script, option] of SCRIPTS) {
    const run = (...words: string[]) =>
      spawnSync(process.execPath, [script, ...words], { cwd: projectRoot, encoding: 'utf8', timeout: 30_000 });
    const help = run('--help');
    assert.equal(help.status, 0, `${script}: ${help.stderr}`);
    assert.match(help.stdout, /^usage: npm /);
    assert.ok(help.stdout.includes(option), help.stdout);
    if (['proptests/run.mjs', 'proptests/ci-extra.mjs'].includes(script)) continue;
    const wrong = run('--hepl');
    assert.equal(wrong.status, 2, wrong.stderr);
    assert.match(wrong.stderr, /^[^\n]*--h[^\n]*\n$/, script);
  }
});
