// Location expressions (DWARF 5, section 2.5): a small stack machine that gives the place or the value of a variable.
// Enough of it for what compilers make of globals, parameters and locals of 32-bit code; what is beyond that is a
// DwarfError that names the operation. Bounded.

import { Cursor, DwarfError } from './cursor.ts';
import { type FormContext, indexedAddress } from './forms.ts';

const STEPS_MAX = 4096;
const STACK_MAX = 256;

export type Place =
  | { readonly kind: 'memory'; readonly address: number }
  | { readonly kind: 'register'; readonly register: number }
  /** The value itself; it lies nowhere. */
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

export interface Surroundings {
  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, EIP; null: not known in this frame. */
  readonly register: (number: number) => number | null;
  /** A little-endian number; null: not mapped. */
  readonly memory: (address: number, sizeBytes: number) => number | null;
  /** Throws DwarfError where there is none. */
  readonly frameBase: () => number;
  readonly cfa: () => number;
  readonly context: FormContext | null;
  /** Added to addresses of the file. */
  readonly slide: number;
}

/** `initial` is what lies on the stack at the beginning. */
export function evaluate(expression: Uint8Array, around: Surroundings, initial: readonly number[] = []): Place {
  const cursor = new Cursor(expression);
  const stack = [...initial];
  let place: Place | null = null;
  const push = (value: number): void => {
    if (stack.length >= STACK_MAX) throw new DwarfError('a location needs too much of a stack');
    stack.push(value >>> 0);
  };
  const pop = (): number => {
    const value = stack.pop();
    if (value === undefined) throw new DwarfError('a location takes from an empty stack');
    return value;
  };
  const register = (number: number): number => {
    const value = around.register(number);
    if (value === null) throw new DwarfError('it depends on a register that is not known in this frame');
    return value;
  };
  const load = (sizeBytes: number): void => {
    const value = around.memory(pop(), sizeBytes);
    if (value === null) throw new DwarfError('it depends on memory that is not mapped');
    push(value);
  };
  const binary = (apply: (a: number, b: number) => number): void => {
    const b = pop();
    push(apply(pop(), b));
  };
  for (let steps = 0; !cursor.isAtEnd; steps++) {
    if (steps > STEPS_MAX) throw new DwarfError('a location takes too many steps');
    if (place !== null) throw new DwarfError('it lies in several places at once, or has been optimised away in part');
    const operation = cursor.u8();
    if (operation >= 0x30 && operation <= 0x4f) push(operation - 0x30);
    else if (operation >= 0x50 && operation <= 0x6f) place = { kind: 'register', register: operation - 0x50 };
    else if (operation >= 0x70 && operation <= 0x8f) push(register(operation - 0x70) + cursor.sleb());
    else {
      switch (operation) {
        case 0x03:
          push(cursor.number(around.context?.addressBytes ?? 4) + around.slide);
          break;
        case 0x06:
          load(4);
          break;
        case 0x08:
          push(cursor.u8());
          break;
        case 0x09:
          push(cursor.i8());
          break;
        case 0x0a:
          push(cursor.u16());
          break;
        case 0x0b:
          push((cursor.u16() << 16) >> 16);
          break;
        case 0x0c:
        case 0x0d:
          push(cursor.u32());
          break;
        case 0x0e:
        case 0x0f:
          push(cursor.number(8));
          break;
        case 0x10:
          push(cursor.uleb());
          break;
        case 0x11:
          push(cursor.sleb());
          break;
        case 0x12: {
          const value = pop();
          push(value);
          push(value);
          break;
        }
        case 0x13:
          pop();
          break;
        case 0x14:
          push(stack[stack.length - 2] ?? 0);
          break;
        case 0x15:
          push(stack[stack.length - 1 - cursor.u8()] ?? 0);
          break;
        case 0x16: {
          const [b, a] = [pop(), pop()];
          push(b);
          push(a);
          break;
        }
        case 0x1a:
          binary((a, b) => a & b);
          break;
        case 0x1b:
          binary((a, b) => (b === 0 ? 0 : Math.trunc((a | 0) / (b | 0))));
          break;
        case 0x1c:
          binary((a, b) => a - b);
          break;
        case 0x1d:
          binary((a, b) => (b === 0 ? 0 : a % b));
          break;
        case 0x1e:
          binary(Math.imul);
          break;
        case 0x1f:
          push(-pop());
          break;
        case 0x20:
          push(~pop());
          break;
        case 0x21:
          binary((a, b) => a | b);
          break;
        case 0x22:
          binary((a, b) => a + b);
          break;
        case 0x23:
          push(pop() + cursor.uleb());
          break;
        case 0x24:
          binary((a, b) => (b > 31 ? 0 : a << b));
          break;
        case 0x25:
          binary((a, b) => (b > 31 ? 0 : a >>> b));
          break;
        case 0x26:
          binary((a, b) => a >> Math.min(b, 31));
          break;
        case 0x27:
          binary((a, b) => a ^ b);
          break;
        case 0x28: {
          const distance = (cursor.u16() << 16) >> 16;
          if (pop() !== 0) cursor.at = inside(cursor, distance);
          break;
        }
        case 0x29:
          binary((a, b) => (a === b ? 1 : 0));
          break;
        case 0x2a:
          binary((a, b) => ((a | 0) >= (b | 0) ? 1 : 0));
          break;
        case 0x2b:
          binary((a, b) => ((a | 0) > (b | 0) ? 1 : 0));
          break;
        case 0x2c:
          binary((a, b) => ((a | 0) <= (b | 0) ? 1 : 0));
          break;
        case 0x2d:
          binary((a, b) => ((a | 0) < (b | 0) ? 1 : 0));
          break;
        case 0x2e:
          binary((a, b) => (a === b ? 0 : 1));
          break;
        case 0x2f: {
          const distance = (cursor.u16() << 16) >> 16;
          cursor.at = inside(cursor, distance);
          break;
        }
        case 0x90:
          place = { kind: 'register', register: cursor.uleb() };
          break;
        case 0x91:
          push(around.frameBase() + cursor.sleb());
          break;
        case 0x92:
          push(register(cursor.uleb()) + cursor.sleb());
          break;
        case 0x94:
          load(Math.min(cursor.u8(), 4));
          break;
        case 0x96:
          break;
        case 0x9c:
          push(around.cfa());
          break;
        case 0x9e:
          place = { kind: 'bytes', bytes: cursor.part(cursor.uleb()) };
          break;
        case 0x9f:
          place = { kind: 'value', value: pop() };
          break;
        case 0xa1:
          if (around.context === null) throw new DwarfError('an indexed address needs its unit');
          push(indexedAddress(around.context, cursor.uleb()) + around.slide);
          break;
        case 0xa3:
        case 0xf3:
          throw new DwarfError('it is what a register was at the call, which is not kept');
        default:
          throw new DwarfError(`the operation 0x${operation.toString(16)} of its location is not known here`);
      }
    }
  }
  if (place !== null) return place;
  if (stack.length === 0) throw new DwarfError('it has been optimised away');
  return { kind: 'memory', address: pop() };
}

function inside(cursor: Cursor, distance: number): number {
  const to = cursor.at + distance;
  if (to < 0 || to > cursor.end) throw new DwarfError('a location jumps outside of itself');
  return to;
}
