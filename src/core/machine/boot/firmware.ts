/**
 * What a machine tells the firmware that starts it: the files of its configuration device. The memory map, ACPI tables
 * with the script that places them (acpi-loader.ts), SMBIOS, which drives to try in which order (boot-order.ts).
 */
import type { FirmwareOptions } from '../../board/board.ts';
import { acpiFiles } from './acpi-loader.ts';
import { BOOT_ORDER_FILE, bootOrderFile } from './boot-order.ts';
import { smbiosFiles } from './smbios.ts';
import { write32 } from './bytes.ts';
import { E820_RAM } from './memory-map.ts';

/** What SeaBIOS writes into the router of the ISA bridge, by PIRQ. */
const PIRQ_LINES = [10, 10, 11, 11] as const;

export interface FirmwareFacts {
  readonly ramSize: number;
  readonly romBytes: number;
  readonly hasApic: boolean;
  readonly hasHpet: boolean;
  readonly hasScreen: boolean;
  readonly hasBootMenu: boolean;
  readonly bootOrder: string;
  /** Roles of the images that there are; null: no file names the drives, as it was once. */
  readonly roles: ReadonlySet<string> | null;
}

/** Address, size and type of all memory: 20 bytes. */
function memoryMapFile(ramSize: number): Uint8Array {
  const entry = new Uint8Array(20);
  write32(entry, 8, ramSize);
  write32(entry, 16, E820_RAM);
  return entry;
}

export function firmwareOptions(facts: FirmwareFacts): FirmwareOptions {
  const { ramSize, romBytes, hasApic, hasHpet, hasScreen, hasBootMenu, bootOrder, roles } = facts;
  const platform = { hasApic, hasHpet, hasPci: true, hasVga: hasScreen, pirqLines: PIRQ_LINES };
  return {
    romBytes,
    hasScreen,
    hasBootMenu,
    bootOrder,
    files: new Map([
      ['etc/e820', memoryMapFile(ramSize)],
      ...smbiosFiles(ramSize),
      ...acpiFiles(platform, ramSize),
      ...(roles === null ? [] : [[BOOT_ORDER_FILE, bootOrderFile(bootOrder, roles)] as const]),
    ]),
  };
}
