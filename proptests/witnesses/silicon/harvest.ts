/**
 * Takes vectors from silicon for committing. Of many candidates for a form it keeps those that end differently first
 * (every fault vector, error code or none, completed, stepped), then those that are special in different ways, then
 * any; only answers that silicon gives twice, and none on which the engine given for a check disagrees.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareResults } from './compare.ts';
import type { Emulated } from './emulated.ts';
import type { Form } from './forms.ts';
import { caseNumber, runOurs } from './hunt.ts';
import { type Vector, writeVectors } from './vectors.ts';
import type { Witness } from './witness.ts';

const CANDIDATES_PER_FORM = 200;

export async function takeVectors(
  witness: Witness,
  ours: Emulated,
  forms: readonly Form[],
  seed: number,
  folder: string,
  perForm: number,
): Promise<boolean> {
  const byArea = new Map<Form['area'], Vector[]>();
  let disagreements = 0;
  for (const [index, form] of forms.entries()) {
    const candidates = Array.from({ length: CANDIDATES_PER_FORM }, (_, i) => caseNumber([form], seed + index, i));
    const answers = await witness.run(candidates.map((g) => g.machineCase));
    const repeated = await witness.run(candidates.map((g) => g.machineCase));
    const endings = new Map<string, Vector[]>();
    const kinds = new Map<string, Vector[]>();
    candidates.forEach((g, i) => {
      const result = answers[i];
      if (result.stop === 'rejected' || result.stop === 'timeout' || result.stop === 'syscall') return;
      if (compareResults(result, repeated[i], g.tolerance).length > 0) return;
      const vector = { label: g.label, seed: g.seed, machineCase: g.machineCase, result, tolerance: g.tolerance };
      const { fault } = result;
      const code16 = g.label.includes(' code16');
      const ending =
        `${result.stop} ${fault?.vector} ` +
        `${fault?.vector === 14 ? fault.errorCode : fault?.errorCode !== 0} ${code16}`;
      endings.set(ending, [...(endings.get(ending) ?? []), vector]);
      const kind = `${ending} ${g.label}`;
      kinds.set(kind, [...(kinds.get(kind) ?? []), vector]);
    });
    const chosen = new Set<Vector>();
    const rounds = [...endings.values()].map((list) => list.slice(0, 1));
    // Rare kinds come late in a short list of candidates and would never get their turn.
    rounds.push(...[...kinds.values()].sort((a, b) => a.length - b.length));
    for (let round = 0; chosen.size < perForm && rounds.some((list) => list.length > round); round++)
      for (const list of rounds) if (list[round] && chosen.size < perForm) chosen.add(list[round]);
    const vectors = byArea.get(form.area) ?? [];
    byArea.set(form.area, vectors);
    for (const vector of chosen) {
      const { differences } = runOurs(ours, vector.machineCase, vector.result, vector.tolerance);
      if (differences.length === 0) vectors.push(vector);
      else if (disagreements++ < 20) process.stdout.write(`the engine disagrees, left out: ${vector.label}\n`);
    }
  }
  for (const [area, vectors] of byArea) {
    vectors.sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
    const bytes = writeVectors({ processor: witness.processor, vectors });
    writeFileSync(join(folder, `${area}.vec`), bytes);
    process.stdout.write(`${area}.vec: ${vectors.length} vectors, ${bytes.length} bytes\n`);
  }
  if (disagreements > 0)
    process.stdout.write(`${disagreements} vectors left out: mend the engine and take them again\n`);
  return disagreements === 0;
}
