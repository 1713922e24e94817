// How much memory checkpoints may take: a tab has less of it than a process, and some devices have little. Where it was
// too much all the same, a part of it is tried.

import { bytesText } from './dom.ts';

const BYTES_MAX = 384 << 20;
const BYTES_MIN = 16 << 20;
/** Of a device that has less, such a part of its memory. */
const DEVICE_PARTS = 10;
const LESS_PARTS = 4;

/** What the browser says of the device, in bytes, roughly; null: it does not. */
function deviceBytes(): number | null {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  return deviceMemory === undefined ? null : deviceMemory * 2 ** 30;
}

export function checkpointBytes(): number {
  const device = deviceBytes();
  if (device === null) return BYTES_MAX;
  return Math.max(BYTES_MIN, Math.min(BYTES_MAX, Math.floor(device / DEVICE_PARTS)));
}

/** Less than what has been too much; null: there is no less. */
export function lessBytes(bytes: number): number | null {
  const less = Math.floor(bytes / LESS_PARTS);
  return less < BYTES_MIN ? null : less;
}

/** A sentence where the device has little; ''. */
export function budgetWarning(): string {
  const bytes = checkpointBytes();
  if (bytes === BYTES_MAX) return '';
  return `This device has little memory: ${bytesText(bytes)} are for moments at hand, so ways are longer.`;
}
