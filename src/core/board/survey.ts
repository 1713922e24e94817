/**
 * What a board of given options has, found by building one that is connected to nothing: the names and versions for
 * a log's manifest, and where its devices answer in memory, for a machine whose devices a log plays.
 */
import { TickClock } from './clock.ts';
import type { BoardOptions } from './board.ts';
import { DeviceBoard } from './device-board.ts';
import { SILENT_CHECKS, SILENT_OUTPUT } from './silent.ts';

export interface BoardSurvey {
  readonly hasApic: boolean;
  /** In order of creation. */
  readonly devices: readonly { readonly name: string; readonly version: number }[];
  /** Memory-mapped registers, in bytes. */
  readonly regions: readonly { readonly address: number; readonly size: number }[];
}

export function surveyBoard(options: BoardOptions): BoardSurvey {
  const nothing = (): void => {};
  const regions: { address: number; size: number }[] = [];
  const board = new DeviceBoard(
    {
      clock: new TickClock(() => 0, 1, 0),
      output: SILENT_OUTPUT,
      dma: { read: nothing, write: nothing },
      mmio: (address, size) => regions.push({ address, size }),
      intr: nothing,
      nmi: nothing,
      requestReset: nothing,
      setA20: nothing,
      acknowledgeError: nothing,
    },
    SILENT_CHECKS,
    options,
  );
  return {
    hasApic: board.hasApic,
    devices: board.devices.map(({ name, version }) => ({ name, version })),
    regions,
  };
}
