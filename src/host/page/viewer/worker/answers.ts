// The table of what a page may ask: a question is added as a line here, with its answer in a file of its subject. Each
// takes the session and what was asked, both plain, and gives plain data; what cannot be throws a sentence.

import { digest, open, pack } from './answers/opening.ts';
import { askWords, origin, query } from './answers/ask.ts';
import { counts } from './answers/counts.ts';
import { difference } from './answers/difference.ts';
import { engine } from './answers/engine.ts';
import { advance, boot, finishLive, type } from './answers/live.ts';
import { devices, table } from './answers/tables.ts';
import { source } from './answers/source.ts';
import { watches } from './answers/watches.ts';
import { goTo, nextEvent, play, seek, step, stepOver } from './answers/moves.ts';
import { code } from './answers/code.ts';
import { host } from './answers/host.ts';
import { laneEvents, laneRank, lanes, laneTick, laneValues } from './answers/timeline.ts';
import { lastWrite, memory } from './answers/memory.ts';
import { registers } from './answers/registers.ts';
import { screen } from './answers/screen.ts';
import { serial } from './answers/serial.ts';
import { bookmarks, setBookmark } from './answers/bookmarks.ts';
import { stack } from './answers/stack.ts';
import type { WorkerSession } from './session.ts';

export type Answer = (session: WorkerSession, ask: never) => unknown;

export const ANSWERS = {
  open,
  pack,
  seek,
  step,
  stepOver,
  goTo,
  play,
  nextEvent,
  lanes,
  laneEvents,
  code,
  memory,
  lastWrite,
  registers,
  screen,
  serial,
  stack,
  bookmarks,
  setBookmark,
  host,
  digest,
  counts,
  difference,
  engine,
  source,
  watches,
  table,
  devices,
  laneRank,
  laneTick,
  laneValues,
  boot,
  advance,
  type,
  finishLive,
  query,
  origin,
  askWords,
} satisfies Readonly<Record<string, Answer>>;

export type Answers = typeof ANSWERS;

/** Questions that the machine is not asked for: they are answered at once, whatever is on its way. */
export const ASIDE: ReadonlySet<keyof Answers> = new Set(['lanes', 'laneEvents', 'laneRank', 'laneTick', 'laneValues']);
