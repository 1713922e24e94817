// What went wrong, told apart: what a user or a recording did is a sentence already, anything else is a fault of ours,
// after which the page takes another worker.

import { BootError, EngineError, ExpressionError, LogError, PositionError, SessionError } from '../../../../library.ts';
import { UsageError } from '../../../../library.ts';
import { DebuggerError } from '../../../debugger/debugger-error.ts';
import type { Problem } from '../protocol.ts';

export function problemOf(error: unknown): Problem {
  if (error instanceof LogError || error instanceof SessionError) return { kind: 'log', text: error.message };
  if (
    error instanceof UsageError ||
    error instanceof EngineError ||
    error instanceof PositionError ||
    error instanceof ExpressionError ||
    error instanceof BootError ||
    error instanceof DebuggerError
  ) {
    return { kind: 'user', text: error.message };
  }
  if (error instanceof RangeError && /memory|allocat|array length/i.test(error.message)) {
    return {
      kind: 'memory',
      text: 'The browser has not enough memory for this machine: close other tabs, or take reprise debug.',
    };
  }
  return { kind: 'fault', text: error instanceof Error ? error.message : String(error) };
}
