// Instructions around an address, with their bytes and the names of what they are and lead to.
// Backwards it is a guess from where decoding falls into step.

import { instructions, linearEip } from '../../../../debugger/views.ts';
import type { WorkerSession } from '../session.ts';

export interface CodeLine {
  readonly address: number;
  readonly bytes: string;
  readonly text: string;
  /** Name of exactly this place, or ''. */
  readonly label: string;
  /** Name of what the instruction leads to, or ''. */
  readonly target: string;
  readonly isHere: boolean;
}

/** So far before the address decoding begins, in the hope of falling into step with the instructions. */
const LEAD_BYTES = 48;
/** Longer functions are not decoded from their beginning. */
const FUNCTION_BYTES_MAX = 5000;

export async function code(session: WorkerSession, ask: { address: number | null; before: number; after: number }) {
  const { timeline, symbols, disassemble } = await session.recording();
  const { cpu } = timeline.machine;
  const here = linearEip(cpu);
  const address = ask.address ?? here;
  const list = instructions(cpu, disassemble, address, ask.after);
  let lead: ReturnType<typeof instructions> = [];
  // The latest beginning from which decoding arrives exactly at the address, that gives enough lines.
  const named = symbols.functionAt(address);
  const starts = named !== null && address - named.address <= FUNCTION_BYTES_MAX ? [named.address] : [];
  for (let back = LEAD_BYTES; back > 0; back--) starts.push((address - back) >>> 0);
  for (const start of starts) {
    if (start >= address) continue;
    const found = instructions(cpu, disassemble, start, address - start);
    const at = found.findIndex((each) => each.address === address);
    if (at < 0 || found.slice(0, at).some(({ text }) => text === '(bad)')) continue;
    lead = found.slice(Math.max(0, at - ask.before), at);
    break;
  }
  const lines: CodeLine[] = [...lead, ...list].map(({ address: at, bytes, text }) => {
    const name = symbols.describe(at);
    const match = /\b0x([0-9a-f]{1,8})\b/i.exec(text);
    const target = match === null ? '' : symbols.describe(Number.parseInt(match[1], 16));
    return {
      address: at,
      bytes: [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      text,
      label: name !== '' && !name.includes('+0x') ? name : '',
      target: target.includes('+0x') ? '' : target,
      isHere: at === here,
    };
  });
  return { lines, here };
}
