// Types of C and the values of variables (DWARF 5, section 5): how large they are, what lies in them, and how a person
// reads them. Reads guest memory through a function; bounded in depth and length.

import { DwarfError } from './cursor.ts';
import { evaluate } from './expressions.ts';
import { AT, type Entry, numberOf, TAG, textOf } from './entries.ts';

const DEPTH_MAX = 4;
const CHAIN_MAX = 64;
const ELEMENTS_MAX = 32;
const MEMBERS_MAX = 64;
const TEXT_MAX = 128;

/** DW_ATE. */
const BOOLEAN = 2;
const FLOAT = 4;
const SIGNED = 5;
const SIGNED_CHAR = 6;
const UNSIGNED_CHAR = 8;

export type Memory = (address: number, sizeBytes: number) => Uint8Array | null;

/** Where a value is: in memory, or bytes that are nowhere (a register's). */
export interface Located {
  /** Null: it has no address. */
  readonly address: number | null;
  readonly bytes: Uint8Array;
  readonly type: Entry | null;
}

/** The entry that an attribute refers to. */
export function follow(entry: Entry, attribute: number): Entry | null {
  const offset = numberOf(entry, attribute);
  return offset === null ? null : entry.unit.entryAt(offset);
}

/** Through typedefs and qualifiers to what a type is; null: void. */
export function bareType(type: Entry | null): Entry | null {
  let found = type;
  for (let i = 0; i < CHAIN_MAX && found !== null; i++) {
    const { tag } = found;
    const isAlias = tag === TAG.typedef || tag === TAG.const_type || tag === TAG.volatile_type;
    if (!isAlias && tag !== TAG.restrict_type && tag !== TAG.atomic_type) return found;
    found = follow(found, AT.type);
  }
  return found;
}

export function typeName(type: Entry | null, depth = 0): string {
  if (type === null || depth > CHAIN_MAX) return 'void';
  const name = textOf(type, AT.name);
  const inner = (): string => typeName(follow(type, AT.type), depth + 1);
  switch (type.tag) {
    case TAG.pointer_type:
      return `${inner()} *`.replace('* *', '**');
    case TAG.const_type:
      return `const ${inner()}`;
    case TAG.volatile_type:
      return `volatile ${inner()}`;
    case TAG.array_type:
      return `${inner()} [${dimensions(type).map(String).join('][')}]`;
    case TAG.structure_type:
      return `struct ${name ?? '{…}'}`;
    case TAG.union_type:
      return `union ${name ?? '{…}'}`;
    case TAG.enumeration_type:
      return `enum ${name ?? '{…}'}`;
    case TAG.subroutine_type:
      return `${inner()} ()`;
    default:
      return name ?? inner();
  }
}

function dimensions(array: Entry): number[] {
  return array.children
    .filter(({ tag }) => tag === TAG.subrange_type)
    .map((range) => {
      const count = numberOf(range, AT.count);
      if (count !== null) return count;
      const upper = numberOf(range, AT.upper_bound);
      return upper === null || upper >= 0xffff_ffff ? 0 : upper + 1;
    });
}

export function sizeOf(type: Entry | null, depth = 0): number {
  const bare = bareType(type);
  if (bare === null || depth > CHAIN_MAX) return 0;
  const own = numberOf(bare, AT.byte_size);
  if (own !== null) return own;
  if (bare.tag === TAG.pointer_type) return 4;
  if (bare.tag !== TAG.array_type) return 0;
  return dimensions(bare).reduce((product, count) => product * count, sizeOf(follow(bare, AT.type), depth + 1));
}

function number(bytes: Uint8Array, isSigned: boolean): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]);
  return isSigned ? BigInt.asIntN(bytes.length * 8, value) : value;
}

/** As a number of 32 bits, for those values that are one. */
export function scalar(bytes: Uint8Array): number {
  return Number(BigInt.asUintN(32, number(bytes.subarray(0, 8), false)));
}

/** The value as a person reads it. `nameOf` gives the symbol of an address, or ''. */
export function show(
  { address, bytes, type }: Located,
  memory: Memory,
  nameOf: (address: number) => string,
  depth = 0,
): string {
  const bare = bareType(type);
  if (bare === null || bytes.length === 0) return hexOf(bytes);
  const inner = (located: Located): string => show(located, memory, nameOf, depth + 1);
  switch (bare.tag) {
    case TAG.base_type:
      return showBase(bytes, numberOf(bare, AT.encoding) ?? SIGNED);
    case TAG.enumeration_type: {
      const value = number(bytes, true);
      const found = bare.children.find(
        (each) => each.tag === TAG.enumerator && numberOf(each, AT.const_value) === Number(value),
      );
      return found === undefined ? String(value) : `${textOf(found, AT.name) ?? '?'} (${value})`;
    }
    case TAG.pointer_type: {
      const value = scalar(bytes);
      const digits = `0x${value.toString(16)}`;
      const to = bareType(follow(bare, AT.type));
      if (to !== null && isCharacter(to)) return `${digits} ${quoted(textFrom(memory, value))}`.trimEnd();
      const name = nameOf(value);
      return name === '' ? digits : `${digits} <${name}>`;
    }
    case TAG.array_type: {
      const element = follow(bare, AT.type);
      const [count = 0, ...rest] = dimensions(bare);
      const one = sizeOf(element) * rest.reduce((product, each) => product * each, 1);
      if (isCharacter(bareType(element)) && rest.length === 0) return quoted(textIn(bytes));
      if (one === 0 || depth >= DEPTH_MAX || rest.length > 0) return `{… ${count} elements}`;
      const shown = Array.from({ length: Math.min(count, ELEMENTS_MAX, Math.floor(bytes.length / one)) }, (_, i) =>
        inner({
          address: address === null ? null : address + i * one,
          bytes: bytes.subarray(i * one, (i + 1) * one),
          type: element,
        }),
      );
      return `{${shown.join(', ')}${count > shown.length ? ', …' : ''}}`;
    }
    case TAG.structure_type:
    case TAG.union_type: {
      if (depth >= DEPTH_MAX) return '{…}';
      const members = bare.children.filter(({ tag }) => tag === TAG.member).slice(0, MEMBERS_MAX);
      const shown = members.map((each) => {
        const name = textOf(each, AT.name);
        const value = inner(memberOf({ address, bytes, type: bare }, each));
        return name === null ? value : `${name} = ${value}`;
      });
      return `{${shown.join(', ')}}`;
    }
    default:
      return hexOf(bytes);
  }
}

function showBase(bytes: Uint8Array, encoding: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (encoding === FLOAT) {
    if (bytes.length === 4) return String(view.getFloat32(0, true));
    if (bytes.length === 8) return String(view.getFloat64(0, true));
    return hexOf(bytes);
  }
  if (encoding === BOOLEAN) return bytes.some((byte) => byte !== 0) ? 'true' : 'false';
  const isSigned = encoding === SIGNED || encoding === SIGNED_CHAR;
  const value = number(bytes, isSigned);
  const isPrinted = (encoding === SIGNED_CHAR || encoding === UNSIGNED_CHAR) && value >= 32n && value < 127n;
  return isPrinted ? `${value} '${String.fromCharCode(Number(value))}'` : String(value);
}

const hexOf = (bytes: Uint8Array): string =>
  bytes.length === 0
    ? '(nothing)'
    : `0x${[...bytes]
        .reverse()
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join('')}`;

function isCharacter(type: Entry | null): boolean {
  const encoding = type?.tag === TAG.base_type ? numberOf(type, AT.encoding) : null;
  return (encoding === SIGNED_CHAR || encoding === UNSIGNED_CHAR) && sizeOf(type) === 1;
}

function textIn(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, Math.min(end < 0 ? bytes.length : end, TEXT_MAX));
}

function textFrom(memory: Memory, address: number): Uint8Array | null {
  const bytes: number[] = [];
  for (let i = 0; i < TEXT_MAX; i++) {
    const byte = memory((address + i) >>> 0, 1)?.[0];
    if (byte === undefined) return i === 0 ? null : Uint8Array.from(bytes);
    if (byte === 0) break;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function quoted(bytes: Uint8Array | null): string {
  if (bytes === null) return '';
  return JSON.stringify(Buffer.from(bytes).toString('latin1'));
}

/** Older versions say it by an expression that begins with the address of the structure. */
function offsetOf(member: Entry): number {
  const value = member.attributes.get(AT.data_member_location)?.value;
  if (!(value instanceof Uint8Array)) return typeof value === 'number' ? value : 0;
  const none = (): never => {
    throw new DwarfError('where the member is depends on more than its structure');
  };
  const around = { register: none, memory: none, frameBase: none, cfa: none, context: member.unit.context, slide: 0 };
  const place = evaluate(value, around, [0]);
  return place.kind === 'memory' ? place.address : 0;
}

/** A member of a structure, its bits alone where it is made of bits. */
function memberOf({ address, bytes }: Located, member: Entry): Located {
  const type = follow(member, AT.type);
  const [bits, bitAt] = [numberOf(member, AT.bit_size), numberOf(member, AT.data_bit_offset)];
  const offset = offsetOf(member);
  const size = sizeOf(type);
  if (bits === null) {
    return { address: address === null ? null : address + offset, bytes: bytes.subarray(offset, offset + size), type };
  }
  // Version 2 and 3 count from the upper end of the storage unit.
  const unitBits = (numberOf(member, AT.byte_size) ?? size) * 8;
  const first = bitAt ?? offset * 8 + unitBits - (numberOf(member, AT.bit_offset) ?? 0) - bits;
  const from = first >>> 3;
  const raw = number(bytes.subarray(from, from + 8), false) >> BigInt(first & 7);
  const isSigned = numberOf(bareType(type) ?? member, AT.encoding) === SIGNED;
  const value = isSigned ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
  return {
    address: null,
    bytes: Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(i * 8)) & 255n)),
    type,
  };
}

/** `.name`: also of members of structures without a name of their own. */
export function member(located: Located, name: string, depth = 0): Located | null {
  const bare = bareType(located.type);
  if (bare === null || depth > DEPTH_MAX) return null;
  for (const each of bare.children) {
    if (each.tag !== TAG.member) continue;
    const own = textOf(each, AT.name);
    if (own === name) return memberOf(located, each);
    const nested = own === null ? member(memberOf(located, each), name, depth + 1) : null;
    if (nested !== null) return nested;
  }
  return null;
}

/** What a pointer points to, or the element of an array. */
export function element(located: Located, index: number, memory: Memory): Located {
  const bare = bareType(located.type);
  if (bare?.tag === TAG.pointer_type) {
    const type = follow(bare, AT.type);
    const address = (scalar(located.bytes) + index * Math.max(sizeOf(type), 1)) >>> 0;
    return read(address, type, memory);
  }
  if (bare?.tag !== TAG.array_type) throw new DwarfError('it is neither a pointer nor an array');
  const [, ...rest] = dimensions(bare);
  if (rest.length > 0) throw new DwarfError('arrays of several dimensions are not taken apart here');
  const type = follow(bare, AT.type);
  if (located.address !== null) return read((located.address + index * sizeOf(type)) >>> 0, type, memory);
  const from = index * sizeOf(type);
  return { address: null, bytes: located.bytes.subarray(from, from + sizeOf(type)), type };
}

const VALUE_BYTES_MAX = 1 << 16;

/** The value of a type at an address. */
export function read(address: number, type: Entry | null, memory: Memory): Located {
  const bytes = memory(address, Math.min(sizeOf(type), VALUE_BYTES_MAX));
  if (bytes === null) throw new DwarfError(`no memory is mapped at 0x${address.toString(16)} now`);
  return { address, bytes, type };
}
