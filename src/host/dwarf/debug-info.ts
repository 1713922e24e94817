// The debug information of one ELF file, by the addresses of the file: lines, functions, variables, frames. What is
// read is read when it is asked for. Whatever is damaged is left out and told once in `problems`; nothing throws but
// DwarfError, from those who look at a single variable.

import { DwarfError } from './cursor.ts';
import { AT, type Entry, numberOf, type Range, readUnits, TAG, textOf, type Unit } from './entries.ts';
import { evaluate, type Surroundings } from './expressions.ts';
import type { DebugSections, FormContext } from './forms.ts';
import { FrameTable } from './frames.ts';
import { type LineRow, type LineTable, readLineFiles, readLineTable } from './lines.ts';
import { Sections } from './sections.ts';
import { bareType, follow, type Located, type Memory, read, sizeOf } from './values.ts';

const PROBLEMS_MAX = 16;
/** Larger ones are not searched through for a name. */
const SEARCHED_BYTES_MAX = 1 << 26;
const ORIGINS_MAX = 8;

/** Instructions of one row of the line numbers. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly file: string;
  readonly line: number;
  readonly isStatement: boolean;
}

export interface FunctionInfo {
  readonly name: string;
  readonly entry: Entry;
  readonly ranges: readonly Range[];
  /** Where it begins. */
  readonly from: number;
  /** Line of its declaration, or 0. */
  readonly line: number;
}

/** A function that the compiler has put into its caller. */
export interface InlinedCall {
  readonly name: string;
  /** Of the call. */
  readonly file: string;
  readonly line: number;
}

interface UnitLines {
  readonly table: LineTable;
  /** Ascending. */
  readonly segments: readonly Segment[];
}

export class DebugInfo {
  readonly problems: string[] = [];
  private readonly sections: DebugSections;
  readonly units: readonly Unit[];
  private readonly lines = new Map<Unit, UnitLines>();
  private readonly functions = new Map<Unit, readonly FunctionInfo[]>();
  private lastFile: { readonly file: string; readonly units: readonly Unit[] } | null = null;
  private frameTable: FrameTable | null = null;
  private readonly elf: Sections;

  /** Null: the file has none. `placed`: where the sections of a file lie that is not linked. */
  static of(image: Uint8Array, placed?: ReadonlyMap<number, number>): DebugInfo | null {
    const elf = new Sections(image, placed);
    return elf.has('.debug_info') || elf.has('.debug_frame') || elf.has('.eh_frame') ? new DebugInfo(elf) : null;
  }

  private constructor(elf: Sections) {
    this.elf = elf;
    const get = (name: string): Uint8Array => this.guarded(() => elf.get(name).bytes) ?? new Uint8Array(0);
    this.sections = {
      info: get('.debug_info'),
      abbrev: get('.debug_abbrev'),
      line: get('.debug_line'),
      str: get('.debug_str'),
      lineStr: get('.debug_line_str'),
      addr: get('.debug_addr'),
      strOffsets: get('.debug_str_offsets'),
      ranges: get('.debug_ranges'),
      rnglists: get('.debug_rnglists'),
      loc: get('.debug_loc'),
      loclists: get('.debug_loclists'),
    };
    this.units = readUnits(this.sections, (text) => this.note(text));
  }

  private note(text: string): void {
    if (this.problems.length < PROBLEMS_MAX && !this.problems.includes(text)) this.problems.push(text);
  }

  /** Null when it is damaged: that is noted. */
  private guarded<T>(work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DwarfError)) throw error;
      this.note(error.message);
      return null;
    }
  }

  /** Whether anything is called so; what, would take a walk through all of it. */
  hasText(name: string): boolean {
    const text = Buffer.from(`${name}\0`);
    return [this.sections.str, this.sections.info].some(({ buffer, byteLength, byteOffset }) => {
      const bytes = Buffer.from(buffer, byteOffset, byteLength);
      for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
        if (at === 0 || !/\w/.test(String.fromCharCode(bytes[at - 1]))) return true;
      }
      return false;
    });
  }

  get hasLines(): boolean {
    return this.units.some(({ linesAt }) => linesAt !== null);
  }

  get frames(): FrameTable {
    this.frameTable ??=
      this.guarded(() => new FrameTable([this.elf.get('.debug_frame'), this.elf.get('.eh_frame')])) ??
      new FrameTable([]);
    return this.frameTable;
  }

  unitAt(address: number): Unit | null {
    const isInside = ({ from, to }: Range): boolean => address >= from && address < to;
    return this.units.find(({ ranges }) => ranges.some(isInside)) ?? null;
  }

  /** Instructions by line, of one unit. */
  linesOf(unit: Unit): UnitLines {
    const known = this.lines.get(unit);
    if (known !== undefined) return known;
    const at = unit.linesAt;
    const context: FormContext = unit.context;
    const table = at === null ? null : this.guarded(() => readLineTable(context, at, unit.directory));
    const found = {
      table: table ?? { files: [], rows: [] },
      segments: table === null ? [] : segmentsOf(table, context.version),
    };
    this.lines.set(unit, found);
    return found;
  }

  private filesOf(unit: Unit): readonly string[] {
    const at = unit.linesAt;
    if (at === null) return [];
    return this.guarded(() => readLineFiles(unit.context, at, unit.directory)) ?? [];
  }

  /** Every file that the lines of some unit are in, each once. */
  *sourceFiles(): Generator<string> {
    const seen = new Set<string>();
    for (const unit of this.units) {
      for (const file of this.filesOf(unit)) {
        if (seen.has(file)) continue;
        seen.add(file);
        yield file;
      }
    }
  }

  lineAt(address: number): Segment | null {
    const unit = this.unitAt(address);
    return unit === null ? null : segmentAt(this.linesOf(unit).segments, address);
  }

  /** A kernel has thousands of units: only those that name the file are read, and many lines are asked of one file. */
  private unitsOf(file: string, isNamed: (path: string) => boolean): readonly Unit[] {
    if (this.lastFile?.file !== file) {
      this.lastFile = { file, units: this.units.filter((unit) => this.filesOf(unit).some(isNamed)) };
    }
    return this.lastFile.units;
  }

  /**
   * Where the code of a line begins, once a function that has it; of the next line with code where this one has none.
   * A file is named by the end of its path.
   */
  addressesOf(file: string, line: number): Segment[] {
    const isNamed = (path: string): boolean => path === file || path.endsWith(`/${file.replace(/^\.\//, '')}`);
    const rows: Segment[] = [];
    for (const unit of this.unitsOf(file, isNamed)) {
      const { segments } = this.linesOf(unit);
      rows.push(...segments.filter((each) => each.isStatement && each.line >= line && isNamed(each.file)));
    }
    const nearest = rows.reduce((least, each) => Math.min(least, each.line), Number.MAX_SAFE_INTEGER);
    const found = new Map<number, Segment>();
    for (const row of rows.filter((each) => each.line === nearest).sort((a, b) => a.from - b.from)) {
      const owner = this.functionAt(row.from)?.from ?? row.from;
      if (!found.has(owner)) found.set(owner, row);
    }
    // At the line that begins a function: behind what makes its frame.
    return [...found].map(([owner, row]) => (row.from === owner ? (this.bodyOf(row.from) ?? row) : row));
  }

  /** The first statement of the function that begins there, behind what makes its frame. */
  bodyOf(from: number): Segment | null {
    const unit = this.unitAt(from);
    const range = this.functionAt(from)?.ranges[0];
    if (unit === null || range === undefined) return null;
    const inside = this.linesOf(unit).segments.filter((each) => each.from >= from && each.from < range.to);
    return inside.filter(({ isStatement }) => isStatement)[1] ?? null;
  }

  functionAt(address: number): FunctionInfo | null {
    const unit = this.unitAt(address);
    if (unit === null) return null;
    const isInside = ({ from, to }: Range): boolean => address >= from && address < to;
    return this.functionsOf(unit).find(({ ranges }) => ranges.some(isInside)) ?? null;
  }

  functionsOf(unit: Unit): readonly FunctionInfo[] {
    const known = this.functions.get(unit);
    if (known !== undefined) return known;
    const found: FunctionInfo[] = [];
    const tree = this.guarded(() => unit.tree);
    for (const entry of tree?.children ?? []) {
      if (entry.tag !== TAG.subprogram) continue;
      const ranges = this.guarded(() => unit.rangesOf(entry)) ?? [];
      const [first] = ranges;
      if (first === undefined) continue;
      const name = textOf(originOf(entry), AT.name) ?? '?';
      found.push({ name, entry, ranges, from: first.from, line: numberOf(originOf(entry), AT.decl_line) ?? 0 });
    }
    this.functions.set(unit, found);
    return found;
  }

  /** Functions that are inlined at an address, innermost first, with the lines that call them. */
  inlinedAt(address: number): InlinedCall[] {
    const found: InlinedCall[] = [];
    const isHere = (entry: Entry): boolean =>
      (this.guarded(() => entry.unit.rangesOf(entry)) ?? []).some(({ from, to }) => address >= from && address < to);
    const visit = (entry: Entry): void => {
      for (const child of entry.children) {
        if (child.tag !== TAG.lexical_block && child.tag !== TAG.inlined_subroutine) continue;
        if (!isHere(child)) continue;
        if (child.tag === TAG.inlined_subroutine) {
          const files = this.filesOf(child.unit);
          const file = files[numberOf(child, AT.call_file) ?? 0] ?? '';
          found.unshift({ name: nameOf(child) ?? '', file, line: numberOf(child, AT.call_line) ?? 0 });
        }
        visit(child);
      }
    };
    const owner = this.functionAt(address);
    if (owner !== null) visit(owner.entry);
    return found;
  }

  /** Parameters and locals in scope, innermost first. */
  localsAt(address: number): Entry[] {
    const found: Entry[] = [];
    const isHere = (entry: Entry): boolean =>
      (this.guarded(() => entry.unit.rangesOf(entry)) ?? []).some(({ from, to }) => address >= from && address < to);
    const visit = (entry: Entry): void => {
      const own = entry.children.filter(({ tag }) => tag === TAG.variable || tag === TAG.formal_parameter);
      for (const child of entry.children) {
        if (child.tag === TAG.lexical_block && isHere(child)) visit(child);
        if (child.tag === TAG.inlined_subroutine && isHere(child)) visit(child);
      }
      found.push(...own);
    };
    const owner = this.functionAt(address);
    if (owner !== null) visit(owner.entry);
    return found;
  }

  /** A variable by name: in scope, of the file, of another file. */
  variable(name: string, address: number): Entry | null {
    const local = this.localsAt(address).find((entry) => nameOf(entry) === name);
    if (local !== undefined) return local;
    const own = this.unitAt(address);
    const isSmall = this.sections.info.length <= SEARCHED_BYTES_MAX;
    for (const unit of [...(own === null ? [] : [own]), ...(isSmall ? this.units : [])]) {
      const tree = this.guarded(() => unit.tree);
      const found = tree?.children.find(
        (entry) => entry.tag === TAG.variable && nameOf(entry) === name && entry.attributes.has(AT.location),
      );
      if (found !== undefined) return found;
    }
    return null;
  }

  /** Where a variable is and what it holds. `address` is of the file; throws DwarfError with the reason. */
  valueOf(
    entry: Entry,
    address: number,
    around: Omit<Surroundings, 'frameBase' | 'cfa' | 'context'>,
    memory: Memory,
  ): Located {
    const type = follow(originOf(entry), AT.type);
    const constant = entry.attributes.get(AT.const_value)?.value;
    const { unit } = entry;
    const expression = unit.locationAt(entry.attributes.get(AT.location), address);
    if (expression === null && typeof constant === 'number')
      return { address: null, bytes: bytesOf(constant, sizeOf(type)), type };
    if (expression === null || expression.length === 0) throw new DwarfError('it has been optimised away here');
    const surroundings: Surroundings = {
      ...around,
      context: unit.context,
      cfa: () => this.cfaAt(address, surroundings),
      frameBase: () => this.frameBaseAt(address, surroundings),
    };
    const place = evaluate(expression, surroundings);
    switch (place.kind) {
      case 'memory':
        return read(place.address, type, memory);
      case 'bytes':
        return { address: null, bytes: place.bytes, type };
      case 'value':
        return { address: null, bytes: bytesOf(place.value, sizeOf(type)), type };
      case 'register': {
        const value = around.register(place.register);
        if (value === null) throw new DwarfError('it is in a register that is not known in this frame');
        if (sizeOf(bareType(type)) > 4) throw new DwarfError('it is in registers, of which this shows no pairs');
        return { address: null, bytes: bytesOf(value, sizeOf(type)), type };
      }
    }
  }

  private cfaAt(address: number, around: Surroundings): number {
    const cfa = this.frames.cfa(address, around);
    if (cfa === null) throw new DwarfError('nothing says where the frame of this function is');
    return cfa;
  }

  private frameBaseAt(address: number, around: Surroundings): number {
    const entry = this.functionAt(address)?.entry;
    const expression = entry?.unit.locationAt(entry.attributes.get(AT.frame_base), address) ?? null;
    if (expression === null) throw new DwarfError('nothing says where the frame of this function is');
    const place = evaluate(expression, around);
    if (place.kind === 'memory') return place.address;
    const value = place.kind === 'register' ? around.register(place.register) : null;
    if (value === null) throw new DwarfError('nothing says where the frame of this function is');
    return value;
  }
}

/** What an entry is an instance of: that has its name and type. */
function originOf(entry: Entry): Entry {
  let found = entry;
  for (let i = 0; i < ORIGINS_MAX; i++) {
    const next = follow(found, AT.abstract_origin) ?? follow(found, AT.specification);
    if (next === null) return found;
    found = next;
  }
  return found;
}

export const nameOf = (entry: Entry): string | null => textOf(originOf(entry), AT.name);

function bytesOf(value: number, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: Math.min(sizeBytes || 4, 8) }, (_, i) => (i < 4 ? (value >>> (i * 8)) & 255 : 0));
}

function segmentsOf({ files, rows }: LineTable, version: number): Segment[] {
  const found: Segment[] = [];
  // Version 5 counts files from 0; what producers write for 1 is right in both.
  const fileOf = ({ file }: LineRow): string => files[version >= 5 ? Math.min(file, files.length - 1) : file] ?? '';
  for (let i = 0; i + 1 < rows.length; i++) {
    const [row, next] = [rows[i], rows[i + 1]];
    if (row.isEnd || next.address <= row.address || row.line === 0) continue;
    // Of several rows of one address the last tells what the instructions are of.
    found.push({
      from: row.address,
      to: next.address,
      file: fileOf(row),
      line: row.line,
      isStatement: row.isStatement,
    });
  }
  return found.sort((a, b) => a.from - b.from);
}

export function segmentAt(segments: readonly Segment[], address: number): Segment | null {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle].from <= address) low = middle + 1;
    else high = middle;
  }
  const found = segments[low - 1];
  return found !== undefined && address < found.to ? found : null;
}
