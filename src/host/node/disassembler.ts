// Guest instructions in the words of iced-x86, loaded only by those who print them: the package is large,
// and most verbs never need it.

import type { InstructionAt } from '../../core/verify/instruction-at.ts';

/** A function that gives the text of one instruction, or null for bytes that are none. */
export async function loadDisassembler(): Promise<(place: InstructionAt) => string | null> {
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax } = await import('iced-x86');
  return ({ bits, bytes, eip }) => {
    const decoder = new Decoder(bits, bytes, DecoderOptions.None);
    decoder.ip = BigInt(eip >>> 0);
    const formatter = new Formatter(FormatterSyntax.Intel);
    const instruction = decoder.decode();
    const text = instruction.isInvalid ? null : formatter.format(instruction);
    instruction.free();
    formatter.free();
    decoder.free();
    return text;
  };
}
