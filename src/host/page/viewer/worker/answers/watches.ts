// Watch expressions: each over registers, memory and symbols at this moment, or why it has no value. A name of a
// variable is looked for in debug information first.

import { compileExpression } from '../../../../../core/timeline/expression.ts';
import { backtrace } from '../../../../symbols/unwind.ts';
import type { WorkerSession } from '../session.ts';

export interface WatchAnswer {
  readonly text: string;
  /** As a number where it is one. */
  readonly value: number | null;
  readonly problem: string;
}

export async function watches(session: WorkerSession, ask: { texts: readonly string[] }): Promise<WatchAnswer[]> {
  const { timeline, symbols, source } = await session.recording();
  const { cpu } = timeline.machine;
  const [frame] = backtrace(cpu, symbols, source.frameStep(cpu), 1);
  return ask.texts.map((text) => {
    try {
      const printed = source.hasLines ? source.print(cpu, frame, text) : null;
      if (printed !== null) return { text: printed.text, value: printed.value, problem: '' };
      const value = compileExpression(text, (name) => symbols.address(name))(cpu) >>> 0;
      const name = symbols.describe(value);
      return { text: `0x${value.toString(16)} (${value | 0})${name === '' ? '' : ` ${name}`}`, value, problem: '' };
    } catch (error) {
      return { text: '', value: null, problem: error instanceof Error ? error.message : String(error) };
    }
  });
}
