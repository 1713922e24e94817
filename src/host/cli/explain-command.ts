// `reprise explain HEX`: which row of the instruction table bytes belong to, what they decode to, how another decoder
// (iced-x86) spells them, and what the compiling engines make of them: IR, IR after each pass, JavaScript
// and WebAssembly.

import { explainBytes } from '../../core/isa/describe.ts';
import { decodeInstruction } from '../../core/isa/decode.ts';
import { RECORD_WORDS } from '../../core/isa/record.ts';
import { explainTiers } from '../../../tiers/explain.ts';
import type { Arguments } from './args.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { printJson } from './report.ts';

const BYTES_MAX = 4096;

function readHex(text: string): Uint8Array {
  const digits = text.replace(/0x|[\s,]/gi, '');
  if (digits === '' || !/^[0-9a-f]+$/i.test(digits)) {
    throw new UsageError(`reprise explain wants bytes as hexadecimal digits such as 8b4508, not "${text}".`);
  }
  if (digits.length % 2 !== 0) {
    throw new UsageError(`reprise explain wants two hexadecimal digits for each byte, and "${text}" has an odd one.`);
  }
  if (digits.length > BYTES_MAX * 2) throw new UsageError(`reprise explain takes at most ${BYTES_MAX} bytes at once.`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

export async function explainCommand(args: Arguments): Promise<number> {
  const bytes = readHex(args.positionals[0]);
  const bits = args.text('bits') === '16' ? 16 : 32;
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax } = await import('iced-x86');
  const formatter = new Formatter(FormatterSyntax.Intel);
  const code = new Int32Array(RECORD_WORDS);
  const explained: { offset: number; length: number; iced: string; text: string }[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = decodeInstruction(bytes, offset, bytes.length, bits === 32, code, 0);
    const decoder = new Decoder(bits, bytes.slice(offset), DecoderOptions.None);
    const instruction = decoder.decode();
    const iced = formatter.format(instruction);
    instruction.free();
    decoder.free();
    explained.push({
      offset,
      length: Math.max(length, 0),
      iced,
      text: explainBytes(bytes, offset, bytes.length, bits === 32),
    });
    if (length <= 0) break;
    offset += length;
  }
  formatter.free();
  const tiers = args.has('rows') ? null : explainTiers(bytes.subarray(0, explainedBytes(explained)), bits);
  if (args.has('json')) printJson({ bits, instructions: explained, ...(tiers === null ? {} : { tiers }) });
  else process.stdout.write(`${explained.map(({ text, iced }) => `${text}\niced-x86   ${iced}\n`).join('\n')}`);
  if (tiers !== null && !args.has('json')) {
    const last = tiers.passes.length - 1;
    const passes = tiers.passes
      .map(({ name, text }, i) => `\n${i === last ? 'Optimised IR, after' : 'IR after'} ${name}\n${text}`)
      .join('');
    const compiled = tiers.compiled.map(({ name, text }) => `\n${name}\n${text}\n`).join('');
    const inlined = tiers.inlined.join('\n');
    process.stdout.write(`\nCases of the interpreter\n${inlined}\n\nIR\n${tiers.lifted}${passes}${compiled}`);
  }
  return 0;
}

/** Bytes that decoded. */
function explainedBytes(explained: readonly { offset: number; length: number }[]): number {
  const last = explained.at(-1);
  return last === undefined ? 0 : last.offset + last.length;
}
