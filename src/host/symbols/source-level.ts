// Source lines, frames and variables of a guest as it stands: debug information (dwarf/) of the files that symbols came
// from, at the addresses where they are now. What is not known is null or a sentence. Tells nothing of a terminal.

import { peekBytes, peekNumber } from '../../core/memory/peek.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { DwarfError } from '../dwarf/cursor.ts';
import { type DebugInfo, type InlinedCall, nameOf, segmentAt } from '../dwarf/debug-info.ts';
import type { Surroundings } from '../dwarf/expressions.ts';
import { DWARF_EBP, DWARF_EIP, DWARF_ESP } from '../dwarf/frames.ts';
import {
  bareType,
  element,
  type Located,
  member,
  type Memory,
  scalar,
  show,
  sizeOf,
  typeName,
} from '../dwarf/values.ts';
import type { ProcessName } from './process.ts';
import type { SymbolTable } from './symbol-table.ts';
import type { Frame, FrameRegisters, FrameStep } from './unwind.ts';

/** Instructions of one line, where they are now. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly isStatement: boolean;
  /** That it is of, or null. */
  readonly process: ProcessName | null;
}

export interface SourceFunction {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** First statement behind what makes the frame. */
  readonly body: number;
}

/** All that one compilation unit has, where it is now: for coverage. */
export interface UnitPlaces {
  readonly key: string;
  readonly functions: readonly { name: string; from: number; file: string; line: number }[];
  /** Where statements begin; `owner` tells the functions apart that have a line. */
  readonly statements: readonly { file: string; line: number; from: number; owner: number }[];
  readonly has: (address: number) => boolean;
  readonly lineAt: (address: number) => { file: string; line: number } | null;
}

interface Placed {
  readonly debug: DebugInfo;
  readonly slide: number;
  readonly isCurrent: boolean;
  readonly process: ProcessName | null;
}

/** A variable as C names it. */
const VARIABLE = /^\s*([*&]*)\s*([A-Za-z_]\w*)((?:\s*(?:\.|->)\s*[A-Za-z_]\w*|\s*\[\s*\d+\s*\])*)\s*$/;

export class SourceLevel {
  private readonly table: SymbolTable;

  constructor(table: SymbolTable) {
    this.table = table;
  }

  /** Of what holds here, and at the end of processes that do not run. */
  private get everywhere(): Placed[] {
    const found: Placed[] = [];
    for (const isWanted of [true, false]) {
      for (const { debug, isCurrent, isOtherBuild, process, slide } of this.table.sources) {
        if (debug === null || slide === null || isOtherBuild || isCurrent !== isWanted) continue;
        found.push({ debug, slide, isCurrent, process });
      }
    }
    return found;
  }

  private get all(): Placed[] {
    return this.everywhere.filter(({ isCurrent }) => isCurrent);
  }

  /** Whether any file tells lines. */
  get hasLines(): boolean {
    return this.table.sources.some(({ debug, isOtherBuild }) => debug?.hasLines === true && !isOtherBuild);
  }

  /** What is wrong with the debug information, as far as it has been looked at. */
  get problems(): string[] {
    return this.table.sources.flatMap(({ label, debug }) => (debug?.problems ?? []).map((text) => `${label}: ${text}`));
  }

  placeAt(address: number): SourcePlace | null {
    for (const { debug, process, slide } of this.all) {
      const found = debug.lineAt((address - slide) >>> 0);
      if (found !== null) return { ...found, from: (found.from + slide) >>> 0, to: found.to + slide, process };
    }
    return null;
  }

  /** Of a process that does not run too, for whoever asks about it by a name. */
  functionAt(address: number, isAnywhere = false): SourceFunction | null {
    for (const { debug, slide } of isAnywhere ? this.everywhere : this.all) {
      const found = debug.functionAt((address - slide) >>> 0);
      if (found === null) continue;
      const { name, from, ranges } = found;
      const body = debug.bodyOf(from)?.from ?? from;
      return { name, from: (from + slide) >>> 0, to: ranges[0].to + slide, body: (body + slide) >>> 0 };
    }
    return null;
  }

  /** Functions that are inlined at an address, innermost first, with the lines that call them. */
  inlinedAt(address: number): readonly InlinedCall[] {
    for (const { debug, slide } of this.all) {
      const found = debug.inlinedAt((address - slide) >>> 0);
      if (found.length > 0) return found;
    }
    return [];
  }

  /** Where the code of a line begins, of processes that do not run too. */
  addressesOf(file: string, line: number): SourcePlace[] {
    const found = new Map<number, SourcePlace>();
    for (const { debug, process, slide } of this.everywhere) {
      for (const each of debug.addressesOf(file, line)) {
        const from = (each.from + slide) >>> 0;
        if (!found.has(from)) found.set(from, { ...each, from, to: each.to + slide, process });
      }
    }
    return [...found.values()];
  }

  /** The compilation unit that an address is of; null: none that has lines. */
  unitPlaces(address: number): UnitPlaces | null {
    for (const { label, debug, isCurrent, isOtherBuild, slide } of this.table.sources) {
      if (debug === null || slide === null || !isCurrent || isOtherBuild) continue;
      const unit = debug.unitAt((address - slide) >>> 0);
      const segments = unit === null ? [] : debug.linesOf(unit).segments;
      if (unit === null || segments.length === 0) continue;
      const functions = debug.functionsOf(unit);
      const ownerOf = (at: number): number =>
        functions.find(({ ranges }) => ranges.some(({ from, to }) => at >= from && at < to))?.from ?? 0;
      const lineAt = (at: number) => segmentAt(segments, at);
      return {
        key: `${label} ${unit.at}`,
        functions: functions.map(({ name, from, line }) => {
          const first = lineAt(from);
          return { name, from: (from + slide) >>> 0, file: first?.file ?? unit.name, line: line || (first?.line ?? 0) };
        }),
        statements: segments
          .filter(({ isStatement }) => isStatement)
          .map(({ file, line, from }) => ({ file, line, from: (from + slide) >>> 0, owner: ownerOf(from) })),
        has: (at) => unit.ranges.some(({ from, to }) => (at - slide) >>> 0 >= from && (at - slide) >>> 0 < to),
        lineAt: (at) => lineAt((at - slide) >>> 0),
      };
    }
    return null;
  }

  /** Steps outwards by call frame information. */
  frameStep(cpu: Cpu): FrameStep {
    return (registers, isReturn) => {
      const address = registers.eip - (isReturn ? 1 : 0);
      for (const { debug, slide } of this.all) {
        try {
          const found = debug.frames.caller((address - slide) >>> 0, surroundingsOf(cpu, registers, slide));
          const [eip, esp, ebp] =
            found === null ? [null, null, null] : [found[DWARF_EIP], found[DWARF_ESP], found[DWARF_EBP]];
          if (found === null || eip === null || esp === null) continue;
          const others = OTHERS.map((register) => found[register]);
          return { eip, esp, ebp: ebp ?? 0, others };
        } catch (error) {
          if (!(error instanceof DwarfError)) throw error;
        }
      }
      return null;
    };
  }

  /** Where the frame of the function begins: the same at all its instructions. Null: nothing says so. */
  cfa(cpu: Cpu, registers: FrameRegisters): number | null {
    for (const { debug, slide } of this.all) {
      try {
        const cfa = debug.frames.cfa((registers.eip - slide) >>> 0, surroundingsOf(cpu, registers, slide));
        if (cfa !== null) return cfa;
      } catch (error) {
        if (!(error instanceof DwarfError)) throw error;
      }
    }
    return null;
  }

  /** Parameters and locals of a frame, with their values or why there are none. */
  locals(cpu: Cpu, frame: Frame): { name: string; type: string; value: string }[] {
    const address = pcOf(frame);
    const found: { name: string; type: string; value: string }[] = [];
    for (const { debug, slide } of this.all) {
      // One file may have been given twice.
      if (found.length > 0) break;
      const seen = new Set<string>();
      for (const entry of debug.localsAt((address - slide) >>> 0)) {
        const name = nameOf(entry);
        if (name === null || seen.has(name)) continue;
        seen.add(name);
        try {
          const located = debug.valueOf(
            entry,
            (address - slide) >>> 0,
            surroundingsOf(cpu, frame.registers, slide),
            memoryOf(cpu),
          );
          found.push({ name, type: typeName(located.type), value: this.text(cpu, located) });
        } catch (error) {
          if (!(error instanceof DwarfError)) throw error;
          found.push({ name, type: '', value: `(${error.message})` });
        }
      }
    }
    return found;
  }

  private text(cpu: Cpu, located: Located): string {
    return show(located, memoryOf(cpu), (address) => (address < 0x1000 ? '' : this.table.describe(address)));
  }

  /**
   * A variable as C names it: `name`, `name.field`, `name->field`, `name[3]`, with `*` or `&` before. Null: no variable
   * is meant. Throws DwarfError when one is, and it cannot be had.
   */
  print(cpu: Cpu, frame: Frame, text: string): Printed | null {
    const [, prefixes, name, path] = VARIABLE.exec(text) ?? [];
    const located = name === undefined ? null : this.locate(cpu, frame, name, path);
    return located === null ? null : this.prefixed(cpu, located, prefixes);
  }

  /** Where a variable lies in memory; null: no variable is meant. Throws DwarfError when it cannot be had. */
  extent(cpu: Cpu, frame: Frame, text: string): { address: number; size: number } | null {
    const [, prefixes, name, path] = VARIABLE.exec(text) ?? [];
    const located = name === undefined || prefixes !== '' ? null : this.locate(cpu, frame, name, path);
    if (located === null) return null;
    const { address, type } = located;
    if (address === null) throw new DwarfError(`${text} is in a register here: ask about the register`);
    return { address, size: sizeOf(type) };
  }

  private locate(cpu: Cpu, frame: Frame, name: string, path: string): Located | null {
    const address = pcOf(frame);
    for (const { debug, slide } of this.all) {
      const entry = debug.variable(name, (address - slide) >>> 0);
      if (entry === null) continue;
      const memory = memoryOf(cpu);
      let located = debug.valueOf(entry, (address - slide) >>> 0, surroundingsOf(cpu, frame.registers, slide), memory);
      for (const [, sign, field, index] of path.matchAll(/(\.|->)\s*(\w+)|\[\s*(\d+)\s*\]/g)) {
        if (index !== undefined) located = element(located, Number(index), memory);
        else located = fieldOf(sign === '->' ? element(located, 0, memory) : located, field);
      }
      return located;
    }
    return null;
  }

  private prefixed(cpu: Cpu, located: Located, prefixes: string): Printed {
    let found = located;
    for (const sign of [...prefixes].reverse()) {
      if (sign === '*') found = element(found, 0, memoryOf(cpu));
      else {
        if (found.address === null) throw new DwarfError('it is in a register, which has no address');
        const value = found.address;
        return {
          text: `(${typeName(found.type)} *) 0x${value.toString(16)}`,
          value,
          type: `${typeName(found.type)} *`,
        };
      }
    }
    const isScalar = sizeOf(found.type) <= 4 && bareType(found.type)?.children.length === 0;
    const value = isScalar ? scalar(found.bytes) : null;
    return { text: this.text(cpu, found), value, type: typeName(found.type) };
  }
}

export interface Printed {
  readonly text: string;
  /** Where it is a number. */
  readonly value: number | null;
  readonly type: string;
}

function fieldOf(located: Located, field: string): Located {
  const found = member(located, field);
  if (found === null) throw new DwarfError(`it has no member ${field}`);
  return found;
}

/** DWARF's numbers of the registers in `others`. */
const OTHERS: readonly number[] = [0, 1, 2, 3, 6, 7];

/** A call may be the last instruction of its function. */
const pcOf = ({ address, kind }: Frame): number => address - (kind === 'caller' || kind === 'guess' ? 1 : 0);

const memoryOf =
  (cpu: Cpu): Memory =>
  (address, sizeBytes) => {
    const bytes = new Uint8Array(sizeBytes);
    return peekBytes(cpu, address, bytes) < sizeBytes ? null : bytes;
  };

function surroundingsOf(cpu: Cpu, registers: FrameRegisters, slide: number): Surroundings {
  const none = (): number => {
    throw new DwarfError('the frame is described by itself');
  };
  return {
    register: (number) => {
      if (number === DWARF_ESP) return registers.esp;
      if (number === DWARF_EBP) return registers.ebp;
      if (number === DWARF_EIP) return registers.eip;
      return registers.others[OTHERS.indexOf(number)] ?? null;
    },
    memory: (address, sizeBytes) => peekNumber(cpu, address, sizeBytes),
    frameBase: none,
    cfa: none,
    context: null,
    slide,
  };
}
