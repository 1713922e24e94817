/**
 * Makes the page one file, dist/src/host/page/viewer.html: program, worker and style inside, nothing loaded from
 * anywhere, and a Content-Security-Policy that forbids it to try. `npm run build` and the first start of a checkout run
 * this; node src/host/page/viewer/bundle.mjs runs it alone. Plain JavaScript, as bootstrap.mjs is.
 *
 * Where a page is written with a recording inside, or served beside one, two marks in it are replaced
 * (src/host/node/viewer-page.ts).
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../../..');
export const viewerPage = join(root, 'dist/src/host/page/viewer.html');

/** Readers of symbols are Node's as well, and use its Buffer: here another takes its place, for them alone. */
const bufferForReaders = {
  name: 'a Buffer for readers of symbols',
  setup(build) {
    build.onLoad({ filter: /src\/host\/(symbols|dwarf)\/[^/]+\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const place = fileURLToPath(new URL('./worker/buffer.ts', import.meta.url));
      const given = `import { Buffer } from ${JSON.stringify(place)};\n`;
      return { contents: /\bBuffer\b/.test(text) ? given + text : text, loader: 'ts' };
    });
  },
};

/** iced-x86 for Node reads its WebAssembly from beside itself: here it is inside. */
const listing = {
  name: 'iced-x86 inside',
  setup(build) {
    build.onLoad({ filter: /iced_x86\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const read = /const path = require\('path'\)[^;]*;\s*const bytes = require\('fs'\)\.readFileSync\(path\);/;
      if (!read.test(text)) throw new Error('iced-x86 loads its WebAssembly in another way than it did');
      const inside = text
        .replace(read, "const bytes = require('./iced_x86_bg.wasm');")
        .replace('const { TextDecoder, TextEncoder } = require(`util`);', '');
      return { contents: inside, loader: 'js' };
    });
  },
};

export async function bundleViewer() {
  const { build } = await import('esbuild');
  const common = {
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: ['chrome114', 'firefox121', 'safari17'],
    minify: true,
    legalComments: 'none',
    logLevel: 'error',
    charset: 'utf8',
  };
  const [worker, page, style] = await Promise.all([
    build({
      ...common,
      entryPoints: [fileURLToPath(new URL('./worker/main.ts', import.meta.url))],
      plugins: [listing, bufferForReaders],
      loader: { '.wasm': 'binary' },
      conditions: ['browser'],
    }),
    build({ ...common, entryPoints: [fileURLToPath(new URL('./main.ts', import.meta.url))] }),
    build({ ...common, entryPoints: [join(here, 'style.css')] }),
  ]);
  const text = ({ outputFiles }) => outputFiles[0].text;
  mkdirSync(dirname(viewerPage), { recursive: true });
  writeFileSync(viewerPage, pageOf(text(worker), text(page), text(style), await builtInGuests()));
}

/** Text inside a script element: nothing in it may end the element. */
const inScript = (text) => text.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');

/** The built-in guests, to be booted in the page: images and names. */
async function builtInGuests() {
  const { assembleGuest, listGuests } = await import(
    pathToFileURL(join(root, 'dist/src/host/node/guest-images.js')).href
  );
  return listGuests().map(({ name, description }) => {
    const { bytes, symbols, origin } = assembleGuest(name);
    const isPlace = (address) => address >= origin && address < origin + bytes.length;
    return {
      name,
      description,
      image: Buffer.from(bytes).toString('base64'),
      symbols: [...symbols].map(([label, value]) => [label, value, isPlace(value) ? 'code' : 'absolute']),
    };
  });
}

function pageOf(worker, page, style, guests) {
  const terminal = readFileSync(join(root, 'node_modules/@xterm/xterm/css/xterm.css'), 'utf8');
  const script = inScript(page);
  const digest = createHash('sha256').update(script).digest('base64');
  const policy = [
    "default-src 'none'",
    // Engines make functions while they run, in the worker.
    `script-src 'sha256-${digest}' 'unsafe-eval'`,
    'worker-src blob:',
    // The terminal writes its own style elements.
    "style-src 'unsafe-inline'",
    'img-src data: blob:',
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Reprise</title>
<link rel="icon" href="data:,">
<style>${terminal.replaceAll('</style', '')}${style}</style>
</head>
<body>
<script type="application/json" id="attachments"></script>
<script type="application/json" id="guests">${JSON.stringify(guests).replaceAll('<', '\\u003c')}</script>
<script type="text/plain" id="worker">${inScript(worker)}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** Whether a source is newer than the page; Debian's clock is good enough for that. */
export function isStale() {
  if (!existsSync(viewerPage)) return true;
  const made = statSync(viewerPage).mtimeMs;
  const isNewer = (folder) =>
    readdirSync(folder, { withFileTypes: true }).some((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return isNewer(path);
      return /\.(ts|css|mjs)$/.test(entry.name) && statSync(path).mtimeMs > made;
    });
  return ['src', 'tiers'].some((folder) => isNewer(join(root, folder)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv[2] !== 'stale' || isStale()) await bundleViewer();
}
