/**
 * What the campaigns with the Debian guest have in common: the guest itself, the command line as a user has it, and
 * checks that are printed as they come.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cli = join(root, 'src/host/reprise.mjs');

export const last = (text) => text.trim().split('\n').at(-1) ?? '';

/** Says at the exit how much memory the process has had at most, in kilobytes. */
const TELL_PEAK =
  'process.on("exit", () => process.stderr.write("\\npeak " + process.resourceUsage().maxRSS + "\\n"));';

/** Runs the command line; `peak` asks for `peakBytes`, the most resident memory. */
export function reprise(words, { cwd = root, env = {}, input = '', peak = false } = {}) {
  const node = peak ? ['--import', `data:text/javascript,${encodeURIComponent(TELL_PEAK)}`] : [];
  const ended = spawnSync(process.execPath, [...node, cli, ...words], {
    cwd,
    input,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  const errors = ended.stderr.toString();
  return {
    status: ended.status,
    output: ended.stdout.toString('latin1'),
    errors: errors.replace(/\npeak \d+\n$/, ''),
    peakBytes: Number(/\npeak (\d+)\n$/.exec(errors)?.[1] ?? Number.NaN) * 1024,
  };
}

export class Checks {
  #failed = 0;
  #what;

  constructor(what) {
    this.#what = what;
  }

  that(what, holds, detail = '') {
    console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${detail === '' ? '' : `: ${detail}`}`);
    if (!holds) this.#failed++;
  }

  /** Ends the program. */
  end() {
    console.log(this.#failed === 0 ? `${this.#what} holds` : `${this.#failed} checks failed`);
    process.exit(this.#failed === 0 ? 0 : 1);
  }
}

/** Options that name the guest's images, which are built in the folder when they are not there. */
export function debianGuest(folder, checks) {
  const guest = join(folder, 'debian');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(guest, 'vmlinuz'))) {
    const builder = join(root, 'dist/src/host/node/guests/guests.js');
    const built = spawnSync(process.execPath, [builder, 'debian', '--output', guest], { cwd: root });
    checks.that('the Debian guest is built from its packages', built.status === 0, built.stderr.toString().trim());
    if (built.status !== 0) checks.end();
  }
  return ['--kernel', join(guest, 'vmlinuz'), '--initrd', join(guest, 'initrd.gz')];
}

/** Numbers from 0 up to 1, the same for the same seed. */
export function* randomParts(seed) {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}
