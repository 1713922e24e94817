/**
 * What people ask about, as places of the moment: a register (`eax`, `ah`, `zf`, `xmm3`, `cs`), memory (`byte [esi]`,
 * `[esp + 8]`, `qword [x]`), or an address with a number of bytes behind it (`balance`, `0x200000 8`; 4 by default).
 * Values are expressions (timeline/expression.ts). Throws ExpressionError with what was expected.
 */
import { REGISTERS_16, REGISTERS_32, REGISTERS_8, STATE_SEGMENTS } from '../../base/names.ts';
import type { Cpu } from '../../state/cpu.ts';
import { FLAG_NAMES } from '../../state/flag-names.ts';
import { CR0, CR2, CR3, CR4, FP_SIGNIFICAND, SEG_SELECTOR, XMM } from '../../state/layout.ts';
import { compileExpression, ExpressionError, type SymbolLookup } from '../expression.ts';
import type { Position } from '../lookout.ts';
import type { Question } from './origin.ts';
import { flagsPlace, generalRegister, memoryAt, type Place, registerBytes, valueAt } from './place.ts';

const SIZES: Readonly<Record<string, number>> = { byte: 1, word: 2, dword: 4, qword: 8 };
const BYTES_MAX = 16;
const EXAMPLES = 'give a register (eax), memory (byte [esi + 4]) or an address and its bytes (0x200000 4)';

/** A register, or flags, by name; null when there is none of that name. */
export function registerPlace(name: string): Place | null {
  const lower = name.toLowerCase().replace(/^\$/, '');
  const lists: readonly (readonly [names: readonly string[], size: number])[] = [
    [REGISTERS_32, 4],
    [REGISTERS_16, 2],
    [REGISTERS_8, 1],
  ];
  for (const [names, size] of lists) {
    const number = names.indexOf(lower);
    if (number >= 0) return generalRegister(number, size);
  }
  const segment = (STATE_SEGMENTS as readonly string[]).indexOf(lower);
  if (segment >= 0) return registerBytes((SEG_SELECTOR + segment) * 4, 2);
  if (Object.hasOwn(FLAG_NAMES, lower)) return flagsPlace(FLAG_NAMES[lower]);
  if (lower === 'eflags') return flagsPlace(-1);
  const wide = /^(xmm|mm)([0-7])$/.exec(lower);
  if (wide !== null) {
    const number = Number(wide[2]);
    return wide[1] === 'xmm'
      ? registerBytes(XMM * 4 + number * 16, 16)
      : registerBytes(FP_SIGNIFICAND * 4 + number * 8, 8);
  }
  const control = { cr0: CR0, cr2: CR2, cr3: CR3, cr4: CR4 }[lower];
  return control === undefined ? null : registerBytes(control * 4, 4);
}

/** Linear address and bytes of memory that a text speaks of. */
export function memoryRange(text: string, cpu: Cpu, symbols?: SymbolLookup): { linear: number; size: number } {
  const evaluate = (expression: string, from: number): number =>
    compileExpression(expression, symbols, { whole: text, from })(cpu) >>> 0;
  const bracket = /^(?:(byte|word|dword|qword)\s*)?\[(.*)\]$/is.exec(text);
  if (bracket !== null && isWhole(bracket[2])) {
    return { linear: evaluate(bracket[2], text.indexOf('[') + 1), size: SIZES[(bracket[1] ?? 'dword').toLowerCase()] };
  }
  const [, address, bytes] = /^(.+?)(?:\s+(\d{1,3}))?$/s.exec(text) ?? [];
  if (address === undefined) throw new ExpressionError(`nothing is asked about: ${EXAMPLES}`);
  const size = Number(bytes ?? 4);
  if (size < 1 || size > BYTES_MAX) {
    const place = { text, at: text.length - (bytes?.length ?? 0) };
    throw new ExpressionError(`${size} bytes are asked about, and 1 to ${BYTES_MAX} can be`, place);
  }
  return { linear: evaluate(address, 0), size };
}

/** Brackets close where they opened: `[a] + [b]` is no memory operand. */
function isWhole(inner: string): boolean {
  let depth = 0;
  for (const character of inner) {
    if (character === '[') depth++;
    if (character === ']' && --depth < 0) return false;
  }
  return depth === 0;
}

/** The question that a text asks about this moment. */
export function questionOf(text: string, cpu: Cpu, position: Position, symbols?: SymbolLookup): Question {
  const name = text.trim();
  if (/^\$?(eip|pc)$/i.test(name)) {
    throw new ExpressionError('eip is what branches make of it: ask why-not ADDRESS, or who-called');
  }
  const register = registerPlace(name);
  if (register !== null && symbols?.(name) === undefined) {
    return { name, places: [register], position, value: valueAt(cpu, register) };
  }
  const { linear, size } = memoryRange(name, cpu, symbols);
  const places = memoryAt(cpu, linear, size);
  const where = `0x${linear.toString(16).padStart(8, '0')}`;
  if (places.some(({ space }) => space === 'device')) {
    throw new ExpressionError(
      `no memory lies at ${where}, a device or nobody answers there: ask what was read from it`,
    );
  }
  if (places.reduce((sum, place) => sum + place.size, 0) < size) {
    throw new ExpressionError(`no memory is mapped at ${where} now`);
  }
  return { name, places, position, value: places.length === 1 ? valueAt(cpu, places[0]) : null };
}
