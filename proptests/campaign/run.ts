/**
 * node dist/proptests/campaign/run.js --seed S --cases N [--area NAME] [--emulators qemu,bochs] [--show N] [--only K]
 * [--strict]
 *
 * Random system states and short guests on Reprise and on two independent emulators. Agreement of all is a pass, a
 * difference wants a verdict (verdicts.ts) or fails. Where Bochs agrees with us and only QEMU does not, for a reason that
 * has no verdict yet, the case is counted apart; --strict fails it too. Each failure prints the case with both sides; `--only K` with
 * the same seed and area runs case K alone.
 */
import { parseArgs } from 'node:util';
import { Random } from '../witness/random.ts';
import { compareOutcomes, type Difference, showDifferences } from './compare.ts';
import { type EmulatorName, type Outcome, runBatch, whyMissing } from './emulators.ts';
import { AREAS } from './generate.ts';
import { FIELDS } from './layout.ts';
import { buildMonitor } from './monitor.ts';
import { VERDICTS } from './verdicts.ts';
import { buildTemplate, type CampaignCase, caseSize, Draft } from './world.ts';

/** Reprise takes firmware of 256 KiB at most: the monitor, the template and so many bytes of cases. */
const BATCH_BYTES = 96 << 10;
const BATCH_CASES_MAX = 600;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '1000' },
    area: { type: 'string' },
    emulators: { type: 'string', default: 'qemu,bochs' },
    show: { type: 'string', default: '20' },
    only: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
});

const monitor = buildMonitor();
const template = buildTemplate(monitor);
const seed = Number(values.seed);
const names = values.area === undefined ? Object.keys(AREAS) : values.area.split(',');
for (const name of names) {
  if (AREAS[name] === undefined) {
    process.stderr.write(`there is no area ${name}: choose ${Object.keys(AREAS).join(', ')}\n`);
    process.exit(2);
  }
}

function makeCase(area: string, index: number): CampaignCase {
  const random = new Random((Math.imul(seed, 0x9e3779b1) + Math.imul(index, 7919)) | 0);
  const draft = new Draft(area, template);
  AREAS[area](draft, random);
  return draft.finish();
}

const emulators: EmulatorName[] = [];
for (const name of values.emulators.split(',').filter((text) => text !== '') as EmulatorName[]) {
  const why = whyMissing(name);
  if (why === null) emulators.push(name);
  else process.stdout.write(`skipping ${name}: ${why}\n`);
}

function showOutcome(outcome: Outcome): string {
  const fields = FIELDS.map((field) => `${field}=${outcome.fields[field].toString(16)}`).join(' ');
  const memory = [...outcome.memory].map(([address, value]) => `${address.toString(16)}:${value.toString(16)}`);
  return `${outcome.end} ${fields}\n      ${memory.join(' ')}`;
}

const total = values.only === undefined ? Number(values.cases) : 1;
const first = values.only === undefined ? 0 : Number(values.only);
const showMax = Number(values.show);
let agreed = 0;
let settled = 0;
let outvoted = 0;
let unsettled = 0;
const byVerdict = new Map<string, number>();
const byArea = new Map<string, number>();

for (let start = 0; start < total; ) {
  const cases: { index: number; c: CampaignCase }[] = [];
  for (let bytes = 0; start + cases.length < total && cases.length < BATCH_CASES_MAX; ) {
    const index = first + start + cases.length;
    const c = makeCase(names[index % names.length], index);
    bytes += caseSize(c);
    if (bytes > BATCH_BYTES) break;
    cases.push({ index, c });
  }
  start += cases.length;
  const list = cases.map(({ c }) => c);
  const [ours, ...others] = await Promise.all(
    (['reprise', ...emulators] as EmulatorName[]).map((name) => runBatch(name, monitor, template, list)),
  );
  for (const [e, outcomes] of [ours, ...others].entries()) {
    for (const end of ['reset', 'hang', 'stop']) {
      const n = outcomes.filter((outcome) => outcome.end === end).length;
      if (n > 0) process.stdout.write(`${['reprise', ...emulators][e]}: ${n} cases end in a ${end}\n`);
    }
  }
  cases.forEach(({ index, c }, k) => {
    let isClean = true;
    const open = new Map<EmulatorName, readonly Difference[]>();
    emulators.forEach((emulator, e) => {
      const differences = compareOutcomes(c, ours[k], others[e][k]);
      if (differences.length === 0) return;
      isClean = false;
      const evidence = { c, emulator, ours: ours[k], theirs: others[e][k], differences, template };
      const unexplained = differences.filter((difference) => {
        const verdict = VERDICTS.find((v) => v.wrong === emulator && v.explains(difference, evidence));
        if (verdict !== undefined) byVerdict.set(verdict.name, (byVerdict.get(verdict.name) ?? 0) + 1);
        return verdict === undefined;
      });
      if (unexplained.length > 0) open.set(emulator, unexplained);
    });
    if (isClean) agreed++;
    else if (open.size === 0) settled++;
    else if (!values.strict && open.size < emulators.length && !open.has('bochs')) outvoted++;
    else {
      unsettled++;
      byArea.set(c.area, (byArea.get(c.area) ?? 0) + 1);
      if (unsettled <= showMax) {
        process.stdout.write(`case ${index} ${c.area}: ${c.title}\n`);
        for (const [emulator, differences] of open) {
          process.stdout.write(`  reprise / ${emulator}: ${showDifferences(differences)}\n`);
        }
        if (values.only !== undefined) {
          process.stdout.write(`  reprise: ${showOutcome(ours[k])}\n`);
          for (const [e, emulator] of emulators.entries()) {
            process.stdout.write(`  ${emulator}: ${showOutcome(others[e][k])}\n`);
          }
        }
      }
    }
  });
}
for (const [name, count] of byVerdict) process.stdout.write(`settled ${count} by ${name}\n`);
for (const [name, count] of byArea) process.stdout.write(`unsettled in ${name}: ${count}\n`);
process.stdout.write(
  `${total} cases: ${agreed} agreed, ${settled} settled by the manual, ${outvoted} with QEMU alone, ${unsettled} unsettled\n`,
);
process.exitCode = unsettled > 0 ? 1 : 0;
