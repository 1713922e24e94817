/**
 * How long queries over a whole run take, each in a process of its own: after one pass (reprise index), and again; and
 * the first query of a table that no index has, beside plain replays, alone and two at a time. Recording: the path in
 * QUERY_LOG, of a Debian boot as proptests/debian/boot.mjs makes it; its images in QUERY_IMAGES, else where they are
 * found. QUERY_PAIRS: how often the replay and the first query are measured, by turns. Prints tables in Markdown; the
 * cache of checkpoints is one of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../src/host/cli/cli.js', import.meta.url));
const PAIRS_DEFAULT = 5;
/** Of a table that is run through where it is asked for the first time. */
const FIRST = 'calls("kfree") group by symbol(caller) order by count() desc limit 5';

/** What people ask, each over the whole run. */
const TYPICAL: readonly string[] = [
  FIRST,
  'calls("vfs_read") where result > 1024 select arg2, result, symbol(caller)',
  'calls("do_exit") select process, arg0',
  'executions("do_group_exit") select process, eax',
  'allocations("__kmalloc", "kfree") where freed == null count',
  'accesses(physical(0x2000000), 4096) group by symbol(eip) order by count() desc limit 5',
  'accesses(physical(0x4000000), 4096, w) last 5',
  'syscalls() group by name select name, count(), max(duration) order by count() desc limit 5',
  'syscalls("execve") select process, result, duration',
  'faults(14) group by symbol(eip) order by count() desc limit 5',
  'interrupts() group by vector',
  'switches() where kind == "task" group by to_name order by count() desc limit 5',
  'io(3f8h) where kind == "w" count',
  'mmio() group by physical order by count() desc limit 5',
  'serial() where text ~ "init" count',
];

interface Taken {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const folder = mkdtempSync(join(tmpdir(), 'reprise-queries-'));
const { QUERY_IMAGES: imagesAt, QUERY_LOG: log, QUERY_PAIRS } = process.env;
const images = imagesAt === undefined ? [] : ['--image', imagesAt];

/** A process, and what the shell says of its time. */
async function timed(...args: readonly string[]): Promise<Taken> {
  const script = 'TIMEFORMAT="time %R %U %S"; time "$@"';
  const child: ChildProcess = spawn('bash', ['-c', script, 'bash', process.execPath, CLI, ...args], {
    env: { ...process.env, XDG_CACHE_HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (part: Buffer) => {
    said += part.toString();
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const [, real, user, system] = /time ([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(said) ?? [];
  if (status !== 0 || system === undefined) throw new Error(`reprise ${args.join(' ')}: ${said}`);
  return { seconds: Number(real), cpuSeconds: Number(user) + Number(system) };
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1];
const shown = ({ seconds, cpuSeconds }: Taken): string => `${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)})`;

/** Answers that are kept; what reprise index has made stays. */
function forgetAnswers(index: ReadonlySet<string>): void {
  const cache = join(folder, 'reprise', 'checkpoints');
  for (const name of readdirSync(cache)) if (!index.has(name)) rmSync(join(cache, name));
}

async function measure(path: string): Promise<void> {
  const replay = () => timed('replay', path, ...images);
  const query = (text: string) => timed('query', path, text, ...images);
  console.log(`one pass, reprise index: ${shown(await timed('index', path, ...images))}, processor time in brackets\n`);
  const index = new Set(readdirSync(join(folder, 'reprise', 'checkpoints')));
  console.log('| replay | two replays at a time | first query | query × cores / replay | of processor time |');
  console.log('| ---: | ---: | ---: | ---: | ---: |');
  const [ratios, ofCpu, ofCores]: number[][] = [[], [], []];
  for (let pair = Number(QUERY_PAIRS ?? PAIRS_DEFAULT); pair > 0; pair--) {
    const alone = await replay();
    forgetAnswers(index);
    const first = await query(FIRST);
    const both = await Promise.all([replay(), replay()]);
    const bothSeconds = Math.max(...both.map(({ seconds }) => seconds));
    ratios.push((first.seconds * availableParallelism()) / alone.seconds);
    ofCpu.push(first.cpuSeconds / alone.cpuSeconds);
    ofCores.push((first.seconds * 2) / bothSeconds);
    const columns = [shown(alone), `${bothSeconds.toFixed(1)} s`, shown(first), ratios.at(-1), ofCpu.at(-1)];
    const cells = columns.map((each) => (typeof each === 'number' ? each.toFixed(2) : each));
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log(
    `\nmedians: ${median(ratios).toFixed(2)} of a replay divided by the cores, ${median(ofCpu).toFixed(2)} of`,
  );
  console.log(`its processor time, ${median(ofCores).toFixed(2)} of what two replays at a time take for one\n`);
  forgetAnswers(index);
  console.log('| query, over the whole run | after one pass | again |');
  console.log('| --- | ---: | ---: |');
  const [after, again]: number[][] = [[], []];
  for (const text of TYPICAL) {
    const [once, twice] = [await query(text), await query(text)];
    after.push(once.seconds);
    again.push(twice.seconds);
    console.log(`| \`${text.replaceAll('|', '\\|')}\` | ${shown(once)} | ${shown(twice)} |`);
  }
  console.log(`| median | ${median(after).toFixed(1)} s | ${median(again).toFixed(1)} s |`);
}

if (log === undefined) console.log('queries: no recording, QUERY_LOG names one of a Debian boot');
else {
  try {
    await measure(log);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
