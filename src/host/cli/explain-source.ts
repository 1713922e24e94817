// Where `reprise explain` has its bytes from: digits on the command line or standard input, a file at an offset, or the
// code that is about to run at a moment of a recording (LOG@POSITION). What is wrong with it is one sentence.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UsageError } from '../../core/base/usage-error.ts';
import { LogError } from '../../core/log/log-error.ts';
import { peekBytes } from '../../core/memory/peek.ts';
import { SessionError } from '../../core/session/session.ts';
import { MODE_CS32, MODE_KEY } from '../../core/state/layout.ts';
import { mistakeText } from '../../core/timeline/expression.ts';
import { goTo, parsePosition, PositionError } from '../../core/timeline/positions.ts';
import { finish, Timeline } from '../../core/timeline/timeline.ts';
import { readBookmarks } from '../../core/timeline/bookmarks.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';
import { linearEip } from '../debugger/views.ts';
import { CommandError } from '../node/errors.ts';
import { findImages } from '../node/find-images.ts';
import { whyUnreadable } from '../node/images.ts';
import { logProblem, openLogFile, sessionProblem } from '../node/log-file.ts';
import type { Arguments } from './args.ts';
import { givenImages } from './replay-command.ts';
import { say } from './report.ts';

const BYTES_MAX = 4096;
/** Of a moment in a recording, unless --count says otherwise. */
const RECORDED_COUNT = 8;
/** From EIP on: more instructions than these bytes hold nobody asks for. */
const RECORDED_BYTES = 1024;

export interface Source {
  readonly bytes: Uint8Array;
  readonly bits: 16 | 32;
  /** Linear address of the first byte, where it has one. */
  readonly address: number | null;
  /** Instructions at most. */
  readonly countMax: number;
}

function readHex(text: string, what: string): Uint8Array {
  const digits = text.replace(/0x|[\s,]/gi, '');
  if (digits === '' || !/^[0-9a-f]+$/i.test(digits)) {
    const advice = what === 'standard input' ? '; --raw takes bytes as they are' : '';
    const given = `"${text.slice(0, 40)}" of ${what}${advice}`;
    throw new UsageError(`reprise explain wants bytes as hexadecimal digits such as 8b4508, not ${given}.`);
  }
  if (digits.length % 2 !== 0) {
    throw new UsageError(
      `reprise explain wants two hexadecimal digits for each byte, and "${text.slice(0, 40)}" has an odd one.`,
    );
  }
  if (digits.length > BYTES_MAX * 2) throw new UsageError(`reprise explain takes at most ${BYTES_MAX} bytes at once.`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

async function readStandardInput(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece as Buffer);
    size += (piece as Buffer).length;
    // Digits may have spaces between them; more than this is a mistake.
    if (size > 64 * BYTES_MAX) throw new UsageError(`reprise explain takes at most ${BYTES_MAX} bytes at once.`);
  }
  return Buffer.concat(pieces);
}

function readPart(path: string, offset: number, wanted: number): Uint8Array {
  let file = -1;
  try {
    file = openSync(path, 'r');
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw new CommandError(`${path} is a directory: give a file with code in it.`);
    if (stat.isFile() && offset >= stat.size) {
      throw new CommandError(`${path} has ${stat.size} bytes: --offset ${offset} lies behind them.`);
    }
    const bytes = new Uint8Array(wanted);
    return bytes.slice(0, readSync(file, bytes, 0, wanted, offset));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} cannot be used, ${whyUnreadable(error)}: give a file with code in it.`);
  } finally {
    if (file >= 0) closeSync(file);
  }
}

async function readRecorded(args: Arguments, path: string, place: string): Promise<Source> {
  const log = await openLogFile(args, path);
  try {
    const images = findImages({ log, path, given: givenImages(args), warn: (text) => say(`explain: ${text}`) });
    const timeline = new Timeline({ log, images, makeEngine: await loadEngine(DEFAULT_ENGINE) });
    const bookmarks = readBookmarks(log);
    const markOf = (name: string) => bookmarks.find((each) => each.name === name)?.position;
    finish(goTo(timeline, parsePosition(place), markOf));
    const { cpu } = timeline.machine;
    const bytes = new Uint8Array(RECORDED_BYTES);
    const address = linearEip(cpu);
    const got = peekBytes(cpu, address, bytes);
    if (got === 0) throw new CommandError(`${path}: no code is mapped at EIP there (0x${address.toString(16)}).`);
    const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
    return { bytes: bytes.subarray(0, got), bits, address, countMax: args.number('count') ?? RECORDED_COUNT };
  } catch (error) {
    if (error instanceof LogError) throw logProblem(path, error);
    if (error instanceof SessionError) throw sessionProblem(path, error);
    if (error instanceof PositionError) throw new CommandError(`${path}: ${mistakeText(error)}`);
    throw error;
  }
}

/** Throws UsageError or CommandError. */
export async function readSource(args: Arguments): Promise<Source> {
  const [given] = args.positionals;
  const path = args.text('file');
  const bits = args.text('bits') === '16' ? 16 : 32;
  const countMax = args.number('count') ?? Number.POSITIVE_INFINITY;
  const plain = (bytes: Uint8Array): Source => ({ bytes, bits, address: null, countMax });
  if (path !== undefined) {
    if (given !== undefined) throw new UsageError('reprise explain takes --file or HEX, not both: leave one out.');
    return plain(readPart(path, args.number('offset') ?? 0, args.number('length') ?? 64));
  }
  for (const option of ['offset', 'length']) {
    if (args.has(option)) throw new UsageError(`--${option} is a place in a file: give --file FILE too.`);
  }
  if (given === undefined) {
    throw new UsageError('reprise explain needs HEX, - for standard input, LOG@POSITION or --file FILE.');
  }
  if (given === '-') {
    const bytes = await readStandardInput();
    return plain(args.has('raw') ? bytes.subarray(0, BYTES_MAX) : readHex(bytes.toString('latin1'), 'standard input'));
  }
  if (args.has('raw')) throw new UsageError('--raw is about standard input: give - in the place of HEX.');
  const recorded = /^(.+?)@(.+)$/s.exec(given);
  if (recorded !== null) return await readRecorded(args, recorded[1], recorded[2]);
  return plain(readHex(given, 'the command line'));
}
