// Instructions in the words of iced-x86 (NASM's syntax, the one of the built-in guests), for listings. Loaded when a
// debugger starts. Bytes that iced-x86 takes for no instruction are shown as one bad byte, even where our decoder
// knows better: a listing is for people.

import type { Disassembler } from './views.ts';

type Iced = Pick<typeof import('iced-x86'), 'Decoder' | 'DecoderOptions' | 'Formatter' | 'FormatterSyntax'>;

/** `load`: another way to the package, where there is one. */
export async function loadListing(load: () => Iced | Promise<Iced> = () => import('iced-x86')): Promise<Disassembler> {
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax } = await load();
  const formatter = new Formatter(FormatterSyntax.Nasm);
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  return (bytes, address, bits) => {
    const decoder = new Decoder(bits, bytes, DecoderOptions.None);
    decoder.ip = BigInt(address >>> 0);
    const instruction = decoder.decode();
    const shown = instruction.isInvalid
      ? { text: '(bad)', length: 1 }
      : { text: formatter.format(instruction), length: instruction.length };
    instruction.free();
    decoder.free();
    return shown;
  };
}
