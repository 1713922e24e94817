// The moment and the seed of a power cut, as options spell them: --powercut of run and record, --cut of the verb. Says
// nothing of whether the run comes so far.

import type { PowerCut } from '../../core/chaos/power-cut.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import { SEED_MAX } from '../../core/session/media-script.ts';

/** TICK or TICK:SEED. */
export function readCut(text: string, option: string): PowerCut {
  const match = /^([\d_]{1,20})(?::(\d{1,10}))?$/.exec(text);
  const tick = Number((match?.[1] ?? '').replaceAll('_', '') || Number.NaN);
  const seed = Number(match?.[2] ?? 0);
  if (Number.isSafeInteger(tick) && seed <= SEED_MAX) return { tick, seed };
  throw new UsageError(`--${option} wants a tick and perhaps a seed, such as 120000:7, not "${text}".`);
}
