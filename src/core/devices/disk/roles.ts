/**
 * The drives of a machine by the roles of their images: where each is attached, and what of the board's memory its
 * written sectors have. Imports types alone.
 */
import type { BoardOptions } from '../../board/board.ts';

/** Disks in the order of their places: primary and secondary channel, master and slave. */
export const DISK_ROLES = ['hda', 'hdb', 'hdc', 'hdd'] as const;
export type DiskRole = (typeof DISK_ROLES)[number];
export const CDROM_ROLE = 'cdrom';
/** The place of the CD-ROM drive: that of hdc. */
export const CDROM_PLACE = 2;
export const FLOPPY_ROLES = ['fda', 'fdb'] as const;

export function sizeOfImage({ images = [] }: Pick<BoardOptions, 'images'>, role: string): number {
  return images.find((image) => image.role === role)?.source.sizeBytes ?? -1;
}

/** The machine has controllers for disks: firmware looks for them, and images are for them. */
export function hasDisks(options: BoardOptions): boolean {
  if (options.firmware !== undefined) return true;
  return [...DISK_ROLES, CDROM_ROLE].some((role) => sizeOfImage(options, role) >= 0);
}
