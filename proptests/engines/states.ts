/**
 * What a guest goes through on an engine, as texts that are compared: why the run stopped, the tick, and the hash of
 * the whole state.
 */
import { type BootedMachine, createMachine } from '../../src/library.ts';

const boot = (kernel: Uint8Array, engine: string): Promise<BootedMachine> =>
  createMachine({ images: { kernel }, memoryMegabytes: 8, hashEveryTicks: 0, epochSeconds: 1e9, engine });

const stateText = (machine: BootedMachine, reason: string): string => `${reason} at ${machine.tick}: ${machine.hash()}`;

/** Every `stride` ticks until the guest ends, or stands after a million. */
export async function statesOf(kernel: Uint8Array, engine: string, stride: number): Promise<readonly string[]> {
  const found: string[] = [];
  const machine = await boot(kernel, engine);
  for (let reason = 'tick'; reason === 'tick' && machine.tick < 1e6; ) {
    reason = machine.run(machine.tick + stride);
    found.push(stateText(machine, reason));
  }
  return found;
}

/** Where it ends, or stands after `ticksMax`. */
export async function endOf(kernel: Uint8Array, engine: string, ticksMax: number): Promise<string> {
  const machine = await boot(kernel, engine);
  return stateText(machine, machine.run(ticksMax));
}
