// The table of what a page may ask: a question is added as a line here, with its answer in a file of its subject. Each
// takes the session and what was asked, both plain, and gives plain data; what cannot be throws a sentence.

import { open, pack } from './answers/opening.ts';
import { goTo, nextEvent, play, seek, step, stepOver } from './answers/moves.ts';
import { code } from './answers/code.ts';
import { lanes, laneEvents } from './answers/timeline.ts';
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
} satisfies Readonly<Record<string, Answer>>;

export type Answers = typeof ANSWERS;
