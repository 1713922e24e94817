/**
 * What seeks in a long recording cost, against what they may: the first one, for a text that the guest sends near the
 * end, beside a replay of the log, in pairs; how soon Ctrl-C is answered on the way; the memory, beside a seek to the
 * same tick; and the first seek of a second session to random ticks. Not a test file of `npm test`: it measures.
 *
 *   npm run measure:seeks -- LOG FOLDER [--text BOOTED] [--pairs 5] [--places 20] [--seed 1] [--part WORD]
 *
 * The images must be where `record` noted them, or beside the log. Processor time is that of the whole process, and of
 * its main thread alone, which is what somebody waits for on a host that has a second processor free. A part: first,
 * keys, memory or second.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { skipTerminal, Terminal } from '../../dist/proptests/cli/pseudo-terminal.js';
import { scriptArguments } from '../../dist/src/host/cli/script-arguments.js';
import { Checks, last, randomParts, root } from './guest.mjs';

const args = scriptArguments({
  name: 'measure:seeks',
  program: 'npm run measure:seeks --',
  positionals: [
    { name: 'LOG', kind: 'file' },
    { name: 'FOLDER', kind: 'file' },
  ],
  brief: 'what seeks in a long recording cost',
  summary: `Measures what the first seek in a recording costs beside a replay of it, how soon Ctrl-C is answered, the
memory, and the first seek of a second session; what is above its bar is marked FAIL. Caches go to FOLDER.`,
  options: [
    { name: 'text', value: 'TEXT', help: 'what the guest sends near the end (default BOOTED)' },
    { name: 'pairs', value: 'N', range: [1, 100], help: 'first seeks and replays (default 5)' },
    { name: 'places', value: 'N', range: [1, 1000], help: 'places of the second session (default 20)' },
    { name: 'seed', value: 'N', range: [0, 2 ** 32 - 1], help: 'chooses the places (default 1)' },
    { name: 'part', value: 'WORD', choices: ['first', 'keys', 'memory', 'second'], help: 'only this part' },
  ],
});
const [log, folder] = args.positionals;
const text = args.text('text') ?? 'BOOTED';
const part = args.text('part');
const checks = new Checks('what seeks cost');
const isMeant = (one) => part === undefined || part === one;
const cache = join(folder, 'cache');
mkdirSync(folder, { recursive: true });

/** Says at the exit what the process has used: milliseconds of its main thread and of all, and kilobytes. */
const TELL = `import { readFileSync } from 'node:fs';
process.on('exit', () => {
  const main = Number(readFileSync('/proc/self/task/' + process.pid + '/schedstat', 'latin1').split(' ')[0]) / 1e6;
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stderr.write('\\nused ' + [main, (userCPUTime + systemCPUTime) / 1000, maxRSS].join(' ') + '\\n');
});`;

function used(...words) {
  const startMs = performance.now();
  const node = ['--import', `data:text/javascript,${encodeURIComponent(TELL)}`];
  const ended = spawnSync(process.execPath, [...node, join(root, 'src/host/reprise.mjs'), ...words], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  const wallMs = performance.now() - startMs;
  const [, main, all, kilobytes] = /\nused (\S+) (\S+) (\S+)\n$/.exec(ended.stderr) ?? [];
  if (ended.status !== 0 || main === undefined) {
    checks.that(words.join(' '), false, last(ended.stderr));
    checks.end();
  }
  return { mainMs: Number(main), allMs: Number(all), megabytes: Number(kilobytes) / 1024, wallMs, text: ended.stdout };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const ms = (list) =>
  `median ${median(list).toFixed(0)} ms, ${Math.min(...list).toFixed(0)} to ${Math.max(...list).toFixed(0)}`;
const debug = (...commands) => used('debug', log, ...commands.flatMap((each) => ['--exec', each]));
const search = `seek serial:"${text}"`;
const forget = () => rmSync(cache, { recursive: true, force: true });

if (isMeant('first')) {
  const ratios = [];
  for (let pair = 0; pair < (args.number('pairs') ?? 5); pair++) {
    forget();
    const both = pair % 2 === 0 ? [used('replay', log), debug(search)] : [debug(search), used('replay', log)].reverse();
    const [replay, seek] = both;
    ratios.push(seek.allMs / replay.allMs);
    console.log(`     replay ${seconds(replay.allMs)}, first seek ${seconds(seek.allMs)}: ${ratios.at(-1).toFixed(3)}`);
  }
  const middle = median(ratios);
  checks.that(
    'the first seek costs 1.1 of a replay at most, median of processor time',
    middle <= 1.1,
    middle.toFixed(3),
  );
}

if (isMeant('memory')) {
  forget();
  const found = debug(search, 'when');
  const tick = /tick (\d[\d ]*)/.exec(found.text.split('\n').slice(-3).join('\n'))?.[1].replaceAll(' ', '') ?? '90%';
  forget();
  const plain = debug(`seek ${tick}`);
  const ratio = found.megabytes / plain.megabytes;
  const said = `${found.megabytes.toFixed(0)} MB beside ${plain.megabytes.toFixed(0)} MB: ${ratio.toFixed(3)}`;
  checks.that('its memory is 1.2 of that of a plain seek at most', ratio <= 1.2, said);
}

if (isMeant('keys') && skipTerminal === false) {
  forget();
  const terminal = new Terminal(folder, `debug '${log}' --checkpoint-cache 0`, 120, { XDG_CACHE_HOME: cache });
  await terminal.until(/reprise> (?:\x1b\[\d+G)?$/);
  const waits = [];
  for (const share of randomParts(args.number('seed') ?? 1)) {
    const from = terminal.shown.length;
    terminal.child.stdin.write('seek serial:"never sent"\r');
    await terminal.until(/ticks of/, from);
    await later(share * 2000);
    const startMs = performance.now();
    const at = terminal.shown.length;
    terminal.child.stdin.write('\x03');
    while (!terminal.shown.slice(at).includes('Interrupted')) await later(1);
    waits.push(performance.now() - startMs);
    await terminal.until(/reprise> (?:\x1b\[\d+G)?$/, at);
    if (waits.length >= 10) break;
  }
  terminal.child.stdin.write('\x04');
  await terminal.end();
  checks.that('Ctrl-C is answered within 0.2 s', median(waits) < 200, ms(waits));
}

if (isMeant('second')) {
  forget();
  used('index', log);
  const results = [];
  for (const share of randomParts(args.number('seed') ?? 1)) {
    results.push(debug(`seek ${(share * 100).toFixed(4)}%`));
    if (results.length >= (args.number('places') ?? 20)) break;
  }
  const main = results.map(({ mainMs }) => mainMs);
  const walls = results.map(({ wallMs }) => wallMs);
  console.log(`     by the clock, of the whole process: ${ms(walls)}`);
  checks.that("a second session's first seek takes less than 1 s of the main thread", median(main) < 1000, ms(main));
}
checks.end();
