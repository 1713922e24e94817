// Line number programs, versions 2 to 5 (DWARF 5, section 6.2): which line of which file the instructions are of. A
// table of rows, ascending by address within a sequence; a row holds up to the next one.

import { Cursor, DwarfError } from './cursor.ts';
import { readForm, type FormContext } from './forms.ts';

const ROWS_MAX = 1 << 23;
const FILES_MAX = 1 << 16;

/** Content types of file and directory entries (version 5). */
const LNCT_PATH = 1;
const LNCT_DIRECTORY = 2;

export interface LineRow {
  readonly address: number;
  /** Index into the files of the table. */
  readonly file: number;
  /** 0: of no line. */
  readonly line: number;
  readonly column: number;
  /** A place where a statement begins. */
  readonly isStatement: boolean;
  readonly isEnd: boolean;
}

export interface LineTable {
  /** Paths, joined with their directories. */
  readonly files: readonly string[];
  readonly rows: readonly LineRow[];
}

interface Header {
  readonly version: number;
  readonly addressBytes: number;
  readonly instructionBytesMin: number;
  readonly isStatementDefault: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly opcodeLengths: readonly number[];
  readonly files: readonly string[];
  readonly programAt: number;
  readonly end: number;
}

/** The program at an offset of .debug_line. `directory` is that of the compilation. */
export function readLineTable(context: FormContext, at: number, directory: string): LineTable {
  const cursor = new Cursor(context.sections.line, at);
  const header = readHeader(cursor, context, directory);
  return {
    files: header.files,
    rows: runProgram(new Cursor(context.sections.line, header.programAt, header.end), header),
  };
}

/** The files alone, without running the program. */
export function readLineFiles(context: FormContext, at: number, directory: string): readonly string[] {
  return readHeader(new Cursor(context.sections.line, at), context, directory).files;
}

export const joinPath = (directory: string, name: string): string =>
  name.startsWith('/') || directory === '' ? name : `${directory.replace(/\/$/, '')}/${name}`;

function readHeader(cursor: Cursor, context: FormContext, directory: string): Header {
  const { end, isLong } = cursor.unitEnd();
  const version = cursor.u16();
  if (version < 2 || version > 5) throw new DwarfError(`line numbers of version ${version} are not known`);
  let { addressBytes } = context;
  if (version >= 5) {
    addressBytes = cursor.u8();
    cursor.skip(1);
  }
  const headerBytes = cursor.number(isLong ? 8 : 4);
  const programAt = cursor.at + headerBytes;
  if (programAt > end) throw new DwarfError('the head of the line numbers is longer than they are');
  const instructionBytesMin = cursor.u8();
  if (version >= 4) cursor.skip(1);
  const isStatementDefault = cursor.u8() !== 0;
  const [lineBase, lineRange, opcodeBase] = [cursor.i8(), cursor.u8(), cursor.u8()];
  if (lineRange === 0 || opcodeBase === 0) throw new DwarfError('the head of the line numbers makes no sense');
  const opcodeLengths = Array.from({ length: opcodeBase - 1 }, () => cursor.u8());
  const own: FormContext = { ...context, isLong, version, addressBytes };
  const files = version >= 5 ? filesOf5(cursor, own, directory) : filesOf2(cursor, directory);
  return {
    version,
    addressBytes,
    instructionBytesMin,
    isStatementDefault,
    lineBase,
    lineRange,
    opcodeBase,
    opcodeLengths,
    files,
    programAt,
    end,
  };
}

/** Versions 2 to 4: directories and files from 1 on. */
function filesOf2(cursor: Cursor, directory: string): string[] {
  const directories = [directory];
  for (let name = cursor.text(); name !== ''; name = cursor.text()) {
    if (directories.length >= FILES_MAX) throw new DwarfError('the line numbers name too many directories');
    directories.push(joinPath(directory, name));
  }
  const files = [''];
  for (let name = cursor.text(); name !== ''; name = cursor.text()) {
    if (files.length >= FILES_MAX) throw new DwarfError('the line numbers name too many files');
    files.push(joinPath(directories[cursor.uleb()] ?? directory, name));
    cursor.uleb();
    cursor.uleb();
  }
  return files;
}

function filesOf5(cursor: Cursor, context: FormContext, directory: string): string[] {
  const directories = entriesOf5(cursor, context).map(({ path }) => joinPath(directory, path));
  return entriesOf5(cursor, context).map(({ path, index }) => joinPath(directories[index] ?? directory, path));
}

function entriesOf5(cursor: Cursor, context: FormContext): { path: string; index: number }[] {
  const formats = Array.from({ length: cursor.u8() }, () => [cursor.uleb(), cursor.uleb()] as const);
  const count = cursor.uleb();
  if (count > FILES_MAX) throw new DwarfError('the line numbers name too many files');
  return Array.from({ length: count }, () => {
    let path = '';
    let index = 0;
    for (const [content, form] of formats) {
      const value = readForm(cursor, form, context, 0);
      if (content === LNCT_PATH && typeof value === 'string') path = value;
      else if (content === LNCT_DIRECTORY && typeof value === 'number') index = value;
    }
    return { path, index };
  });
}

/** Standard opcodes (table 6.2). */
const COPY = 1;
const ADVANCE_PC = 2;
const ADVANCE_LINE = 3;
const SET_FILE = 4;
const SET_COLUMN = 5;
const NEGATE_STATEMENT = 6;
const CONST_ADD_PC = 8;
const FIXED_ADVANCE_PC = 9;
const SET_ISA = 12;
/** Extended ones. */
const END_SEQUENCE = 1;
const SET_ADDRESS = 2;

function runProgram(cursor: Cursor, header: Header): LineRow[] {
  const rows: LineRow[] = [];
  const initial = { address: 0, file: 1, line: 1, column: 0, isStatement: header.isStatementDefault };
  let state = { ...initial };
  const emit = (isEnd: boolean): void => {
    if (rows.length >= ROWS_MAX) throw new DwarfError('the line numbers have too many rows');
    rows.push({ ...state, address: state.address >>> 0, isEnd });
  };
  const advance = (operations: number): void => {
    state.address += operations * header.instructionBytesMin;
  };
  while (!cursor.isAtEnd) {
    const opcode = cursor.u8();
    if (opcode >= header.opcodeBase) {
      const adjusted = opcode - header.opcodeBase;
      advance(Math.floor(adjusted / header.lineRange));
      state.line += header.lineBase + (adjusted % header.lineRange);
      emit(false);
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = cursor.uleb();
        const next = cursor.at + length;
        if (length === 0) break;
        const extended = cursor.u8();
        if (extended === END_SEQUENCE) {
          emit(true);
          state = { ...initial };
        } else if (extended === SET_ADDRESS) state.address = cursor.number(length - 1);
        cursor.skip(next - cursor.at);
        break;
      }
      case COPY:
        emit(false);
        break;
      case ADVANCE_PC:
        advance(cursor.uleb());
        break;
      case ADVANCE_LINE:
        state.line += cursor.sleb();
        break;
      case SET_FILE:
        state.file = cursor.uleb();
        break;
      case SET_COLUMN:
        state.column = cursor.uleb();
        break;
      case NEGATE_STATEMENT:
        state.isStatement = !state.isStatement;
        break;
      case CONST_ADD_PC:
        advance(Math.floor((255 - header.opcodeBase) / header.lineRange));
        break;
      case FIXED_ADVANCE_PC:
        state.address += cursor.u16();
        break;
      case SET_ISA:
        cursor.uleb();
        break;
      default:
        for (let i = 0; i < header.opcodeLengths[opcode - 1]; i++) cursor.uleb();
    }
  }
  return rows;
}
