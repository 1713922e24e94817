/**
 * What input scripts say to drives: `cdrom eject`, `cdrom insert FILE`, `hda error read 1234..1300` (sectors, both
 * included), `hda power-cut 7` (a seed), `hda stall 20000` (ticks). Files are numbered in the order in which they are
 * first named: the host reads them before the run begins, and the log knows them by number and digest. Imports types
 * and names of drives.
 */
import { UsageError } from '../base/usage-error.ts';
import { MEDIA_MAX } from '../base/defaults.ts';
import { CDROM_ROLE, DISK_ROLES, DRIVE_ROLES, REMOVABLE_ROLES } from '../devices/disk/roles.ts';
import type { InputEvent } from '../log/events.ts';

/** Seeds of power cuts. */
export const SEED_MAX = 0xffffffff;

const STALL_TICKS_MAX = 0x7fffffff;
const OF_DRIVES: readonly InputEvent['kind'][] = ['medium', 'disk-fault', 'power-cut', 'stall'];

export interface DriveWords {
  readonly drive: string;
  readonly operands: readonly { readonly kind: 'word' | 'text'; readonly value: string }[];
  /** Files that have been named so far; more are put behind them. */
  readonly media: string[];
}

/** The input, or what was expected and which operand stands there instead. */
export type DriveAction = InputEvent | { readonly expected: string; readonly operand: number };

/** Throws UsageError where a script speaks of a drive that the machine does not have. */
export function checkDrives(inputs: Iterable<InputEvent>, hasImage: (role: string) => boolean): void {
  for (const event of inputs) {
    if (!OF_DRIVES.includes(event.kind) || !('drive' in event) || hasImage(event.drive)) continue;
    throw new UsageError(
      `The input script speaks of the drive ${event.drive}, and the machine has none: give an image for it.`,
    );
  }
}

export function isDriveName(word: string): boolean {
  return (DRIVE_ROLES as readonly string[]).includes(word);
}

export function driveAction({ drive, operands, media }: DriveWords): DriveAction {
  const [verb, ...rest] = operands.map(({ value }) => value);
  const isRemovable = REMOVABLE_ROLES.includes(drive);
  if (isRemovable && verb === 'eject') return atMost(operands, 1) ?? { kind: 'medium', drive, medium: -1 };
  if (isRemovable && verb === 'insert') {
    const [file] = rest;
    if (file === undefined || file === '') return { expected: 'the name of a file', operand: 1 };
    const tooMany = atMost(operands, 2);
    if (tooMany !== null) return tooMany;
    const known = media.indexOf(file);
    if (known < 0 && media.length === MEDIA_MAX) return { expected: `at most ${MEDIA_MAX} files`, operand: 1 };
    return { kind: 'medium', drive, medium: (known < 0 ? media.push(file) - 1 : known) + 1 };
  }
  if (verb === 'error') return faultAction(drive, operands);
  const isDisk = (DISK_ROLES as readonly string[]).includes(drive);
  if (isDisk && verb === 'power-cut') return cutAction(drive, operands);
  const canStall = isDisk || drive === CDROM_ROLE;
  if (canStall && verb === 'stall') return stallAction(drive, operands);
  const verbs = ['error', ...(isDisk ? ['power-cut'] : []), ...(canStall ? ['stall'] : [])].map(
    (word) => `\`${word}\``,
  );
  const words = [...(isRemovable ? ['`eject`', '`insert FILE`'] : []), ...verbs];
  const last = words.pop() ?? '';
  return { expected: words.length === 0 ? last : `${words.join(', ')} or ${last}`, operand: 0 };
}

function faultAction(drive: string, operands: DriveWords['operands']): DriveAction {
  const [, way, sectors] = operands.map(({ value }) => value);
  if (way !== 'read' && way !== 'write') return { expected: '`read` or `write`', operand: 1 };
  const match = /^(\d{1,15})(?:\.\.(\d{1,15}))?$/.exec((sectors ?? '').replaceAll('_', ''));
  const from = Number(match?.[1] ?? Number.NaN);
  const to = Number(match?.[2] ?? from) + 1;
  if (!(from < to)) return { expected: 'sectors, as in 1234 or 1234..1300', operand: 2 };
  return atMost(operands, 3) ?? { kind: 'disk-fault', drive, isWrite: way === 'write', from, to };
}

function cutAction(drive: string, operands: DriveWords['operands']): DriveAction {
  const text = operands[1]?.value ?? '0';
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seed <= SEED_MAX)) return { expected: 'a seed, as in 7', operand: 1 };
  return atMost(operands, 2) ?? { kind: 'power-cut', drive, seed };
}

function stallAction(drive: string, operands: DriveWords['operands']): DriveAction {
  const text = (operands[1]?.value ?? '').replaceAll('_', '');
  const ticks = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (ticks < 1 || ticks > STALL_TICKS_MAX) return { expected: 'ticks, as in 20000', operand: 1 };
  return atMost(operands, 2) ?? { kind: 'stall', drive, ticks };
}

function atMost(operands: DriveWords['operands'], count: number): DriveAction | null {
  return operands.length > count ? { expected: 'the end of the line', operand: count } : null;
}
