/**
 * A first difference as text for a person: which instruction, on which engines, under which tier decisions, both
 * states side by side, what the suspect made of the code, and how to see it again. The same text for the same log and
 * engines: no time, no path but the one given.
 */
import type { InstructionAt } from './instruction-at.ts';
import type { FirstDifference } from './narrow.ts';
import { rowsToText } from './state-rows.ts';

/** The guest instruction in another's words; null: nobody else is asked. */
export type Disassemble = (place: InstructionAt) => string | null;

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const hexBytes = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

function instructionLine(place: InstructionAt, disassemble: Disassemble): string {
  const text = disassemble(place) ?? place.text;
  return `${place.tick}  ${hex(place.eip)}  ${hexBytes(place.bytes).padEnd(24)} ${text}`.trimEnd();
}

function policyLine(name: string, policy: string): string {
  return policy === '' ? `  ${name}: no tier decisions` : `  ${name}: ${policy}`;
}

export function describeFirstDifference(found: FirstDifference, disassemble: Disassemble = () => null): string {
  const { reference, suspect, instruction, piece, agreeing } = found;
  const lines = [`${suspect} leaves ${reference} at tick ${instruction.tick}.`];
  if (agreeing.length > 0) lines.push(`${agreeing.join(', ')} did as ${reference} did.`);
  lines.push('', ...instructionLines(found, disassemble));
  if (piece.length > 1) {
    lines.push('', `The piece that shows it, ${piece.length} instructions from there:`);
    for (const place of piece) lines.push(`  ${instructionLine(place, disassemble)}`);
  }
  lines.push('', `State at tick ${found.tick}; a star where they differ:`);
  lines.push(rowsToText(found.differences, reference, suspect));
  for (const [name, outcome] of [
    [reference, found.referenceOutcome],
    [suspect, found.suspectOutcome],
  ] as const) {
    if (outcome.failure !== null) lines.push('', `${name} failed, a bug of Reprise: ${outcome.failure}`);
    else if (found.referenceOutcome.tick !== found.suspectOutcome.tick)
      lines.push(`  ${name} is at tick ${outcome.tick}`);
  }
  const { noticedFailure } = found;
  if (noticedFailure !== null && found.suspectOutcome.failure === null) {
    lines.push('', `${suspect} failed by tick ${found.noticedTick}, a bug of Reprise: ${noticedFailure}`);
  }
  if (found.referenceOutcome.reason !== found.suspectOutcome.reason) {
    lines.push(
      `  ended: ${reference} by ${found.referenceOutcome.reason}, ${suspect} by ${found.suspectOutcome.reason}`,
    );
  }
  if (hasEqualRows(found)) {
    const isOfDigest = found.referenceOutcome.root !== found.suspectOutcome.root;
    lines.push(
      isOfDigest
        ? '  The states are equal and their digests are not: a page was written and that was not noted.'
        : '  The states are equal; what was read, written or interrupted on the way is not.',
    );
  }
  lines.push(
    '',
    'Tier decisions:',
    policyLine(reference, found.referencePolicy),
    policyLine(suspect, found.suspectPolicy),
  );
  if (found.explanation !== '') lines.push('', `What ${suspect} makes of it:`, found.explanation);
  return `${lines.join('\n')}\n`;
}

function instructionLines(found: FirstDifference, disassemble: Disassemble): string[] {
  const { instruction, precision, noticedTick } = found;
  const line = `  ${instructionLine(instruction, disassemble)}`;
  if (precision === 'instruction') return ['The first instruction that they do differently (tick, eip, bytes):', line];
  return [
    `After tick ${instruction.tick} and by tick ${noticedTick}; it did not show again from a snapshot, where ` +
      `compiled code is made afresh.`,
    'The instruction at the beginning of that interval (tick, eip, bytes):',
    line,
  ];
}

function hasEqualRows(found: FirstDifference): boolean {
  const { registers, memoryBytes, devices } = found.differences;
  const isEqual = !registers.some(({ differs }) => differs) && memoryBytes === 0 && devices.length === 0;
  return (
    isEqual &&
    found.noticedFailure === null &&
    found.suspectOutcome.failure === null &&
    found.suspectOutcome.reason === found.referenceOutcome.reason
  );
}
