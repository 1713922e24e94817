// `reprise explain`: which row of the instruction table bytes belong to, what they decode to, how another decoder
// (iced-x86) spells them, which faults this form can raise, and what the compiling engines make of them: IR, IR after
// each pass, JavaScript and WebAssembly. Where the bytes come from is explain-source.ts.

import { explainInstruction, explanationText, type InstructionFacts } from '../../core/isa/describe.ts';
import { explainTiers } from '../../../tiers/explain.ts';
import type { Arguments } from './args.ts';
import { readSource } from './explain-source.ts';
import { printJson } from './report.ts';

interface Explained extends InstructionFacts {
  readonly offset: number;
  /** Linear address, of code in a recording. */
  readonly address?: number;
  readonly iced: string;
  readonly text: string;
}

export async function explainCommand(args: Arguments): Promise<number> {
  const { bytes, bits, address, countMax } = await readSource(args);
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax } = await import('iced-x86');
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  const explained: Explained[] = [];
  for (let offset = 0; offset < bytes.length && explained.length < countMax; ) {
    const decoder = new Decoder(bits, bytes.slice(offset), DecoderOptions.None);
    if (address !== null) decoder.ip = BigInt((address + offset) >>> 0);
    const instruction = decoder.decode();
    const iced = formatter.format(instruction);
    instruction.free();
    decoder.free();
    const facts = explainInstruction(bytes, offset, bytes.length, bits === 32);
    const place = address === null ? {} : { address: (address + offset) >>> 0 };
    explained.push({ offset, ...place, iced, ...facts, text: explanationText(facts, bits) });
    if (facts.problem !== null) break;
    offset += facts.length;
  }
  formatter.free();
  const last = explained.at(-1);
  const decodedBytes = last === undefined ? 0 : last.offset + (last.problem === null ? last.length : 0);
  const tiers = args.has('rows') ? null : explainTiers(bytes.subarray(0, decodedBytes), bits);
  if (args.has('json')) {
    printJson({
      bits,
      ...(address === null ? {} : { address }),
      instructions: explained,
      ...(tiers === null ? {} : { tiers }),
    });
    return 0;
  }
  const texts = explained.map((each) => {
    const place = each.address === undefined ? '' : `address    0x${each.address.toString(16).padStart(8, '0')}\n`;
    return `${place}${each.text}\niced-x86   ${each.iced}\n`;
  });
  process.stdout.write(texts.join('\n'));
  if (tiers === null) return 0;
  const passes = tiers.passes
    .map(
      ({ name, text }, i) => `\n${i === tiers.passes.length - 1 ? 'Optimised IR, after' : 'IR after'} ${name}\n${text}`,
    )
    .join('');
  const compiled = tiers.compiled.map(({ name, text }) => `\n${name}\n${text}\n`).join('');
  const inlined = tiers.inlined.join('\n');
  process.stdout.write(`\nCases of the interpreter\n${inlined}\n\nIR\n${tiers.lifted}${passes}${compiled}`);
  return 0;
}
