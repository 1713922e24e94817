/**
 * A machine at rest whose first 4 MB lie at 3 GB too, as a kernel's do: for structures that a test puts there by hand.
 * It is not to be run: nothing of the guest that was recorded holds any more.
 */
import { CR0, CR0_PG, CR3, CR4, CR4_PSE, RAM_BASE } from '../../src/core/state/layout.ts';
import { PAGE_OFFSET } from '../../src/host/symbols/guest-memory.ts';
import { recordGuest, timelineOf } from '../timeline/fixture.ts';

const DIRECTORY_AT = 0x3f_f000;
/** Present, writable, 4 MB. */
const LARGE_PAGE = 0x83;

export async function mappedMachine() {
  const timeline = timelineOf(await recordGuest('sort', { append: '1', maxTicks: 5000 }));
  const { cpu } = timeline.machine;
  const ram = Buffer.from(cpu.memory.m8.buffer, RAM_BASE, cpu.memory.ramBytes);
  // What tests write they write past the machine.
  for (let page = 0; page < cpu.memory.ramPages; page++) cpu.memory.markDirty(page);
  ram.writeUInt32LE(LARGE_PAGE, DIRECTORY_AT);
  ram.writeUInt32LE(LARGE_PAGE, DIRECTORY_AT + (PAGE_OFFSET >>> 22) * 4);
  cpu.m32[CR3] = DIRECTORY_AT;
  cpu.m32[CR4] |= CR4_PSE;
  cpu.m32[CR0] |= CR0_PG;
  const words = (at: number, ...values: number[]): void =>
    values.forEach((value, i) => ram.writeUInt32LE(value >>> 0, at + i * 4));
  return { cpu, ram, words };
}
