/**
 * The IDE function of the PIIX3 (82371SB data sheet, chapter 2.4: 8086:7010): two channels at the ports of the PC/AT
 * and their bus masters. A channel is decoded when its timing register says so and the command register lets ports
 * answer; firmware, or on a machine without any the state after reset, sees to that. Disks are the images hda to hdd,
 * each with bulk memory for what the guest writes; a CD-ROM takes the place of hdc.
 */
import { fields, withFields } from '../../base/fields.ts';
import type { BoardOptions } from '../../board/board.ts';
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, KnownOfDevice } from '../../board/device.ts';
import { AtaDrive } from './ata-drive.ts';
import { AtapiDrive } from './atapi-drive.ts';
import { BUS_MASTER_PORTS } from './bus-master.ts';
import { SECTOR_BYTES, writtenBytes } from './disk-contents.ts';
import type { Drive, DriveLink } from './drive.ts';
import { CHANNEL, IdeChannel } from './ide-channel.ts';
import { cacheBytes, WriteCache } from './write-cache.ts';
import { CDROM_PLACE, CDROM_ROLE, DISK_ROLES, hasDisks, mediumRole, sizeOfImage } from './roles.ts';
import { DISK_ROOM_MEGABYTES_DEFAULT } from '../../base/defaults.ts';
import { PAGE_BYTES } from '../../base/pages.ts';
import { Random } from '../../base/random.ts';

const SLOT = 0x09;
const COMMAND_PORTS_ENABLED = 1;
/** IDETIM of both channels, high bytes: bit 7 decodes it. */
const TIMING = [0x41, 0x43] as const;
const DECODE = 0x80;

/** As firmware leaves the function: ports and bus mastering on, both channels decoded, the bus masters at C000h. */
const PLACED = { 0x04: 0x05, 0x07: 0x02, 0x21: 0xc0, 0x41: DECODE, 0x43: DECODE } as const;

const FIELDS = fields({ primary: CHANNEL, secondary: CHANNEL });

export class Ide extends withFields(FIELDS) implements Device {
  readonly name = 'ide';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    loaded: () => {
      for (const channel of this.#channels) channel.loaded();
    },
  });
  override readonly primary: IdeChannel;
  override readonly secondary: IdeChannel;
  readonly #channels: readonly IdeChannel[];
  /** By role. */
  readonly disks = new Map<string, AtaDrive>();
  cdrom: AtapiDrive | null = null;
  /** Of the write cache of each disk; 0: it is not imitated. */
  readonly #cacheSectors: number;

  constructor(
    context: DeviceContext,
    { firmware, writeCacheKilobytes }: Pick<BoardOptions, 'firmware' | 'writeCacheKilobytes'>,
  ) {
    super();
    this.#cacheSectors = cacheSectors(writeCacheKilobytes);
    const place = (): void => {
      const { config } = pci;
      const isOn = (config[0x04] & COMMAND_PORTS_ENABLED) !== 0;
      TIMING.forEach((register, number) => {
        this.#channels[number].place(isOn && (config[register] & DECODE) !== 0);
      });
    };
    const pci = context.pci({
      name: 'ide-controller',
      slot: SLOT,
      vendor: 0x8086,
      device: 0x7010,
      classCode: 0x010180,
      config: firmware === undefined ? PLACED : { 0x07: 0x02 },
      writable: {
        ...{ 0x04: 0x05, 0x05: 0x00 },
        ...{ 0x40: 0xff, 0x41: 0xff, 0x42: 0xff, 0x43: 0xff, 0x44: 0xff },
      },
      bars: [
        ...[undefined, undefined, undefined, undefined],
        {
          kind: 'ports',
          count: 2 * BUS_MASTER_PORTS,
          handler: {
            read: (port) => this.#masterOf(port).read(port & (BUS_MASTER_PORTS - 1)),
            write: (port, _size, value) => this.#masterOf(port).write(port & (BUS_MASTER_PORTS - 1), value),
          },
        },
      ],
      written: place,
      loaded: place,
    });
    const make = (channel: number) => (link: DriveLink, number: 0 | 1) =>
      this.#makeDrive(context, link, channel * 2 + number);
    this.primary = new IdeChannel(context, 0, pci.dma, make(0));
    this.secondary = new IdeChannel(context, 1, pci.dma, make(1));
    this.#channels = [this.primary, this.secondary];
    place();
    context.input('medium', ({ drive, medium }) => {
      if (drive === CDROM_ROLE) this.cdrom?.change(medium);
    });
    context.input('disk-fault', ({ drive, from, to, isWrite }) => {
      const found = drive === CDROM_ROLE ? this.cdrom : this.disks.get(drive);
      found?.addFault(from, to, isWrite);
    });
    context.input('edit-disk', ({ drive, sector, bytes }) => this.disks.get(drive)?.edit(sector, bytes));
    context.input('power-cut', ({ drive, seed }) => {
      const disk = this.disks.get(drive);
      if (disk === undefined) return;
      const [channel, place] = this.#placeOf(drive);
      channel.powerCut(place, () => disk.powerCut(new Random(seed)));
    });
    context.input('stall', ({ drive, ticks }) => {
      if (drive !== CDROM_ROLE && !this.disks.has(drive)) return;
      const [channel, place] = this.#placeOf(drive);
      channel.stall(place, ticks);
    });
  }

  #placeOf(drive: string): readonly [channel: IdeChannel, place: 0 | 1] {
    const place = drive === CDROM_ROLE ? CDROM_PLACE : (DISK_ROLES as readonly string[]).indexOf(drive);
    return [this.#channels[place >> 1], (place & 1) === 0 ? 0 : 1];
  }

  #masterOf(port: number): IdeChannel['master'] {
    return this.#channels[port < BUS_MASTER_PORTS ? 0 : 1].master;
  }

  #makeDrive(context: DeviceContext, link: DriveLink, place: number): Drive | null {
    if (place === CDROM_PLACE && context.image(CDROM_ROLE) !== null) {
      const drive = new AtapiDrive(link, CDROM_ROLE, (medium) => context.image(mediumRole(CDROM_ROLE, medium)));
      this.cdrom = drive;
      return drive;
    }
    const role = DISK_ROLES[place];
    const image = context.image(role);
    if (image === null) return null;
    const sectors = this.#cacheSectors;
    const cache = sectors === 0 ? null : new WriteCache(context.bulk(cacheName(role)), sectors);
    const drive = new AtaDrive(link, role, image, context.bulk(bulkName(role)), cache);
    this.disks.set(role, drive);
    return drive;
  }

  known(): KnownOfDevice {
    return { blocks: this.#channels.flatMap((channel) => channel.block ?? []) };
  }

  reset(): void {
    for (const channel of this.#channels) channel.reset();
  }
}

function bulkName(role: string): string {
  return `${role}.written`;
}

function cacheName(role: string): string {
  return `${role}.cache`;
}

function cacheSectors(kilobytes = 0): number {
  return (kilobytes * 1024) / SECTOR_BYTES;
}

/** Room for written pages: of each disk as many as it has, unless all together are too many. */
function planWritten(options: BoardOptions): Record<string, number> {
  const roomPages = ((options.diskRoomMegabytes ?? DISK_ROOM_MEGABYTES_DEFAULT) * 0x100000) / PAGE_BYTES;
  const disks = DISK_ROLES.map((role) => [role, Math.ceil(sizeOfImage(options, role) / PAGE_BYTES)] as const).filter(
    ([, pages]) => pages > 0,
  );
  const plan: Record<string, number> = {};
  for (const [role, pages] of disks) {
    plan[bulkName(role)] = writtenBytes(Math.max(1, Math.min(pages, Math.floor(roomPages / disks.length))));
  }
  const sectors = cacheSectors(options.writeCacheKilobytes);
  for (const [role] of sectors === 0 ? [] : disks) plan[cacheName(role)] = cacheBytes(sectors);
  return plan;
}

export const ide: DeviceEntry = {
  isPresent: hasDisks,
  bulk: planWritten,
  create: (context, options) => new Ide(context, options),
};
