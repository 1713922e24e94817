/**
 * What npm runs before every script that needs the built program: installs the dependencies when they are missing or
 * not those of package-lock.json, and builds dist/ when a source changed since the last good build. One line says
 * what it does; nothing is printed when there is nothing to do.
 *
 * Plain JavaScript without dependencies, because it has to run in a fresh clone. Installs nothing outside the clone.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const sourceFolders = ['src', 'tiers', 'proptests', 'benchmarks'];
const stampFile = join(root, 'dist', '.built');
const oldestNodeMajor = 20;
/** What is made of what was compiled. */
const BUNDLES = [
  ['src/host/page/viewer/bundle.mjs', 'the page of reprise view'],
  ['src/host/cli/bundle.mjs', 'the command line in few pieces'],
];

function say(line) {
  process.stderr.write(`reprise: ${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}

/** Compares what is installed with what the lockfile wants by version, not by date: git does not keep dates. */
function dependenciesAreInstalled() {
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return false;
  try {
    const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    for (const [path, entry] of Object.entries(wanted)) {
      if (path === '') continue;
      if (installed[path] === undefined) {
        // Optional packages hold the programs of other platforms.
        if (entry.optional || entry.peer) continue;
        return false;
      }
      if (installed[path].version !== entry.version) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** A digest of the path, size and date of everything the compiler reads. */
function sourceDigest() {
  const hash = createHash('sha256').update(process.env.npm_package_version ?? '');
  const visit = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else if (/\.ts$|tsconfig.*\.json$|^bundle\.mjs$|\.css$/.test(entry.name)) {
        const { size, mtimeMs } = statSync(join(root, path));
        hash.update(`${path} ${size} ${mtimeMs}\n`);
      }
    }
  };
  for (const folder of sourceFolders) if (existsSync(join(root, folder))) visit(folder);
  for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json'])
    hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** The compiler leaves what it once emitted for a source that is gone; neither tests nor a package should see it. */
function removeOrphans() {
  const visit = (folder) => {
    for (const entry of readdirSync(join(root, 'dist', folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else if (!existsSync(join(root, path.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts'))))
        rmSync(join(root, 'dist', path));
    }
  };
  for (const folder of sourceFolders) if (existsSync(join(root, 'dist', folder))) visit(folder);
}

/** npm tells its children where it lives; without that it is looked up as a shell would. */
function runNpm(args) {
  const npmScript = process.env.npm_execpath;
  if (npmScript?.endsWith('.js'))
    return spawnSync(process.execPath, [npmScript, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  return spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
}

/** Leaves node_modules and dist as the sources want them, or ends the process with a sentence and status 1. */
export function bootstrap() {
  if (Number(process.versions.node.split('.')[0]) < oldestNodeMajor) {
    fail(`this is Node ${process.versions.node}; Reprise needs Node ${oldestNodeMajor} or newer.`);
  }
  if (!dependenciesAreInstalled()) {
    say('installing dependencies (npm ci)');
    const installed = runNpm(['ci', '--no-fund', '--no-audit', '--loglevel=error']);
    if (installed.status !== 0) {
      fail('npm ci failed (see above). A network connection to the package registry is needed once; then try again.');
    }
  }
  const digest = sourceDigest();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest) return;
  say('building dist/ (tsc -b, the page of reprise view, the command line in few pieces)');
  const built = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (built.status !== 0) {
    rmSync(stampFile, { force: true });
    fail('the build failed (see above).');
  }
  removeOrphans();
  for (const [script, what] of BUNDLES) {
    const bundled = spawnSync(process.execPath, [join(root, script)], { cwd: root, stdio: ['ignore', 2, 2] });
    if (bundled.status === 0) continue;
    rmSync(stampFile, { force: true });
    fail(`${what} could not be built (see above).`);
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, digest);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) bootstrap();
