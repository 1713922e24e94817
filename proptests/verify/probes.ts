/**
 * Probes of integer instructions: each form of each row that is lifted or has a case in the inner loop, in turn, with
 * operands that have just been drawn from corner values, with the carry as often set as not, and what it leaves kept.
 * They make sure that a program of a few hundred lines meets what random lines seldom do (reach.ts counts it).
 */
import { CONDITIONS, REGISTERS_16, REGISTERS_32, REGISTERS_8 } from '../../src/core/base/names.ts';
import { PAGE_BYTES } from '../../src/core/base/pages.ts';
import type { Random } from '../../src/core/base/random.ts';
import { CORNERS, CORNERS_COUNTS, COUNTS, NUMBERS } from './corner-tables.ts';

/** Data lies here, in whole words; DATA_BYTES of it are used. */
export const DATA = 0x180000;
export const DATA_BYTES = 0x2400;
/** Where probes put their lines. */
export interface Lines {
  readonly dice: Random;
  /** Of the program. */
  readonly seed: number;
  push(text: string): void;
  label(): string;
  /** Address of so many words that nothing else writes. */
  trace(words: number): number;
  /** Something that reads the flags. */
  reader(condition?: string): void;
}

/** Cards that a program takes from a deck, roughly: the next one goes on behind it. */
const TAKEN = 15;

/**
 * All of a list, one after the other, neighbours apart. The program of the next seed goes on where that of this one
 * ends, so that what some dozens of programs meet does not hang on luck.
 */
export class Deck<T> {
  private readonly items: readonly T[];
  private readonly stride: number;
  private at: number;

  constructor(items: readonly T[], seed: number) {
    this.items = items;
    let stride = Math.floor(items.length * 0.618) | 1;
    while (commonDivisor(stride, items.length) !== 1) stride++;
    this.stride = stride;
    this.at = (seed * TAKEN * stride) % items.length;
  }

  next(): T {
    this.at = (this.at + this.stride) % this.items.length;
    return this.items[this.at];
  }
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

const ALL_SIZES = ['r32,r32', 'r32,m32', 'm32,r32', 'r32,i32', 'm32,i32', 'r8,r8', 'r8,m8', 'm8,r8', 'r8,i8', 'm8,i8'];
const ALL_WORDS = ['r16,r16', 'r16,m16', 'm16,r16', 'r16,i16', 'm16,i16'];
const ONE_OPERAND = ['r32', 'm32', 'r8', 'm8', 'r16', 'm16'];
const SHIFTED_WIDE = ['r32,i8', 'r32,1', 'r32,cl', 'r32,i8', 'r32,cl', 'm32,i8', 'm32,cl'];
const SHIFTED = [...SHIFTED_WIDE, 'r8,i8', 'r8,cl', 'm8,i8', 'r16,i8', 'r16,cl'];

const forms = (names: string, operands: readonly string[]): string[] =>
  names.split(' ').flatMap((name) => operands.map((text) => (text === '' ? name : `${name} ${text}`)));

/** Name and operands: r, m, i and a width, CL, or 1. */
const FORMS: readonly string[] = [
  ...forms('add adc sbb sub and or xor cmp mov', [...ALL_SIZES, ...ALL_WORDS]),
  ...forms('adc sbb cmp', ['r32,r32', 'r32,i32', 'r8,r8']),
  ...forms(
    'test',
    [...ALL_SIZES, ...ALL_WORDS].filter((text) => !text.includes(',m')),
  ),
  ...forms('inc dec neg not', ONE_OPERAND),
  ...forms('shl shr sar rol ror rcl rcr', SHIFTED),
  ...forms('shld shrd', [
    'r32,r32,i8',
    'r32,r32,cl',
    'm32,r32,i8',
    'm32,r32,cl',
    'r32,r32,cl',
    'r16,r16,i8',
    'r16,r16,cl',
  ]),
  ...forms('bt bts btr btc', ['r32,r32', 'r32,i8', 'm32,i8', 'r16,r16']),
  ...forms('bsf bsr', ['r32,r32', 'r32,m32', 'r16,r16']),
  ...forms('bswap', ['r32', 'r32', 'r32']),
  ...forms('xadd cmpxchg', ['r32,r32', 'm32,r32', 'r8,r8', 'r16,r16']),
  ...forms('xchg', ['r32,r32', 'm32,r32', 'r8,r8']),
  ...forms('movzx movsx', ['r32,r8', 'r32,m8', 'r32,r16', 'r32,m16', 'r16,r8', 'r16,m8']),
  ...forms('mul imul div idiv', ['r32', 'm32', 'r8', 'r16', 'm16', 'r32', 'm32']),
  ...forms('imul', ['r32,r32', 'r32,m32', 'r32,r32,i32', 'r32,m32,i32', 'r16,r16', 'r16,r16,i16']),
  ...forms('cbw cwde cwd cdq salc cmc', ['', '', '']),
  ...forms('pause nop', ['', '', '']),
  ...forms('lfence mfence sfence', ['', '']),
  ...forms('movsb movsw movsd cmpsb cmpsw cmpsd scasb scasw scasd lodsb lodsw lodsd stosb stosw stosd', ['']),
  ...forms('xlatb', ['', '', '']),
  ...forms('prefetch', ['m8', 'm8', 'm8']),
  ...forms('movnti', ['m32,r32', 'm32,r32']),
  ...forms('masked', ['m16', 'm8', 'r16', 'r8', 'shr', 'shr', 'shl', 'm16', 'm8']),
  ...forms('push', ['r32', 'm32', 'i32']),
  ...forms('pop', ['r32', 'm32']),
  ...forms('lea', ['r32,r32', 'r32,r32']),
  ...forms('loop loope loopne jecxz', ['', '']),
  ...CONDITIONS.flatMap((name) => [`set${name} r8`, `cmov${name} r32,r32`, `j${name}`]),
  ...forms('setb setz', ['m8']),
  ...forms('cmovb cmovz', ['r32,m32', 'r16,r16']),
];

/** Registers whose bytes have names; ESP is left alone. */
const NAMED = REGISTERS_32.slice(0, 4);
const WIDE = REGISTERS_32.filter((name) => name !== 'esp');

export class Probes {
  private readonly lines: Lines;
  private readonly deck: Deck<string>;

  constructor(lines: Lines) {
    this.lines = lines;
    this.deck = new Deck(FORMS, lines.seed);
  }

  probe(): void {
    const form = this.deck.next();
    const [name, operands = ''] = form.split(' ');
    const kinds = operands === '' ? [] : operands.split(',');
    if (/^j|^loop/.test(name)) this.jump(name);
    else if (/^(div|idiv)$/.test(name)) this.divide(name, kinds[0]);
    else if (name === 'push' || name === 'pop') this.stack(name, kinds[0]);
    else if (name === 'lea') this.lea();
    else if (name === 'masked') this.masked(operands);
    else if (name === 'xlatb') this.translate();
    else if (/^(mov|cmp|sca|lod|sto)s[bwd]$/.test(name)) this.string(name);
    else this.compute(name, kinds);
  }

  private corner(): string {
    return `[${CORNERS + 4 * this.lines.dice.below(NUMBERS.length)}]`;
  }

  private immediate(bits: number): number {
    const { dice } = this.lines;
    const value = dice.below(4) === 0 ? dice.below(0x1_0000_0000) : dice.pick(NUMBERS);
    return bits === 32 ? value : value & (2 ** bits - 1);
  }

  /** Aligned mostly, crooked, or across the end of a page. */
  private place(bytes: number): number {
    const { dice } = this.lines;
    const how = dice.below(6);
    if (how === 0 && bytes > 1) return DATA + PAGE_BYTES - 1 - dice.below(bytes - 1);
    const aligned = DATA + 4 * dice.below((DATA_BYTES >> 2) - 2);
    return how < 3 ? aligned + (bytes === 2 ? dice.pick([1, 3]) : 1 + dice.below(3)) : aligned;
  }

  /** A register of the width, and the one it is part of. */
  private register(bits: number, besides = ''): readonly [name: string, whole: string] {
    const { dice } = this.lines;
    if (bits !== 8) {
      const whole = dice.pick(WIDE.filter((one) => one !== besides));
      return [bits === 32 ? whole : REGISTERS_16[REGISTERS_32.indexOf(whole)], whole];
    }
    const whole = dice.pick(NAMED.filter((one) => one !== besides));
    return [REGISTERS_8[REGISTERS_32.indexOf(whole) + 4 * dice.below(2)], whole];
  }

  /** Constants are folded by optimisers, what lies in memory is not. */
  private load(whole: string): void {
    const { dice } = this.lines;
    this.lines.push(`mov ${whole}, ${dice.below(4) === 0 ? this.immediate(32) : this.corner()}`);
  }

  private fill(place: number, bits: number): void {
    this.lines.push(`mov ${sizeWord(bits)} [${place}], ${this.immediate(bits)}`);
  }

  private compute(name: string, kinds: readonly string[]): void {
    const { lines } = this;
    const { dice } = lines;
    const isShift = /^(sh|sa|ro|rc)/.test(name);
    const byCl = kinds.includes('cl');
    /** ECX holds the count. */
    let taken = byCl ? 'ecx' : '';
    let first = '';
    const texts = kinds.map((kind, i) => {
      const bits = Number(kind.slice(1));
      if (kind === 'cl' || kind === '1') return kind;
      if (kind.startsWith('i')) {
        return String(isShift || /^bt/.test(name) ? this.count(bits) : this.immediate(bits));
      }
      if (kind.startsWith('m')) {
        const place = this.place(bits / 8);
        this.fill(place, bits);
        return `${sizeWord(bits)} [${place}]`;
      }
      const isTwice = i === 1 && first !== '' && kinds[0] === kind && dice.below(7) === 0;
      const [register, whole] = isTwice ? [first, ''] : this.register(bits, taken);
      if (whole !== '') this.load(whole);
      if (i === 0) {
        first = register;
        taken = taken === '' ? whole : taken;
      }
      return register;
    });
    // Equal operands: what compares and subtracts ends there.
    if (kinds[0] === 'r32' && kinds[1] === 'r32' && dice.below(5) === 0) lines.push(`mov ${texts[1]}, ${texts[0]}`);
    if (name === 'cmpxchg' && dice.below(2) === 0) lines.push(`mov ${accumulator(kinds[0])}, ${texts[0]}`);
    if (/^(cbw|cwde|cwd|cdq|salc|mul|imul)$/.test(name) && kinds.length < 2) this.load('eax');
    // A count that is known, which optimisers fold, or another one in each turn.
    if (byCl && dice.below(3) === 0) lines.push(`mov cl, ${this.count(8)}`);
    else if (byCl) lines.push(`mov ecx, [${CORNERS_COUNTS + 4 * dice.below(COUNTS.length)}]`);
    // The carry: always the same one, or another in each turn.
    if (/^(adc|sbb|rc[lr]|salc|cmc)$/.test(name)) {
      lines.push(dice.pick(['stc', 'clc', `bt dword ${this.corner()}, 0`, `bt dword ${this.corner()}, 0`]));
    }
    if (/^(set|cmov)/.test(name)) this.compare();
    lines.push(`${name} ${texts.join(', ')}`);
    this.keep(resultsOf(name, texts, kinds));
  }

  /** One step of a string instruction, up or down; equal operands as often as not. */
  /** AL into a table. */
  private translate(): void {
    const { lines } = this;
    this.load('eax');
    lines.push(`mov ebx, ${this.place(1)}\nand al, 0x7f\nxlatb\nmov [${lines.trace(1)}], eax`);
    this.keep([]);
  }

  private string(name: string): void {
    const { lines } = this;
    const { dice } = lines;
    const [from, to] = [this.place(4), this.place(4)];
    for (const place of [from, to]) if (dice.below(2) === 0) this.fill(place, 32);
    if (dice.below(3) === 0) lines.push(`mov edx, [${from}]\nmov [${to}], edx`);
    this.load('eax');
    if (dice.below(3) === 0) lines.push(`mov eax, [${to}]`);
    lines.push(`mov esi, ${from}\nmov edi, ${to}\n${dice.pick(['cld', 'cld', 'std'])}\n${name}\ncld`);
    lines.push(`mov [${lines.trace(1)}], ${dice.pick(['eax', 'esi', 'edi'])}`);
    this.keep([]);
  }

  private count(bits: number): number {
    const { dice } = this.lines;
    return dice.pick([
      0,
      1,
      1,
      7,
      8,
      15,
      16,
      17,
      31,
      31,
      32,
      33,
      1 + dice.below(31),
      dice.below(bits === 8 ? 256 : 64),
    ]);
  }

  /** Sets the flags, every relation as likely. */
  private compare(): void {
    const { dice } = this.lines;
    const [a] = this.register(32);
    const [b] = this.register(32, a);
    this.load(a);
    if (dice.below(3) === 0) this.lines.push(`mov ${b}, ${a}`);
    else this.load(b);
    this.lines.push(`${dice.pick(['cmp', 'cmp', 'sub', 'add', 'test'])} ${a}, ${b}`);
  }

  /** What an instruction leaves in registers, mostly, before something else writes them; and its flags. */
  private keep(results: readonly string[]): void {
    const { lines } = this;
    const { dice } = lines;
    for (const whole of results) if (dice.below(5) > 0) lines.push(`mov [${lines.trace(1)}], ${whole}`);
    if (dice.below(3) === 0) lines.reader();
    if (dice.below(3) === 0) lines.push(`pushfd\npop dword [${lines.trace(1)}]`);
  }

  private jump(name: string): void {
    const { lines } = this;
    const { dice } = lines;
    const label = lines.label();
    if (/^(loop|jecxz)/.test(name)) lines.push(`mov ecx, ${dice.pick([0, 1, 1, 2, 0x10000, 0xffffffff])}`);
    if (name !== 'loop' && name !== 'jecxz') {
      if (/^loop/.test(name)) lines.push(`cmp edx, ${dice.below(2) === 0 ? 'edx' : 'ebx'}`);
      else this.compare();
    }
    lines.push(`${name} ${label}\ninc dword [${lines.trace(1)}]\n${label}:`);
    if (dice.below(2) === 0) lines.push(`mov [${lines.trace(1)}], ecx`);
  }

  /** The quotient fits: the dividend's upper half is 0, or the sign of one that is not the least. */
  private divide(name: string, kind: string): void {
    const { lines } = this;
    const { dice } = lines;
    const bits = Number(kind.slice(1));
    const divisor = dice.pick([1, 2, 3, 7, 10, 0x7f, 0x7fff, 0x7fffffff, 0x80000000, 0xffffffff]);
    this.load('eax');
    if (name === 'idiv') lines.push('and eax, 0x7f7f7f7f');
    if (bits === 8) lines.push(name === 'div' ? 'movzx eax, al' : 'cbw');
    else if (name === 'div') lines.push('xor edx, edx');
    else lines.push(`${dice.below(3) === 0 ? 'neg eax\n' : ''}${bits === 16 ? 'cwd' : 'cdq'}`);
    let operand = '';
    if (kind.startsWith('m')) {
      const place = this.place(bits / 8);
      lines.push(`mov ${sizeWord(bits)} [${place}], ${divisor & (2 ** bits - 1) || 1}`);
      operand = `${sizeWord(bits)} [${place}]`;
    } else {
      operand = bits === 8 ? dice.pick(['bl', 'bh']) : bits === 16 ? 'bx' : 'ebx';
      lines.push(`mov ebx, ${divisor}\nor ebx, 0x101`);
    }
    lines.push(`${name} ${operand}`);
    this.keep(['eax', 'edx']);
  }

  private stack(name: string, kind: string): void {
    const { lines } = this;
    const [a] = this.register(32);
    this.load(a);
    const place = this.place(4);
    const [from, to] = name === 'push' ? [kind, 'r32'] : ['r32', kind];
    if (from === 'm32') this.fill(place, 32);
    const source = from === 'm32' ? `dword [${place}]` : from === 'i32' ? String(this.immediate(32)) : a;
    const [b] = this.register(32);
    lines.push(`push ${source}\npop ${to === 'm32' ? `dword [${place}]` : b}`);
    lines.push(`mov [${lines.trace(1)}], ${to === 'm32' ? 'esp' : b}`);
  }

  /** Bits that are known to be 0, from a narrow load or a shift, are masked: some of them, all, or more than those. */
  private masked(source: string): void {
    const { lines } = this;
    const { dice } = lines;
    const [a] = this.register(32);
    const bits = source.endsWith('8') ? 8 : 16;
    if (source.startsWith('m')) {
      lines.push(`${dice.pick(['movzx', 'movzx', 'movsx'])} ${a}, ${sizeWord(bits)} ${this.corner()}`);
    } else if (source.startsWith('r')) {
      const [b, whole] = this.register(bits);
      lines.push(`mov ${whole}, ${this.corner()}\nmovzx ${a}, ${b}`);
    } else {
      this.load(a);
      lines.push(`${source} ${a}, ${1 + dice.below(31)}`);
    }
    const ones = 1 + dice.below(31);
    const mask = dice.pick([0xff, 0xffff, 0x7f, 0x1ff, 0xff00, 2 ** ones - 1, (-1 << ones) >>> 0]);
    lines.push(`and ${a}, ${mask}`);
    this.keep([a]);
  }

  private lea(): void {
    const { lines } = this;
    const { dice } = lines;
    const [a] = this.register(32);
    const [b] = this.register(32);
    this.load(a);
    const index = dice.below(3) === 0 ? '' : ` + ${b}*${dice.pick([1, 2, 4, 8])}`;
    lines.push(`lea ${b}, [${a}${index} + ${dice.pick([0, 1, 0x7f, 0x80, 0x7fffffff, 0x80000000])}]`);
    lines.push(`mov [${lines.trace(1)}], ${b}`);
  }
}

/** Whole registers that an instruction writes, those that it does not name too. */
function resultsOf(name: string, texts: readonly string[], kinds: readonly string[]): readonly string[] {
  if (/^(cwd|cdq)$/.test(name)) return ['edx'];
  if (/^(cbw|cwde|salc)$/.test(name)) return ['eax'];
  if (/^i?mul$/.test(name) && kinds.length === 1) return ['eax', 'edx'];
  const written = /^(cmp|test|bt|push|movnti|prefetch)$/.test(name) ? 0 : /^(xadd|xchg)$/.test(name) ? 2 : 1;
  const named = texts.slice(0, written).filter((_, i) => kinds[i].startsWith('r'));
  return [...named.map(wholeOf), ...(name === 'cmpxchg' ? ['eax'] : [])];
}

const sizeWord = (bits: number): string => (bits === 32 ? 'dword' : bits === 16 ? 'word' : 'byte');

function wholeOf(register: string): string {
  const eight = (REGISTERS_8 as readonly string[]).indexOf(register);
  if (eight >= 0) return REGISTERS_32[eight & 3];
  const sixteen = (REGISTERS_16 as readonly string[]).indexOf(register);
  return sixteen >= 0 ? REGISTERS_32[sixteen] : register;
}

const accumulator = (kind: string): string => (kind === 'r8' ? 'al' : kind === 'r16' ? 'ax' : 'eax');
