/**
 * An input and when it comes: what a run is given besides its images. Those of a log are read here for everybody who
 * runs a machine with them again (lockstep, trials), with or without others.
 */
import type { InputEvent } from './events.ts';
import type { LogReader } from './log.ts';

export interface TimedInput {
  readonly tick: number;
  readonly event: InputEvent;
}

/** Every input of a log, in order. */
export function inputsOf(log: LogReader): TimedInput[] {
  const cursor = log.inputs();
  const inputs: TimedInput[] = [];
  for (let input = cursor.next(); input !== null; input = cursor.next()) {
    inputs.push({ tick: input.tick, event: input.event });
  }
  return inputs;
}
