// A small assembler for the built-in guests: Intel syntax in the manner of NASM, one flat binary, no sections, no
// linker. Labels, .local labels, equ, db dw dd dq, times, align, resb resw resd, org, bits 16|32, %define, %macro,
// %include, %ifdef. Instructions come from the rows (encode.ts); nothing about an opcode is known here. Sources are
// laid out again until every label stays where it was; branches only ever grow, so that this ends.
import {
  AssemblyError,
  type Cursor,
  cursorOf,
  evaluate,
  type Scope,
  type Token,
  tokenize,
} from './assemble-expression.ts';
import { parseOperand } from './assemble-operand.ts';
import { EncodeError, type EncodeOptions, encodeInstruction } from './encode.ts';
import { candidatesOf, operandVariants } from './mnemonics.ts';

export interface AssembledLine {
  /** Line of the outermost source, from 1. */
  readonly line: number;
  readonly address: number;
  readonly length: number;
}

export interface Assembly {
  /** Address of the first byte (org). */
  readonly origin: number;
  readonly bytes: Uint8Array;
  /** Labels and equ names; locals as `label.local`. */
  readonly symbols: ReadonlyMap<string, number>;
  readonly lines: readonly AssembledLine[];
}

export interface AssembleOptions {
  /** Width before the first `bits` line. */
  readonly bits?: 16 | 32;
  readonly origin?: number;
  /** Text of a %include file. */
  readonly include?: (name: string) => string;
}

const PASSES_MAX = 100;
/** No guest is larger; a mistyped times count must not take the host's memory. */
const OUTPUT_BYTES_MAX = 16 << 20;
const MACRO_DEPTH_MAX = 32;

interface Statement {
  readonly line: number;
  readonly labels: readonly string[];
  readonly tokens: readonly Token[];
  /** A branch that did not fit in a byte once stays long. */
  long: boolean;
}

// ---------------------------------------------------------------------------------------------------------------
// Preprocessor

interface SourceLine {
  readonly line: number;
  readonly text: string;
}

function preprocess(source: string, include: AssembleOptions['include']): SourceLine[] {
  const defines = new Map<string, string>();
  const macros = new Map<string, { count: number; body: string[] }>();
  const out: SourceLine[] = [];
  let expansions = 0;
  const replaceDefines = (text: string): string => {
    for (let round = 0; round < 8; round++) {
      const next = text.replace(/"[^"]*"|'[^']*'|[A-Za-z_.][\w.]*/g, (word) => defines.get(word) ?? word);
      if (next === text) break;
      text = next;
    }
    return text;
  };
  const expand = (lines: readonly SourceLine[], depth: number): void => {
    if (depth > MACRO_DEPTH_MAX) throw new AssemblyError(lines[0]?.line ?? 0, 'macros or includes nest too deeply');
    /** Of the conditions that enclose the line: whether they hold. */
    const conditions: boolean[] = [];
    for (let i = 0; i < lines.length; i++) {
      const { line } = lines[i];
      const text = lines[i].text;
      const directive = /^\s*%(\w+)\s*(.*)$/.exec(text);
      if (isCondition(directive?.[1])) {
        changeConditions(conditions, directive?.[1], stripComment(directive?.[2] ?? '').trim(), line);
      } else if (conditions.includes(false)) {
        // Left out.
      } else if (directive?.[1] === 'define') {
        const match = /^([A-Za-z_.][\w.]*)\s*(.*)$/.exec(stripComment(directive[2]).trim());
        if (match === null) throw new AssemblyError(line, '%define wants a name and its text');
        defines.set(match[1], match[2]);
      } else if (directive?.[1] === 'macro') {
        const match = /^([A-Za-z_]\w*)\s+(\d+)/.exec(directive[2]);
        if (match === null) throw new AssemblyError(line, '%macro wants a name and a parameter count');
        const body: string[] = [];
        for (i++; i < lines.length && !/^\s*%endmacro/.test(lines[i].text); i++) body.push(lines[i].text);
        if (i === lines.length) throw new AssemblyError(line, `%macro ${match[1]} has no %endmacro`);
        macros.set(match[1], { count: Number(match[2]), body });
      } else if (directive?.[1] === 'include') {
        const name = /^["']([^"']+)["']/.exec(directive[2])?.[1];
        if (name === undefined || include === undefined)
          throw new AssemblyError(line, `cannot include ${directive[2]}`);
        expand(
          include(name)
            .split('\n')
            .map((included) => ({ line, text: included })),
          depth + 1,
        );
      } else if (directive !== null) {
        throw new AssemblyError(
          line,
          `%${directive[1]} is not known: %define, %macro, %endmacro, %include, %ifdef are`,
        );
      } else {
        const replaced = replaceDefines(stripComment(text));
        const call = /^(\s*[\w.]+:)?\s*([A-Za-z_]\w*)\s*(.*)$/.exec(replaced);
        const macro = call === null ? undefined : macros.get(call[2]);
        if (call === null || macro === undefined) {
          out.push({ line, text: replaced });
          continue;
        }
        if (call[1] !== undefined) out.push({ line, text: call[1] });
        const args = splitArguments(call[3]);
        if (args.length !== macro.count) {
          throw new AssemblyError(line, `macro ${call[2]} takes ${macro.count} arguments, not ${args.length}`);
        }
        const unique = ++expansions;
        const body = macro.body.map((bodyLine) => ({
          line,
          text: bodyLine
            .replace(/%%(\w+)/g, (_all, label: string) => `..@${unique}.${label}`)
            .replace(/%(\d+)/g, (all, number: string) => args[Number(number) - 1] ?? all),
        }));
        expand(body, depth + 1);
      }
    }
    if (conditions.length > 0) throw new AssemblyError(lines.at(-1)?.line ?? 0, '%ifdef has no %endif');
  };
  const changeConditions = (conditions: boolean[], word: string | undefined, name: string, line: number): void => {
    if (word === 'ifdef') {
      if (!/^[A-Za-z_.][\w.]*$/.test(name)) throw new AssemblyError(line, '%ifdef wants a name');
      conditions.push(defines.has(name));
      return;
    }
    const last = conditions.pop();
    if (last === undefined) throw new AssemblyError(line, `%${word} has no %ifdef`);
    if (word === 'else') conditions.push(!last);
  };
  expand(
    source.split('\n').map((text, index) => ({ line: index + 1, text })),
    0,
  );
  return out;
}

function isCondition(word: string | undefined): boolean {
  return word === 'ifdef' || word === 'else' || word === 'endif';
}

/** A quote that nothing closes stays, for the tokenizer to complain about. */
function stripComment(text: string): string {
  const match = /^(?:[^;"'`]|"[^"]*"|'[^']*'|`[^`]*`|["'`])*/.exec(text);
  return match === null ? text : match[0];
}

function splitArguments(text: string): string[] {
  if (text.trim() === '') return [];
  return (text.match(/(?:[^,"'[(]|"[^"]*"|'[^']*'|\[[^\]]*\]|\([^)]*\))+/g) ?? []).map((part) => part.trim());
}

// ---------------------------------------------------------------------------------------------------------------
// Statements

const DATA_SIZES: Readonly<Record<string, number>> = { db: 1, dw: 2, dd: 4, dq: 8, resb: 1, resw: 2, resd: 4, resq: 8 };
const DIRECTIVES = new Set([...Object.keys(DATA_SIZES), 'times', 'equ', 'align', 'org', 'bits']);

function parseStatements(lines: readonly SourceLine[]): Statement[] {
  const statements: Statement[] = [];
  let parent = '';
  for (const { line, text } of lines) {
    let tokens = tokenize(text, line);
    const labels: string[] = [];
    for (;;) {
      const [first, second] = tokens;
      if (first?.kind !== 'name') break;
      const isLabel = second?.text === ':';
      const follower = second?.kind === 'name' ? second.text.toLowerCase() : '';
      if (!isLabel && (!DIRECTIVES.has(follower) || DIRECTIVES.has(first.text.toLowerCase()))) break;
      let name = first.text;
      if (name.startsWith('.') && !name.startsWith('..@')) name = parent + name;
      else if (!name.startsWith('..@') && follower !== 'equ') parent = name;
      labels.push(name);
      tokens = tokens.slice(isLabel ? 2 : 1);
    }
    // Local names in operands belong to the label above.
    tokens = tokens.map((token) =>
      token.kind === 'name' && token.text.startsWith('.') && !token.text.startsWith('..@')
        ? { ...token, text: parent + token.text }
        : token,
    );
    if (labels.length > 0 || tokens.length > 0) statements.push({ line, labels, tokens, long: false });
  }
  return statements;
}

class Layout implements Scope {
  readonly symbols = new Map<string, { value: number; wide: boolean }>();
  origin: number;
  bits: 16 | 32;
  /** `$`: address of the statement being laid out. */
  here = 0;
  undefinedName: string | undefined = undefined;
  changed = false;
  private readonly seen = new Set<string>();
  private readonly startBits: 16 | 32;

  constructor(options: AssembleOptions) {
    this.origin = options.origin ?? 0;
    this.startBits = options.bits ?? 32;
    this.bits = this.startBits;
  }

  lookup(name: string): { value: number; wide: boolean } {
    if (name === '$') return { value: this.here, wide: true };
    if (name === '$$') return { value: this.origin, wide: false };
    const found = this.symbols.get(name);
    if (found !== undefined) return found;
    this.undefinedName ??= name;
    return { value: 0, wide: true };
  }

  define(name: string, value: number, wide: boolean, line: number): void {
    if (this.seen.has(name)) throw new AssemblyError(line, `${name} is defined twice`);
    this.seen.add(name);
    const old = this.symbols.get(name);
    if (old === undefined || old.value !== value || old.wide !== wide) this.changed = true;
    this.symbols.set(name, { value, wide });
  }

  /** Lay out every statement once. */
  pass(statements: readonly Statement[], strict: boolean): { bytes: number[]; lines: AssembledLine[] } {
    const bytes: number[] = [];
    const lines: AssembledLine[] = [];
    this.seen.clear();
    this.bits = this.startBits;
    this.changed = false;
    for (const statement of statements) {
      const start = bytes.length;
      this.here = this.origin + start;
      this.undefinedName = undefined;
      const cursor = cursorOf(statement.tokens, statement.line);
      const isEqu = cursor.peek()?.text.toLowerCase() === 'equ';
      if (!isEqu) for (const label of statement.labels) this.define(label, this.here, true, statement.line);
      if (cursor.peek() !== undefined) this.statement(statement, cursor, bytes);
      if (strict && this.undefinedName !== undefined) {
        throw new AssemblyError(statement.line, `${this.undefinedName} is not defined`);
      }
      if (bytes.length > OUTPUT_BYTES_MAX) throw new AssemblyError(statement.line, 'the output exceeds 16 MiB');
      if (bytes.length > start)
        lines.push({ line: statement.line, address: this.origin + start, length: bytes.length - start });
    }
    return { bytes, lines };
  }

  private statement(statement: Statement, cursor: Cursor, bytes: number[]): void {
    const { line } = statement;
    const token = cursor.peek();
    if (token === undefined) return;
    const word = token.text.toLowerCase();
    if (token.text === '[' && statement.tokens.at(-1)?.text === ']') {
      // [bits 16]
      this.statement(statement, cursorOf(statement.tokens.slice(1, -1), line), bytes);
      return;
    }
    if (token.kind !== 'name')
      throw new AssemblyError(line, `an instruction or directive was expected, not ${token.text}`);
    if (!DIRECTIVES.has(word)) {
      this.instruction(statement, cursor, bytes);
      return;
    }
    cursor.next();
    if (word === 'bits') {
      const { value } = evaluate(cursor, this);
      if (value !== 16 && value !== 32) throw new AssemblyError(line, 'bits is 16 or 32');
      this.bits = value;
    } else if (word === 'org') {
      if (bytes.length > 0) throw new AssemblyError(line, 'org comes before the first byte');
      this.origin = evaluate(cursor, this).value;
      this.here = this.origin;
    } else if (word === 'equ') {
      const { value, wide } = evaluate(cursor, this);
      for (const label of statement.labels) this.define(label, value, wide, line);
    } else if (word === 'align') {
      const { value } = evaluate(cursor, this);
      let fill = 0x90;
      if (cursor.accept(',')) {
        cursor.accept('db');
        fill = evaluate(cursor, this).value;
      }
      if (value <= 0 || (value & (value - 1)) !== 0) throw new AssemblyError(line, 'align wants a power of two');
      while (((this.origin + bytes.length) & (value - 1)) !== 0) bytes.push(fill & 0xff);
    } else if (word === 'times') {
      const count = evaluate(cursor, this).value;
      if (count < 0 && this.undefinedName === undefined && !this.changed) {
        throw new AssemblyError(line, `times ${count}: the count is negative`);
      }
      this.repeat(statement, cursor.rest(), count, bytes);
      return;
    } else if (word.startsWith('res')) {
      const total = evaluate(cursor, this).value * DATA_SIZES[word];
      if (total < 0 || total > OUTPUT_BYTES_MAX) throw new AssemblyError(line, `${word}: ${total} bytes is no size`);
      for (let i = 0; i < total; i++) bytes.push(0);
    } else this.data(cursor, DATA_SIZES[word], bytes);
    cursor.expectEnd();
  }

  /** `times`: without `$` every round gives the same bytes, and one is enough to know them. */
  private repeat(statement: Statement, rest: readonly Token[], count: number, bytes: number[]): void {
    const moves = rest.some(({ text }) => text === '$');
    const start = bytes.length;
    for (let i = 0; i < count; i++) {
      if (i === 1 && !moves) {
        const round = bytes.slice(start);
        if (round.length * count > OUTPUT_BYTES_MAX)
          throw new AssemblyError(statement.line, 'the output exceeds 16 MiB');
        for (let more = 1; more < count; more++) for (const byte of round) bytes.push(byte);
        return;
      }
      this.here = this.origin + bytes.length;
      this.statement(statement, cursorOf(rest, statement.line), bytes);
      if (bytes.length > OUTPUT_BYTES_MAX) throw new AssemblyError(statement.line, 'the output exceeds 16 MiB');
    }
  }

  private data(cursor: Cursor, size: number, bytes: number[]): void {
    do {
      const token = cursor.peek();
      const after = cursor.peek(1)?.text;
      if (token?.kind === 'string' && (after === undefined || after === ',')) {
        cursor.next();
        const start = bytes.length;
        for (const character of token.text) bytes.push(character.charCodeAt(0) & 0xff);
        while ((bytes.length - start) % size !== 0) bytes.push(0);
      } else {
        const { value } = evaluate(cursor, this);
        for (let i = 0; i < size; i++) bytes.push(i < 4 ? (value >>> (8 * i)) & 0xff : value < 0 ? 0xff : 0);
      }
    } while (cursor.accept(','));
  }

  private instruction(statement: Statement, cursor: Cursor, bytes: number[]): void {
    const { line } = statement;
    const options: { -readonly [K in keyof EncodeOptions]: EncodeOptions[K] } = {
      bits: this.bits,
      address: this.origin + bytes.length,
    };
    const prefixes: number[] = [];
    let mnemonic = '';
    for (;;) {
      const token = cursor.next();
      if (token === undefined) {
        bytes.push(...prefixes); // a prefix alone on its line is data
        return;
      }
      mnemonic = token.text.toLowerCase();
      if (mnemonic === 'lock') options.lock = true;
      else if (/^rep(e|z)?$/.test(mnemonic)) options.repeat = 0xf3;
      else if (/^repn(e|z)$/.test(mnemonic)) options.repeat = 0xf2;
      else if (mnemonic === 'o16' || mnemonic === 'o32') options.operandBits = mnemonic === 'o16' ? 16 : 32;
      else if (mnemonic === 'a16' || mnemonic === 'a32') options.addressBits = mnemonic === 'a16' ? 16 : 32;
      else if (/^[ecsdfg]s$/.test(mnemonic))
        prefixes.push([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]['ecsdfg'.indexOf(mnemonic[0])]);
      else break;
    }
    const candidates = candidatesOf(mnemonic);
    if (candidates.length === 0) throw new AssemblyError(line, `${mnemonic} is no instruction of this processor`);
    const operands = [];
    let far = false;
    if (cursor.peek() !== undefined) {
      do {
        const parsed = parseOperand(cursor, this);
        if (parsed.short !== undefined) options.short = parsed.short;
        if (parsed.far) far = true;
        operands.push(parsed.operand);
      } while (cursor.accept(','));
    }
    cursor.expectEnd();

    options.address = (options.address ?? 0) + prefixes.length;
    if (statement.long) options.short = false;
    const isBranch = /^(j|loop|call)/.test(mnemonic);
    // A target that is not known yet is assumed to be near; the branch grows when it turns out not to be.
    if (
      isBranch &&
      this.undefinedName !== undefined &&
      operands[0] !== undefined &&
      operands[0].selector === undefined
    ) {
      operands[0] = { ...operands[0], number: options.address };
    }
    let problem = '';
    for (const { name, options: implied, wait } of candidates) {
      const row = far ? FAR_ROWS[name] : name;
      if (row === undefined) continue;
      for (const variant of operandVariants(row, operands)) {
        try {
          const start = options.address + (wait ? 1 : 0);
          const encoded = encodeInstruction(row, variant, { ...options, ...implied, address: start });
          if (row === 'JCC' || row === 'JMP')
            statement.long ||= encoded.length - (options.repeat === undefined ? 0 : 1) > 2;
          bytes.push(...prefixes, ...(wait ? [0x9b] : []), ...encoded);
          return;
        } catch (error) {
          if (!(error instanceof EncodeError)) throw error;
          if (problem === '' || problem.includes('no encoding')) problem = error.message;
        }
      }
    }
    throw new AssemblyError(line, `${mnemonic}: ${problem}`);
  }
}

/** What `far` makes of a row. */
const FAR_ROWS: Readonly<Partial<Record<string, 'JMP_FAR' | 'CALL_FAR' | 'JMP_FAR_IND' | 'CALL_FAR_IND'>>> = {
  JMP_FAR: 'JMP_FAR',
  CALL_FAR: 'CALL_FAR',
  JMP_IND: 'JMP_FAR_IND',
  CALL_IND: 'CALL_FAR_IND',
};

/** Assemble a source text. Throws AssemblyError with the line number. */
export function assemble(source: string, options: AssembleOptions = {}): Assembly {
  const statements = parseStatements(preprocess(source, options.include));
  const layout = new Layout(options);
  let length = -1;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const { bytes } = layout.pass(statements, pass > 0);
    if (!layout.changed && bytes.length === length) {
      const { bytes: final, lines } = layout.pass(statements, true);
      const symbols = new Map([...layout.symbols].map(([name, { value }]) => [name, value]));
      return { origin: layout.origin, bytes: Uint8Array.from(final), symbols, lines };
    }
    length = bytes.length;
  }
  throw new AssemblyError(0, 'sizes and labels do not settle: an expression depends on its own size');
}
