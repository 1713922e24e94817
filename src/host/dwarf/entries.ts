// The tree of debugging information entries (DWARF 5, sections 2 and 7.5): units with their abbreviations, entries with
// their attributes and children, ranges of addresses. Versions 2 to 5. A unit is read as a whole when something of it
// is asked for; before that only its root is.

import { Cursor, DwarfError } from './cursor.ts';
import { type DebugSections, FORM, type FormContext, type FormValue, indexedAddress, readForm } from './forms.ts';

const UNITS_MAX = 1 << 17;
const ENTRIES_MAX = 1 << 21;
const ABBREVIATIONS_MAX = 1 << 16;
const RANGES_MAX = 1 << 16;
const DEPTH_MAX = 256;

/** Attributes that are asked for (table 7.5). */
export const AT = {
  location: 0x02,
  name: 0x03,
  byte_size: 0x0b,
  stmt_list: 0x10,
  low_pc: 0x11,
  high_pc: 0x12,
  comp_dir: 0x1b,
  const_value: 0x1c,
  upper_bound: 0x2f,
  abstract_origin: 0x31,
  call_file: 0x58,
  call_line: 0x59,
  count: 0x37,
  data_member_location: 0x38,
  declaration: 0x3c,
  encoding: 0x3e,
  external: 0x3f,
  frame_base: 0x40,
  specification: 0x47,
  type: 0x49,
  ranges: 0x55,
  data_bit_offset: 0x6b,
  bit_size: 0x0d,
  bit_offset: 0x0c,
  decl_line: 0x3b,
  str_offsets_base: 0x72,
  addr_base: 0x73,
  rnglists_base: 0x74,
  loclists_base: 0x8c,
} as const;

/** Tags that are asked for (table 7.3). */
export const TAG = {
  array_type: 0x01,
  enumeration_type: 0x04,
  formal_parameter: 0x05,
  lexical_block: 0x0b,
  member: 0x0d,
  pointer_type: 0x0f,
  compile_unit: 0x11,
  structure_type: 0x13,
  subroutine_type: 0x15,
  typedef: 0x16,
  union_type: 0x17,
  inlined_subroutine: 0x1d,
  subrange_type: 0x21,
  base_type: 0x24,
  const_type: 0x26,
  enumerator: 0x28,
  subprogram: 0x2e,
  variable: 0x34,
  volatile_type: 0x35,
  restrict_type: 0x37,
  atomic_type: 0x47,
} as const;

interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly (readonly [name: number, form: number, implicit: number])[];
}

export interface Attribute {
  readonly form: number;
  readonly value: FormValue;
}

export interface Entry {
  readonly tag: number;
  /** Offset in .debug_info: what references name. */
  readonly at: number;
  readonly attributes: ReadonlyMap<number, Attribute>;
  readonly children: Entry[];
  readonly unit: Unit;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

export class Unit {
  readonly at: number;
  readonly end: number;
  context: FormContext;
  readonly root: Entry;
  readonly ranges: readonly Range[];
  private readonly entriesAt: number;
  private readonly abbreviations: ReadonlyMap<number, Abbreviation>;
  private whole: Entry | null = null;
  private byOffset: Map<number, Entry> | null = null;

  constructor(cursor: Cursor, sections: DebugSections) {
    this.at = cursor.at;
    const { end, isLong } = cursor.unitEnd();
    this.end = end;
    const version = cursor.u16();
    if (version < 2 || version > 5) throw new DwarfError(`debug information of version ${version} is not known`);
    const offset = (): number => cursor.number(isLong ? 8 : 4);
    let abbreviationsAt = 0;
    let addressBytes = 0;
    if (version >= 5) {
      const kind = cursor.u8();
      addressBytes = cursor.u8();
      abbreviationsAt = offset();
      // Type units (2, 6) have a signature and an offset, skeletons (4, 5) an identifier.
      if (kind === 2 || kind === 6) cursor.skip(8 + (isLong ? 8 : 4));
      else if (kind === 4 || kind === 5) cursor.skip(8);
    } else {
      abbreviationsAt = offset();
      addressBytes = cursor.u8();
    }
    this.context = { sections, version, addressBytes, isLong, unitAt: this.at, addrBase: 8, strOffsetsBase: 8 };
    this.entriesAt = cursor.at;
    this.abbreviations = readAbbreviations(new Cursor(sections.abbrev, abbreviationsAt));
    // The bases of indexed forms stand in the root itself: read it for them, then again.
    const first = this.readRoot();
    this.context = {
      ...this.context,
      addrBase: numberOf(first, AT.addr_base) ?? 8,
      strOffsetsBase: numberOf(first, AT.str_offsets_base) ?? 8,
    };
    this.root = this.readRoot();
    this.ranges = this.rangesOf(this.root);
  }

  private readRoot(): Entry {
    const cursor = new Cursor(this.context.sections.info, this.entriesAt, this.end);
    const found = this.readEntry(cursor);
    if (found === null) throw new DwarfError('a unit is empty');
    return found.entry;
  }

  get name(): string {
    return textOf(this.root, AT.name) ?? '';
  }

  get directory(): string {
    return textOf(this.root, AT.comp_dir) ?? '';
  }

  /** Offset of its line numbers; null: it has none. */
  get linesAt(): number | null {
    return numberOf(this.root, AT.stmt_list);
  }

  /** The root with all below it. */
  get tree(): Entry {
    if (this.whole === null) {
      this.byOffset = new Map();
      this.whole = this.readTree();
    }
    return this.whole;
  }

  entryAt(offset: number): Entry | null {
    return this.tree === null ? null : (this.byOffset?.get(offset) ?? null);
  }

  private readTree(): Entry {
    const cursor = new Cursor(this.context.sections.info, this.entriesAt, this.end);
    const open: Entry[] = [];
    let root: Entry | null = null;
    for (let count = 0; !cursor.isAtEnd; count++) {
      if (count > ENTRIES_MAX) throw new DwarfError('a unit has too many entries');
      const found = this.readEntry(cursor);
      if (found === null) {
        open.pop();
        if (open.length === 0) break;
        continue;
      }
      const { entry, hasChildren } = found;
      root ??= entry;
      open[open.length - 1]?.children.push(entry);
      this.byOffset?.set(entry.at, entry);
      if (hasChildren) open.push(entry);
      if (open.length > DEPTH_MAX) throw new DwarfError('the entries of a unit are nested too deeply');
      if (open.length === 0) break;
    }
    if (root === null) throw new DwarfError('a unit is empty');
    return root;
  }

  /** Null: the end of a list of children. */
  private readEntry(cursor: Cursor): { entry: Entry; hasChildren: boolean } | null {
    const { at } = cursor;
    const code = cursor.uleb();
    if (code === 0) return null;
    const abbreviation = this.abbreviations.get(code);
    if (abbreviation === undefined) throw new DwarfError('an entry has no abbreviation');
    const attributes = new Map<number, Attribute>();
    for (const [name, form, implicit] of abbreviation.attributes) {
      attributes.set(name, { form, value: this.valueOf(cursor, form, implicit) });
    }
    const { tag, hasChildren } = abbreviation;
    return { entry: { tag, at, attributes, children: [], unit: this }, hasChildren };
  }

  /** Indexed forms of the root are read before their tables are known, and may point anywhere then. */
  private valueOf(cursor: Cursor, form: number, implicit: number): FormValue {
    const { at } = cursor;
    try {
      return readForm(cursor, form, this.context, implicit);
    } catch (error) {
      const isIndexed = (form >= FORM.strx1 && form <= FORM.addrx4) || form === FORM.strx || form === FORM.addrx;
      if (!isIndexed || !(error instanceof DwarfError)) throw error;
      cursor.at = at;
      if (form === FORM.strx || form === FORM.addrx) cursor.uleb();
      else
        cursor.skip(
          form === FORM.strx3 || form === FORM.addrx3
            ? 3
            : 1 << ((form - FORM.strx1) % 4 === 3 ? 2 : (form - FORM.strx1) % 4),
        );
      return '';
    }
  }

  /** The addresses of a unit, function or block: low and high, or a list. */
  rangesOf(entry: Entry): Range[] {
    const [low, high] = [entry.attributes.get(AT.low_pc), entry.attributes.get(AT.high_pc)];
    if (typeof low?.value === 'number' && typeof high?.value === 'number') {
      const isAddress =
        high.form === FORM.addr || (high.form >= FORM.addrx1 && high.form <= FORM.addrx4) || high.form === FORM.addrx;
      const to = isAddress ? high.value : low.value + high.value;
      return to > low.value ? [{ from: low.value, to }] : [];
    }
    const list = entry.attributes.get(AT.ranges);
    if (typeof list?.value !== 'number') return [];
    const base = typeof low?.value === 'number' ? low.value : (numberOf(this.root, AT.low_pc) ?? 0);
    if (this.context.version < 5) return this.ranges4(list.value, base);
    const at =
      list.form === FORM.rnglistx
        ? this.indexedOffset(list.value, AT.rnglists_base, this.context.sections.rnglists)
        : list.value;
    return this.ranges5(at, base);
  }

  private indexedOffset(index: number, attribute: number, section: Uint8Array): number {
    const base = numberOf(this.root, attribute) ?? 12;
    const sizeBytes = this.context.isLong ? 8 : 4;
    return base + new Cursor(section, base + index * sizeBytes).number(sizeBytes);
  }

  private ranges4(at: number, unitBase: number): Range[] {
    const { addressBytes, sections } = this.context;
    const cursor = new Cursor(sections.ranges, at);
    const found: Range[] = [];
    let base = unitBase;
    for (let i = 0; i < RANGES_MAX; i++) {
      const [from, to] = [cursor.number(addressBytes), cursor.number(addressBytes)];
      if (from === 0 && to === 0) return found;
      if (from === 0xffff_ffff) base = to;
      else if (to > from) found.push({ from: (base + from) >>> 0, to: base + to });
    }
    throw new DwarfError('a list of ranges has no end');
  }

  private ranges5(at: number, unitBase: number): Range[] {
    const { context } = this;
    const cursor = new Cursor(context.sections.rnglists, at);
    const found: Range[] = [];
    let base = unitBase;
    const address = (): number => cursor.number(context.addressBytes);
    const indexed = (): number => indexedAddress(context, cursor.uleb());
    const add = (from: number, to: number): void => void (to > from && found.push({ from, to }));
    for (let i = 0; i < RANGES_MAX; i++) {
      switch (cursor.u8()) {
        case 0:
          return found;
        case 1:
          base = indexed();
          break;
        case 2:
          add(indexed(), indexed());
          break;
        case 3: {
          const from = indexed();
          add(from, from + cursor.uleb());
          break;
        }
        case 4:
          add(base + cursor.uleb(), base + cursor.uleb());
          break;
        case 5:
          base = address();
          break;
        case 6:
          add(address(), address());
          break;
        case 7: {
          const from = address();
          add(from, from + cursor.uleb());
          break;
        }
        default:
          throw new DwarfError('a list of ranges has an entry that is not known');
      }
    }
    throw new DwarfError('a list of ranges has no end');
  }

  /** The expression of a location that holds at an address; null: there is none. */
  locationAt(attribute: Attribute | undefined, address: number): Uint8Array | null {
    if (attribute === undefined) return null;
    const { form, value } = attribute;
    if (value instanceof Uint8Array) return value;
    if (typeof value !== 'number') return null;
    const base = numberOf(this.root, AT.low_pc) ?? 0;
    if (this.context.version < 5) return this.location4(value, base, address);
    const { loclists } = this.context.sections;
    const at = form === FORM.loclistx ? this.indexedOffset(value, AT.loclists_base, loclists) : value;
    return this.location5(at, base, address);
  }

  private location4(at: number, unitBase: number, address: number): Uint8Array | null {
    const { addressBytes, sections } = this.context;
    const cursor = new Cursor(sections.loc, at);
    let base = unitBase;
    for (let i = 0; i < RANGES_MAX; i++) {
      const [from, to] = [cursor.number(addressBytes), cursor.number(addressBytes)];
      if (from === 0 && to === 0) return null;
      if (from === 0xffff_ffff) {
        base = to;
        continue;
      }
      const expression = cursor.part(cursor.u16());
      if (address >= base + from && address < base + to) return expression;
    }
    return null;
  }

  private location5(at: number, unitBase: number, address: number): Uint8Array | null {
    const { context } = this;
    const cursor = new Cursor(context.sections.loclists, at);
    let base = unitBase;
    const indexed = (): number => indexedAddress(context, cursor.uleb());
    const plain = (): number => cursor.number(context.addressBytes);
    let fallback: Uint8Array | null = null;
    for (let i = 0; i < RANGES_MAX; i++) {
      const kind = cursor.u8();
      let [from, to] = [0, -1];
      if (kind === 0) return fallback;
      if (kind === 1) base = indexed();
      else if (kind === 2) [from, to] = [indexed(), indexed()];
      else if (kind === 3) {
        from = indexed();
        to = from + cursor.uleb();
      } else if (kind === 4) [from, to] = [base + cursor.uleb(), base + cursor.uleb()];
      else if (kind === 6) base = plain();
      else if (kind === 7) [from, to] = [plain(), plain()];
      else if (kind === 8) {
        from = plain();
        to = from + cursor.uleb();
      } else if (kind === 9) {
        // A pair of views: no location.
        cursor.uleb();
        cursor.uleb();
      } else if (kind !== 5) throw new DwarfError('a list of locations has an entry that is not known');
      if (kind === 1 || kind === 6 || kind === 9) continue;
      const expression = cursor.part(cursor.uleb());
      if (kind === 5) fallback = expression;
      else if (address >= from && address < to) return expression;
    }
    return fallback;
  }
}

function readAbbreviations(cursor: Cursor): Map<number, Abbreviation> {
  const found = new Map<number, Abbreviation>();
  while (found.size < ABBREVIATIONS_MAX) {
    const code = cursor.isAtEnd ? 0 : cursor.uleb();
    if (code === 0) return found;
    const tag = cursor.uleb();
    const hasChildren = cursor.u8() !== 0;
    const attributes: [number, number, number][] = [];
    for (;;) {
      const [name, form] = [cursor.uleb(), cursor.uleb()];
      const implicit = form === FORM.implicit_const ? cursor.sleb() : 0;
      if (name === 0 && form === 0) break;
      if (attributes.length > ABBREVIATIONS_MAX) throw new DwarfError('an abbreviation has too many attributes');
      attributes.push([name, form, implicit]);
    }
    found.set(code, { tag, hasChildren, attributes });
  }
  throw new DwarfError('there are too many abbreviations');
}

export function textOf(entry: Entry, attribute: number): string | null {
  const value = entry.attributes.get(attribute)?.value;
  return typeof value === 'string' && value !== '' ? value : null;
}

export function numberOf(entry: Entry, attribute: number): number | null {
  const value = entry.attributes.get(attribute)?.value;
  return typeof value === 'number' ? value : null;
}

/** Heads and roots of all units. What is damaged ends the list. */
export function readUnits(sections: DebugSections, problem: (text: string) => void): Unit[] {
  const units: Unit[] = [];
  const cursor = new Cursor(sections.info);
  try {
    while (!cursor.isAtEnd && units.length < UNITS_MAX) {
      const unit = new Unit(new Cursor(sections.info, cursor.at), sections);
      units.push(unit);
      cursor.at = unit.end;
    }
  } catch (error) {
    if (!(error instanceof DwarfError)) throw error;
    problem(error.message);
  }
  return units;
}
