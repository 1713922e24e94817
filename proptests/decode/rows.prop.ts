/**
 * The rows against themselves and against iced-x86: every encoding can be reached and belongs to one row, flags read,
 * written and left undefined are those of the manual, and what a row says of block ends and choices is complete.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RflagsBits } from 'iced-x86';
import { decodeInstruction, formAt } from '../../src/core/isa/decode.ts';
import { explainBytes, explainInstruction, instructionText } from '../../src/core/isa/describe.ts';
import { type Form, FORMS } from '../../src/core/isa/encoding.ts';
import { flagMask, OP, type OpName, ROWS, rowOf } from '../../src/core/isa/ops.ts';
import { META_OP_MASK, R_META, RECORD_WORDS } from '../../src/core/isa/record.ts';
import type { Row } from '../../src/core/isa/row.ts';
import { type Bits, hexOf, icedDecode } from './iced.ts';

const rows: readonly Row<OpName>[] = ROWS;
const code = new Int32Array(RECORD_WORDS);

interface Sample {
  readonly bytes: Uint8Array;
  readonly bits: Bits;
}

/** Byte sequences by the form they decode to: every condition, and immediates of 1 and 3. */
function samples(): Map<Form, Sample[]> {
  const found = new Map<Form, Sample[]>();
  for (const prefixes of [[], [0x66], [0xf3], [0xf2]]) {
    for (let opcode = 0; opcode < 512; opcode++) {
      for (let modrm = 0; modrm < 256; modrm++) {
        for (const immediate of [1, 3]) {
          const head = opcode < 256 ? [opcode] : [0x0f, opcode - 256];
          const bytes = Uint8Array.of(...prefixes, ...head, modrm, immediate, 0, 0, 0, immediate, 0, 0, 0, 0, 0);
          if (decodeInstruction(bytes, 0, bytes.length, true, code, 0) < 0) continue;
          const form = formAt(bytes, 0, bytes.length);
          assert.ok(form !== undefined && form.op === (code[R_META] & META_OP_MASK), hexOf(bytes));
          const list = found.get(form);
          if (list === undefined) found.set(form, [{ bytes, bits: 32 }]);
          else if (list.length < 4 || (form.low === 'cc' && modrm < 1)) list.push({ bytes, bits: 32 });
        }
      }
    }
  }
  return found;
}

const found = samples();

test('names are unique and row numbers fit the record', () => {
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
  assert.ok(rows.length <= META_OP_MASK + 1);
  rows.forEach((row, number) => {
    assert.equal(OP[row.name], number);
    assert.equal(rowOf(number), row);
  });
  assert.throws(() => rowOf(rows.length), /no instruction row/);
});

test('every encoding decodes to its own row', () => {
  const missing = FORMS.filter((form) => form !== undefined && !found.has(form)).map(
    (form) => `${form?.name} ${form?.text}`,
  );
  assert.deepEqual(missing, []);
});

const LETTERS = { O: 'OF', S: 'SF', Z: 'ZF', A: 'AF', P: 'PF', C: 'CF', D: 'DF', I: 'IF', K: 'AC' } as const;
const lettersOf = (bits: number): string =>
  Object.entries(LETTERS)
    .filter(([, name]) => (bits & RflagsBits[name]) !== 0)
    .map(([letter]) => letter)
    .join('');
const known = (letters: string): string =>
  Object.keys(LETTERS)
    .filter((letter) => letters.includes(letter))
    .join('');

/** Rows whose flags iced describes in another way, with the reason. */
const FLAG_DIFFERENCES: Partial<Record<OpName, string>> = {
  INT: 'delivery pushes EFLAGS and clears IF, AC (iced: as if nothing were read or written)',
  INT1: 'as INT',
  INT3: 'as INT',
  INTO: 'as INT',
  SHLD_CL: 'a count of 1 in CL writes OF, as the immediate does (iced: always undefined)',
  SHRD_CL: 'as SHLD_CL',
};

test('flags read, written and undefined are those that iced-x86 knows', () => {
  const differences: string[] = [];
  for (const row of rows) {
    const theirs = { read: 0, written: 0, undefined: 0 };
    for (const [form, list] of found) {
      if (form.name !== row.name) continue;
      for (const { bytes, bits } of list) {
        const instruction = icedDecode(bytes, bits);
        theirs.read |= instruction.rflagsRead;
        theirs.written |= instruction.rflagsWritten | instruction.rflagsCleared | instruction.rflagsSet;
        theirs.undefined |= instruction.rflagsUndefined;
        instruction.free();
      }
    }
    const wanted = [lettersOf(theirs.read), lettersOf(theirs.written), lettersOf(theirs.undefined)];
    const stated = [known(row.flags.read), known(row.flags.written), known(row.flags.undefined)];
    if (wanted.join() !== stated.join() && FLAG_DIFFERENCES[row.name] === undefined) {
      differences.push(`${row.name}: row ${stated.join(' | ')}, iced ${wanted.join(' | ')}`);
    }
  }
  assert.deepEqual(differences, []);
});

test('each undefined flag has a choice, and each choice an undefined flag', () => {
  for (const { name, flags } of rows) {
    const chosen = flags.choice === '' ? [] : flags.choice.split(' ');
    for (const choice of chosen) assert.match(choice, /^[OSZAPC]=(0|1|kept|result)$/, name);
    assert.equal(chosen.map((choice) => choice[0]).join(''), flags.undefined, name);
    for (const letters of [flags.read, flags.written, flags.undefined]) flagMask(letters);
  }
});

test('branches end a block, and so does whatever can open an interrupt window or change the mode', () => {
  for (const row of rows) if (row.kind === 'branch') assert.ok(row.endsBlock, row.name);
  const enders: OpName[] = [
    'STI',
    'POPF',
    'IRET',
    'MOV_TO_SREG',
    'POP_SREG',
    'LSS',
    'MOV_TO_CR',
    'LMSW',
    'WRMSR',
    'HLT',
  ];
  for (const name of [...enders, 'INS', 'OUTS', 'MOV_TO_DR'] as const) {
    assert.ok(rowOf(OP[name]).endsBlock, name);
  }
});

test('records print as one reads them in the manual', () => {
  const text = (hex: string, bits: Bits = 32): string => {
    const bytes = Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)));
    assert.equal(decodeInstruction(bytes, 0, bytes.length, bits === 32, code, 0), bytes.length, hex);
    return instructionText(code, 0);
  };
  assert.equal(text('f0 0f b1 4c 8b 10'), 'LOCK CMPXCHG dword [ds:ebx+ecx*4+0x10], ecx');
  assert.equal(text('f3 a4'), 'REP MOVS');
  assert.equal(text('0f 84 34 12 00 00'), 'JCC.z +0x1234');
  assert.equal(text('75 fe'), 'JCC.nz -0x2');
  assert.equal(text('d8 45 08'), 'FADD st0, dword [ss:ebp+0x8]');
  assert.equal(text('66 0f c5 c1 05'), 'PEXTRW eax, xmm1, 0x5');
  assert.equal(text('c8 10 00 02'), 'ENTER 0x10, 0x2');
  assert.equal(text('ea 00 11 22 33 44 55'), 'JMP_FAR 0x5544:0x33221100');
  assert.equal(text('6b c3 fb'), 'IMUL3 eax, ebx, 0xfffffffb');
  assert.equal(text('8b 40 fc', 16), 'MOV ax, word [ds:bx+si-0x4]');
  assert.equal(text('a1 fe ff', 16), 'MOV ax, word [ds:0xfffe]');
  assert.equal(text('cd 80'), 'INT 0x80');
  assert.equal(text('0f 22 d8'), 'MOV_TO_CR cr3, eax');
});

test('explain names faults only where the form can have them', () => {
  const faults = (text: string): string =>
    explainInstruction(Uint8Array.from(Buffer.from(text, 'hex')), 0, text.length / 2, true).faults.join(' ');
  const cases: readonly (readonly [code: string, faults: string])[] = [
    ['29d8', ''], // sub eax, ebx
    ['2918', 'GP PF AC'], // sub [eax], ebx
    ['295d00', 'SS PF AC'], // sub [ebp], ebx
    ['2818', 'GP PF'], // sub [eax], bl: a byte is always aligned
    ['f7f3', 'DE'], // div ebx
    ['f733', 'DE GP PF AC'], // div dword [ebx]
    ['8ed8', 'NP GP'], // mov ds, ax
    ['8ed0', 'SS GP'], // mov ss, ax
    ['0f28c1', 'UD NM'], // movaps xmm0, xmm1
    ['0f280424', 'UD NM SS GP PF AC'], // movaps xmm0, [esp]: misaligned
    ['8d00', ''], // lea eax, [eax]
    ['0f1f00', ''], // nop [eax]
    ['50', 'SS PF AC'], // push eax
    ['d9c0', 'NM MF'], // fld st0
    ['d900', 'NM GP PF MF AC'], // fld dword [eax]
    ['90', ''],
  ];
  for (const [code, wanted] of cases) {
    const [actual, expected] = [faults(code), wanted].map((list) => list.split(' ').sort().join(' '));
    assert.equal(actual, expected, code);
  }
});

test('explain says what is wrong with bytes that are no instruction', () => {
  const explain = (...bytes: number[]): string => explainBytes(Uint8Array.from(bytes), 0, bytes.length, true);
  assert.match(explain(0x0f, 0xff), /truncated/);
  assert.match(explain(0xff, 0xff), /#UD {8}no such instruction/);
  assert.match(explain(0xf0, 0x0f, 0xa2), /#UD {8}CPUID does not allow LOCK/);
  assert.match(explain(...new Array(15).fill(0x66)), /#GP\(0\)/);
  assert.match(
    explain(0x01, 0xd8),
    /encoding {3}01 \/r Ev,Gv lock\nrow {8}ADD \(plain\)\nflags {6}read none · written O S Z A P C/,
  );
});
