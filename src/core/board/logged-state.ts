/**
 * What a board of the log (log-board.ts) would remember of the devices of a board of models: the state that a replay
 * without devices begins with when its recording began in the middle of a run.
 */
import type { MappedRun } from '../memory/address-space.ts';
import type { BoardState } from './board.ts';
import type { Device } from './device.ts';
import { SERIAL_TAP } from './serial-tap.ts';

export function loggedState(devices: readonly Device[], runs: readonly MappedRun[]): BoardState {
  const tap = SERIAL_TAP.initial();
  let isNmiMasked = false;
  const blocks: { port: number; image: number; offset: number; length: number }[] = [];
  for (const device of devices) {
    const { serial, isNmiMasked: isMasked, blocks: own = [] } = device.known?.() ?? {};
    if (serial !== undefined) {
      tap.lineControl[serial.line] = serial.lineControl;
      tap.modemControl[serial.line] = serial.modemControl;
    }
    if (isMasked !== undefined) isNmiMasked = isMasked;
    blocks.push(...own);
  }
  return [
    ['serial-tap', SERIAL_TAP.of(tap).save()],
    ['nmi-mask', { isNmiMasked }],
    ['port-blocks', { blocks }],
    ['map', { runs: runs.map((run) => ({ ...run })) }],
  ];
}
