/**
 * The assembler: whatever the decoder yields encodes back to the same record in no more bytes, iced-x86 reads the
 * encodings as we do, and sources give the bytes that the manual's encodings add up to. Errors name line and cause.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { assemble } from '../../src/core/isa/assemble.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { instructionText } from '../../src/core/isa/describe.ts';
import { encodeInstruction } from '../../src/core/isa/encode.ts';
import { OP } from '../../src/core/isa/ops.ts';
import {
  KIND_MEMORY,
  META_KIND_A_SHIFT,
  META_KIND_B_SHIFT,
  META_OP_MASK,
  R_EA,
  R_IMM,
  R_META,
  R_POSITION,
  RECORD_WORDS,
} from '../../src/core/isa/record.ts';
import { type Bits, disagreement, hexOf } from './iced.ts';
import { IMPLIED_SOURCE, reencoding } from './operands.ts';
import { Judged } from '../support/judged.ts';

const seed = 20_042;
const PREFIXES = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]);
const first = new Int32Array(RECORD_WORDS);
const second = new Int32Array(RECORD_WORDS);

/** Encode the record in `first` again and compare; returns the bytes. */
function roundTrip(bytes: Uint8Array, bits: Bits, length: number): Uint8Array {
  const { name, operands, options } = reencoding(first, bits, length);
  const encoded = Uint8Array.from(encodeInstruction(name, operands, options));
  const note = `${bits}-bit ${hexOf(bytes)} ${instructionText(first, 0)} became ${hexOf(encoded)}`;
  assert.equal(decodeInstruction(encoded, 0, encoded.length, bits === 32, second, 0), encoded.length, note);
  const isBranch = /^(JMP|JCC|CALL|LOOP|LOOPE|LOOPNE|JCXZ)$/.test(name);
  if (!isBranch) assert.ok(encoded.length <= length, `${note}: longer`);
  const wanted = Int32Array.from(first);
  wanted[R_POSITION] = second[R_POSITION];
  // The last opcode that the x87 remembers tells aliases and longer ModRM forms apart.
  if ((bytes.find((byte) => !PREFIXES.has(byte)) ?? 0) >> 3 === 0x1b) wanted[R_IMM] = second[R_IMM];
  const kinds = [(first[R_META] >> META_KIND_A_SHIFT) & 15, (first[R_META] >> META_KIND_B_SHIFT) & 15];
  // A segment prefix without a memory operand says nothing.
  if (!kinds.includes(KIND_MEMORY) && !IMPLIED_SOURCE.test(name)) wanted[R_EA] = second[R_EA];
  // A branch without its useless prefixes starts from elsewhere, and may then need more bytes.
  if (/^(JMP|JCC|CALL|LOOP|LOOPE|LOOPNE|JCXZ)$/.test(name))
    wanted[R_IMM] = (wanted[R_IMM] + length - encoded.length) | 0;
  assert.equal(second.join(), wanted.join(), note);
  return encoded;
}

test('every decodable opcode and ModRM byte encodes back to its record', () => {
  for (const bits of [16, 32] as const) {
    for (const prefixes of [[], [0x66], [0xf2], [0xf3], [0x67], [0xf0], [0x64]]) {
      for (let opcode = 0; opcode < 512; opcode++) {
        for (let modrm = opcode & 15; modrm < 256; modrm += 13) {
          const head = opcode < 256 ? [opcode] : [0x0f, opcode - 256];
          const sib = (modrm * 29 + opcode) & 0xff;
          const bytes = Uint8Array.of(
            ...prefixes,
            ...head,
            modrm,
            sib,
            0x11,
            0x92,
            0x13,
            0x94,
            0x15,
            0x16,
            0x17,
            0x18,
            0x19,
          );
          const length = decodeInstruction(bytes, 0, bytes.length, bits === 32, first, 0);
          if (length > 0) roundTrip(bytes, bits, length);
        }
      }
    }
  }
});

test('random instructions encode back, and iced-x86 reads the result as we do', () => {
  const judged = new Judged('instructions');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 15, maxLength: 15 }), fc.constantFrom<Bits>(16, 32), (bytes, bits) => {
      const length = decodeInstruction(bytes, 0, 15, bits === 32, first, 0);
      if (length <= 0) return;
      judged.add();
      assert.equal(disagreement(roundTrip(bytes, bits, length), bits), undefined);
    }),
    { seed, numRuns: 6000 },
  );
  judged.atLeast(3000);
});

const hex = (source: string, bits: Bits = 32): string => hexOf(assemble(source, { bits }).bytes);

test('sources give the bytes of the manual', () => {
  const cases: [string, string][] = [
    ['mov eax, 1', 'b8 01 00 00 00'],
    ['add ecx, -1', '83 c1 ff'],
    ['add eax, 0x12345', '05 45 23 01 00'],
    ['mov ds, ax', '8e d8'],
    ['mov cr0, eax', '0f 22 c0'],
    ['mov eax, dr7', '0f 21 f8'],
    ['mov byte [ebx+ecx*4+8], 5', 'c6 44 8b 08 05'],
    ['mov eax, [fs:0x10]', '64 a1 10 00 00 00'],
    ['mov eax, [bx+si]', '67 8b 00'],
    ['lea eax, [eax+eax*4]', '8d 04 80'],
    ['lea ecx, [edx*4]', '8d 0c 95 00 00 00 00'],
    ['lea ecx, [esp]', '8d 0c 24'],
    ['push 5', '6a 05'],
    ['push word 5', '66 6a 05'],
    ['push es', '06'],
    ['imul ecx, 3', '6b c9 03'],
    ['shl eax, 1', 'd1 e0'],
    ['shl eax, cl', 'd3 e0'],
    ['shld eax, ebx, cl', '0f a5 d8'],
    ['rep movsd', 'f3 a5'],
    ['fs lodsb', '64 ac'],
    ['lock inc dword [eax]', 'f0 ff 00'],
    ['jmp far [eax]', 'ff 28'],
    ['jmp 8:0x1234', 'ea 34 12 00 00 08 00'],
    ['call far [eax]', 'ff 18'],
    ['iretw', '66 cf'],
    ['xchg eax, eax', '87 c0'],
    ['nop', '90'],
    ['pause', 'f3 90'],
    ['enter 8, 1', 'c8 08 00 01'],
    ['out dx, al', 'ee'],
    ['in eax, 0x70', 'e5 70'],
    ['cmovne eax, [ebx]', '0f 45 03'],
    ['setb [ebx]', '0f 92 03'],
    ['fadd dword [eax]', 'd8 00'],
    ['faddp', 'de c1'],
    ['fcom st3', 'd8 d3'],
    ['fsub st2, st0', 'dc ea'],
    ['fstsw ax', '9b df e0'],
    ['fldcw [eax]', 'd9 28'],
    ['movsd xmm1, [eax]', 'f2 0f 10 08'],
    ['paddb mm1, [eax]', '0f fc 08'],
    ['pslld xmm2, 4', '66 0f 72 f2 04'],
    ['pinsrw xmm1, eax, 3', '66 0f c4 c8 03'],
    ['lgdt [eax]', '0f 01 10'],
    ['db 1, "ab", 0x80 | 3, -1', '01 61 62 83 ff'],
    ['dw "a", 0x1234', '61 00 34 12'],
    ['dd 1 + 2 * 3, (1 + 2) * 3, 1 << 4, ~0', '07 00 00 00 09 00 00 00 10 00 00 00 ff ff ff ff'],
    ['dq -2', 'fe ff ff ff ff ff ff ff'],
    ['db 10h, 0b101, 1010b ; comment', ''],
    ['times 3 nop', '90 90 90'],
    ['resb 2', '00 00'],
    ['x equ 5\nmov al, x', 'b0 05'],
    ['a: jmp a', 'eb fe'],
    ['a: jmp near a', 'e9 fb ff ff ff'],
    ['a: .b: loop .b\nc: .b: jmp .b', 'e2 fe eb fe'],
    ['jmp x\ntimes 127 nop\nx:', `eb 7f${' 90'.repeat(127)}`],
    ['jmp x\ntimes 128 nop\nx:', `e9 80 00 00 00${' 90'.repeat(128)}`],
    ['org 0x7c00\nmov esi, m\nm: db 1\ndw $ - $$', 'be 05 7c 00 00 01 06 00'],
    ['nop\nalign 4\nnop', '90 90 90 90 90'],
    [
      '%define TWO 2\n%macro put 2\nmov %1, %2\n%%l: jmp %%l\n%endmacro\nput al, TWO\nput bl, 3',
      'b0 02 eb fe b3 03 eb fe',
    ],
    ['%define A\n%ifdef A\nnop\n%ifdef B\nhlt\n%else\ncli\n%endif\n%else\nsti\n%endif', '90 fa'],
  ];
  for (const [source, wanted] of cases) {
    if (wanted !== '') assert.equal(hex(source), wanted, source);
  }
  assert.equal(hex('mov ax, 1\nmov eax, 1\nbits 32\nmov ax, 1', 16), 'b8 01 00 66 b8 01 00 00 00 66 b8 01 00');
  assert.equal(hex('jmp dword 8:0x12345', 16), '66 ea 45 23 01 00 08 00');
  assert.equal(hex('mov al, [bp]\nmov al, [bx+di-2]\nmov al, [0x1234]', 16), '8a 46 00 8a 41 fe a0 34 12');
});

test('branches at the edge of a byte settle for any distance', () => {
  const judged = new Judged('branches');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 100, max: 130 }), { minLength: 1, maxLength: 12 }), (gaps) => {
      const source = gaps.map(
        (gap, i) => `l${i}: jz l${(i * 7 + 1) % gaps.length}\njmp l${(i + 1) % gaps.length}\ntimes ${gap} nop`,
      );
      const { bytes, symbols, lines } = assemble(source.join('\n'));
      const code = new Int32Array(RECORD_WORDS);
      for (const { address } of lines) {
        const length = decodeInstruction(bytes, address, bytes.length - address, true, code, 0);
        if ((code[R_META] & META_OP_MASK) === OP.NOP) continue;
        judged.add();
        const target = address + length + code[R_IMM];
        assert.ok([...symbols.values()].includes(target), source.join('\n'));
      }
    }),
    { seed, numRuns: 300 },
  );
  judged.atLeast(2 * 300);
});

test('mistakes are named with their line', () => {
  const cases: [string, RegExp][] = [
    ['nop\nmov eax, bl', /^line 2: mov: .*no encoding/],
    ['frobnicate eax', /^line 1: frobnicate is no instruction/],
    ['mov [eax], 5', /^line 1: mov: the size of the memory operand/],
    ['jmp nowhere', /^line 1: nowhere is not defined/],
    ['a: nop\na: nop', /^line 2: a is defined twice/],
    ['mov al, 300', /^line 1: mov: /],
    ['times -1 nop', /^line 1: times -1/],
    ['mov eax, [eax+bx]', /^line 1: 16- and 32-bit registers do not mix/],
    ['mov eax, [esp*2]', /^line 1: mov: esp cannot be a scaled index/],
    ['jmp short x\ntimes 200 nop\nx:', /^line 1: jmp: /],
    ['mov eax, (1', /^line 1: \) is missing/],
    ['nop\norg 5', /^line 2: org comes before/],
    ['db 1 2', /^line 1: 2 is one word too many/],
    ['%macro m 1\nnop', /^line 1: %macro m has no %endmacro/],
    ['%ifdef A\nnop', /^line 2: %ifdef has no %endif/],
    ['nop\n%else', /^line 2: %else has no %ifdef/],
    ['%ifdef 1\n%endif', /^line 1: %ifdef wants a name/],
    ['%macro m 0\nm\n%endmacro\nm', /nest too deeply/],
    ['times 1 << 30 nop', /16 MiB/],
    ['bits 64', /^line 1: bits is 16 or 32/],
    ['mov eax, `', /^line 1: ` is not readable/],
  ];
  for (const [source, message] of cases) {
    assert.throws(
      () => assemble(source),
      (error: Error) => error.name === 'AssemblyError' && message.test(error.message),
      `${source}: ${message}`,
    );
  }
});
