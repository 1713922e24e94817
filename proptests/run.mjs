/**
 * Runs the tests: node proptests/run.mjs [WORD...] [--node-option...]
 *
 * The list is made of the sources (*.prop.ts in proptests, tiers, benchmarks) and mapped into dist/, so that what an
 * older source left behind there is never run. A WORD keeps the files whose path contains it; without one, the files
 * that open a browser are left to the step `page` of ci-extra.mjs. Options go to `node --test`.
 * At the end it names every skipped test with its reason, and the files that took longest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const timeoutPerFileMs = 300_000;
const SLOWEST_FILES = 8;

function findTests(folder) {
  const found = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...findTests(path));
    else if (entry.name.endsWith('.prop.ts')) found.push(path);
  }
  return found.sort();
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(2);
}

const usage = `usage: npm test -- [WORD...] [--node-option...]

Runs the test files whose path contains one of the WORDs; without one, all but those that open a browser (npm test --
page/ runs them). Options go to node --test, as in --test-name-pattern=TEXT.`;

if (process.argv.includes('--help')) {
  console.log(usage);
  process.exit(0);
}
const words = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const all = ['proptests', 'tiers', 'benchmarks'].flatMap(findTests);
const opensBrowser = (path) => readFileSync(join(root, path), 'utf8').includes("/browser.ts'");
const left = words.length === 0 ? all.filter(opensBrowser) : [];
const chosen = all.filter((path) =>
  words.length === 0 ? !left.includes(path) : words.some((word) => path.includes(word)),
);
if (chosen.length === 0)
  fail(`No test file has ${words.join(' or ')} in its path. The files are:\n  ${all.join('\n  ')}`);

const built = chosen.map((path) => join('dist', path.replace(/\.ts$/, '.js')));
const missing = built.filter((path) => !existsSync(join(root, path)));
if (missing.length > 0) fail(`Not built: ${missing.join(', ')}\nRun npm run build first.`);

const folder = mkdtempSync(join(tmpdir(), 'reprise-tests-'));
const summaryFile = join(folder, 'summary.json');
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--import',
    pathToFileURL(join(root, 'dist/proptests/support/preload.js')).href,
    '--test',
    `--test-concurrency=${availableParallelism() + 1}`,
    `--test-timeout=${timeoutPerFileMs}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${pathToFileURL(join(root, 'proptests/support/summary.mjs')).href}`,
    `--test-reporter-destination=${summaryFile}`,
    ...options,
    ...built,
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);

const nothing = { passed: 0, failed: 1, skipped: [], msByFile: {} };
const { passed, failed, skipped, msByFile } = existsSync(summaryFile)
  ? JSON.parse(readFileSync(summaryFile, 'utf8') || JSON.stringify(nothing))
  : nothing;
rmSync(folder, { recursive: true, force: true });
if (skipped.length > 0) console.log('\nSkipped:');
for (const { name, reason } of skipped) console.log(`  ${name}: ${reason || 'no reason given'}`);
if (left.length > 0) {
  const names = left.map((path) => path.replace(/^proptests\/|\.prop\.ts$/g, '')).join(', ');
  console.log(`\nLeft to npm run ci:extra -- page, since they open a browser:\n  ${names}`);
}
const slowest = Object.entries(msByFile).sort(([, one], [, other]) => other - one);
if (slowest.length > SLOWEST_FILES) {
  // Files are told of by their sources, or as they were compiled.
  const nameOf = (file) => relative(root, file).replace(/^dist\/|\.prop\.[jt]s$/g, '');
  const named = ([file, ms]) => `${nameOf(file)} ${(ms / 1000).toFixed(0)} s`;
  console.log(`\nLongest: ${slowest.slice(0, SLOWEST_FILES).map(named).join(', ')}`);
}
console.log(`\n${chosen.length} files: ${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(run.status ?? 1);
