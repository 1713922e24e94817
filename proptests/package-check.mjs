/**
 * Packs the project, installs the package in an empty folder and uses it there as a stranger would: the command
 * answers --help, --version and a wrong verb, the library can be imported, nothing of the tests was packed.
 * node proptests/package-check.mjs FOLDER (which must be empty). Needs the package registry, as any installation.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = resolve(process.argv[2] ?? fail('give an empty folder'));
if (readdirSync(folder).length > 0) fail(`${folder} is not empty`);

function fail(line) {
  console.error(line);
  process.exit(2);
}

function run(command, args, cwd, expectedStatus = 0) {
  const ended = spawnSync(command, args, { cwd, encoding: 'utf8' });
  const shown = `${command} ${args.join(' ')}: status ${ended.status}\n${ended.stdout}${ended.stderr}`;
  assert.equal(ended.status, expectedStatus, shown);
  return ended;
}

const packed = JSON.parse(
  run('npm', ['pack', '--json', '--pack-destination', folder], root).stdout.replace(/^[^[{]*/s, ''),
);
const { filename, files } = packed[0] ?? Object.values(packed)[0];
const strays = files
  .map(({ path }) => path)
  .filter((path) => /proptests|benchmarks|\.prop\.|node_modules|\.map$/.test(path));
assert.deepEqual(strays, [], 'only what is needed at run time is packed');
assert.ok(
  files.some(({ path }) => path === 'dist/command/cli.js'),
  'the command line is packed in few pieces',
);

writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
run('npm', ['install', '--omit=dev', '--no-fund', '--no-audit', `./${filename}`], folder);

const reprise = join(folder, 'node_modules', '.bin', 'reprise');
assert.match(run(reprise, ['--help'], folder).stdout, /record/);
assert.match(run(reprise, ['no-such-verb'], folder, 2).stderr, /no-such-verb/);
const page = join(folder, 'page.html');
run(reprise, ['pack', join(root, 'replay-logs/echo.rlog'), '--html', page], folder);
assert.match(readFileSync(page, 'utf8'), /Content-Security-Policy/, 'the page of a recording is packed');
const exported = run(
  'node',
  ['-e', "import('reprise').then((m) => console.log(Object.keys(m).join(' ')))"],
  folder,
).stdout;
assert.match(exported, /record/);
assert.match(exported, /replay/);
console.log(`${filename}: ${files.length} files; the library exports ${exported.trim()}`);
