/**
 * What a board of given options has, found by building one that is connected to nothing: the names and versions for
 * a log's manifest, and what its devices lay over the address space at power-on, for a machine whose devices a log
 * plays.
 */
import type { Shown } from '../memory/address-space.ts';
import { BulkMemory } from '../memory/bulk.ts';
import type { BoardOptions } from './board.ts';
import { TickClock } from './clock.ts';
import { DeviceBoard } from './device-board.ts';
import { SILENT_CHECKS, SILENT_OUTPUT } from './silent.ts';
import { planBulk } from './table.ts';
import { RAM_BASE } from '../state/layout.ts';

/** An aperture as it stands when its device has been made. */
export interface SurveyedAperture {
  readonly sizeBytes: number;
  readonly priority: number;
  /** −1: hidden. */
  readonly address: number;
  readonly shown: Shown;
}

export interface BoardSurvey {
  readonly hasApic: boolean;
  /** In order of creation. */
  readonly devices: readonly { readonly name: string; readonly version: number }[];
  readonly apertures: readonly SurveyedAperture[];
  /** Bulk memories with what devices have put there. */
  readonly bulks: ReadonlyMap<string, BulkMemory>;
}

export function surveyBoard(options: BoardOptions): BoardSurvey {
  const nothing = (): void => {};
  const apertures: { -readonly [K in keyof SurveyedAperture]: SurveyedAperture[K] }[] = [];
  const plans = planBulk(options);
  const bulks = new Map(plans.map(({ name, sizeBytes }) => [name, new BulkMemory(name, sizeBytes, null)]));
  const romBase = RAM_BASE + options.memoryBytes + plans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const board = new DeviceBoard(
    {
      clock: new TickClock(() => 0, 1, 0),
      output: SILENT_OUTPUT,
      dma: { read: nothing, write: nothing },
      space: {
        aperture: (sizeBytes, priority, shown) => {
          const aperture = { sizeBytes, priority, address: -1, shown };
          apertures.push(aperture);
          return {
            address: -1,
            place: (address) => {
              aperture.address = address;
            },
            show: (other) => {
              aperture.shown = other;
            },
          };
        },
        bulks,
        hostOf: (memory, offset) => (memory === 'ram' ? RAM_BASE : romBase) + offset,
        openRange: nothing,
        onMapped: nothing,
        mapped: () => [],
      },
      intr: nothing,
      nmi: nothing,
      init: nothing,
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
    apertures,
    bulks,
  };
}
