/**
 * The whole proof on the racy guests: node dist/proptests/chaos/campaign.js [--seeds N] [--runs N] [NAME...]
 * Each bug is found by chaos within the budget, with every seed, shrunk, and replayed 100 times on the engines in turn;
 * the fixed twins stand --runs runs of each seed. Prints a line a guest; exit status 1 when something is missing.
 */
import { parseArgs } from 'node:util';
import { listRaces } from '../../src/host/node/guest-images.ts';
import { proveBug, proveTwin, RUNS_MAX } from './races.ts';

const REPLAYS = 100;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '1' }, runs: { type: 'string', default: String(RUNS_MAX) } },
});

let failed = 0;
for (const name of positionals.length > 0 ? positionals : listRaces()) {
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    try {
      const { foundAt, perturbations } = await proveBug(name, REPLAYS, seed);
      await proveTwin(name, Number(values.runs), seed);
      const found = `found by run ${foundAt} of ${RUNS_MAX} at most, ${perturbations.length} perturbations left`;
      process.stdout.write(
        `${name}, seed ${seed}: ${found}, ${REPLAYS} replays agree, twin stands ${values.runs} runs\n`,
      );
    } catch (error) {
      failed++;
      process.stdout.write(
        `${name}, seed ${seed}: FAILED, ${error instanceof Error ? error.message : String(error)}\n`,
      );
    }
  }
}
process.exitCode = failed === 0 ? 0 : 1;
