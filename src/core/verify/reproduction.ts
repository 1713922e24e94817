/**
 * What is handed on after a difference: a log of its own, with the images inside and the inputs up to the tick at which
 * the engines are apart, whose end frame holds the state that the reference reached there; and the text of a test that
 * runs it. The log holds no other check, so `replay` on the reference agrees with it and on the suspect does not.
 */
import { concatenate } from '../base/bytes.ts';
import type { FirstDifference } from './narrow.ts';
import { embedAll } from '../log/log-images.ts';
import { LogWriter, type LogReader } from '../log/log.ts';
import type { Images } from '../session/session.ts';
import { inputsOf } from '../log/timed-input.ts';

/** The bytes of the log. `creator` as in any header. */
export function reproductionLog(log: LogReader, images: Images, found: FirstDifference, creator: string): Uint8Array {
  const frames: Uint8Array[] = [];
  const { machine } = log.header;
  const manifest = { ...machine, options: { ...machine.options, 'hash-every': 0 } };
  const writer = new LogWriter((frame) => frames.push(frame), { creator, profile: 'inputs', machine: manifest });
  embedAll(writer, machine, images);
  const { tick, reason, root } = found.referenceOutcome;
  for (const input of inputsOf(log)) {
    if (input.tick >= tick) break;
    writer.input(input.tick, input.event);
  }
  // What a device ended, it ends again; everything else is an end that somebody chose.
  const isDeed = reason === 'power-off' || reason === 'debug-exit' || reason === 'shutdown';
  writer.end(tick, isDeed ? reason : 'max-ticks', root);
  return concatenate(frames);
}

const hexBytes = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/**
 * A test file that fails until the engines agree. `logPath` is where the reproduction will lie, relative to the test;
 * `names` are names of engines as the command line has them, `settings` what else the verification depends on.
 */
export function reproductionTest(
  found: FirstDifference,
  names: readonly string[],
  logPath: string,
  settings: Readonly<Record<string, number>>,
): string {
  const { instruction, suspect, reference } = found;
  const registers = found.differences.registers.filter(({ differs }) => differs).map(({ name }) => name);
  const more = Object.entries(settings)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
  const where = registers.length === 0 ? 'memory or devices' : registers.join(', ');
  return `/**
 * ${suspect} and ${reference} must do ${instruction.text} (${hexBytes(instruction.bytes)}) alike.
 * Found apart at tick ${instruction.tick}, eip ${(instruction.eip >>> 0).toString(16)}: ${where} differed.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { verify } from '../../src/library.ts';

test('${suspect} does ${instruction.text.replaceAll("'", '')} as ${reference} does', async () => {
  const log = readFileSync(new URL('${logPath}', import.meta.url));
  const engines = [${names.map((name) => `'${name}'`).join(', ')}];
  const verified = await verify(log, { engines, ${more} });
  assert.equal(verified.difference, null, verified.report);
});
`;
}
