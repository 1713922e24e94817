/**
 * The states of a board's parts by name, and whether they can be loaded. What is to be loaded may be from a log or a
 * file that is not what it seems, so all of it is checked before any part is given its own.
 */
import type { BoardState, SavedStates } from './board.ts';
import type { DeviceState } from './device.ts';
import { type SavedFields, type SavedMoment, StateError } from '../base/fields.ts';

/** A device, or something else on a board that remembers. */
export interface Part {
  readonly name: string;
  readonly fields: SavedFields;
}

export function saveParts(parts: readonly Part[]): BoardState {
  return parts.map(({ name, fields }) => [name, fields.save()] as const);
}

/** Why these states cannot be loaded into these parts, or null. */
export function partsProblem(parts: readonly Part[], states: SavedStates, moment: SavedMoment): StateError | null {
  const byName = new Map<string, unknown>();
  for (const [name, state] of states) {
    if (!parts.some((part) => part.name === name)) return new StateError(name, 'the machine has no such part');
    if (byName.has(name)) return new StateError(name, 'it is there twice');
    byName.set(name, state);
  }
  for (const { name, fields } of parts) {
    if (!byName.has(name)) return new StateError(name, 'it is missing');
    const problem = fields.problem(byName.get(name), moment);
    if (problem !== null) return new StateError(name, problem);
  }
  return null;
}

/** States without problem. */
export function loadParts(parts: readonly Part[], states: BoardState): void {
  const byName = new Map(states);
  for (const { name, fields } of parts) fields.load(byName.get(name) as DeviceState);
}
