// What the elements of state are called where people read them: differences of snapshots, IR text. Registers by the
// manual's names (SDM 1 §3.4), the parts of a segment register behind its name, everything else as its field is called.

import { REGISTERS_32, STATE_SEGMENTS } from '../base/names.ts';
import type { Field } from './layout.ts';

/** `eax`, `fs.base`, `cr0`, `mtrr[3]`. */
export function elementName(field: Field, element: number): string {
  if (field.name === 'gpr') return REGISTERS_32[element];
  if (field.name.startsWith('seg')) return `${STATE_SEGMENTS[element]}.${field.name.slice(3).toLowerCase()}`;
  return field.count === 1 ? field.name : `${field.name}[${element}]`;
}
