// The table of commands: help, completion and execute() go by it. A command is a row in the file of its subject; a
// whole new subject is a file and a line here.

import { BACKTRACE } from './backtrace.ts';
import { BRANCH } from './branch.ts';
import type { Command } from './debugger.ts';
import { DEVICES, INFO } from './info.ts';
import { LINUX } from './linux.ts';
import { LOOKS } from './looks.ts';
import { MOVES } from './moves.ts';
import { CHANGES } from './changes.ts';
import { WHY_NOT } from './why-not.ts';
import { ORIGIN } from './origin.ts';
import { QUERY } from './query.ts';
import { QUESTIONS } from './questions.ts';
import { SCREEN } from './screen-command.ts';
import { SETTINGS } from './settings.ts';
import { SOURCE } from './source.ts';
import { STOPS } from './stops.ts';
import { SYMBOLS } from './symbols-command.ts';

export const COMMANDS: readonly Command[] = [
  ...MOVES,
  ...STOPS,
  ...QUESTIONS,
  ORIGIN,
  WHY_NOT,
  CHANGES,
  QUERY,
  BRANCH,
  ...LOOKS,
  SCREEN,
  INFO,
  DEVICES,
  BACKTRACE,
  ...SOURCE,
  LINUX,
  SYMBOLS,
  ...SETTINGS,
];
