/**
 * One small test for each thing that some other emulator is known to get wrong, on every engine of this build and,
 * where there is a witness, on silicon with the very same expectations: what is asserted here is what hardware does.
 * The last ones need ring 0 and run on the engines alone.
 */
import { AC, EAX, EBX, ECX, EDI, ESI, ESP, RF, TF } from '../../../src/core/state/layout.ts';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SILENT_OUTPUT } from '../../../src/core/board/silent.ts';
import { updateWatch } from '../../../src/core/cpu/system/debug.ts';
import { resetCpu } from '../../../src/core/cpu/system/reset.ts';
import { setFlatSegment, setRealSegment, updateMode } from '../../../src/core/cpu/system/segmentation.ts';
import { LivePort } from '../../../src/core/session/live-port.ts';
import { Machine } from '../../../src/core/machine/machine.ts';
import * as at from '../../../src/core/state/layout.ts';
import { engineNames, loadEngine } from '../../../src/engines.ts';
import { whyNotImitated } from '../../support/imitated.ts';
import { type CaseResult, FLAT_DATA, ldtSelector } from './case.ts';
import { Emulated } from './emulated.ts';
import { CODE, DATA, DATA_END, hexOf, READ_ONLY, type Scenario, STACK, STACK_TOP, scenario } from './scenario.ts';
import { openWitness, witnessAvailable } from './witness.ts';

type Run = (s: Scenario) => Promise<CaseResult>;

const noSilicon = witnessAvailable();
const witness = noSilicon === null ? await openWitness() : null;
after(() => witness?.close());

const places: { name: string; run: Run }[] = [];
for (const engine of engineNames()) {
  const ours = new Emulated(await loadEngine(engine));
  places.push({ name: engine, run: async (s) => ours.run(scenario(s)) });
}
if (witness !== null) places.push({ name: 'silicon', run: async (s) => (await witness.run([scenario(s)]))[0] });

/** `isOpen`: processors differ there, so that silicon is asked only where it is of those that are imitated. */
function everywhere(fact: string, check: (run: Run) => Promise<void>, isOpen = false): void {
  for (const { name, run } of places) {
    const other = isOpen && name === 'silicon' ? whyNotImitated() : null;
    test(`${fact} (${name})`, { skip: other ?? false }, () => check(run));
  }
  if (noSilicon !== null) test(`${fact} (silicon)`, { skip: noSilicon }, () => {});
}

function changesOf(result: CaseResult): [number, string][] {
  return result.changes.map(({ address, bytes }) => [address, hexOf(bytes)]);
}

/** Eight bytes of the significand and two of sign and exponent, as FSTP m80 stores them. */
async function storedF80(run: Run, code: string, more: Partial<Scenario> = {}): Promise<string> {
  const memory = { [DATA]: '00000000000000000000', ...more.memory };
  const result = await run({ ...more, code: `${code} db3b`, registers: { ebx: DATA, ...more.registers }, memory });
  assert.equal(result.stop, 'completed');
  const bytes = new Uint8Array(10);
  for (const change of result.changes) bytes.set(change.bytes, change.address - DATA);
  const digits = hexOf(bytes.reverse());
  return `${digits.slice(0, 4)}:${digits.slice(4)}`.toUpperCase();
}

async function assertFaults(run: Run, s: Scenario, vector: number, errorCode: number, cr2 = 0): Promise<CaseResult> {
  const result = await run(s);
  assert.equal(result.stop, 'fault');
  // Bit 4 tells of NX, which the kernel under the witness uses and the engines' world does not.
  const seen = { ...result.fault, errorCode: (result.fault?.errorCode ?? 0) & (vector === 14 ? ~0x10 : -1) };
  assert.deepEqual(seen, { vector, errorCode, cr2 });
  assert.deepEqual(result.changes, []);
  return result;
}

// ---- x87: 80 bits ----

everywhere('FLDPI stores 4000:C90FDAA22168C235', async (run) => {
  assert.equal(await storedF80(run, 'd9eb'), '4000:C90FDAA22168C235');
});

everywhere('FLDPI rounded down is one less in the last place', async (run) => {
  const fx = (view: DataView) => view.setUint16(0, 0x77f, true);
  assert.equal(await storedF80(run, 'd9eb', { fx }), '4000:C90FDAA22168C234');
});

everywhere('a 64-bit integer goes through the x87 unchanged', async (run) => {
  const result = await run({
    code: 'df2b df7b10',
    registers: { ebx: DATA },
    memory: { [DATA]: 'fdffffffffffff7f', [DATA + 16]: '0000000000000000' },
  });
  assert.deepEqual(changesOf(result), [[DATA + 16, 'fdffffffffffff7f']]);
});

everywhere('F2XM1 of one half is the square root of two less one, to the last of 64 bits', async (run) => {
  // FLD m32 of 0.5 from DATA + 16
  assert.equal(await storedF80(run, 'd94310 d9f0', { memory: { [DATA + 16]: '0000003f' } }), '3FFD:D413CCCFE7799211');
});

everywhere('an addition with 53 bits of precision rounds once, in the register', async (run) => {
  const memory = { [DATA + 16]: '0000803f', [DATA + 20]: '01008024' }; // 1 and a little more than 2^-54
  const single = { fx: (view: DataView) => view.setUint16(0, 0x27f, true), memory };
  assert.equal(await storedF80(run, 'd94310 d84314', single), '3FFF:8000000000000000');
  assert.equal(await storedF80(run, 'd94310 d84314', { memory }), '3FFF:8000000000000200');
});

// ---- segments ----

const smallReadOnly = {
  descriptors: [{ kind: 'data' as const, base: DATA, limit: 15, open: false }],
  selectors: { ds: ldtSelector(0) },
};

everywhere('a store past a 16-byte read-only segment faults, as does one inside', async (run) => {
  for (const offset of [0, 12, 13, 15, 16, 0x1000])
    await assertFaults(run, { ...smallReadOnly, code: '8903', registers: { ebx: offset } }, 13, 0);
});

everywhere('loads end exactly at the limit of a 16-byte segment', async (run) => {
  const load = { ...smallReadOnly, code: '8b03' };
  for (const offset of [13, 14, 15, 16, 0xfffffffe])
    await assertFaults(run, { ...load, registers: { ebx: offset } }, 13, 0);
  for (const offset of [0, 12]) assert.equal((await run({ ...load, registers: { ebx: offset } })).stop, 'completed');
});

everywhere('an expand-down segment begins above its limit', async (run) => {
  const s = {
    code: '8a03',
    descriptors: [{ kind: 'stack' as const, base: DATA - 0x1000, limit: 0xfff }],
    selectors: { ds: ldtSelector(0) },
  };
  await assertFaults(run, { ...s, registers: { ebx: 0xfff } }, 13, 0);
  assert.equal((await run({ ...s, registers: { ebx: 0x1000 } })).stop, 'completed');
});

everywhere('code ends at the limit of its segment', async (run) => {
  const result = await run({
    code: '90 90 40',
    descriptors: [{ kind: 'code', base: CODE, limit: 1 }],
    codeBase: CODE,
    selectors: { cs: ldtSelector(0) },
  });
  assert.deepEqual([result.fault?.vector, result.fault?.errorCode, result.eip], [13, 0, 2]);
});

everywhere('a stack of 16 bits wraps within 64 KiB and leaves the upper half of ESP', async (run) => {
  const result = await run({
    code: '50',
    descriptors: [{ kind: 'data', base: STACK - 0xf000, limit: 0xffff, big: false }],
    selectors: { ss: ldtSelector(0) },
    registers: { eax: 0x11223344, esp: 0xabcd0000 },
  });
  assert.equal(result.stop, 'completed');
  assert.equal(result.registers[ESP], 0xabcdfffc);
  assert.deepEqual(changesOf(result), [[STACK + 0xffc, '44332211']]);
});

// ---- exceptions ----

const trapsAfterEach = async (run: Run): Promise<void> => {
  // INC EAX; INC EBX; a REP of three bytes counts as three; INC ECX
  const code = '40 43 f3a4 41';
  const start = { registers: { ecx: 3, esi: DATA, edi: STACK } };
  const seen: unknown[] = [];
  for (let steps = 1; steps <= 6; steps++) {
    const { stop, eip, stepCount, registers, eflags } = await run({ ...start, code, steps });
    assert.equal(eflags & (TF | RF), TF);
    seen.push([stop, stepCount, eip - CODE, registers[EAX], registers[EBX], registers[ECX]]);
  }
  assert.deepEqual(seen, [
    ['stepped', 1, 1, 1, 0, 3],
    ['stepped', 2, 2, 1, 1, 3],
    ['stepped', 3, 2, 1, 1, 2],
    ['stepped', 4, 2, 1, 1, 1],
    ['stepped', 5, 4, 1, 1, 0],
    ['stepped', 6, 5, 1, 1, 1],
  ]);
};
// RF between two iterations of REP is set by some.
everywhere('TF traps after each instruction', trapsAfterEach, true);

everywhere('MOV SS holds the trap back for one instruction', async (run) => {
  const result = await run({ code: '8ed0 43 41', registers: { eax: FLAT_DATA }, steps: 1 });
  assert.deepEqual(
    [result.stop, result.eip, result.registers[EBX], result.registers[ECX]],
    ['stepped', CODE + 3, 1, 0],
  );
});

everywhere('POPF that sets TF traps after the instruction that follows', async (run) => {
  const result = await run({ code: '9d 43 41', memory: { [STACK_TOP]: '02030000' } });
  assert.deepEqual([result.fault?.vector, result.eip, result.registers[EBX]], [1, CODE + 2, 1]);
});

everywhere('a fault pushes RF, a trap does not', async (run) => {
  assert.equal((await run({ code: '0f0b' })).eflags & RF, RF);
  const trap = await run({ code: 'cc' });
  assert.deepEqual([trap.fault?.vector, trap.eip, trap.eflags & RF], [3, CODE + 1, 0]);
});

everywhere('read-modify-write of a page that may not be written reports a write', async (run) => {
  for (const code of ['0103', '8713', 'ff03', 'd123', '0fab03', 'f71b'])
    await assertFaults(run, { code, registers: { ebx: READ_ONLY + 8 } }, 14, 7, READ_ONLY + 8);
});

everywhere('a store across the edge of nothing changes nothing; CR2 is the first missing byte', async (run) => {
  await assertFaults(run, { code: '8903', registers: { eax: -1 >>> 0, ebx: DATA_END - 1 } }, 14, 6, DATA_END);
});

everywhere('AC checks alignment', async (run) => {
  await assertFaults(run, { code: '8b03', eflags: 0x202 | AC, registers: { ebx: DATA + 2 } }, 17, 0);
  await assertFaults(run, { code: 'dd03', eflags: 0x202 | AC, registers: { ebx: DATA + 4 } }, 17, 0);
  assert.equal((await run({ code: '8b03', registers: { ebx: DATA + 2 } })).stop, 'completed');
});

everywhere('REP MOVS keeps the iterations before a fault', async (run) => {
  const result = await run({ code: 'f3a4', registers: { esi: DATA, edi: DATA_END - 2, ecx: 5 } });
  const { fault, registers } = result;
  assert.deepEqual(fault, { vector: 14, errorCode: 6, cr2: DATA_END });
  assert.deepEqual([registers[ESI], registers[EDI], registers[ECX]], [DATA + 2, DATA_END, 3]);
});

everywhere('an instruction of 16 bytes is #GP(0)', async (run) => {
  await assertFaults(run, { code: `${'3e'.repeat(14)} 8b03`, registers: { ebx: DATA } }, 13, 0);
  assert.equal((await run({ code: `${'3e'.repeat(13)} 8b03`, registers: { ebx: DATA } })).stop, 'completed');
});

everywhere('LOCK before what cannot be locked is #UD', async (run) => {
  for (const code of ['f08b03', 'f001d8', 'f090', 'f08903'])
    await assertFaults(run, { code, registers: { ebx: DATA } }, 6, 0);
});

// ---- integers and vectors ----

everywhere('division overflows at the exact edge', async (run) => {
  const divide = { code: 'f7f1', registers: { edx: 1, eax: 0xffffffff, ecx: 2 } };
  assert.equal((await run(divide)).registers[EAX], 0xffffffff);
  await assertFaults(run, { ...divide, registers: { edx: 2, eax: 0, ecx: 2 } }, 0, 0);
  await assertFaults(run, { code: 'f7f9', registers: { edx: 0xffffffff, eax: 0x80000000, ecx: 0xffffffff } }, 0, 0);
});

everywhere('shifts of vectors by large counts give zero', async (run) => {
  for (const count of ['4000000000000000', '0000000001000000', 'ffffffffffffffff']) {
    // MOVQ MM0,[EBX]; PSRLQ MM0,[EBX+8]; MOVQ [EBX],MM0
    const result = await run({
      code: '0f6f03 0fd34308 0f7f03',
      registers: { ebx: DATA },
      memory: { [DATA]: 'ffffffffffffffff', [DATA + 8]: count },
    });
    assert.deepEqual(changesOf(result), [[DATA, '0000000000000000']]);
  }
});

everywhere('MOVAPS demands alignment by #GP(0), not #AC', async (run) => {
  await assertFaults(run, { code: '0f2803', eflags: 0x202 | AC, registers: { ebx: DATA + 8 } }, 13, 0);
});

// ---- ring 0: the engines alone ----

const REAL_CODE = 0x7c00;
const REAL_DATA = 0x7d00;

/** A machine in real mode at 0:7C00 with a flat first 64 KiB. */
async function realMode(engine: string, code: number[], reboot: boolean): Promise<Machine> {
  const options = {
    memoryMegabytes: 1,
    nsPerTick: 1,
    epochSeconds: 0,
    reboot,
    serialTiming: 'instant' as const,
    hashEveryTicks: 0,
  };
  const machine = new Machine(options, new LivePort(), SILENT_OUTPUT, await loadEngine(engine));
  const { cpu } = machine;
  machine.space.writeBytes(REAL_CODE, Uint8Array.from(code));
  resetCpu(cpu);
  setRealSegment(cpu, at.CS, 0);
  updateMode(cpu);
  cpu.m32[at.EIP] = REAL_CODE;
  cpu.m32[at.EBX] = REAL_DATA;
  cpu.m32[at.ESP] = REAL_CODE;
  return machine;
}

/** LIDT [BX] of six zero bytes: base 0, limit 0. */
const LIDT_NOTHING_UD2 = [0x0f, 0x01, 0x1f, 0x0f, 0x0b];

for (const engine of engineNames()) {
  test(`LIDT with limit 0, then UD2, shuts the processor down (${engine})`, async () => {
    const machine = await realMode(engine, LIDT_NOTHING_UD2, false);
    assert.equal(machine.run(1000), 'shutdown');
  });

  test(`a double fault pushes the RF of its first instruction, not the RF = 1 of faults (${engine})`, async () => {
    for (const flags of [2, RF | 2]) {
      const machine = await realMode(engine, [0x8e, 0xd8], false); // MOV DS, AX: #GP, whose gate is absent
      const { m32 } = machine.cpu;
      const words = [0, 0, 0xffff, 0xcf9a00, 0xffff, 0xcf9200];
      words.forEach((word, k) => {
        machine.space.write32(0x1000 + k * 4, word);
      });
      machine.space.write32(0x2000 + 8 * 8, (8 << 16) | 0x6000);
      machine.space.write32(0x2000 + 8 * 8 + 4, 0x8e00);
      m32[at.GDTR_BASE] = 0x1000;
      m32[at.GDTR_LIMIT] = words.length * 4 - 1;
      m32[at.IDTR_BASE] = 0x2000;
      m32[at.IDTR_LIMIT] = 0xff;
      m32[at.CR0] = 0x11;
      setFlatSegment(machine.cpu, at.CS, 8, 0xc09b);
      setFlatSegment(machine.cpu, at.SS, 0x10, 0xc093);
      updateMode(machine.cpu);
      m32[at.EAX] = 0x1230;
      m32[at.EFLAGS] = flags;
      machine.space.writeBytes(0x6000, Uint8Array.of(0x90));
      machine.run(1);
      assert.equal(m32[at.EIP], 0x6001);
      assert.equal(machine.space.read32(m32[at.ESP]), 0, 'error code');
      assert.equal(machine.space.read32(m32[at.ESP] + 4), REAL_CODE);
      assert.equal(machine.space.read32(m32[at.ESP] + 12) & RF, flags & RF);
    }
  });

  test(`an I/O breakpoint traps after OUT and IN, with CR4.DE alone (${engine})`, async () => {
    for (const [code, cr4] of [
      [[0xe6, 0x80], 8],
      [[0xe4, 0x80], 8],
      [[0xe6, 0x80], 0],
    ] as const) {
      const machine = await realMode(engine, [...code, 0x90], false);
      machine.space.writeBytes(0x800, Uint8Array.of(0x90));
      machine.space.writeBytes(4, Uint8Array.of(0x00, 0x08, 0, 0));
      const { m32 } = machine.cpu;
      m32[at.CR4] = cr4;
      m32[at.DR] = 0x80;
      m32[at.DR + 7] = 0x20402;
      machine.run(2);
      assert.equal(m32[at.EIP], cr4 === 0 ? REAL_CODE + 3 : 0x801);
      assert.equal(m32[at.DR + 6] & 15, cr4 === 0 ? 0 : 1);
    }
  });

  test(`RF stays until the last iteration of a REP, whose breakpoint hits once (${engine})`, async () => {
    for (const [flags, dr7] of [
      [2, 0x402],
      [RF | 2, 0x402],
      [RF | 2, 0x400],
      [2, 0x400],
    ]) {
      const machine = await realMode(engine, [0xf3, 0xa4, 0x90, 0x90], false);
      machine.space.writeBytes(0x800, Uint8Array.of(0x90));
      machine.space.writeBytes(4, Uint8Array.of(0x00, 0x08, 0, 0));
      const { m32 } = machine.cpu;
      m32[at.EFLAGS] = flags;
      m32[at.ECX] = 4;
      m32[at.ESI] = 0x900;
      m32[at.EDI] = 0x980;
      m32[at.DR] = REAL_CODE;
      m32[at.DR + 7] = dr7;
      updateWatch(machine.cpu);
      machine.run(2);
      const isHit = flags === 2 && dr7 !== 0x400;
      assert.deepEqual([m32[at.ECX], m32[at.EFLAGS] & RF], isHit ? [4, 0] : [2, flags & RF]);
      if (isHit) continue;
      machine.run(3);
      assert.deepEqual([m32[at.EIP], m32[at.ECX], m32[at.EFLAGS] & RF], [REAL_CODE, 1, flags & RF]);
      machine.run(5);
      assert.deepEqual([m32[at.EIP], m32[at.ECX], m32[at.EFLAGS] & RF], [REAL_CODE + 3, 0, 0]);
      assert.equal(m32[at.DR + 6] & 15, 0);
    }
  });

  test(`LIDT with limit 0, then UD2, resets (${engine})`, async () => {
    const machine = await realMode(engine, LIDT_NOTHING_UD2, true);
    machine.run(2);
    const { m32 } = machine.cpu;
    assert.equal(m32[at.IDTR_LIMIT], 0xffff);
    assert.equal(m32[at.SEG_SELECTOR + at.CS], 0xf000);
    assert.equal(m32[at.EBX], 0);
  });

  test(`what no process sees of silicon: UD0 UD1 SLDT STR SGDT SIDT SMSW RDTSC CPUID (${engine})`, async () => {
    const ours = new Emulated(await loadEngine(engine));
    const run = (s: Scenario) => ours.run(scenario(s));
    for (const code of ['0fff03', '0fb903'])
      assert.equal(run({ code, registers: { ebx: DATA } }).fault?.vector, 6, 'UD0 and UD1 are #UD');
    // The world of the cases: its LDT is selector 50h, its TSS 40h, its GDT and IDT have these limits.
    assert.equal(run({ code: '0f00c0' }).registers[EAX], 0x50, 'SLDT');
    assert.equal(run({ code: '0f00c8' }).registers[EAX], 0x40, 'STR');
    const stored = (code: string) => {
      const [change] = run({ code, registers: { ebx: DATA }, memory: { [DATA]: '000000000000' } }).changes;
      return hexOf(change.bytes).padEnd(12, '0').slice(0, 4);
    };
    assert.equal(stored('0f0103'), '7f00', 'SGDT');
    assert.equal(stored('0f010b'), 'ff07', 'SIDT');
    assert.equal(run({ code: '0f01e0' }).registers[EAX] & 0x2f, 0x23, 'SMSW: PE, MP and NE');
    const ticks = run({ code: '0f31 91 0f31' }).registers;
    assert.ok(ticks[EAX] > ticks[ECX], 'RDTSC goes on');
    const identity = run({ code: '0fa2', registers: { eax: 1 } });
    assert.equal(identity.stop, 'completed');
    assert.notEqual(identity.registers[EAX], 1, 'CPUID answers');
  });

  test(`TF traps after each instruction in real mode (${engine})`, async () => {
    // INC AX twice, and at 0:0800 the handler: INC CX; IRET
    const machine = await realMode(engine, [0x40, 0x40], false);
    machine.space.writeBytes(0x800, Uint8Array.of(0x41, 0xcf));
    machine.space.writeBytes(4, Uint8Array.of(0x00, 0x08, 0, 0));
    machine.cpu.m32[at.EFLAGS] |= at.TF;
    machine.run(2 * 3);
    const { m32 } = machine.cpu;
    assert.deepEqual([m32[EAX], m32[ECX], m32[at.EIP]], [2, 2, REAL_CODE + 2]);
  });
}
