// The table of views: tabs of the panes, in this order. A view is added as a file in this folder
// and a line here.

import { ASK } from './ask.ts';
import { BOOKMARKS } from './bookmarks.ts';
import { CODE } from './code.ts';
import { compareView } from './compare.ts';
import { DEVICES } from './devices.ts';
import { DIFFERENCE } from './difference.ts';
import { ENGINE } from './engine.ts';
import { EVENTS } from './events.ts';
import { FACTS } from './facts.ts';
import { MEMORY } from './memory.ts';
import { REGISTERS } from './registers.ts';
import { SCREEN } from './screen.ts';
import { SERIAL } from './serial.ts';
import { SOURCE } from './source.ts';
import { STACK } from './stack.ts';
import { TABLES_VIEW } from './tables.ts';
import type { View } from './view.ts';
import { WATCHES } from './watches.ts';

export const VIEWS: readonly View[] = [
  SCREEN,
  SERIAL,
  SOURCE,
  CODE,
  ENGINE,
  REGISTERS,
  DEVICES,
  EVENTS,
  ASK,
  BOOKMARKS,
  DIFFERENCE,
  compareView(() => VIEWS),
  FACTS,
  MEMORY,
  TABLES_VIEW,
  STACK,
  WATCHES,
];
