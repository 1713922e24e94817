/**
 * The areas of the campaign by name: each makes a random case of its kind from a random number generator. A case is one
 * or a few instructions; the breakpoints that fill the code pages end it. An area is added in one line.
 */
import {
  control,
  debug,
  fastCalls,
  flags,
  modelSpecific,
  pagedTables,
  paging,
  ports,
  real,
} from './generate-system.ts';
import {
  far,
  farReturns,
  interruptReturns,
  interrupts,
  limits,
  segments,
  stacks,
  tasks,
} from './generate-transfers.ts';
import type { Generator } from './random-state.ts';

export const AREAS: Readonly<Record<string, Generator>> = {
  segments,
  limits,
  stacks,
  far,
  'far-returns': farReturns,
  iret: interruptReturns,
  interrupts,
  tasks,
  paging,
  'paged-tables': pagedTables,
  control,
  flags,
  debug,
  msr: modelSpecific,
  sysenter: fastCalls,
  ports,
  real,
};
