/**
 * What counts as a failure of a run, as people write it after `--fails`: something that happens (`serial:"BUG"`,
 * `fault:14`, `irq:20h`, `nmi`, `reset`, as positions and `--stop-on` spell them), a way to end (`exit:N`, the value
 * written to the debug-exit port; `exit`, any but 0; `triple-fault`; `hang`, halted for good or still running at the
 * horizon), or an expression over the state in which the run ends (timeline/expression.ts). Several are joined by "or".
 */
import { UsageError } from '../base/usage-error.ts';
import type { Cpu } from '../state/cpu.ts';
import {
  compileExpression,
  dependsOnState,
  type Evaluator,
  ExpressionError,
  mistakeText,
} from '../timeline/expression.ts';
import { parsePosition, PositionError } from '../timeline/positions.ts';

export type Failure =
  /** `text` is what StopOn takes. */
  | { readonly kind: 'event'; readonly text: string }
  /** `value` null: any but 0. */
  | { readonly kind: 'exit'; readonly value: number | null }
  | { readonly kind: 'end'; readonly reason: 'shutdown' | 'hang'; readonly text: string }
  | { readonly kind: 'state'; readonly text: string; readonly evaluate: Evaluator };

const WANTED =
  'write serial:"TEXT", fault:N, irq:N, nmi, reset, exit:N, exit, triple-fault, hang, or an expression such as ' +
  '[0x200000] != 5';

/** How a run ended, as predicates see it. */
export interface RunEnd {
  readonly reason: string;
  readonly debugExit: number | null;
  /** Of the events that were asked for: the one that came, or null. */
  readonly cameText: string | null;
}

/** Throws UsageError with the text and a caret under the place that cannot be read. */
export function parseFailure(text: string): Failure {
  const trimmed = text.trim();
  if (trimmed === '') throw new UsageError(`A failure is wanted, not an empty text: ${WANTED}.`);
  if (trimmed === 'hang') return { kind: 'end', reason: 'hang', text: trimmed };
  if (trimmed === 'triple-fault') return { kind: 'end', reason: 'shutdown', text: trimmed };
  const exit = /^exit(?::(0x[0-9a-f]{1,8}|\d{1,10}))?$/i.exec(trimmed);
  if (exit !== null) return { kind: 'exit', value: exit[1] === undefined ? null : Number(exit[1]) };
  if (expressionProblem(trimmed) === null && !dependsOnState(trimmed)) {
    throw new UsageError(`"${trimmed}" does not depend on the guest, so it tells no run from another: ${WANTED}.`);
  }
  try {
    const { kind } = parsePosition(trimmed);
    if (kind === 'serial' || kind === 'delivery') return { kind: 'event', text: trimmed };
    if (kind !== 'condition') throw new UsageError(`"${trimmed}" is a place in a run, not a failure: ${WANTED}.`);
    return { kind: 'state', text: trimmed, evaluate: compileExpression(trimmed) };
  } catch (error) {
    if (!(error instanceof PositionError)) throw error;
    throw new UsageError(unreadable(trimmed));
  }
}

/** What stands behind the colon, by the word before it. */
const BEHIND: Readonly<Record<string, string>> = {
  serial: 'serial: wants a text between quotes, as in serial:"BUG"',
  fault: 'fault: wants the number of an exception, as in fault:14',
  irq: 'irq: wants the number of an interrupt, as in irq:20h',
  exit: 'exit: wants the value that is written to the debug-exit port, as in exit:0x11',
};

function unreadable(text: string): string {
  const word = /^([a-z][a-z0-9_-]*):/i.exec(text)?.[1];
  if (word !== undefined) {
    const wanted = BEHIND[word.toLowerCase()];
    const [why, at] = wanted === undefined ? [`there is none "${word}:"; ${WANTED}`, 0] : [wanted, word.length + 1];
    return mistakeText({ message: `"${text}" is no failure: ${why}.`, place: { text, at } });
  }
  const found = expressionProblem(text);
  const message = `"${text}" is no failure, ${found?.message ?? 'no such kind of failure'}: ${WANTED}.`;
  return mistakeText({ message, place: found?.place ?? { text, at: 0 } });
}

function expressionProblem(text: string): ExpressionError | null {
  try {
    compileExpression(text);
    return null;
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
}

function holds(failure: Failure, { reason, debugExit, cameText }: RunEnd, cpu: Cpu): boolean {
  switch (failure.kind) {
    case 'event':
      return cameText === failure.text;
    case 'exit':
      return failure.value === null ? debugExit !== null && debugExit !== 0 : debugExit === failure.value;
    case 'end':
      return failure.reason === 'hang' ? reason === 'idle' || reason === 'tick' : reason === 'shutdown';
    case 'state':
      return failure.evaluate(cpu) !== 0;
  }
}

/** Whether the run that ended so is one that fails. */
export function isFailure(failures: readonly Failure[], end: RunEnd, cpu: Cpu): boolean {
  return failures.some((failure) => holds(failure, end, cpu));
}

/** The events among them, for StopOn. */
export function failureEvents(failures: readonly Failure[]): string[] {
  return failures.flatMap((failure) => (failure.kind === 'event' ? [failure.text] : []));
}
