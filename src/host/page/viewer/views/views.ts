// The table of views: tabs of the panes, in this order. A view is added as a file in this folder
// and a line here.

import { BOOKMARKS } from './bookmarks.ts';
import { CODE } from './code.ts';
import { FACTS } from './facts.ts';
import { EVENTS } from './events.ts';
import { MEMORY } from './memory.ts';
import { REGISTERS } from './registers.ts';
import { SCREEN } from './screen.ts';
import { SERIAL } from './serial.ts';
import { STACK } from './stack.ts';
import type { View } from './view.ts';

export const VIEWS: readonly View[] = [SCREEN, SERIAL, CODE, REGISTERS, EVENTS, BOOKMARKS, FACTS, MEMORY, STACK];
