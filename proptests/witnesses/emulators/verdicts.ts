/**
 * Differences that the manual has settled: who is wrong, in what condition exactly, and where the manual says so.
 * Either a verdict explains single differences by place and value, so that any other one in the same case still counts;
 * or it says that a peer has departed altogether (it took or missed a fault, so nothing after it can agree), and then
 * the judge demands that the other peer agrees with us in everything. Add one only after reading the chapter it names.
 */
import type { Difference } from './compare.ts';
import type { EmulatorName, Outcome } from './emulators.ts';
import { BOCHS_VERDICTS } from './verdicts-bochs.ts';
import { QEMU_VERDICTS } from './verdicts-qemu.ts';
import type { CampaignCase } from './world.ts';

export interface Evidence {
  readonly c: CampaignCase;
  readonly template: DataView;
  readonly ours: Outcome;
  readonly theirs: Outcome;
  /** The other peer. */
  readonly other: Outcome;
  readonly differences: readonly Difference[];
}

export interface Verdict {
  readonly name: string;
  /** What the manual says and who does not follow it. */
  readonly reason: string;
  readonly wrong: Exclude<EmulatorName, 'reprise'>;
  /** Whether it explains this one difference; the other peer must have our value there, unless `knowsValue`. */
  readonly explains?: (difference: Difference, evidence: Evidence) => boolean;
  /** `explains` computes the value that the manual demands and compares ours with it. */
  readonly knowsValue?: boolean;
  /** Whether the peer took another way; the other peer must agree with us in everything. */
  readonly departs?: (evidence: Evidence) => boolean;
}

export const VERDICTS: readonly Verdict[] = [...QEMU_VERDICTS, ...BOCHS_VERDICTS];
