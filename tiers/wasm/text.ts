// The instructions of a function body as text, one a line and indented, for explanations and failures: the names are
// the specification's (§6), with _ for the dot as encode.ts spells them. Reads what encode.ts writes and nothing else.

import { rowOf } from '../../src/core/isa/ops.ts';
import { ATTEMPTS, type AttemptName } from '../ir/attempts.ts';
import { wordName } from '../ir/names.ts';
import { type Body, S, SATURATING_PREFIX, V, W, VECTOR_PREFIX } from './encode.ts';

const NAMES = new Map<number, string>(Object.entries(W).map(([name, code]) => [code, name]));
const VECTOR_NAMES = new Map<number, string>(Object.entries(V).map(([name, code]) => [code, name]));

const SATURATING_NAMES = new Map<number, string>(Object.entries(S).map(([name, code]) => [code, name]));

const OPENS: ReadonlySet<number> = new Set([W.block, W.loop, W.if]);
const ONE_INDEX: ReadonlySet<number> = new Set([
  W.br,
  W.br_if,
  W.call,
  W.return_call,
  W.local_get,
  W.local_set,
  W.local_tee,
]);
const INDIRECT: ReadonlySet<number> = new Set([W.call_indirect, W.return_call_indirect]);
const FIRST_MEMORY = W.i32_load;
const LAST_MEMORY = 0x3e;

/** A signed LEB128 number and where it ends. */
function signed(bytes: Uint8Array, from: number): [value: bigint, end: number] {
  let value = 0n;
  let shift = 0n;
  let at = from;
  for (;;) {
    const byte = bytes[at++];
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if ((byte & 0x80) === 0) return [(byte & 0x40) !== 0 ? value - (1n << shift) : value, at];
  }
}

function unsigned(bytes: Uint8Array, from: number): [value: number, end: number] {
  let value = 0;
  let scale = 1;
  let at = from;
  for (;;) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if ((byte & 0x80) === 0) return [value, at];
  }
}

/** Lines of instructions. `names`: what stands for the number of a function; `locals`: of a local. */
export function disassemble(
  bytes: Uint8Array,
  names: (index: number) => string = String,
  locals: (index: number) => string = String,
  offsets: (offset: number) => string = String,
): string[] {
  const lines: string[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let depth = 0;
  for (let at = 0; at < bytes.length; ) {
    let code = bytes[at++];
    let name = NAMES.get(code);
    let isMemory = code >= FIRST_MEMORY && code <= LAST_MEMORY;
    let isShuffle = false;
    if (code === VECTOR_PREFIX) {
      [code, at] = unsigned(bytes, at);
      name = VECTOR_NAMES.get(code);
      isMemory = code <= V.v128_store;
      isShuffle = code === V.i8x16_shuffle;
      code = VECTOR_PREFIX;
    }
    if (code === SATURATING_PREFIX) {
      const [which, end] = unsigned(bytes, at);
      at = end;
      name = SATURATING_NAMES.get(which);
    }
    if (name === undefined) throw new Error(`opcode ${code} at ${at - 1} is none that the encoder writes`);
    const words: string[] = [name];
    if (isShuffle) {
      words.push(bytes.subarray(at, at + 16).join(' '));
      at += 16;
    }
    const index = (of: (value: number) => string = String): void => {
      const [value, end] = unsigned(bytes, at);
      at = end;
      words.push(of(value));
    };
    if (code === W.else || code === W.end) depth--;
    const indent = '  '.repeat(depth);
    if (code === W.else || OPENS.has(code)) depth++;
    if (OPENS.has(code)) at++;
    else if (INDIRECT.has(code)) {
      index();
      at++;
    } else if (code === W.call || code === W.return_call) index(names);
    else if (code === W.local_get || code === W.local_set || code === W.local_tee) index(locals);
    else if (ONE_INDEX.has(code)) index();
    else if (isMemory) {
      at++;
      index(offsets);
    } else if (code === W.i32_const || code === W.i64_const) {
      const [value, end] = signed(bytes, at);
      at = end;
      words.push(String(value));
    } else if (code === W.f32_const) {
      words.push(String(view.getFloat32(at, true)));
      at += 4;
    } else if (code === W.f64_const) {
      words.push(String(view.getFloat64(at, true)));
      at += 8;
    }
    lines.push(indent + words.join(' ').trimEnd());
  }
  return lines;
}

/**
 * Arguments of helpers that are numbers of the layout or of rows, by their names: a new field or row moves them, and
 * leaves the text as it is.
 */
function nameArguments(lines: string[]): void {
  const rename = (line: number, name: (value: number) => string): void => {
    lines[line] = lines[line].replace(/i32_const (-?\d+)$/, (_, value: string) => `i32_const ${name(Number(value))}`);
  };
  lines.forEach((line, at) => {
    const helper = /^\s*call (\w+)$/.exec(line)?.[1] ?? '';
    if (helper === 'assist') rename(at - 2, (row) => rowOf(row).name);
    if (!Object.hasOwn(ATTEMPTS, helper)) return;
    const { a, b } = ATTEMPTS[helper as AttemptName];
    for (const [role, from] of [[a, 2] as const, [b, 1] as const]) {
      if (role.is === 'words') rename(at - from, (index) => wordName(index, role.words).toUpperCase());
    }
  });
}

/** A body with its locals and parameters by name where they have one. */
export function text(
  body: Body,
  functions: (index: number) => string,
  parameters: readonly string[],
  offsets: (offset: number) => string,
): string {
  const local = (index: number): string => parameters[index] ?? `l${index}`;
  const lines = disassemble(body.code.view(), functions, local, offsets);
  nameArguments(lines);
  return lines.join('\n');
}
