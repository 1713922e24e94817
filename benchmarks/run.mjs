/**
 * Runs the benchmarks, one process after another: npm run bench [-- WORD...]. A WORD keeps the files whose path
 * contains it; options (bench-options.ts) go to the benchmarks. The list is made of the sources, *.bench.ts.
 *
 * Numbers from a busy machine mean nothing: compare only what ran side by side in one process.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchArguments } from '../dist/benchmarks/bench-options.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const given = process.argv.slice(2);
const words = benchArguments(given).positionals;
const all = readdirSync(join(root, 'benchmarks'), { recursive: true })
  .map((path) => `benchmarks/${path.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.bench.ts'))
  .sort();
const chosen = all.filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
if (chosen.length === 0) {
  console.error(
    `No benchmark has ${words.join(' or ') || '.bench.ts'} in its path. The files are:\n  ${all.join('\n  ')}`,
  );
  process.exit(2);
}

let failed = 0;
for (const path of chosen) {
  const built = join(root, 'dist', path.replace(/\.ts$/, '.js'));
  if (!existsSync(built)) {
    console.error(`Not built: ${built}. Run npm run build first.`);
    process.exit(2);
  }
  console.log(`\n== ${path}`);
  const ended = spawnSync(process.execPath, ['--expose-gc', '--enable-source-maps', built, ...given], {
    cwd: root,
    stdio: 'inherit',
  });
  if (ended.status !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
