/**
 * The machine of guests that are run again and again: as little memory as they need, so that a state is small, and no
 * hashes on the way.
 */
import { describeMachine, type MachineSetup } from '../../src/core/session/describe-machine.ts';
import { sha256 } from '../../src/host/node/images.ts';

/** `data`: a multiboot kernel. */
export function smallMachine(name: string, data: Uint8Array): MachineSetup {
  return describeMachine({ kernel: { name, data } }, { memoryMegabytes: 4, hashEveryTicks: 0 }, sha256);
}
