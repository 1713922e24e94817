// By what the ticks of a run may be gathered (hot-rows.ts). Alone in a file, so that the table of verbs loads nothing.
// Names are what --by takes; the first is the default.

export const HOT_BY = ['function', 'block', 'page', 'instruction', 'device'] as const;
export type HotBy = (typeof HOT_BY)[number];

/** Rows that are listed unless --top says otherwise. */
export const TOP_DEFAULT = 10;
