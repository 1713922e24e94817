/**
 * A piece that an engine does otherwise, and that begins too early to say much, is moved to where it begins later. For
 * suspects that cannot be run with shorter blocks (another build, say); whether a piece fails is asked of the caller.
 */
import { endsPiece, type InstructionAt } from './instruction-at.ts';
import type { Outcome } from './lockstep.ts';

/** Instructions that a block has at most. */
export const PIECE_TICKS_MAX = 64;

/** A state of the reference, one instruction behind the other. */
interface PieceMoment {
  readonly place: InstructionAt;
  readonly outcome: Outcome;
}

/** Whether the suspect fails when it runs what stands between two moments in one piece. */
export type Fails = (from: number, to: number) => boolean;

/**
 * A piece that ends where control may go elsewhere ends wherever it begins. Another one is as long as pieces are: one
 * that begins behind moment `first` goes beyond `end`, and is not run in one piece then. So the end is moved back, as
 * far as nothing else goes wrong in between, and a later start is looked for; or, where the fault is everywhere, the
 * last start before the next place at which all pieces end.
 */
export function laterPiece(
  fails: Fails,
  moments: readonly PieceMoment[],
  first: number,
  end: number,
): [from: number, to: number] | null {
  if (end - first < 2 || endsPiece(moments[end - 1].place)) return null;
  const lastFailing = (to: number, from: number, until: number): number => {
    let at = from;
    while (at > until && !fails(at, to)) at--;
    return at;
  };
  const isEnd = (to: number): boolean => to < moments.length && moments[to].outcome.failure === null;
  const moved = (more: number): [from: number, to: number] | null => {
    const to = end + more;
    if (!isEnd(to)) return null;
    const from = lastFailing(to, end - 1, first);
    if (from === first) return null;
    // A later start that does not fail tells the start that does from everything behind it.
    return from < end - 1 || lastFailing(to, to - 1, end - 1) === end - 1 ? [from, to] : null;
  };
  const toNextEnd = (): [from: number, to: number] | null => {
    const to = moments.findIndex((_, i) => i > end && endsPiece(moments[i - 1].place));
    if (to < 0 || !isEnd(to)) return null;
    const from = lastFailing(to, to - 1, first);
    return from > first ? [from, to] : null;
  };
  return moved(PIECE_TICKS_MAX) ?? toNextEnd() ?? moved(12);
}
