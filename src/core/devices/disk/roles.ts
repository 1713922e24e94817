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

/** All drives that an image may be for. */
export const DRIVE_ROLES = [...DISK_ROLES, CDROM_ROLE, ...FLOPPY_ROLES] as const;
export type DriveRole = (typeof DRIVE_ROLES)[number];
export const REMOVABLE_ROLES: readonly string[] = [CDROM_ROLE, ...FLOPPY_ROLES];

/** Whether the image of that role is in a drive, or waits to be put into one. */
export function isDriveImage(role: string): boolean {
  return (DRIVE_ROLES as readonly string[]).includes(role) || /^medium[1-9]\d?$/.test(role);
}

/** The role of a medium that may be put into a drive: 0 is the drive's own. */
export function mediumRole(drive: string, medium: number): string {
  return medium === 0 ? drive : `medium${medium}`;
}

export function sizeOfImage({ images = [] }: Pick<BoardOptions, 'images'>, role: string): number {
  return images.find((image) => image.role === role)?.source.sizeBytes ?? -1;
}

/** The machine has controllers for disks: firmware looks for them, and images are for them. */
export function hasDisks(options: BoardOptions): boolean {
  if (options.firmware !== undefined) return true;
  return [...DISK_ROLES, CDROM_ROLE].some((role) => sizeOfImage(options, role) >= 0);
}
