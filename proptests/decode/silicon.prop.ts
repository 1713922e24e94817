/**
 * What the decoder calls #UD, #GP or truncated, against the host processor through the silicon witness: reserved and
 * undocumented encodings, mandatory prefixes, and instructions cut off by an unmapped page. Extensions that the host
 * has and our processor lacks are not among them, nor UD0 and UD1, which AMD fetches without their ModRM byte.
 */
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DECODE_GP, DECODE_TRUNCATED, DECODE_UD, decodeInstruction } from '../../src/core/isa/decode.ts';
import { RECORD_WORDS } from '../../src/core/isa/record.ts';
import { isImitated } from '../support/imitated.ts';
import { bytesOf, CODE, DATA, scenario } from '../witnesses/silicon/scenario.ts';
import { openWitness, witnessAvailable } from '../witnesses/silicon/witness.ts';

const ANYWHERE = (
  'f30ffcc1 f20ffcc1 0f0dc0 0f0d00 0f18c0 0f19c0 0f1ac0 0f1bc0 0f1ec0 0f1fc0 0f1838 f30f77 f20f77 660f77 660faee8 ' +
  '0faee9 ' +
  '0faef1 0faeff f30fc303 660fc303 660fc70b f30fc70b f20fc70b d9d1 d9e2 d9e6 d9ef dbe5 dbe4 dbe0 dbe1 dbe6 dbf8 dfe1 ' +
  'dfe8 ded8 dae0 dae9 daea ddf0 ddc8 ddf8 dcd0 ded0 ded9 deda dfc0 dfc8 dfd0 dfd8 dff8 dbc0 c6c800 fef8 fed0 fff8 ' +
  'ffd8 ffe8 0f24c0 0f0a 0f04 0f36 0fa6c0 0fa7c0 0fb8c1 0f7ac0 0f71c005 0f71d005 0f73d805 660f73d805 0f72e005 ' +
  '0f73e005 660f6cc1 0f6cc1 0fd6c1 f30fd6c1 f20fd6c1 0ff003 f20ff003 f20ff0c1 0fe7c1 660fe7c1 0f12c1 660f12c1 0f13c1 ' +
  '0f2bc1 0f50c1 0f5003 f30f50c1 f30fc6c100 f20fc6c100 f30f28c1 f20f28c1 f30f54c1 f20f51c1 f30f52c1 f20f52c1 ' +
  '660f52c1 ' +
  '0fc40000 0fc5c100 0fc50000 f30f70c100 0fae3b f0f7d8 f0830301 f08d03 0f00f0 0f00f8 0fbac001 0fbad801 660f10c1 ' +
  '66f30f10c1 66f20f10c1 f3f20f10c1 f2f30f10c1 f3660f10c1 d6 820301 f6c801 f7c801000000 d0f0 c0f001 f290 f390 ' +
  '8cf0 8ef0 8ec8'
).split(' ');

/** At the end of the last page: what follows faults when it is fetched. */
const PAGE_END = (
  '0f0b fff8 ff ffb8 ff3d 0f01 0f04 f0 f00fa2 f08d83 f08b f0b8 0fc7 0fc783 0f71 0f7100 8f 8f48 c6 c608 c648 0f0d ' +
  '0f0dc0 ' +
  'f0c78300 0f0a 0fae 0fae25 f30ffc 8e 8ec8 8e8b 8ef0 d9 d9d1 d90d 0f24 0f20'
)
  .split(' ')
  .concat([`${'66'.repeat(13)}0f`, '66'.repeat(14), `${'66'.repeat(14)}0f`, '66'.repeat(15)]);

/** Intel's processors take PREFETCHW of a register for a NOP. */
const DIFFERS_BY_PROCESSOR = ['0f0dc0'];

const EXPECTED: Readonly<Record<number, string>> = {
  [DECODE_UD]: 'vector 6',
  [DECODE_GP]: 'vector 13',
  [DECODE_TRUNCATED]: 'vector 14',
};

const reason = witnessAvailable();

test('the host processor draws the same line', { skip: reason ?? false }, async () => {
  const witness = await openWitness();
  const leftOut = isImitated(witness.processor) ? [] : DIFFERS_BY_PROCESSOR;
  const cases = [
    ...ANYWHERE.map((hex) => ({ hex, atEnd: false })),
    ...PAGE_END.map((hex) => ({ hex, atEnd: true })),
  ].filter(({ hex }) => !leftOut.includes(hex));
  const registers = { eax: DATA, ebx: DATA + 0x100 };
  const results = await witness.run(
    cases.map(({ hex, atEnd }) =>
      scenario({ code: hex, registers, at: atEnd ? CODE + PAGE_BYTES - hex.length / 2 : CODE }),
    ),
  );
  witness.close();
  const differences: string[] = [];
  results.forEach((result, i) => {
    const { hex, atEnd } = cases[i];
    const bytes = bytesOf(atEnd ? hex : hex + 'f4'.repeat(16));
    const length = decodeInstruction(bytes, 0, bytes.length, true, new Int32Array(RECORD_WORDS), 0);
    const silicon = result.stop === 'fault' ? `vector ${result.fault?.vector}` : result.stop;
    const agree = length > 0 ? silicon !== EXPECTED[DECODE_UD] || hex === '0f0b' : silicon === EXPECTED[length];
    if (!agree)
      differences.push(`${hex}${atEnd ? ' at the end of a page' : ''}: decoded ${length}, silicon ${silicon}`);
  });
  assert.deepEqual(differences, []);
});
