/**
 * Mismatches kept as tests: one line of JSON for each in vectors/found.jsonl, printed by the campaign as it is to be
 * appended, with the answer of silicon, so that it is tested on hosts without such a processor too.
 */
import { type CaseResult, FX_BYTES, type MachineCase } from './case.ts';
import { bytesOf, hexOf } from './scenario.ts';
import type { Tolerance } from './vectors.ts';

export const FOUND_FILE = 'proptests/witnesses/silicon/vectors/found.jsonl';

export interface Found {
  label: string;
  machineCase: MachineCase;
  result: CaseResult;
  tolerance: Tolerance;
}

export function foundLine(found: Found): string {
  return JSON.stringify(found, (_, value) => (value instanceof Uint8Array ? `hex:${hexOf(value)}` : value));
}

/** Throws an Error that names file and line. */
export function readFound(text: string, fileName: string): Found[] {
  const found: Found[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    try {
      const one = JSON.parse(line, (_, value) =>
        typeof value === 'string' && value.startsWith('hex:') ? bytesOf(value.slice(4)) : value,
      ) as Found;
      if (one.result.fx.length !== FX_BYTES || one.machineCase.registers.length !== 8)
        throw new Error('not a found case');
      found.push(one);
    } catch (error) {
      throw new Error(`${fileName}:${index + 1}: ${(error as Error).message}`);
    }
  });
  return found;
}
