// The names that functions of guest code have in profiles of the host engine: where the region lies and its mode, so
// that whoever reads a profile finds the guest's code again. Any backend gives its functions such a name. Imports
// nothing.

const PATTERN = /^guest_([0-9a-f]+)_(\d+)$/;

/** Host address of the region's entry, and its mode. */
export interface FunctionPlace {
  readonly host: number;
  readonly mode: number;
}

export const functionName = ({ host, mode }: FunctionPlace): string => `guest_${host.toString(16)}_${mode}`;

/** Null: a name of something else. */
export function readFunctionName(name: string): FunctionPlace | null {
  const match = PATTERN.exec(name);
  return match === null ? null : { host: Number.parseInt(match[1], 16), mode: Number(match[2]) };
}
