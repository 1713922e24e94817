/**
 * The file `bootorder` of the configuration device: which drives firmware tries, each by its path in the device tree
 * (IEEE 1275, as QEMU and SeaBIOS spell it), in order, the first one first. CMOS says the same by kinds of drives
 * (devices/timers/rtc.ts); firmware that has no use for that, as UEFI, reads this.
 */
import { CDROM_PLACE, CDROM_ROLE, DISK_ROLES, FLOPPY_ROLES } from '../../devices/disk/roles.ts';

export const BOOT_ORDER_FILE = 'bootorder';

const idePath = (place: number): string => `/pci@i0cf8/ide@1,1/drive@${place >> 1}/disk@${place & 1}`;

/** By letter of a boot order, the roles of drives and their paths. Nothing here boots from a network. */
const PATHS: Readonly<Record<string, readonly (readonly [role: string, path: string])[]>> = {
  c: DISK_ROLES.map((role, place) => [role, idePath(place)] as const),
  d: [[CDROM_ROLE, idePath(CDROM_PLACE)]],
  a: FLOPPY_ROLES.map((role, place) => [role, `/pci@i0cf8/isa@1/fdc@03f0/floppy@${place}`] as const),
  n: [],
};

/** `order`: letters of c, d, a, n. `roles`: of the images that there are. Lines, with a zero byte behind the last. */
export function bootOrderFile(order: string, roles: ReadonlySet<string>): Uint8Array {
  const lines = [...order].flatMap((letter) => PATHS[letter]).filter(([role]) => roles.has(role));
  const text = `${lines.map(([, path]) => path).join('\n')}\0`;
  return Uint8Array.from(text, (each) => each.charCodeAt(0));
}
