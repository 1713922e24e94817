// Which instruction stands at a place of a guest, with its symbol: at an address, where a machine stands, or at ticks
// of a recorded run, which is made again up to each of them, in their order. Looks only; what a placement changes is
// not in it.

import { SILENT_OUTPUT } from '../../core/board/silent.ts';
import { INSTRUCTION_BYTES_MAX } from '../../core/isa/record.ts';
import type { LogReader } from '../../core/log/log.ts';
import { createReplay, type EngineFactory, type Images } from '../../core/session/session.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { MODE_CS32, MODE_KEY } from '../../core/state/layout.ts';
import { loadNodeListing } from '../node/listing.ts';
import { linearEip } from '../debugger/views.ts';
import { guestBytes } from '../symbols/guest-memory.ts';
import { GuestSymbols } from '../symbols/guest-symbols.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';

export interface InstructionNames {
  /** Such as `0x00100e13 <deposit+0x7> mov eax,[0x200000]`, of the code at a linear address. */
  at(cpu: Cpu, address: number): string;
  /** Of the next instruction. */
  here(cpu: Cpu): string;
}

/** Symbol files as --symbols. */
export async function loadInstructionNames(images: Images, symbolFiles: readonly string[]): Promise<InstructionNames> {
  const disassemble = await loadNodeListing();
  const guest = new GuestSymbols(symbolsFor(images, symbolFiles), images);
  const at = (cpu: Cpu, address: number): string => {
    const bytes = new Uint8Array(INSTRUCTION_BYTES_MAX);
    const length = guestBytes(cpu, address, bytes);
    const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
    const { text } = disassemble(bytes.subarray(0, length), address, bits);
    guest.refresh(cpu);
    const name = guest.table.describe(address);
    const where = `0x${(address >>> 0).toString(16).padStart(8, '0')}${name === '' ? '' : ` <${name}>`}`;
    return `${where} ${length === 0 ? 'not mapped' : text}`;
  };
  return { at, here: (cpu) => at(cpu, linearEip(cpu)) };
}

export interface ReplayedRun {
  readonly log: LogReader;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
}

/** By tick; `ticks` ascending. */
export async function instructionsAt(
  { log, images, makeEngine }: ReplayedRun,
  ticks: readonly number[],
  symbolFiles: readonly string[],
): Promise<Map<number, string>> {
  const names = await loadInstructionNames(images, symbolFiles);
  const session = createReplay({ log, images, makeEngine, output: SILENT_OUTPUT });
  const { cpu } = session.machine;
  const found = new Map<number, string>();
  for (const tick of ticks) {
    if (session.tick < tick && session.advance(tick) !== 'tick') break;
    found.set(tick, names.here(cpu));
  }
  return found;
}
