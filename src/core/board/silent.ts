/**
 * Faces that nothing comes out of: for boards that are only looked at, replays that print nothing, and tests. Constants
 * alone; imports types.
 */
import type { Checks } from '../machine/door.ts';
import type { OutputPort } from './device.ts';

const nothing = (): void => {};

export const SILENT_OUTPUT: OutputPort = {
  serial: nothing,
  debugConsole: nothing,
  parallel: nothing,
  debugExit: nothing,
  powerOff: nothing,
};

export const SILENT_CHECKS: Checks = {
  interrupt: nothing,
  portRead: nothing,
  mmioRead: nothing,
  timer: nothing,
  a20: nothing,
  dmaWrite: nothing,
  memory: nothing,
  signal: nothing,
};
