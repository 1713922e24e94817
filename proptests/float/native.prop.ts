/**
 * The floating point library against the host processor: every operation in every rounding and precision mode, masked
 * and unmasked, on biased random operands. REPRISE_CASES=N runs N cases an operation, REPRISE_SEED=S other ones,
 * REPRISE_OPERATION=NAME one operation alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNotImitated } from '../support/imitated.ts';
import { runCases } from './campaign.ts';
import { sseOperations } from './model-sse.ts';
import { x87Operations } from './model-x87.ts';
import { nativeFloat } from './native.ts';

const operations = [...x87Operations, ...sseOperations];
const caseCount = Number(process.env.REPRISE_CASES ?? 2000);
const seedFirst = Number(process.env.REPRISE_SEED ?? 1);
const only = process.env.REPRISE_OPERATION;
const batchSize = 50_000;

/** Where processors differ: approximations, and operands without an integer bit when underflow is unmasked. */
const DIFFERS_BY_PROCESSOR = /^(RCP|RSQRT|FPREM|FSCALE)/;

const native = nativeFloat();
for (const operation of operations) {
  if (only !== undefined && operation.name !== only) continue;
  const other = DIFFERS_BY_PROCESSOR.test(operation.name) ? whyNotImitated() : null;
  const skip = 'reason' in native ? native.reason : (other ?? false);
  test(`${operation.name} agrees with silicon`, { skip }, () => {
    if (!('path' in native)) return;
    for (let done = 0, seed = seedFirst; done < caseCount; done += batchSize, seed++) {
      const { mismatchCount, reports } = runCases(native.path, operation, seed, Math.min(batchSize, caseCount - done));
      const cases = Math.min(batchSize, caseCount - done);
      const which = `REPRISE_SEED=${seed} REPRISE_CASES=${cases} REPRISE_OPERATION='${operation.name}'`;
      const again = `${which} npm test -- float/native`;
      assert.equal(mismatchCount, 0, `${mismatchCount} mismatches; to see them again: ${again}\n${reports.join('\n')}`);
    }
  });
}
