/**
 * The edges of decoding: windows that end inside an instruction, the limit of 15 bytes, LOCK, and what of the record
 * and the arena is written. SDM vol. 2, 2.1 and vol. 3, 6.15 (#UD, #GP).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DECODE_GP, DECODE_TRUNCATED, DECODE_UD, decodeInstruction } from '../../src/core/isa/decode.ts';
import { META_LOCK, META_REP, META_REPNE, R_HOT, R_META, R_POSITION, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { hexOf } from './iced.ts';
import { Judged } from '../support/judged.ts';

const seed = 20_041;
const code = new Int32Array(RECORD_WORDS);
const decode = (bytes: readonly number[], available = bytes.length, cs32 = true): number =>
  decodeInstruction(Uint8Array.from(bytes), 0, available, cs32, code, 0);

const bytes = fc.uint8Array({ minLength: 15, maxLength: 15 });

test('a window that ends inside an instruction is truncated, whatever lies behind it', () => {
  const judged = new Judged('instructions');
  fc.assert(
    fc.property(bytes, fc.boolean(), (sequence, cs32) => {
      const whole = new Int32Array(RECORD_WORDS);
      const length = decodeInstruction(sequence, 0, 15, cs32, whole, 0);
      if (length < 0) return;
      judged.add();
      for (let available = 0; available < length; available++) {
        assert.equal(decodeInstruction(sequence, 0, available, cs32, code, 0), DECODE_TRUNCATED, hexOf(sequence));
      }
      for (let available = length; available < 15; available++) {
        const padded = Uint8Array.from(sequence).fill(0xcc, length);
        assert.equal(decodeInstruction(padded, 0, available, cs32, code, 0), length, hexOf(sequence));
        assert.deepEqual(code, whole, hexOf(sequence));
      }
    }),
    { seed, numRuns: 3000 },
  );
  judged.atLeast(1500);
});

test('an instruction decodes the same at any place of a larger window and arena', () => {
  const judged = new Judged('instructions');
  fc.assert(
    fc.property(bytes, fc.nat(40), fc.nat(3), (sequence, offset, slot) => {
      const whole = new Int32Array(RECORD_WORDS);
      const length = decodeInstruction(sequence, 0, 15, true, whole, 0);
      const window = new Uint8Array(80).fill(0xf0);
      window.set(sequence, offset);
      const arena = new Int32Array(4 * RECORD_WORDS).fill(-77);
      whole[R_HOT] = -77;
      assert.equal(decodeInstruction(window, offset, 80 - offset, true, arena, slot * RECORD_WORDS), length);
      const record = arena.subarray(slot * RECORD_WORDS, (slot + 1) * RECORD_WORDS);
      if (length > 0) {
        judged.add();
        assert.deepEqual(record, whole);
        assert.equal(whole[R_POSITION], length << 16);
      }
      arena.forEach((word, i) => {
        if (i >> 3 !== slot) assert.equal(word, -77, `word ${i} of the arena was touched`);
      });
    }),
    { seed, numRuns: 3000 },
  );
  judged.atLeast(1500);
});

test('fifteen bytes are the limit, and prefixes count', () => {
  const nop = (prefixes: number): number[] => [...new Array(prefixes).fill(0x66), 0x90, 0, 0, 0];
  assert.equal(decode(nop(14)), 15);
  assert.equal(decode(nop(15)), DECODE_GP);
  assert.equal(decode(new Array(16).fill(0x2e)), DECODE_GP);
  assert.equal(decode(new Array(15).fill(0x2e)), DECODE_GP, 'a run of 15 prefixes is too long whatever follows');
  assert.equal(decode(new Array(14).fill(0x2e)), DECODE_TRUNCATED);
  assert.equal(decode(nop(14), 14), DECODE_TRUNCATED);
  // mov dword [eax+ecx*4+disp32], imm32 has 11 bytes
  const long = [0xc7, 0x84, 0x88, 1, 2, 3, 4, 5, 6, 7, 8];
  assert.equal(decode([0x3e, 0x3e, 0x3e, 0x3e, ...long]), 15);
  assert.equal(decode([0x3e, 0x3e, 0x3e, 0x3e, 0x3e, ...long]), DECODE_GP);
});

test('LOCK is legal on the read-modify-write instructions with a memory destination only', () => {
  const legal: (readonly number[])[] = [];
  for (let opcode = 0; opcode < 512; opcode++) {
    const head = opcode < 256 ? [opcode] : [0x0f, opcode - 256];
    if ([0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(opcode)) continue;
    for (let reg = 0; reg < 8; reg++) {
      assert.ok(decode([0xf0, ...head, 0xc0 | (reg << 3), 0, 0, 0, 0, 0, 0, 0]) < 0, `register form of ${head}`);
      if (decode([0xf0, ...head, reg << 3, 0, 0, 0, 0, 0, 0, 0]) > 0) {
        legal.push([...head, reg]);
        assert.ok((code[R_META] & META_LOCK) !== 0);
      }
    }
  }
  // SDM vol. 2, LOCK: ADD ADC AND BTC BTR BTS CMPXCHG CMPXCHG8B DEC INC NEG NOT OR SBB SUB XOR XADD XCHG.
  const wanted: (readonly number[])[] = [];
  const every = (head: readonly number[], regs = [0, 1, 2, 3, 4, 5, 6, 7]): void => {
    for (const reg of regs) wanted.push([...head, reg]);
  };
  for (const group of [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30]) {
    every([group]);
    every([group + 1]);
  }
  for (const opcode of [0x80, 0x81, 0x82, 0x83]) every([opcode], [0, 1, 2, 3, 4, 5, 6]);
  every([0x86]);
  every([0x87]);
  for (const opcode of [0xf6, 0xf7]) every([opcode], [2, 3]);
  for (const opcode of [0xfe, 0xff]) every([opcode], [0, 1]);
  for (const opcode of [0xab, 0xb0, 0xb1, 0xb3]) every([0x0f, opcode]);
  every([0x0f, 0xba], [5, 6, 7]);
  for (const opcode of [0xbb, 0xc0, 0xc1]) every([0x0f, opcode]);
  every([0x0f, 0xc7], [1]);
  assert.deepEqual(legal, wanted);
});

test('reserved encodings are #UD', () => {
  const reserved: Record<string, number[]> = {
    'LEA of a register': [0x8d, 0xc0],
    'LES of a register (VEX)': [0xc4, 0xc0, 0, 0],
    'LDS of a register (VEX)': [0xc5, 0xc0, 0, 0],
    'BOUND of a register (EVEX)': [0x62, 0xc0, 0, 0],
    'POP /1 (XOP)': [0x8f, 0x08, 0, 0],
    'MOV to CS': [0x8e, 0xc8],
    'MOV to segment 6': [0x8e, 0xf0],
    'MOV from segment 7': [0x8c, 0xf8],
    'MOV from CR1': [0x0f, 0x20, 0xc8],
    'MOV to CR5': [0x0f, 0x22, 0xe8],
    'MOV to TR (386)': [0x0f, 0x26, 0xc0],
    'group 5 /7': [0xff, 0xf8],
    'CALL FAR of a register': [0xff, 0xd8],
    'JMP FAR of a register': [0xff, 0xe8],
    'group 4 /2': [0xfe, 0x10],
    'group 11 /1': [0xc6, 0x08, 0],
    'CMPXCHG8B of a register': [0x0f, 0xc7, 0xc8],
    'group 8 /0': [0x0f, 0xba, 0xc0, 1],
    'LGDT of a register': [0x0f, 0x01, 0xd0],
    MONITOR: [0x0f, 0x01, 0xc8],
    'PSHUFB (SSSE3)': [0x0f, 0x38, 0x00, 0xc1],
    POPCNT: [0xf3, 0x0f, 0xb8, 0xc1],
    '3DNow!': [0x0f, 0x0f, 0xc1, 0x9e],
    SYSCALL: [0x0f, 0x05],
    'FST to D9 /1': [0xd9, 0x08],
    'MMX with REP': [0xf3, 0x0f, 0xfc, 0xc1],
    'MOVLPD between registers': [0x66, 0x0f, 0x12, 0xc1],
  };
  for (const [name, sequence] of Object.entries(reserved)) {
    assert.equal(
      decode([...sequence, 0, 0, 0, 0, 0, 0]),
      DECODE_UD,
      `${name}: reprise explain ${hexOf(Uint8Array.from(sequence))}`,
    );
  }
});

test('a reserved encoding is fetched whole before it is #UD', () => {
  const reserved = [
    'ff b8 1 2 3 4',
    '0f c7 83 1 2 3 4',
    '0f 71 00 5',
    'c6 48 1 2',
    'f3 0f fc 43 1',
    '8e 8b 1 2 3 4',
    'd9 0d 1 2 3 4',
  ];
  for (const text of reserved) {
    const sequence = text.split(' ').map((byte) => Number.parseInt(byte, 16));
    assert.equal(decode(sequence), DECODE_UD, text);
    for (let available = 0; available < sequence.length; available++) {
      assert.equal(decode(sequence, available), DECODE_TRUNCATED, text);
    }
  }
  assert.equal(decode([0x0f, 0x04]), DECODE_UD, 'an opcode without any instruction has no ModRM byte');
});

test('of F2 and F3 the last one counts', () => {
  decode([0xf2, 0xf3, 0xa4]);
  assert.equal(code[R_META] & (META_REP | META_REPNE), META_REP);
  decode([0xf3, 0xf2, 0xa4]);
  assert.equal(code[R_META] & (META_REP | META_REPNE), META_REPNE);
});
