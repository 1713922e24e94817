/**
 * The judge of the system campaign without any emulator: agreement passes, a difference without a verdict does not, a
 * peer that took another way needs the other one, and a spoilt result of ours does not hide behind a verdict.
 */
import { Random } from '../../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from './emulators.ts';
import { AREAS } from './generate.ts';
import { judge, type Outcomes, slips } from './judge.ts';
import * as at from './layout.ts';
import { buildMonitor } from './monitor.ts';
import { enterLevel, program } from './random-state.ts';
import { VERDICTS } from './verdicts.ts';
import { buildTemplate, type CampaignCase, Draft } from './world.ts';

const template = buildTemplate(buildMonitor());

function ud2AtLevel3(): CampaignCase {
  const draft = new Draft('control', template);
  enterLevel(draft, 3);
  program(draft, 'ud2');
  return draft.finish();
}

/** #UD at CPL 3 as the manual has it: RF in the frame. */
function invalidOpcode(c: CampaignCase, flags = 0x10002): Outcome {
  const { registers: r, system: s } = c;
  const fields = Object.fromEntries(at.FIELDS.map((name) => [name, 0])) as Record<at.Field, number>;
  const esp = at.STACK0 - 20;
  const { eax, ecx, edx, ebx, ebp, esi, edi, ds, es, fs, gs } = r;
  Object.assign(fields, { eax, ecx, edx, ebx, ebp, esi, edi, ds, es, fs, gs, vector: 6, esp, ss: at.DATA0, flags: 2 });
  Object.assign(fields, { ldtr: s.ldtr, tr: s.tr, cr0: s.cr0, dr6: 0xffff0ff0, dr7: s.dr7 });
  const frame = [r.eip, r.cs, flags, r.esp, r.ss].map((word, k): [number, number] => [esp + k * 4, word]);
  return { end: 'done', fields, memory: new Map(frame) };
}

const withField = (outcome: Outcome, field: at.Field, value: number): Outcome => ({
  ...outcome,
  fields: { ...outcome.fields, [field]: value },
});

test('agreement of all three is a pass; a difference of one without a verdict is not', () => {
  const c = ud2AtLevel3();
  const right = invalidOpcode(c);
  assert.equal(judge(c, template, { reprise: right, qemu: right, bochs: right }).state, 'agreed');
  for (const peer of ['qemu', 'bochs'] as const) {
    const outcomes = { reprise: right, qemu: right, bochs: right, [peer]: withField(right, 'cr2', 4) };
    const { state, open } = judge(c, template, outcomes);
    assert.equal(state, 'unsettled');
    assert.deepEqual(
      open.get(peer)?.map((d) => d.place),
      ['cr2'],
    );
  }
});

test('QEMU without RF in a frame is settled, and Reprise without it is not', () => {
  const c = ud2AtLevel3();
  const right = invalidOpcode(c);
  const wrong = invalidOpcode(c, 2);
  const settled = judge(c, template, { reprise: right, qemu: wrong, bochs: right });
  assert.equal(settled.state, 'settled');
  assert.deepEqual(
    [...settled.verdicts].map((v) => v.name),
    ['no RF in the frame of a fault'],
  );
  assert.equal(judge(c, template, { reprise: wrong, qemu: wrong, bochs: right }).state, 'unsettled');
  assert.equal(judge(c, template, { reprise: right, qemu: wrong, bochs: wrong }).state, 'unsettled');
});

test('a peer that took another way needs the other one to agree in everything', () => {
  const draft = new Draft('sysenter', template);
  enterLevel(draft, 3);
  program(draft, 'sysenter');
  draft.system.sysenter = [3, at.STACK0, at.TARGET_A]; // a null selector: #GP(0)
  const c = draft.finish();
  const right = withField(invalidOpcode(c), 'vector', 13);
  const frame = [...right.memory].map(([address, value]): [number, number] => [address, value]);
  const ours: Outcome = {
    ...withField(right, 'esp', at.STACK0 - 24),
    memory: new Map([[at.STACK0 - 24, 0], ...frame]),
  };
  const elsewhere = withField(right, 'vector', 3);
  assert.equal(judge(c, template, { reprise: ours, qemu: elsewhere, bochs: ours }).state, 'settled');
  const almost = withField(ours, 'edi', 1);
  assert.equal(judge(c, template, { reprise: ours, qemu: elsewhere, bochs: almost }).state, 'unsettled');
  assert.equal(judge(c, template, { reprise: almost, qemu: elsewhere, bochs: ours }).state, 'unsettled');
});

test('no single spoilt bit of ours passes where a verdict has settled the case', () => {
  const c = ud2AtLevel3();
  const right = invalidOpcode(c);
  const outcomes: Outcomes = { reprise: right, qemu: invalidOpcode(c, 2), bochs: right };
  for (let bit = 0; bit < 32; bit++)
    assert.deepEqual(
      slips(c, template, outcomes, () => bit),
      [],
    );
});

test('every verdict says why, in one of the two ways, and under a name of its own', () => {
  const names = VERDICTS.map((v) => `${v.wrong}: ${v.name}`);
  assert.equal(new Set(names).size, names.length);
  for (const v of VERDICTS) {
    assert.ok(v.reason.length > 8, v.name);
    assert.equal(Number(v.explains !== undefined) + Number(v.departs !== undefined), 1, v.name);
    if (v.knowsValue === true) assert.ok(v.explains !== undefined, v.name);
  }
});

test('every area makes cases, the same for the same seed', () => {
  for (const [name, generate] of Object.entries(AREAS)) {
    const make = (seed: number): CampaignCase => {
      const draft = new Draft(name, template);
      generate(draft, new Random(seed));
      return draft.finish();
    };
    for (let seed = 0; seed < 20; seed++) {
      const c = make(seed);
      assert.notEqual(c.program, '', name);
      assert.equal(c.title, make(seed).title);
      assert.deepEqual([...c.patches], [...make(seed).patches]);
    }
  }
});
