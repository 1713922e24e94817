// `reprise info LOG`: what a log says about its machine and its run, and what it holds. Decodes every frame, so it also
// shows that all of them can be; names in a log are untrusted and shown without control characters.

import type { LogReader } from '../../core/log/log.ts';
import { summarizeLog, type LogSummary } from '../../core/log/log-summary.ts';
import { isQuirk, QUIRKS } from '../../core/log/quirks.ts';
import { LogError } from '../../core/log/log-error.ts';
import { hasImage } from '../../core/log/log-images.ts';
import type { Arguments } from './args.ts';
import { logProblem, openLogFile } from '../node/log-file.ts';
import { count, seconds } from '../node/progress.ts';
import { loadColors, printJson } from './report.ts';

export async function infoCommand(args: Arguments): Promise<number> {
  const [path] = args.positionals;
  const log = openLogFile(path, args.has('salvage'));
  let summary: LogSummary;
  try {
    summary = summarizeLog(log);
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    throw error;
  }
  if (args.has('json')) {
    const { machine, creator } = log.header;
    const embedded = machine.images.map((_, index) => hasImage(log, index));
    printJson({ log: path, creator, machine, embedded, ...summary });
    return 0;
  }
  const colors = await loadColors(args.has('no-color'), process.stdout);
  const rows = infoRows(path, log, summary);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  for (const [name, text] of rows) process.stdout.write(`${colors.bold(name.padEnd(width))}${text}\n`);
  return 0;
}

/** Names come from an untrusted log: only printable text reaches the terminal. */
function plain(text: string): string {
  const shown = JSON.stringify(text).slice(1, -1);
  return shown.replace(/[\x7f-\x9f]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
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
  rows.push(['run', `${count(summary.lastTick)} ticks, ${seconds(summary.guestSeconds * 1e9)} s of guest time`]);
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
