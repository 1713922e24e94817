// Arguments of requests as they are wanted, from a client that may send anything. What does not fit is a RequestError,
// one sentence, which the client shows.

export class RequestError extends Error {
  override readonly name = 'RequestError';
}

type Raw = Readonly<Record<string, unknown>>;

export function record(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** No path, name or expression that a person has typed is longer; whoever looks through one need not be quick. */
export const TEXT_CHARACTERS_MAX = 10_000;

export function text(args: unknown, name: string): string {
  const value = record(args)[name];
  if (typeof value !== 'string') throw new RequestError(`The request wants a text as "${name}".`);
  if (value.length > TEXT_CHARACTERS_MAX) {
    throw new RequestError(`"${name}" has ${value.length} characters: no more than ${TEXT_CHARACTERS_MAX} are taken.`);
  }
  return value;
}

export function optionalText(args: unknown, name: string): string | null {
  const value = record(args)[name];
  return typeof value === 'string' && value !== '' ? text(args, name) : null;
}

/** A whole number of a range. */
export function integer(args: unknown, name: string, min: number, max: number, otherwise?: number): number {
  const value = record(args)[name];
  if (value === undefined && otherwise !== undefined) return otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new RequestError(`The request wants a whole number from ${min} to ${max} as "${name}".`);
  }
  return value;
}

/** A memory reference: an address, as this adapter gives them. */
export function address(args: unknown, name: string): number {
  const value = text(args, name);
  if (!/^0x[0-9a-f]{1,8}$/i.test(value)) throw new RequestError(`"${value}" is no address such as 0x00100000.`);
  return Number(value);
}
