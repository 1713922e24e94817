// What a debugger changes in a branch of a recording or in a live run: registers and RAM, between two instructions, as
// inputs in the log, so that it replays like any other. What the rest of the state depends on (segments, control
// registers, devices) is not offered: a guest sets those by its own instructions.

import { REGISTERS_32 } from '../base/names.ts';
import type { InputEvent } from '../log/events.ts';
import type { Cpu } from '../state/cpu.ts';
import { foldFlags } from '../state/flags.ts';
import { ARITHMETIC_FLAGS, DF, EFLAGS, EIP, IF, TSC_OFFSET_F64 } from '../state/layout.ts';

/** Names of registers that an edit can set. */
export const EDITABLE_REGISTERS = [...REGISTERS_32, 'eip', 'eflags'] as const;

/** Flags that an edit sets; the others (mode, privilege, traps) stay. */
export const EDITABLE_FLAGS = ARITHMETIC_FLAGS | DF | IF;

/** True when the event was an edit, which is then done. An unknown register is passed over: a log is untrusted. */
export function applyEdit(cpu: Cpu, event: InputEvent): boolean {
  cpu.waitsForError = false;
  if (event.kind === 'edit-memory') {
    cpu.space.writeBytes(event.address, event.bytes);
    return true;
  }
  if (event.kind === 'flip-bit') {
    const { address, bit } = event;
    if (address < cpu.space.memory.ramBytes) {
      const byte = new Uint8Array(1);
      cpu.space.readBytes(address, byte);
      byte[0] ^= 1 << bit;
      cpu.space.writeBytes(address, byte);
    }
    return true;
  }
  if (event.kind === 'time-stamp') {
    cpu.f64[TSC_OFFSET_F64] += event.ticks;
    return true;
  }
  if (event.kind !== 'edit-register') return false;
  const index = (EDITABLE_REGISTERS as readonly string[]).indexOf(event.register);
  if (event.register === 'eip') cpu.m32[EIP] = event.value;
  else if (event.register === 'eflags') {
    foldFlags(cpu);
    cpu.m32[EFLAGS] = (cpu.m32[EFLAGS] & ~EDITABLE_FLAGS) | (event.value & EDITABLE_FLAGS);
  } else if (index >= 0) cpu.m32[index] = event.value;
  return true;
}
