// What stands behind the name of a command, taken apart: counts, conditions; and the plain shape of an answer. Errors
// say what was expected, in one sentence.

import { DebuggerError } from './debugger-error.ts';
import type { Debugger, Output } from './debugger.ts';

const COUNT_MAX = 1_000_000_000;

export function countOf(text: string, fallback: number, max = COUNT_MAX): number {
  if (text === '') return fallback;
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new DebuggerError(`"${text}" is no count: give a whole number from 1 to ${max}.`);
  }
  return value;
}

export const plain = (text: string, data: unknown = null): Output => ({ text, data });

/** Splits `… if EXPRESSION`. */
export function splitCondition(debug: Debugger, rest: string) {
  const match = /^(.*?)(?:\s+|^)if\s+(.+)$/s.exec(rest);
  if (match === null) return { place: rest.trim(), condition: null };
  return { place: match[1].trim(), condition: debug.condition(match[2]) };
}
