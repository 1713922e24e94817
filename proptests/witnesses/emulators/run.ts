/**
 * node dist/proptests/witnesses/emulators/run.js --seed S --cases N [--from K] [--area NAME,…] [--show N] [--only K]
 * [--probe]
 *
 * Random system states and short guests on Reprise and on two independent emulators. Agreement of all three is a pass;
 * every difference wants a verdict (verdicts.ts) or the run fails. Each failure prints the case with both sides;
 * `--only K` with the same seed and area runs case K alone, `--from K` begins there. Each settled case is judged again
 * with our result spoilt in one place after the other: a spoilt result that still passes would be a verdict too broad,
 * and fails the run too. `--probe` only tells whether both emulators are there.
 */
import { Random } from '../../../src/core/base/random.ts';
import { scriptArguments } from '../../../src/host/cli/script-arguments.ts';
import { showDifferences } from './compare.ts';
import { type EmulatorName, type Outcome, runBatch, whyMissing } from './emulators.ts';
import { AREAS } from './generate.ts';
import { judge, type Outcomes, PEERS, slips } from './judge.ts';
import { FIELDS } from './layout.ts';
import { buildMonitor } from './monitor.ts';
import type { Verdict } from './verdicts.ts';
import { buildTemplate, type CampaignCase, caseSize, Draft } from './world.ts';

/** Reprise takes firmware of 256 KiB at most: the monitor, the template and so many bytes of cases. */
const BATCH_BYTES = 96 << 10;
const BATCH_CASES_MAX = 600;

const COUNT_MAX = 2 ** 31;
const args = scriptArguments({
  name: 'campaign',
  program: 'npm run campaign --',
  isText: true,
  positionals: [],
  brief: 'random system states against two emulators',
  summary: 'Runs random system states and short guests on Reprise, QEMU and Bochs; every difference wants a verdict.',
  options: [
    { name: 'seed', value: 'S', range: [0, COUNT_MAX], help: 'of the cases (default 1)' },
    { name: 'cases', value: 'N', range: [0, COUNT_MAX], help: 'so many (default 1000)' },
    { name: 'from', value: 'K', range: [0, COUNT_MAX], help: 'begin at case K' },
    { name: 'only', value: 'K', range: [0, COUNT_MAX], help: 'case K alone' },
    { name: 'area', value: 'A,B,...', help: `of these areas: ${Object.keys(AREAS).join(', ')}` },
    { name: 'show', value: 'N', range: [0, COUNT_MAX], help: 'print at most so many (default 20)' },
    { name: 'probe', help: 'only tell whether both emulators are there' },
  ],
});

const monitor = buildMonitor();
const template = buildTemplate(monitor);
const seed = args.number('seed') ?? 1;
const names = args.text('area')?.split(',') ?? Object.keys(AREAS);
for (const name of names) {
  if (AREAS[name] === undefined) {
    process.stderr.write(`there is no area ${name}: choose ${Object.keys(AREAS).join(', ')}\n`);
    process.exit(2);
  }
}
const missing = PEERS.map(whyMissing).filter((why) => why !== null);
if (missing.length > 0) {
  process.stderr.write(
    `${missing.join(', ')}: the campaign needs both (Debian: qemu-system-x86, bochs, bochsbios, vgabios)\n`,
  );
  process.exit(2);
}
if (args.has('probe')) process.exit(0);

function makeCase(area: string, index: number): CampaignCase {
  const random = new Random((Math.imul(seed, 0x9e3779b1) + Math.imul(index, 7919)) | 0);
  const draft = new Draft(area, template);
  AREAS[area](draft, random);
  return draft.finish();
}

function showOutcome(outcome: Outcome): string {
  const fields = FIELDS.map((field) => `${field}=${outcome.fields[field].toString(16)}`).join(' ');
  const memory = [...outcome.memory].map(([address, value]) => `${address.toString(16)}:${value.toString(16)}`);
  return `${outcome.end} ${fields}\n      ${memory.join(' ')}`;
}

const isAlone = args.has('only');
const total = isAlone ? 1 : (args.number('cases') ?? 1000);
const first = args.number('only') ?? args.number('from') ?? 0;
const showMax = args.number('show') ?? 20;
const startMs = Date.now();
const counts = { agreed: 0, settled: 0, unsettled: 0 };
let slipped = 0;
const byVerdict = new Map<Verdict, number>();
const byArea = new Map<string, number>();
const ends = new Map<string, number>();
let shown = 0;

function report(index: number, c: CampaignCase, outcomes: Outcomes): void {
  const { state, verdicts, open } = judge(c, template, outcomes);
  counts[state]++;
  for (const verdict of verdicts) byVerdict.set(verdict, (byVerdict.get(verdict) ?? 0) + 1);
  const lines: string[] = [];
  for (const [peer, differences] of open) lines.push(`  reprise / ${peer}: ${showDifferences(differences)}\n`);
  if (state === 'settled') {
    const random = new Random(index);
    const found = slips(c, template, outcomes, () => random.below(32));
    if (found.length > 0) {
      slipped++;
      lines.push(
        `  passes as well with ours spoilt at ${found.join(', ')}: ${[...verdicts].map((v) => v.name).join('; ')}\n`,
      );
    }
  }
  if (lines.length > 0) byArea.set(c.area, (byArea.get(c.area) ?? 0) + 1);
  if (isAlone) {
    for (const verdict of verdicts) lines.push(`  settled by ${verdict.name}: ${verdict.reason}\n`);
    for (const name of ['reprise', ...PEERS] as const) lines.push(`  ${name}: ${showOutcome(outcomes[name])}\n`);
  }
  if (lines.length > 0 && shown++ < showMax)
    process.stdout.write(`case ${index} ${c.area}: ${c.title}\n${lines.join('')}`);
}

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
  const run = (name: EmulatorName): Promise<Outcome[]> => runBatch(name, monitor, template, list);
  const [reprise, qemu, bochs] = await Promise.all([run('reprise'), run('qemu'), run('bochs')]);
  cases.forEach(({ index, c }, k) => {
    const outcomes: Outcomes = { reprise: reprise[k], qemu: qemu[k], bochs: bochs[k] };
    for (const name of ['reprise', ...PEERS] as const) {
      const key = `${name}: ${outcomes[name].end}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
    }
    report(index, c, outcomes);
  });
}
const most = <T>(map: Map<T, number>): [T, number][] => [...map].sort(([, a], [, b]) => b - a);
for (const [end, count] of ends) if (!end.endsWith('done')) process.stdout.write(`${count} cases end in ${end}\n`);
for (const [verdict, count] of most(byVerdict))
  process.stdout.write(`${count} cases: ${verdict.wrong}: ${verdict.name}\n`);
for (const [name, count] of most(byArea)) process.stdout.write(`unsettled in ${name}: ${count}\n`);
const { agreed, settled, unsettled } = counts;
const seconds = (Date.now() - startMs) / 1000;
process.stdout.write(
  `${total} cases${first > 0 ? ` from ${first} on` : ''}, seed ${seed}: ${agreed} agreed, ${settled} settled by ` +
    `the manual, ${unsettled} unsettled, ` +
    `${slipped} settled too easily; ${seconds.toFixed(0)} s\n`,
);
process.exitCode = unsettled > 0 || slipped > 0 ? 1 : 0;
