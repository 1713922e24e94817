/**
 * The coverage report, a line for each row: forms, what silicon answered in a short pass, committed vectors, and the
 * other property tests that name the row; for rows that are not or not wholly tested on silicon, why.
 * "Named by" is found by reading the sources of the tests: it says where to look, not how much is checked there.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROWS } from '../../../src/core/isa/ops.ts';
import { projectRoot, readCommitted, vectorFileNames } from './committed.ts';
import { FORMS, formName, UNWITNESSED } from './forms.ts';
import { caseNumber } from './hunt.ts';
import type { Witness } from './witness.ts';

const PRIVILEGED = new Set(
  `MOV_TO_CR MOV_FROM_CR MOV_TO_DR MOV_FROM_DR CLTS INVD WBINVD INVLPG LGDT LIDT LLDT LTR LMSW RDMSR WRMSR RDPMC
   HLT`.split(/\s+/),
);
const NEEDS_PORTS = new Set('IN OUT INS OUTS CLI STI'.split(' '));
const DECODER_TESTS = 'decode';

interface Counts {
  cases: number;
  completed: number;
  faults: Set<number>;
}

function empty(): Counts {
  return { cases: 0, completed: 0, faults: new Set() };
}

function count(counts: Counts, stop: string, vector: number | undefined): void {
  counts.cases++;
  if (stop === 'fault') counts.faults.add(vector as number);
  else counts.completed++;
}

function show({ cases, completed, faults }: Counts): string {
  if (cases === 0) return '-';
  const list = [...faults].sort((a, b) => a - b).join(' ');
  return `${cases} (${completed} end well${list ? `; faults ${list}` : ''})`;
}

/** Test files other than those of witness and decoder that name a row, by row name. */
function namingTests(): Map<string, string[]> {
  const folder = join(projectRoot(), 'proptests');
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'witnesses' && entry.name !== DECODER_TESTS)
    .flatMap((entry) =>
      readdirSync(join(folder, entry.name))
        .filter((name) => /\.(ts|S|mjs)$/.test(name))
        .map((name) => `${entry.name}/${name}`),
    );
  files.push('witnesses/silicon/named.prop.ts', 'witnesses/emulators/second-opinion.S');
  const found = new Map<string, string[]>();
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    // Assembly is in small letters; in TypeScript a row is named as it is written in the table.
    const words = new Set((file.endsWith('.S') ? text.toUpperCase() : text).split(/[^A-Za-z0-9_]+/));
    for (const row of ROWS) if (words.has(row.name)) found.set(row.name, [...(found.get(row.name) ?? []), file]);
  }
  return found;
}

function reason(name: string, silicon: Counts | undefined, withSilicon: boolean): string {
  if (name in UNWITNESSED) return `not on silicon: ${UNWITNESSED[name]}`;
  if (!withSilicon || silicon === undefined || silicon.completed > 0) return '';
  if (PRIVILEGED.has(name)) return 'privileged: at CPL 3 only its fault is seen';
  if (NEEDS_PORTS.has(name)) return 'needs IOPL or an I/O bitmap: at CPL 3 only its fault is seen';
  return 'always faults at CPL 3';
}

/** `witness` null: the column of silicon stays empty. */
export async function coverage(witness: Witness | null, seed: number, casesPerForm: number): Promise<string[]> {
  const silicon = new Map<string, Counts>();
  const vectors = new Map<string, Counts>();
  const formsSeen = new Set<string>();
  if (witness !== null) {
    const forms = FORMS.filter((form) => !(form.row.name in UNWITNESSED));
    for (let round = 0; round < casesPerForm; round++) {
      const cases = forms.map((_, i) => caseNumber(forms, seed, round * forms.length + i));
      const results = await witness.run(cases.map((g) => g.machineCase));
      results.forEach((result, i) => {
        const name = forms[i].row.name;
        const counts = silicon.get(name) ?? empty();
        silicon.set(name, counts);
        count(counts, result.stop, result.fault?.vector);
      });
    }
  }
  for (const file of vectorFileNames())
    for (const { label, result } of readCommitted(file).vectors) {
      const form = label.replace(/ (code16|;).*$/, '');
      const name = form.split(' | ')[0];
      formsSeen.add(form);
      const counts = vectors.get(name) ?? empty();
      vectors.set(name, counts);
      count(counts, result.stop, result.fault?.vector);
    }
  const named = namingTests();
  const lines: string[] = [];
  for (const row of ROWS) {
    const forms = FORMS.filter((form) => form.row.name === row.name);
    const inVectors = forms.filter((form) => formsSeen.has(formName(form))).length;
    const notes = [reason(row.name, silicon.get(row.name), witness !== null)];
    const tests = named.get(row.name) ?? [];
    if (tests.length > 0) notes.push(`named by ${tests.slice(0, 3).join(', ')}${tests.length > 3 ? ' …' : ''}`);
    if (tests.length === 0 && !silicon.has(row.name) && inVectors === 0) notes.push('decoder tests only');
    const inSilicon = show(silicon.get(row.name) ?? empty());
    const inFiles = `${show(vectors.get(row.name) ?? empty())}, ${inVectors}/${forms.length} forms`;
    const head = `${row.name.padEnd(14)} ${String(forms.length).padStart(2)} forms`;
    lines.push(`${head}  silicon ${inSilicon}  vectors ${inFiles}  ${notes.filter(Boolean).join('; ')}`.trimEnd());
  }
  const rowsWith = (map: Map<string, Counts>) => ROWS.filter((row) => map.has(row.name)).length;
  const completed = ROWS.filter((row) => (silicon.get(row.name)?.completed ?? 0) > 0).length;
  const without = ROWS.filter((row) => !silicon.has(row.name) && !vectors.has(row.name)).map((row) => row.name);
  lines.push(
    `${ROWS.length} rows, ${FORMS.length} forms: ${rowsWith(silicon)} rows on silicon (${completed} end well there), ` +
      `${rowsWith(vectors)} rows and ${formsSeen.size} forms in vectors; in neither: ${without.join(', ') || 'none'}`,
  );
  return lines;
}
