/**
 * Self tests of the silicon witness: facts about the processor that every manual states, seen through the whole chain
 * (build, protocol, entry, signal frame). They prove the instrument, not Reprise. Without a witness they are skipped by
 * name with the reason.
 */
import { EAX, EBX, ECX, EDX, ESP, RF } from '../../../src/core/state/layout.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CaseResult, FLAT_DATA, type Fault, fillDword, ldtSelector } from './case.ts';
import { CODE, DATA, DATA_END, DATA_FILL, hexOf, READ_ONLY, type Scenario, STACK_TOP, scenario } from './scenario.ts';
import { openWitness, type Witness, witnessAvailable } from './witness.ts';

const reason = witnessAvailable();
const skip = reason ?? false;
let witness: Witness;

before(async () => {
  if (!skip) witness = await openWitness();
});
after(() => witness?.close());

async function run(s: Scenario): Promise<CaseResult> {
  return (await witness.run([scenario(s)]))[0];
}

function assertFault(result: CaseResult, wanted: Partial<Fault> & { eip: number }): void {
  assert.equal(result.stop, 'fault', `expected a fault, got ${result.stop} ${result.reason}`);
  const { eip, ...fault } = wanted;
  assert.deepEqual({ ...result.fault, eip: result.eip }, { errorCode: 0, cr2: 0, ...fault, eip });
}

/** Flags of the manual's status group and DF, TF, AC. */
const STATUS = 0x8d5;

test('ADD sets the status flags', { skip }, async () => {
  const result = await run({ code: '01d8', registers: { eax: 0x7fffffff, ebx: 1 } });
  assert.equal(result.stop, 'completed');
  assert.equal(result.registers[EAX], 0x80000000);
  assert.equal(result.eflags & STATUS, 0x894, 'OF SF AF PF');
  assert.deepEqual(result.changes, []);
  assert.equal(result.eip, CODE + 2);
});

test('every register, flag and selector goes in and comes out', { skip }, async () => {
  const registers = {
    eax: 0x11111111,
    ecx: 0x22222222,
    edx: 0x33333333,
    ebx: 0x44444444,
    esp: 0x55555550,
    ebp: 0x66666666,
    esi: 0x77777777,
    edi: 0x88888888,
  };
  // An invalid operation is pending: AMD processors store the x87 pointers only then.
  const fx = (view: DataView) => {
    view.setUint16(0, 0x127e, true);
    view.setUint16(2, 0xb881, true);
    view.setUint8(4, 0x81);
    view.setUint16(6, 0x1d9, true);
    view.setUint32(8, 0x12345678, true);
    view.setUint32(16, 0x9abcdef0, true);
    view.setUint32(24, 0x7fbf, true);
    for (let i = 32; i < 288; i++) if (i >= 160 || (i & 15) < 10) view.setUint8(i, i * 7);
  };
  const result = await run({
    code: '',
    registers,
    eflags: 0x244ed7, // ID AC NT OF DF and all status flags
    descriptors: [{}, {}, {}, {}],
    selectors: { es: ldtSelector(0), ds: ldtSelector(1), fs: ldtSelector(2), gs: ldtSelector(3) },
    fx,
  });
  assert.equal(result.stop, 'completed');
  assert.deepEqual(result.registers, Object.values(registers));
  assert.equal(result.eflags, 0x244ed7);
  assert.deepEqual(result.selectors, { es: 7, cs: 0x23, ss: FLAT_DATA, ds: 15, fs: 23, gs: 31 });
  const sent = scenario({ code: '', fx }).fx as Uint8Array;
  assert.equal(hexOf(result.fx), hexOf(sent));
});

test('DIV by zero is #DE at the instruction, RF in the pushed flags', { skip }, async () => {
  const result = await run({ code: '40 f7f3', registers: { eax: 5 } });
  assertFault(result, { vector: 0, eip: CODE + 1 });
  assert.equal(result.registers[EAX], 6);
  assert.equal(result.eflags & RF, RF);
});

test('PUSH below the limit of a small stack segment is #SS(0) and leaves ESP', { skip }, async () => {
  const small = { base: STACK_TOP - 0x100, limit: 0xff };
  const fits = await run({
    code: '50',
    descriptors: [small],
    selectors: { ss: 7 },
    registers: { esp: 0x100, eax: 0xcafef00d },
  });
  assert.equal(fits.stop, 'completed');
  assert.deepEqual(
    fits.changes.map((c) => [c.address, hexOf(c.bytes)]),
    [[STACK_TOP - 4, '0df0feca']],
  );
  const wraps = await run({ code: '50', descriptors: [small], selectors: { ss: 7 }, registers: { esp: 2 } });
  assertFault(wraps, { vector: 12, eip: CODE });
  assert.equal(wraps.registers[ESP], 2);
});

test('the upper half of ESP survives entry and exit with a 16-bit stack', { skip }, async () => {
  const result = await run({
    code: '50',
    descriptors: [{ base: STACK_TOP - 0x100, limit: 0xffff, big: false }],
    selectors: { ss: 7 },
    registers: { esp: 0x12340100, eax: 1 },
  });
  assert.equal(result.stop, 'completed');
  assert.equal(result.registers[ESP], 0x123400fc);
  assert.deepEqual(
    result.changes.map((c) => c.address),
    [STACK_TOP - 4],
  );
});

test('a store into a read-only or past the end of a data segment is #GP(0)', { skip }, async () => {
  const readOnly = await run({ code: 'a300000000', descriptors: [{ base: DATA, open: false }], selectors: { ds: 7 } });
  assertFault(readOnly, { vector: 13, eip: CODE });
  const last = await run({ code: 'a30c000000', descriptors: [{ base: DATA, limit: 15 }], selectors: { ds: 7 } });
  assert.equal(last.stop, 'completed');
  const past = await run({ code: 'a30d000000', descriptors: [{ base: DATA, limit: 15 }], selectors: { ds: 7 } });
  assertFault(past, { vector: 13, eip: CODE });
});

test('an expand-down segment allows what lies above its limit', { skip }, async () => {
  const descriptors = [{ base: DATA - 0x1000, limit: 0xfff, kind: 'stack' as const }];
  const above = await run({ code: 'a100100000', descriptors, selectors: { ds: 7 } });
  assert.equal(above.stop, 'completed');
  assert.equal(above.registers[EAX], fillDword(DATA, DATA_FILL));
  assertFault(await run({ code: 'a1fe0f0000', descriptors, selectors: { ds: 7 } }), { vector: 13, eip: CODE });
});

test('loading a not-present segment is #NP with the selector', { skip }, async () => {
  const result = await run({ code: '8ed8', descriptors: [{}, { present: false }], registers: { eax: ldtSelector(1) } });
  assertFault(result, { vector: 11, errorCode: 0x0c, eip: CODE });
});

test('16-bit code in a segment with a base', { skip }, async () => {
  const result = await run({
    code: '40 6640 8b07',
    at: CODE + 0x100,
    codeBase: CODE,
    descriptors: [{ kind: 'code', base: CODE, limit: 0xfff, big: false }, { base: DATA }],
    selectors: { cs: ldtSelector(0), ds: ldtSelector(1) },
    registers: { eax: 0x1ffff, ebx: 0x50010 },
  });
  assert.equal(result.stop, 'completed');
  assert.equal(result.eip, 0x105);
  assert.equal(
    result.registers[EAX],
    ((0x10001 & 0xffff0000) | (fillDword(DATA + 0x10, DATA_FILL) & 0xffff)) >>> 0,
    'ax, eax, then [bx]',
  );
});

test('code past the limit of its segment is #GP(0)', { skip }, async () => {
  const result = await run({
    code: '90 90 40',
    descriptors: [{ kind: 'code', base: CODE, limit: 1 }],
    codeBase: CODE,
    selectors: { cs: ldtSelector(0) },
  });
  assertFault(result, { vector: 13, eip: 2 });
});

test('TF traps after each instruction; MOV SS holds the trap back', { skip }, async () => {
  const one = await run({ code: '40 43', steps: 1 });
  assert.equal(one.stop, 'stepped');
  assert.deepEqual([one.eip, one.registers[EAX], one.registers[EBX]], [CODE + 1, 1, 0]);
  assert.equal(one.eflags & 0x10100, 0x100, 'TF set, RF clear');
  const two = await run({ code: '40 43 41', steps: 2 });
  assert.deepEqual([two.eip, two.registers[EBX], two.registers[ECX], two.stepCount], [CODE + 2, 1, 0, 2]);
  const shadow = await run({ code: '8ed0 43 41', registers: { eax: FLAT_DATA }, steps: 1 });
  assert.deepEqual([shadow.eip, shadow.registers[EBX], shadow.registers[ECX]], [CODE + 3, 1, 0]);
});

test('#AC on an unaligned access while AC is set', { skip }, async () => {
  assertFault(await run({ code: '8b03', eflags: 0x40202, registers: { ebx: DATA + 1 } }), { vector: 17, eip: CODE });
  assert.equal((await run({ code: '8b03', eflags: 0x40202, registers: { ebx: DATA + 4 } })).stop, 'completed');
});

test('FLDPI; FSTP m80 stores 4000:C90FDAA22168C235', { skip }, async () => {
  const result = await run({ code: 'd9eb db3b', registers: { ebx: DATA } });
  assert.equal(result.stop, 'completed');
  assert.deepEqual(
    result.changes.map((c) => [c.address, hexOf(c.bytes)]),
    [[DATA, '35c26821a2da0fc90040']],
  );
});

test('an unmasked x87 exception is #MF at the next waiting instruction, with pointers and opcode', {
  skip,
}, async () => {
  const result = await run({
    code: 'd9e8 d833 40 d9e8',
    registers: { ebx: DATA },
    memory: { [DATA]: '00000000' },
    fx: (view) => view.setUint16(0, 0x37b, true),
  });
  assertFault(result, { vector: 16, eip: CODE + 5 });
  assert.equal(result.registers[EAX], 1);
  const view = new DataView(result.fx.buffer);
  assert.equal(view.getUint16(2, true), 0xb884, 'B, ES, ZE, TOP 7');
  assert.equal(view.getUint32(8, true), CODE + 2, 'FIP');
  assert.equal(view.getUint32(16, true), DATA, 'FDP');
});

test('SSE: unaligned MOVAPS is #GP(0); an unmasked exception is #XM', { skip }, async () => {
  assertFault(await run({ code: '0f2803', registers: { ebx: DATA + 8 } }), { vector: 13, eip: CODE });
  // 0/0 is the masked IE, not ZE
  const result = await run({ code: '0f5ec1', fx: (view) => view.setUint32(24, 0x1d80, true) });
  assert.equal(result.stop, 'completed');
  const zero = await run({
    code: '0f5ec1',
    fx: (view) => {
      view.setUint32(24, 0x1d80, true);
      view.setFloat32(160, 1, true);
    },
  });
  assertFault(zero, { vector: 19, eip: CODE });
  assert.equal(
    new DataView(zero.fx.buffer).getUint32(24, true) & 0x3f,
    5,
    'IE and ZE are set even though nothing was written',
  );
});

test('a write across an edge into nothing changes nothing and CR2 names the first missing byte', { skip }, async () => {
  const result = await run({ code: '8903', registers: { ebx: DATA_END - 2, eax: 0xffffffff } });
  assertFault(result, { vector: 14, errorCode: 6, cr2: DATA_END, eip: CODE });
  assert.deepEqual(result.changes, []);
});

test('page faults tell absent from protected and reads from writes', { skip }, async () => {
  assertFault(await run({ code: '8b03', registers: { ebx: DATA - 4 } }), {
    vector: 14,
    errorCode: 4,
    cr2: DATA - 4,
    eip: CODE,
  });
  assertFault(await run({ code: '0103', registers: { ebx: READ_ONLY + 4 } }), {
    vector: 14,
    errorCode: 7,
    cr2: READ_ONLY + 4,
    eip: CODE,
  });
  assert.equal(
    (await run({ code: '8b03', registers: { ebx: READ_ONLY + 4 } })).registers[EAX],
    fillDword(READ_ONLY + 4, DATA_FILL),
  );
});

test('software interrupts, UD2, INT3, INTO, BOUND and privileged instructions', { skip }, async () => {
  assertFault(await run({ code: 'cd21' }), { vector: 13, errorCode: 0x21 * 8 + 2, eip: CODE });
  assertFault(await run({ code: '0f0b' }), { vector: 6, eip: CODE });
  assertFault(await run({ code: 'cc' }), { vector: 3, eip: CODE + 1 });
  assertFault(await run({ code: 'ce', eflags: 0xa02 }), { vector: 4, eip: CODE + 1 });
  assertFault(await run({ code: '6203', registers: { ebx: DATA, eax: 5 }, memory: { [DATA]: '0600000007000000' } }), {
    vector: 5,
    eip: CODE,
  });
  assertFault(await run({ code: 'fa' }), { vector: 13, eip: CODE });
});

test('a system call or an endless loop ends the case, not the witness', { skip }, async () => {
  assert.equal((await run({ code: 'cd80', registers: { eax: 1 } })).stop, 'syscall');
  assert.equal((await run({ code: 'ebfe' })).stop, 'timeout');
  assert.equal((await run({ code: '40' })).registers[EAX], 1);
});

test('an impossible start is rejected with a reason', { skip }, async () => {
  assert.equal((await run({ code: '', selectors: { ds: 0x77 } })).stop, 'rejected');
  assert.equal((await run({ code: '', descriptors: [{ kind: 'conforming' }] })).stop, 'rejected');
  const reserved = await run({ code: '', fx: (view) => view.setUint32(24, 0xffff0000, true) });
  assert.equal(reserved.stop, 'rejected');
  assert.notEqual(reserved.reason, '');
});

test('cases do not leak into each other: pages, descriptors, flags', { skip }, async () => {
  const dirty = scenario({
    code: '8903 fd',
    registers: { ebx: DATA, eax: 0x55 },
    descriptors: [{}, {}],
    eflags: 0x244ed7,
  });
  const clean = scenario({ code: '8b13', registers: { ebx: DATA } });
  const load = scenario({ code: '8ed8', registers: { eax: ldtSelector(1) } });
  const [, second, third, fourth] = await witness.run([
    dirty,
    clean,
    load,
    { ...clean, regions: clean.regions.slice(0, 1) },
  ]);
  assert.equal(second.registers[EDX], fillDword(DATA, DATA_FILL));
  assert.equal(second.eflags & ~STATUS, 0x202);
  assertFault(third, { vector: 13, errorCode: 0x0c, eip: CODE });
  assertFault(fourth, { vector: 14, errorCode: 4, cr2: DATA, eip: CODE });
});

test('thousands of cases a second, in order', { skip }, async () => {
  const cases = Array.from({ length: 5000 }, (_, index) =>
    scenario({ code: '8903', registers: { ebx: DATA + (index % 1000) * 4, eax: index | 0x5a000000 } }),
  );
  const results = await witness.run(cases);
  results.forEach((result, index) => {
    assert.equal(result.stop, 'completed');
    assert.equal(result.registers[EAX], (index | 0x5a000000) >>> 0);
  });
});
