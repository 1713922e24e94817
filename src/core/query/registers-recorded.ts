/**
 * The registers that a record of an instruction has, in the order of its fields, which is that of the encoding.
 * They are columns of executions().
 */
import { EAX, EBP, EBX, ECX, EDI, EDX, ESI, ESP } from '../state/layout.ts';

export const CPU_REGISTERS_RECORDED = [
  { name: 'eax', word: EAX },
  { name: 'ecx', word: ECX },
  { name: 'edx', word: EDX },
  { name: 'ebx', word: EBX },
  { name: 'esp', word: ESP },
  { name: 'ebp', word: EBP },
  { name: 'esi', word: ESI },
  { name: 'edi', word: EDI },
] as const;
