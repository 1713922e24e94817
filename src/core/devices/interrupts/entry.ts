// What entries of the local vector table and redirection entries of the I/O APIC have in common: the bits of the low
// word and the delivery modes in bits 10–8. SDM 3 §10.5.1 (figure 10-8), 82093AA data sheet §3.2.4. Imports nothing.

export const LEVEL = 0x8000;
export const MASKED = 0x10000;

export const DELIVER_FIXED = 0;
export const DELIVER_LOWEST = 1;
export const DELIVER_NMI = 4;
export const DELIVER_INIT = 5;
export const DELIVER_EXTINT = 7;

/** The delivery mode of an entry. */
export function deliveryOf(entry: number): number {
  return (entry >> 8) & 7;
}
