/**
 * Values of queries: what they are, how they compare, how people and machines read them.
 * A number may be an address: then it has a name, which the host knows.
 */

/** null: there is none, as of a call that never returned. */
export type Value = number | string | boolean | null;

/**
 * `address`: a linear address, shown with its name. `hex`: a physical address, a port, a set of bits. `any`: as it
 * comes.
 */
export type ValueType = 'number' | 'address' | 'hex' | 'text' | 'flag' | 'any';

export const isNumeric = (type: ValueType): boolean => type === 'number' || type === 'address' || type === 'hex';

/** The order of order by, min and max: nothing last, then numbers, texts. */
export function compareValues(a: Value, b: Value): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : 1;
  if (typeof a === 'string') return 1;
  if (typeof b === 'string') return -1;
  return Number(a) - Number(b);
}

/** Name of an address: `name+0x12`, or empty. */
export type Describe = (address: number) => string;

/** As people read it. */
export function valueText(value: Value, type: ValueType, describe: Describe): string {
  if (value === null) return '-';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (type === 'hex') return `0x${value.toString(16)}`;
  if (type !== 'address') return Number.isInteger(value) ? String(value) : value.toFixed(3);
  const name = describe(value);
  const digits = `0x${value.toString(16).padStart(8, '0')}`;
  return name === '' ? digits : `${digits} <${name}>`;
}

/** A field of a line of CSV (RFC 4180). */
export function csvField(value: Value): string {
  if (value === null) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
