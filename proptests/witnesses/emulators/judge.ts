/**
 * Settles a case: agreement of all three, or verdicts for every difference, or unsettled. Reprise is never believed on
 * its own word. Where one peer differs at a place, the other peer must have our value there; where a peer took another
 * way altogether, the other must agree with us in everything. Only a verdict that computes the manual's value itself
 * does without the other peer.
 *
 * `slips` turns that on its head: it spoils our result in one place and tells whether the judge still lets it pass.
 */
import { compareOutcomes, type Difference, placesOf, valueAt } from './compare.ts';
import type { EmulatorName, Outcome } from './emulators.ts';
import { VERDICTS, type Evidence, type Verdict } from './verdicts.ts';
import type { CampaignCase } from './world.ts';

export type Peer = Exclude<EmulatorName, 'reprise'>;
export const PEERS: readonly Peer[] = ['qemu', 'bochs'];

export interface Outcomes {
  readonly reprise: Outcome;
  readonly qemu: Outcome;
  readonly bochs: Outcome;
}

export interface Judgement {
  readonly state: 'agreed' | 'settled' | 'unsettled';
  /** Those that settled something, each once. */
  readonly verdicts: ReadonlySet<Verdict>;
  /** What no verdict explains. */
  readonly open: ReadonlyMap<Peer, readonly Difference[]>;
}

export function judge(c: CampaignCase, template: DataView, outcomes: Outcomes): Judgement {
  const ours = outcomes.reprise;
  const verdicts = new Set<Verdict>();
  const open = new Map<Peer, readonly Difference[]>();
  const all = new Map(PEERS.map((peer) => [peer, compareOutcomes(c, template, ours, outcomes[peer])]));
  for (const peer of PEERS) {
    const differences = all.get(peer) ?? [];
    const other = outcomes[peer === 'qemu' ? 'bochs' : 'qemu'];
    const evidence: Evidence = { c, template, ours, theirs: outcomes[peer], other, differences };
    const left = differences.filter((difference) => {
      const isWitnessed = valueAt(c, template, other, difference.place) === difference.ours && other.end === ours.end;
      const verdict = VERDICTS.find(
        (v) =>
          v.wrong === peer &&
          v.explains !== undefined &&
          (isWitnessed || v.knowsValue) &&
          v.explains(difference, evidence),
      );
      if (verdict !== undefined) verdicts.add(verdict);
      return verdict === undefined;
    });
    if (left.length > 0) open.set(peer, left);
  }
  for (const peer of PEERS) {
    const other = peer === 'qemu' ? 'bochs' : 'qemu';
    if (!open.has(peer) || open.has(other)) continue;
    const evidence: Evidence = {
      c,
      template,
      ours,
      theirs: outcomes[peer],
      other: outcomes[other],
      differences: all.get(peer) ?? [],
    };
    const verdict = VERDICTS.find((v) => v.wrong === peer && v.departs?.(evidence) === true);
    if (verdict === undefined) continue;
    verdicts.add(verdict);
    open.delete(peer);
  }
  const isAgreed = PEERS.every((peer) => all.get(peer)?.length === 0);
  return { state: isAgreed ? 'agreed' : open.size === 0 ? 'settled' : 'unsettled', verdicts, open };
}

/** The places where a spoilt result of ours (one bit turned over) would still pass. */
export function slips(c: CampaignCase, template: DataView, outcomes: Outcomes, pickBit: () => number): string[] {
  const { reprise } = outcomes;
  const found: string[] = [];
  if (reprise.end !== 'done') return found;
  for (const place of placesOf(reprise, outcomes.qemu)) {
    if (place === 'end' || (place === 'eax' && c.tags.has('io'))) continue;
    const bit = pickBit();
    const value = (valueAt(c, template, reprise, place) ^ (1 << bit)) >>> 0;
    const spoilt: Outcome =
      typeof place === 'number'
        ? { ...reprise, memory: new Map([...reprise.memory, [place, value]]) }
        : { ...reprise, fields: { ...reprise.fields, [place]: value } };
    if (valueAt(c, template, spoilt, place) === valueAt(c, template, reprise, place)) continue;
    if (judge(c, template, { ...outcomes, reprise: spoilt }).state !== 'unsettled')
      found.push(`${typeof place === 'number' ? place.toString(16) : place} bit ${bit}`);
  }
  return found;
}
