// `reprise info LOG`: what a log says about its machine and its run, and what it holds. Decodes every frame, so it also
// shows that all of them can be; names in a log are untrusted and shown without control characters.

import type { LogReader } from '../../core/log/log.ts';
import { type LogSummary, summarySteps } from '../../core/log/log-summary.ts';
import { isQuirk, QUIRKS } from '../../core/log/quirks.ts';
import { LogError } from '../../core/log/log-error.ts';
import { hasImage } from '../../core/log/log-images.ts';
import { beginsAtSnapshot } from '../../core/session/snapshot-file.ts';
import type { Arguments } from './args.ts';
import { logProblem, openLogFile } from '../node/log-file.ts';
import { count, Progress, seconds } from '../node/progress.ts';
import { signalStatus, Work } from '../node/work.ts';
import { EXIT, loadColors, printJson, say } from './report.ts';

export async function infoCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const log = await openLogFile(args);
  if (args.has('machine')) {
    const { machineFileOf } = await import('./machine-file.ts');
    process.stdout.write(`${JSON.stringify(machineFileOf(log.header.machine, path), null, 2)}\n`);
    return EXIT.ok;
  }
  const end = log.end === null ? Number.POSITIVE_INFINITY : log.end.inputCount + log.end.checkCount;
  const work = new Work(Progress.atTerminal({ label: 'info', unit: 'events', end }, args.has('json')));
  let summary: LogSummary;
  try {
    summary = await summarize(log, work);
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    throw error;
  } finally {
    work.release();
  }
  const status = work.signal === null ? EXIT.ok : signalStatus(work.signal);
  if (args.has('json')) {
    const { machine, creator } = log.header;
    const embedded = machine.images.map((_, index) => hasImage(log, index));
    printJson({ log: path, creator, machine, embedded, ...summary });
    return status;
  }
  const colors = await loadColors(args.has('no-color'), process.stdout);
  const rows = infoRows(path, log, summary);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  process.stdout.write(rows.map(([name, text]) => `${colors.bold(name.padEnd(width))}${text}\n`).join(''));
  if (!summary.isWhole) say('info: stopped by the user; the events are those at the beginning of the log');
  return status;
}

async function summarize(log: LogReader, work: Work): Promise<LogSummary> {
  const steps = summarySteps(log);
  let step = steps.next();
  while (step.done !== true) step = (await work.turn(step.value)) ? steps.next() : steps.next(true);
  return step.value;
}

/** Names come from an untrusted log: only printable text reaches the terminal. */
function plain(text: string): string {
  const shown = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return shown.replace(/[\x7f-\x9f]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
}

function imagesText(path: string, all: number, outside: number): string {
  if (outside === 0) return 'all inside: the log replays by itself';
  return `${outside === all ? 'not' : `${outside} of ${all} not`} inside: reprise pack ${path} puts them in`;
}

function infoRows(path: string, log: LogReader, summary: LogSummary): [string, string][] {
  const { machine, creator, profile } = log.header;
  const epoch = new Date(machine.epochSeconds * 1000);
  const rows: [string, string][] = [
    ['log', `${path}, ${count(summary.fileBytes)} bytes, ${summary.frameCount} frames, profile ${profile}`],
    ['recorded by', plain(creator)],
    ['machine', `${plain(machine.cpu)}, ${machine.memoryMegabytes} MB, ${machine.nsPerTick} ns per tick`],
    ['devices', machine.devices.map(({ name, version }) => `${plain(name)} ${version}`).join(', ')],
    ['epoch', Number.isNaN(epoch.getTime()) ? `${machine.epochSeconds} s` : epoch.toISOString()],
    [
      'options',
      Object.entries(machine.options)
        .map(([name, value]) => plain(`${name} ${value}`))
        .join(', '),
    ],
    ['boot', `${machine.boot.method} ${plain(machine.boot.commandLine)}`],
  ];
  for (const name of machine.quirks) {
    rows.push(['quirk', isQuirk(name) ? `${name}: ${QUIRKS[name]}` : `${plain(name)}: not known to this version`]);
  }
  machine.images.forEach(({ role, name, sha256, sizeBytes }, index) => {
    const embedded = hasImage(log, index) ? ', embedded' : '';
    rows.push([plain(role), `${plain(name)}, ${count(sizeBytes)} bytes, sha256 ${sha256}${embedded}`]);
  });
  const outside = machine.images.filter((_, index) => !hasImage(log, index)).length;
  if (machine.images.length > 0) rows.push(['images', imagesText(path, machine.images.length, outside)]);
  const from = beginsAtSnapshot(machine) ? ', of which a snapshot has the first' : '';
  const guestTime = `${seconds(summary.guestSeconds * 1e9)} s of guest time`;
  rows.push(['run', `${count(summary.lastTick)} ticks, ${guestTime}${from}`]);
  const { end } = summary;
  const cutOff = `cut off while recording, ${summary.trailingBytes} bytes after the last whole frame`;
  rows.push([
    'end',
    end === null ? cutOff : `${plain(end.reason)} at tick ${count(end.tick)}, hash ${end.hash ?? 'none'}`,
  ]);
  for (const { class: kindOf, kind, count: number } of summary.events) {
    rows.push([kindOf, `${count(number)} ${kind}`]);
  }
  for (const { kind, count: number, bytes } of summary.frames) {
    rows.push(['frames', `${number} ${kind}, ${count(bytes)} bytes`]);
  }
  return rows;
}
