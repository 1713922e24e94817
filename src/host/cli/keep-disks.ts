// What becomes of what a guest has written to its disks when a run is over: nothing, unless `--overlay` names a file
// for it or `--writable` a disk whose image is to have it. Both are looked at before the run begins.

import { resolve } from 'node:path';
import { UsageError } from '../../core/base/usage-error.ts';
import { diskContents } from '../../core/chaos/power-cut.ts';
import type { DiskContents } from '../../core/devices/disk/disk-contents.ts';
import type { FloppyController } from '../../core/devices/disk/floppy.ts';
import { DISK_ROLES, FLOPPY_ROLES } from '../../core/devices/disk/roles.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { Images } from '../../core/session/session.ts';
import { DiskImage } from '../node/disks.ts';
import { overlayFile, writeBack, writeOverlay } from '../node/overlay-file.ts';
import type { Arguments } from './args.ts';
import { count } from '../node/progress.ts';
import { say } from './report.ts';

/** Drives that keep what is written to them. */
const WRITABLE_ROLES = [...DISK_ROLES, ...FLOPPY_ROLES] as const;

function contentsOf(machine: Machine): (readonly [role: string, contents: DiskContents])[] {
  const floppy = machine.board.devices.find(({ name }) => name === 'floppy') as FloppyController | undefined;
  return [...diskContents(machine), ...(floppy?.disks ?? [])];
}

export class KeptDisks {
  /** File by disk. */
  private readonly overlays = new Map<string, string>();
  private readonly writable: readonly string[];
  private readonly images: Images;

  /** Throws UsageError or CommandError for what cannot be done when the run is over. */
  constructor(args: Arguments, images: Images) {
    this.images = images;
    for (const text of args.list('overlay')) {
      const match = /^(hd[a-d]|fd[ab])=(.+)$/.exec(text);
      const [role, path] = match === null ? ['hda', text] : [match[1], match[2]];
      this.imageOf(role, 'overlay');
      if (this.overlays.has(role)) throw new UsageError(`--overlay is given twice for ${role}: give it once.`);
      overlayFile(path).foresee();
      if ([...this.overlays.values()].includes(path)) {
        throw new UsageError(`--overlay names ${path} twice: give each disk a file of its own.`);
      }
      this.overlays.set(role, path);
    }
    this.writable = args.list('writable');
    for (const role of this.writable) {
      if (this.imageOf(role, 'writable').format !== 'raw') {
        throw new UsageError(`--writable ${role} wants a raw image, and this one is qcow2: keep an --overlay instead.`);
      }
    }
  }

  private imageOf(role: string, option: string): DiskImage {
    const image = this.images.get(role);
    if (image instanceof DiskImage) return image;
    const why = image === undefined ? `the machine has no ${role}` : `its image lies inside the log`;
    throw new UsageError(
      `--${option} is for ${role}, and ${why}: name one of ${WRITABLE_ROLES.join(', ')} that is a file.`,
    );
  }

  /** The run is over; `label` says what it was. */
  finish(machine: Machine, label: string, isQuiet: boolean): void {
    for (const [role, image] of this.images) {
      if (!(image instanceof DiskImage) || !image.hasChanged) continue;
      say(`${label}: the ${role} image ${image.path} has been written to while it was in use: a replay may differ`);
    }
    for (const [role, contents] of contentsOf(machine)) {
      if (contents.isFull) {
        say(`${label}: ${role} had no room for all that was written; --disk-room MB gives it more`);
      }
      const path = this.overlays.get(role);
      if (path !== undefined) {
        const { path: below, format } = this.imageOf(role, 'overlay');
        const backing = { name: resolve(below), format };
        writeOverlay({ path, backing, sizeBytes: contents.sectors * 512, pages: [...contents.written()] });
        if (!isQuiet) say(`${label}: ${path} holds the ${count(contents.writtenPages)} pages written to ${role}`);
      }
      if (this.writable.includes(role)) {
        const { path: image } = this.imageOf(role, 'writable');
        writeBack(image, contents);
        if (!isQuiet) say(`${label}: ${count(contents.writtenPages)} pages were written into ${image}`);
      }
    }
  }
}
