// Which instruction stands at a tick of a recorded run, with its symbol: the run is made again up to each of the ticks,
// in their order. Looks only; what a placement changes is not in it.

import { SILENT_OUTPUT } from '../../core/board/silent.ts';
import { INSTRUCTION_BYTES_MAX } from '../../core/isa/record.ts';
import type { LogReader } from '../../core/log/log.ts';
import { createReplay, type EngineFactory, type Images } from '../../core/session/session.ts';
import { MODE_CS32, MODE_KEY } from '../../core/state/layout.ts';
import { loadListing } from '../debugger/disassemble.ts';
import { linearEip } from '../debugger/views.ts';
import { guestBytes } from '../symbols/guest-memory.ts';
import { symbolsFor } from '../symbols/symbol-files.ts';

export interface ReplayedRun {
  readonly log: LogReader;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
}

/** By tick, such as `0x00100e13 <deposit+0x7> mov eax,[0x200000]`. `ticks` ascending; symbol files as --symbols. */
export async function instructionsAt(
  { log, images, makeEngine }: ReplayedRun,
  ticks: readonly number[],
  symbolFiles: readonly string[],
): Promise<Map<number, string>> {
  const disassemble = await loadListing();
  const symbols = symbolsFor(images, symbolFiles);
  const session = createReplay({ log, images, makeEngine, output: SILENT_OUTPUT });
  const { cpu } = session.machine;
  const found = new Map<number, string>();
  for (const tick of ticks) {
    if (session.tick < tick && session.advance(tick) !== 'tick') break;
    const address = linearEip(cpu);
    const bytes = new Uint8Array(INSTRUCTION_BYTES_MAX);
    const length = guestBytes(cpu, address, bytes);
    const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
    const { text } = disassemble(bytes.subarray(0, length), address, bits);
    const name = symbols.describe(address);
    const where = `0x${(address >>> 0).toString(16).padStart(8, '0')}${name === '' ? '' : ` <${name}>`}`;
    found.set(tick, `${where} ${length === 0 ? 'not mapped' : text}`);
  }
  return found;
}
