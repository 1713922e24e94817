/**
 * What a CD-ROM drive answers (SCSI-3 Primary Commands, T10 995D; Multimedia Commands 4, T10 1545D): inquiry, mode
 * pages, table of contents, features, events. Pure functions of what the drive has; numbers are big-endian. Imports
 * nothing.
 */

/** Bytes of a block of data. */
export const BLOCK_BYTES = 2048;
const TRACK_DATA = 0x14;
const LEAD_OUT = 0xaa;
/** Two seconds at 75 frames lie before block 0. */
const MSF_OFFSET = 150;
/** More than that fits on no CD: the medium is a DVD. */
const CD_BLOCKS_MAX = 450_000;
const PROFILE_CD_ROM = 0x0008;
const PROFILE_DVD_ROM = 0x0010;

export interface DiscState {
  /** Blocks of the medium, 0 without one. */
  readonly blocks: number;
  readonly isTrayOpen: boolean;
  readonly isTrayLocked: boolean;
}

function big(value: number, count: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length < count; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

const letters = (text: string, count: number): number[] =>
  Array.from(text.padEnd(count, ' '), (letter) => letter.charCodeAt(0));

export function inquiry(): number[] {
  const body = [...letters('REPRISE', 8), ...letters('CD-ROM', 16), ...letters('1.0', 4)];
  return [0x05, 0x80, 0x00, 0x32, 31, 0, 0, 0, ...body];
}

export function requestSense(key: number, additional: number): number[] {
  return [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, additional >> 8, additional & 0xff, 0, 0, 0, 0];
}

export function readCapacity(blocks: number): number[] {
  return [...big(Math.max(0, blocks - 1), 4), ...big(BLOCK_BYTES, 4)];
}

function address(block: number, isMsf: boolean): number[] {
  if (!isMsf) return big(block, 4);
  const frames = block + MSF_OFFSET;
  return [0, Math.floor(frames / (60 * 75)) & 0xff, Math.floor(frames / 75) % 60, frames % 75];
}

/** READ TOC/PMA/ATIP, formats 0 to 2; null for what there is not. */
export function readToc(format: number, isMsf: boolean, first: number, blocks: number): number[] | null {
  const track = [0, TRACK_DATA, 1, 0, ...address(0, isMsf)];
  const leadOut = [0, TRACK_DATA, LEAD_OUT, 0, ...address(blocks, isMsf)];
  if (format === 0) {
    if (first > 1 && first !== LEAD_OUT) return null;
    const rows = first === LEAD_OUT ? leadOut : [...track, ...leadOut];
    return [...big(rows.length + 2, 2), 1, 1, ...rows];
  }
  if (format === 1) return [...big(10, 2), 1, 1, ...track];
  if (format !== 2) return null;
  const row = (point: number, where: readonly number[]): number[] => [1, TRACK_DATA, 0, point, 0, 0, 0, ...where];
  const rows = [
    ...row(0xa0, [0, 1, 0, 0]),
    ...row(0xa1, [0, 1, 0, 0]),
    ...row(0xa2, address(blocks, true)),
    ...row(1, address(0, true)),
  ];
  return [...big(rows.length + 2, 2), 1, 1, ...rows];
}

/** GET CONFIGURATION: the features from `first` on, or those that are current, or that one. */
export function getConfiguration(requestType: number, first: number, disc: DiscState): number[] {
  const hasMedium = disc.blocks > 0 && !disc.isTrayOpen;
  const isDvd = disc.blocks > CD_BLOCKS_MAX;
  const profile = !hasMedium ? 0 : isDvd ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
  const current = (isCurrent: boolean): number => (isCurrent ? 1 : 0);
  const features: readonly (readonly [code: number, flags: number, data: readonly number[]])[] = [
    [
      0x0000,
      0x03,
      [
        ...[...big(PROFILE_DVD_ROM, 2), current(profile === PROFILE_DVD_ROM), 0],
        ...[...big(PROFILE_CD_ROM, 2), current(profile === PROFILE_CD_ROM), 0],
      ],
    ],
    [0x0001, 0x0b, [...big(2, 4), 1, 0, 0, 0]], // core: ATAPI
    [0x0003, 0x03, [0x39, 0, 0, 0]], // removable: a tray, eject, lock
    [0x0010, current(hasMedium), [...big(BLOCK_BYTES, 4), 0, 1, 0, 0]],
    [0x001e, 0x08 | current(hasMedium && !isDvd), [0, 0, 0, 0]],
    [0x001f, current(hasMedium && isDvd), []],
  ];
  const isWanted = (code: number, flags: number): boolean =>
    requestType === 2 ? code === first : code >= first && (requestType === 0 || (flags & 1) !== 0);
  const rows = features
    .filter(([code, flags]) => isWanted(code, flags))
    .flatMap(([code, flags, data]) => [...big(code, 2), flags, data.length, ...data]);
  return [...big(rows.length + 4, 4), 0, 0, ...big(profile, 2), ...rows];
}

/** GET EVENT STATUS NOTIFICATION of the media class; `event` is what happened last, 0 for nothing. */
export function eventStatus(classes: number, event: number, disc: DiscState): number[] {
  const MEDIA_CLASS = 0x10;
  if ((classes & MEDIA_CLASS) === 0) return [0, 2, 0x80, MEDIA_CLASS];
  const isPresent = disc.blocks > 0 && !disc.isTrayOpen;
  const status = (disc.isTrayOpen ? 1 : 0) | (isPresent ? 2 : 0);
  return [0, 6, 4, MEDIA_CLASS, event, status, 0, 0];
}

/** MODE SENSE(10); null for a page that there is not. */
export function modeSense(page: number, disc: DiscState): number[] | null {
  const pages: Readonly<Record<number, readonly number[]>> = {
    0x01: [0x01, 6, 0, 5, 0, 0, 0, 0],
    0x0e: [0x0e, 14, 4, 0, 0, 0, 0, 75, 1, 255, 2, 255, 0, 0, 0, 0],
    // Reads everything, plays nothing; a tray that can be locked and opens by itself.
    0x2a: [
      ...[0x2a, 18, 0x3f, 0x00, 0x70, 0x20, disc.isTrayLocked ? 0x2b : 0x29, 0],
      ...[...big(706, 2), ...big(2, 2), ...big(512, 2), ...big(706, 2), 0, 0, 0, 0],
    ],
  };
  const wanted = page === 0x3f ? Object.keys(pages).map(Number) : [page];
  const body: number[] = [];
  for (const each of wanted) {
    const bytes = pages[each];
    if (bytes === undefined) return null;
    body.push(...bytes);
  }
  const medium = disc.isTrayOpen ? 0x71 : disc.blocks === 0 ? 0x70 : 0x01;
  return [...big(body.length + 6, 2), medium, 0, 0, 0, 0, 0, ...body];
}

/** READ DISC INFORMATION: one session, complete. */
export function discInformation(): number[] {
  return [...big(32, 2), 0x0e, 1, 1, 1, 1, 0x20, ...new Array<number>(26).fill(0)];
}

/** READ TRACK INFORMATION. */
export function trackInformation(blocks: number): number[] {
  return [
    ...big(34, 2),
    1,
    1,
    0,
    0x04,
    0x01,
    0,
    ...big(0, 4),
    ...big(0, 4),
    ...big(0, 4),
    ...big(0, 4),
    ...big(blocks, 4),
    ...big(0, 8),
  ];
}

/** MECHANISM STATUS. */
export function mechanismStatus(disc: DiscState): number[] {
  return [0, disc.isTrayOpen ? 0x10 : 0, 0, 0, 0, 0, 0, 0];
}

/** READ SUB-CHANNEL: nothing is played. */
export function subChannel(): number[] {
  return [0, 0x15, 0, 0];
}
