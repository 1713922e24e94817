/**
 * Makes the command line a few files, dist/command/: what a verb loads is read in pieces instead of in hundreds of
 * modules, which is most of the time that a short command takes. What dist/src has stays what the library, threads and
 * tests load. `npm run build` and the first start of a checkout run this; node src/host/cli/bundle.mjs runs it alone.
 * Plain JavaScript, as bootstrap.mjs is.
 * Beside them lies of which build they are: src/host/reprise.mjs takes them only when it is the one there is.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildOf } from '../built.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = join(root, 'dist/command');
const entry = join(root, 'dist/src/host/cli/cli.js');

/** A module that looks for files beside itself finds them where it was compiled to. */
const placesAsCompiled = {
  name: 'places as compiled',
  setup(build) {
    build.onLoad({ filter: /dist[\\/](src|tiers)[\\/].*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.url')) return undefined;
      const from = relative(folder, path).split(sep).join('/');
      const place = `new URL(${JSON.stringify(from)}, import.meta.url).href`;
      return { contents: text.replaceAll('import.meta.url', place), loader: 'js' };
    });
  },
};

export async function bundleCommand() {
  const { build } = await import('esbuild');
  rmSync(folder, { recursive: true, force: true });
  await build({
    entryPoints: [entry],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    chunkNames: '[name]-[hash]',
    // Names stay, for people who read a stack.
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    logLevel: 'error',
    plugins: [placesAsCompiled],
  });
  writeFileSync(join(folder, 'build'), buildOf(join(root, 'dist')));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await bundleCommand();
