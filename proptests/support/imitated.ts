/**
 * Whether a processor makes the choices that the engines imitate where the manuals leave room (AMD's), and so can be
 * asked about them: approximations, the last bit of transcendental functions, denormals with an unmasked underflow.
 */
import { cpus } from 'node:os';

/** By its brand string, or the name that the system gives it. */
export function isImitated(processor: string): boolean {
  return processor.startsWith('AMD');
}

/** Null when this host's processor can be asked; else why not. */
export function whyNotImitated(processor = cpus()[0]?.model ?? 'unknown'): string | null {
  return isImitated(processor) ? null : `the engines imitate AMD where processors differ, and this is ${processor}`;
}
