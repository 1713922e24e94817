// Links to a moment: what stands behind # names the tick and which tabs are in front, so that an address can be shared.
// Nothing in it is believed.

export interface Place {
  readonly tick: number | null;
  readonly seq: number;
  /** Ids of views that are in front. */
  readonly views: readonly string[];
}

export function readPlace(fragment: string): Place {
  const words = new URLSearchParams(fragment.replace(/^#/, ''));
  const tick = Number(words.get('tick') ?? Number.NaN);
  const seq = Number(words.get('seq') ?? 0);
  return {
    tick: Number.isSafeInteger(tick) && tick >= 0 ? tick : null,
    seq: Number.isSafeInteger(seq) && seq >= 0 && seq < 2 ** 32 ? seq : 0,
    views: (words.get('view') ?? '').split(',').filter((id) => /^[a-z-]{1,20}$/.test(id)),
  };
}

export function writePlace(tick: number, seq: number, views: readonly string[]): string {
  return `#tick=${tick}${seq === 0 ? '' : `&seq=${seq}`}${views.length === 0 ? '' : `&view=${views.join(',')}`}`;
}
