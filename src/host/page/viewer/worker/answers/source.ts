// Source lines around the next instruction, where debug information tells the line and the text of the file was given;
// with the variables of the frame.

import { backtrace } from '../../../../symbols/unwind.ts';
import type { WorkerSession } from '../session.ts';

export interface SourceAnswer {
  readonly file: string;
  readonly line: number;
  /** The whole text; null: it was not given. */
  readonly text: string | null;
  readonly locals: readonly { readonly name: string; readonly type: string; readonly value: string }[];
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Null: nothing tells a line here. */
export async function source(session: WorkerSession, _ask: null): Promise<SourceAnswer | null> {
  const { timeline, symbols, source: level, sources } = await session.recording();
  const { cpu } = timeline.machine;
  const frames = backtrace(cpu, symbols, level.frameStep(cpu), 1);
  const place = level.placeAt(frames[0].address);
  if (place === null) return null;
  const whole = sources.find(({ name }) => name === place.file);
  const found = whole ?? sources.find(({ name }) => nameOf(name) === nameOf(place.file));
  const { file, line } = place;
  return { file, line, text: found?.text ?? null, locals: level.locals(cpu, frames[0]) };
}
