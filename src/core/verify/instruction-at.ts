/**
 * The instruction that a processor is about to do, as text and bytes: what reports of differences name. Reads memory
 * through the page tables and changes nothing that counts; the text is of this project's own decoder.
 */
import { decodeInstruction } from '../isa/decode.ts';
import { instructionText } from '../isa/describe.ts';
import { rowOf } from '../isa/ops.ts';
import { INSTRUCTION_BYTES_MAX, META_OP_MASK, R_META, RECORD_WORDS } from '../isa/record.ts';
import { peekBytes } from '../memory/peek.ts';
import type { Cpu } from '../state/cpu.ts';
import { CS, EIP, MODE_CS32, MODE_KEY, SEG_BASE } from '../state/layout.ts';

export interface InstructionAt {
  readonly tick: number;
  readonly eip: number;
  readonly linear: number;
  readonly bits: 16 | 32;
  /** From EIP on, 15 at most; fewer when the next page cannot be read. */
  readonly bytes: Uint8Array;
  /** Of the decoder of this project. */
  readonly text: string;
}

/** Whether control may go elsewhere behind the instruction, so that what runs in one piece ends with it. */
export function endsPiece({ bytes, bits }: InstructionAt): boolean {
  const code = new Int32Array(RECORD_WORDS);
  if (decodeInstruction(bytes, 0, bytes.length, bits === 32, code, 0) <= 0) return true;
  const { endsBlock, kind } = rowOf(code[R_META] & META_OP_MASK);
  return endsBlock || kind === 'branch';
}

/** The instruction at EIP, read through the page tables without changing anything that counts. */
export function instructionAt(cpu: Cpu, tick: number): InstructionAt {
  const { m32 } = cpu;
  const eip = m32[EIP];
  const linear = (eip + m32[SEG_BASE + CS]) | 0;
  const bits = (m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
  const ahead = new Uint8Array(INSTRUCTION_BYTES_MAX);
  const array = ahead.subarray(0, peekBytes(cpu, linear, ahead));
  const code = new Int32Array(RECORD_WORDS);
  const length = decodeInstruction(array, 0, array.length, bits === 32, code, 0);
  const text = length > 0 ? instructionText(code, 0) : 'no instruction that decodes';
  return { tick, eip, linear, bits, bytes: length > 0 ? array.subarray(0, length) : array, text };
}
