// gdb's x and print with their letters behind a slash: x/10i, x/4xw, x/2s, p/x, p/t. A count, a letter for the form,
// one for the size; what is left out is what the last one had (gdb manual, "Memory" and "Output Formats").

import { peekBytes, peekPhysicalBytes } from '../../core/memory/peek.ts';
import { countOf, plain } from './arguments.ts';
import type { Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';
import { printVariable } from './source.ts';
import { hex, hexValue, instructionLines, instructions, linearEip, memoryLines } from './views.ts';

const UNITS_MAX = 100_000;
const BYTES_MAX = 1 << 20;
const BYTES_SHOWN = 64;
const STRING_BYTES_MAX = 4096;

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };

export interface Form {
  readonly count: number;
  readonly letter: string;
  readonly size: number;
}

/** `10i`, `4xw`, `x`; throws DebuggerError. */
export function parseForm(text: string, before: Form): Form {
  const match = /^(\d*)([a-z]*)$/.exec(text);
  let { letter, size } = before;
  let isKnown = match !== null;
  for (const character of match?.[2] ?? '') {
    if (Object.hasOwn(SIZES, character)) size = SIZES[character];
    else if ('xduotcais'.includes(character)) letter = character;
    else isKnown = false;
  }
  if (match === null || !isKnown) {
    throw new DebuggerError(
      `"/${text}" is no format: a count, one of x d u o t c a i s, and one of b h w g, as in x/10i or x/4xw.`,
    );
  }
  return { count: match[1] === '' ? 1 : countOf(match[1], 1, UNITS_MAX), letter, size };
}

const signed = (value: bigint, size: number): bigint => BigInt.asIntN(size * 8, value);

/** One value in the form of a letter. */
export function formatValue(debug: Debugger, value: bigint, letter: string, size: number): string {
  switch (letter) {
    case 'd':
      return String(signed(value, size));
    case 'u':
      return String(value);
    case 'o':
      return value === 0n ? '0' : `0${value.toString(8)}`;
    case 't':
      return value.toString(2);
    case 'c': {
      const code = Number(value & 0xffn);
      const shown = code >= 32 && code < 127 ? ` '${String.fromCharCode(code)}'` : '';
      return `${signed(value & 0xffn, 1)}${shown}`;
    }
    case 'a': {
      const name = debug.symbols.describe(Number(value & 0xffff_ffffn));
      return `${hex(Number(value))}${name === '' ? '' : ` <${name}>`}`;
    }
    default:
      return `0x${value.toString(16).padStart(size * 2, '0')}`;
  }
}

type Read = (address: number, bytes: Uint8Array) => number;

function reader(debug: Debugger, isPhysical: boolean): Read {
  const { cpu } = debug.timeline.machine;
  return isPhysical
    ? (address, bytes) => peekPhysicalBytes(cpu, address, bytes)
    : (address, bytes) => peekBytes(cpu, address >>> 0, bytes);
}

function missing(address: number, isPhysical: boolean): DebuggerError {
  return new DebuggerError(
    isPhysical ? `${hexValue(address)} is no memory.` : `${hex(address)} is not mapped to memory at this moment.`,
  );
}

const title = (debug: Debugger, address: number, isPhysical: boolean): string => {
  const name = isPhysical ? '' : debug.symbols.describe(address);
  return `${isPhysical ? hexValue(address) : hex(address)}${name === '' ? '' : ` <${name}>`}:`;
};

/** `x ADDRESS [BYTES]`: rows of bytes with their characters. */
function dump(debug: Debugger, rest: string, isPhysical: boolean): Output {
  const match = /^(.*?)(?:\s+(\d[\d_]*))?$/s.exec(rest);
  const verb = isPhysical ? 'xp' : 'x';
  const place = match?.[1] ?? '';
  if (place === '' && debug.examineNext === null) {
    throw new DebuggerError(`Which memory? Give an address, such as ${verb} $esp 64 or ${verb}/4xw $esp.`);
  }
  const address = place === '' ? (debug.examineNext ?? 0) : debug.evaluate(place);
  const bytes = new Uint8Array(countOf(match?.[2] ?? '', BYTES_SHOWN, BYTES_MAX));
  const got = reader(debug, isPhysical)(address, bytes);
  if (got === 0) throw missing(address, isPhysical);
  const shown = bytes.subarray(0, got);
  carryOn(debug, `${verb} ${hex(address + got)} ${bytes.length}`, address + got);
  return plain(memoryLines(address, shown), { address, bytes: [...shown] });
}

/** An empty line goes on behind what was shown. */
function carryOn(debug: Debugger, line: string, address: number): void {
  debug.again = line;
  debug.examineNext = address >>> 0;
}

function strings(debug: Debugger, address: number, count: number, isPhysical: boolean): Output {
  const read = reader(debug, isPhysical);
  const lines: string[] = [];
  const data: { address: number; text: string }[] = [];
  let at = address;
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(STRING_BYTES_MAX);
    const got = read(at, bytes);
    if (got === 0) {
      if (i === 0) throw missing(at, isPhysical);
      break;
    }
    const end = bytes.subarray(0, got).indexOf(0);
    const text = Buffer.from(bytes.subarray(0, end < 0 ? got : end)).toString('latin1');
    lines.push(`${title(debug, at, isPhysical)} ${JSON.stringify(text)}${end < 0 ? '…' : ''}`);
    data.push({ address: at, text });
    at += (end < 0 ? got : end) + 1;
  }
  carryOn(debug, `${isPhysical ? 'xp' : 'x'}/${count}s ${hex(at)}`, at);
  return plain(lines.join('\n'), data);
}

function code(debug: Debugger, address: number, count: number): Output {
  const { cpu } = debug.timeline.machine;
  const list = instructions(cpu, debug.disassemble, address, count);
  if (list.length === 1 && list[0].bytes.length === 0) throw missing(address, false);
  const last = list[list.length - 1];
  const next = (last.address + last.bytes.length) >>> 0;
  carryOn(debug, `x/${count}i ${hex(next)}`, next);
  return plain(
    instructionLines(list, debug.symbols, linearEip(cpu)),
    list.map(({ address: at, bytes, text }) => ({
      address: at,
      bytes: [...bytes],
      text,
      symbol: debug.symbols.describe(at),
    })),
  );
}

export function examine(debug: Debugger, rest: string, format: string, isPhysical: boolean): Output {
  if (format === '') return dump(debug, rest, isPhysical);
  const form = parseForm(format, debug.lastForm);
  const verb = isPhysical ? 'xp' : 'x';
  if (rest === '' && debug.examineNext === null) {
    throw new DebuggerError(`Which memory? Give an address, such as ${verb}/${format} $esp.`);
  }
  const address = rest === '' ? (debug.examineNext ?? 0) : debug.evaluate(rest);
  debug.lastForm = form;
  const { count, letter, size } = form;
  if (letter === 'i') {
    if (isPhysical) throw new DebuggerError('Instructions are shown at linear addresses: use x/i.');
    return code(debug, address, count);
  }
  if (letter === 's') return strings(debug, address, count, isPhysical);
  const unit = letter === 'a' ? 4 : letter === 'c' ? 1 : size;
  const bytes = new Uint8Array(count * unit);
  const got = Math.floor(reader(debug, isPhysical)(address, bytes) / unit);
  if (got === 0) throw missing(address, isPhysical);
  const values = Array.from({ length: got }, (_, i) => {
    const part = bytes.subarray(i * unit, (i + 1) * unit);
    return part.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  });
  const perRow =
    letter === 'c' || unit === 1 ? 8 : unit === 8 || letter === 'a' || letter === 't' ? 2 : unit === 2 ? 8 : 4;
  const lines: string[] = [];
  for (let i = 0; i < got; i += perRow) {
    const row = values.slice(i, i + perRow).map((value) => formatValue(debug, value, letter, unit));
    lines.push(`${title(debug, address + i * unit, isPhysical)}\t${row.join('\t')}`);
  }
  const next = address + got * unit;
  carryOn(debug, `${verb}/${count}${letter}${unitLetter(unit)} ${hex(next)}`, next);
  return plain(lines.join('\n'), { address, values: values.map(Number) });
}

const unitLetter = (size: number): string => Object.keys(SIZES).find((letter) => SIZES[letter] === size) ?? 'w';

export function print(debug: Debugger, rest: string, format: string): Output {
  const variable = format === '' ? printVariable(debug, rest) : null;
  if (variable !== null) return variable;
  if (rest === '') throw new DebuggerError('Print what? An expression, such as p $eax + 4 or p/x [esp].');
  const value = debug.evaluate(rest);
  if (format !== '') {
    const { letter, count } = parseForm(format, { count: 1, letter: 'x', size: 4 });
    if (count !== 1 || letter === 'i' || letter === 's') {
      throw new DebuggerError(`print shows one value: x/${format} shows memory.`);
    }
    const text = letter === 'x' ? hexValue(value) : formatValue(debug, BigInt(value), letter, 4);
    return plain(text, value);
  }
  const name = debug.symbols.describe(value);
  return plain(`${value} = ${hexValue(value)}${name === '' ? '' : ` = ${name}`}`, value);
}

/** `u [ADDRESS] [N]`. */
export function disassembly(debug: Debugger, rest: string): Output {
  const match = /^(.*?)(?:\s+(\d+))?$/s.exec(rest);
  const isCount = /^\d{1,3}$/.test(rest);
  const { cpu } = debug.timeline.machine;
  const place = isCount ? '' : (match?.[1] ?? '');
  const address = place === '' ? linearEip(cpu) : debug.evaluate(place);
  const count = countOf(isCount ? rest : (match?.[2] ?? ''), 10, 10_000);
  const shown = code(debug, address, count);
  debug.again = `u ${hex(debug.examineNext ?? 0)} ${count}`;
  return shown;
}
