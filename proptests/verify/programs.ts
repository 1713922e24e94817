/**
 * Random programs out of the instructions that engines have special cases for: every ALU, move, shift, stack and branch
 * form, on registers, on aligned and crooked addresses, near code, in loops that make them warm. A program is a
 * multiboot guest from one seed; it ends by the debug-exit port. What an instruction leaves is soon overwritten by the
 * next ones, so half of the lines are followed by one that keeps a register or the flags at a place of its own;
 * operands come from a table of corner values as often as not, since that is where flags differ.
 */
import { Random } from '../../src/core/base/random.ts';
import { CONDITIONS, REGISTERS_16, REGISTERS_32, REGISTERS_8 } from '../../src/core/base/names.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { CORNERS_F32, CORNERS_F64 } from '../support/float-corners.ts';
import {
  cornerData,
  CORNERS,
  CORNERS_32,
  CORNERS_64,
  cornerSetup,
  cornerTurn,
  NUMBERS,
  MXCSR_PLACES,
} from './corner-tables.ts';
import { FloatProbes } from './float-probes.ts';
import { DATA, DATA_BYTES, type Lines, Probes } from './probes.ts';

/** The stack pointer is left alone. */
export const REGISTERS = REGISTERS_32.filter((name) => name !== 'esp');
const WORDS = REGISTERS_16.filter((name) => name !== 'sp');
const ALU = ['add', 'sub', 'and', 'or', 'xor', 'cmp', 'adc', 'sbb', 'test'];
const SHIFTS = ['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr'];
/** Where what lines leave is kept, a word for each. */
const TRACE = 0x190000;
/** Random words that nothing changes: copies of what `fill` made. */
export const CONSTANTS = 0x189000;
export const CONSTANT_COUNT = 64;

/** Lines of source that can be put into a guest; `functions` go behind its code. */
export class Program implements Lines {
  readonly dice: Random;
  readonly seed: number;
  readonly lines: string[] = [];
  private labels = 0;
  private callees = 0;
  private kept = 0;
  readonly functions: string[] = [];

  /** `hasFloats`: the guest has set CR4.OSFXSR and emptied the x87's stack. */
  private readonly hasFloats: boolean;
  private readonly probes: Probes;
  private readonly floatProbes: FloatProbes;

  constructor(dice: Random, seed: number, hasFloats = false) {
    this.dice = dice;
    this.seed = seed;
    this.hasFloats = hasFloats;
    this.probes = new Probes(this);
    this.floatProbes = new FloatProbes(this);
  }

  push(text: string): void {
    this.lines.push(text);
  }
  label(): string {
    return `probe${this.labels++}`;
  }
  trace(words: number): number {
    const place = TRACE + 4 * this.kept;
    this.kept += words;
    return place;
  }

  private register(): string {
    return this.dice.pick(REGISTERS);
  }
  private number(): number {
    return this.dice.below(3) === 0 ? this.dice.below(0x1_0000_0000) : this.dice.pick(NUMBERS);
  }
  /** Mostly aligned; sometimes across a page. */
  private address(): string {
    const at = DATA + this.dice.below(DATA_BYTES >> 2) * 4;
    if (this.dice.below(3) === 0) {
      const index = this.register();
      this.lines.push(`and ${index}, ${this.dice.pick([0x3fc, 0x7f, 0xff0])}`);
      const scale = this.dice.pick([1, 2, 4]);
      if (this.dice.below(2) === 0) return `[${DATA} + ${index}*${scale}]`;
      const base = this.register();
      this.lines.push(`mov ${base}, ${at}`);
      // Whichever register it is, base + index must stay in the data.
      return base === index ? `[${base}]` : `[${base} + ${index}*${scale} + ${this.dice.pick([0, 4, 8, 1])}]`;
    }
    return `[${this.dice.below(6) === 0 ? at + this.dice.pick([1, 2, 3]) : at}]`;
  }

  line(): void {
    const { dice } = this;
    const kind = dice.below(20);
    if (kind < 6) {
      this.probes.probe();
      return;
    }
    // Masks, addresses and counts make registers small and positive; half of the lines begin with something else in
    // one.
    if (dice.below(2) === 0) this.load(this.register());
    if (this.hasFloats && kind < 13) {
      if (kind === 12) this.floats();
      else this.floatProbes.probe();
      return;
    }
    if (dice.below(3) === 0) this.pair();
    else this.single();
    if (dice.below(5) > 2) return;
    const place = TRACE + 4 * this.kept++;
    if (dice.below(3) === 0) this.lines.push(`pushfd\npop dword [${place}]`);
    else this.lines.push(`mov [${place}], ${this.written()}`);
  }

  /** Any number, or a corner. */
  private load(register: string): void {
    const { dice } = this;
    const place =
      dice.below(2) === 0 ? CORNERS + 4 * dice.below(NUMBERS.length) : CONSTANTS + 4 * dice.below(CONSTANT_COUNT);
    this.lines.push(`mov ${register}, [${place}]`);
  }

  /** The register that the last lines wrote, if one of them did. */
  private written(): string {
    const words = this.lines.slice(-3).join('\n').split('\n').reverse();
    for (const text of words) {
      const [, name] = /^(?!cmp|test|push|j|bt )\w+ (e[a-ds][xpi])\b/.exec(text) ?? [];
      if (name !== undefined && name !== 'esp') return name;
    }
    return this.register();
  }

  /** Something that reads the flags; `condition`: which, or a random one. */
  reader(condition = this.dice.pick(CONDITIONS)): void {
    const { dice } = this;
    const [a, b] = [this.register(), this.register()];
    const kind = dice.below(6);
    if (kind === 0) this.lines.push(`set${condition} ${dice.pick(REGISTERS_8)}`);
    else if (kind === 1) this.lines.push(`cmov${condition} ${a}, ${b}`);
    else if (kind === 2)
      this.lines.push(`${dice.pick(['adc', 'sbb'])} ${a}, ${dice.below(2) === 0 ? b : this.number()}`);
    else if (kind === 3) this.lines.push(`${dice.pick(['rcl', 'rcr'])} ${a}, 1`);
    else {
      const label = `way${this.labels++}`;
      this.lines.push(`j${condition} ${label}\ninc dword [${TRACE + 4 * this.kept++}]\n${label}:`);
      return;
    }
    // Other flags come behind them with nothing in between that could go a slow way: the ones read need not be kept.
    if (dice.below(2) === 0) this.plain();
  }

  /** Two or three instructions of which the second looks at a corner of what the first did. */
  private pair(): void {
    const { dice } = this;
    const [a, b] = [this.register(), this.register()];
    const push = (text: string): number => this.lines.push(text);
    const kind = dice.below(15);
    if (kind < 4) {
      // Equal, next to each other, or corners of the signed and of the unsigned range.
      const values = dice.below(3);
      if (values === 0) push(`mov ${a}, ${b}`);
      else if (values === 1)
        for (const one of [a, b]) push(`mov ${one}, [${CORNERS + 4 * dice.below(NUMBERS.length)}]`);
      if (dice.below(3) === 0) push(`${dice.pick(['inc', 'dec'])} ${a}`);
      const conditions = CONDITIONS.filter((name) => !/[sp]/.test(name));
      const op = dice.pick(['cmp', 'cmp', 'cmp', 'sub', 'add', 'adc', 'sbb']);
      const isNarrow = dice.below(4) === 0;
      // Looked at more than once: CMP leaves what it compares.
      for (let reads = dice.below(3); reads >= 0; reads--) {
        if (isNarrow) push(`${op} ${dice.pick(REGISTERS_8)}, ${dice.pick(REGISTERS_8)}`);
        else push(`${op} ${a}, ${dice.below(4) === 0 ? this.number() : b}`);
        this.reader(dice.pick(conditions));
      }
    } else if (kind === 4) {
      // The carry comes in at the ends of the range, and is looked at.
      if (dice.below(2) === 0) push(`mov ${a}, ${dice.pick([0xffffffff, 0xffffffff, 0, 0x7fffffff, 0x80000000])}`);
      push(dice.pick(['stc', 'clc', 'stc']));
      push(`${dice.pick(['adc', 'sbb'])} ${a}, ${dice.below(2) === 0 ? b : this.number()}`);
      this.reader(dice.pick(['b', 'nb', 'be', 'o', 's', 'z']));
    } else if (kind === 5) {
      // Narrow values are read at another width.
      const wide = dice.pick([0, 1, 2, 3]);
      const load = dice.pick(['movzx', 'movsx']);
      push(`${load} ${REGISTERS[wide]}, ${dice.pick(['byte', 'word'])} ${this.address()}`);
      push(
        dice.pick([
          `movzx ${a}, ${REGISTERS_8[wide]}`,
          `and ${REGISTERS[wide]}, ${dice.pick([0xff, 0xffff, 0x7f, 0x1ff, 0xff00])}`,
          `mov ${dice.pick(REGISTERS_8)}, ${REGISTERS_8[wide + 4 * dice.below(2)]}`,
          `movsx ${a}, ${WORDS[wide]}`,
          `add ${dice.pick(REGISTERS_8)}, ${REGISTERS_8[wide]}`,
        ]),
      );
    } else if (kind === 6) {
      // Bits that a shift leaves are masked.
      push(`${dice.pick(['shr', 'shl', 'sar'])} ${a}, ${dice.below(32)}`);
      push(`and ${a}, ${dice.pick([0xff, 0xffff, 1, 0x1ff, 0x7fffffff, (2 ** (1 + dice.below(31)) - 1) >>> 0])}`);
    } else if (kind === 7) {
      // Shifts on signed values, all counts, flags looked at.
      push(`mov ${a}, [${CORNERS + 4 * dice.below(NUMBERS.length)}]`);
      push(`${dice.pick(SHIFTS)} ${a}, ${dice.pick([1, 2, 7, 31, 32, 32, 33, dice.below(40)])}`);
      this.reader(dice.pick(['b', 'nb', 'o', 'z', 's', 'p']));
    } else if (kind === 8) {
      const op = dice.pick(SHIFTS);
      push(`mov cl, ${dice.pick([0, 1, 8, 15, 16, 17, 31, 32, 33, 0xff])}`);
      push(`${op} ${dice.below(3) === 0 ? dice.pick([...REGISTERS_8, ...WORDS]) : a}, cl`);
      this.reader(dice.pick(['b', 'nb', 'o', 'z', 's', 'p']));
    } else if (kind === 9) {
      // A register is written, the memory access goes the slow way, the register is written again.
      push(`mov ${a}, ${this.number()}`);
      const place = DATA + 4 * dice.below(256) + dice.pick([1, 2, 3]);
      push(dice.pick([`mov [${place}], ${a}`, `add [${place}], ${a}`, `xor ${b}, [${place}]`]));
      push(dice.pick([`lea ${b}, [${b} + ${a}]`, `xchg ${a}, ${b}`, `mov ${a}, ${b}`]));
    } else if (kind === 10) {
      // Read, then written at the same address; near each other and at another alignment.
      const place = DATA + 4 * dice.below(256);
      const other = a === b ? (a === 'eax' ? 'ecx' : 'eax') : b;
      push(`mov ${a}, ${place + dice.pick([0, 0, 2])}`);
      push(`mov ${other}, [${a}]\n${dice.pick(['add', 'mov', 'sub'])} [${a}], ${this.register()}`);
      push(`mov word [${a}], ${dice.pick(WORDS)}\nmov dword [${a}], ${other}`);
    } else if (kind === 11) {
      // Code that changes: the immediate of an instruction that has run before.
      const label = `patch${this.labels++}`;
      // Sometimes entered by a block in front of it, so that a function has it in the middle.
      const isInside = dice.below(2) === 0;
      const place = dice.pick([`dword [${label} + 1]`, `byte [${label} + ${1 + dice.below(4)}]`]);
      push(`add ${place}, ${1 + dice.below(255)}\njmp ${label}${isInside ? 'in' : ''}`);
      if (isInside) push(`${label}in: test ${a}, ${b}\njz ${label}\ninc ${b}`);
      push(`${label}: mov eax, ${dice.below(0x1_0000_0000)}`);
      push(`mov [${TRACE + 4 * this.kept++}], eax`);
    } else if (kind === 12) {
      // Quotients that fit, of 32 bits and of 64.
      const divisor = dice.pick([1, 3, 7, 10, 0xffff, 0x7fffffff]);
      const form = dice.below(4);
      if (form < 2) {
        push(`mov ebx, ${divisor}`);
        push(form === 0 ? 'xor edx, edx\ndiv ebx' : 'cdq\nidiv ebx');
      } else if (form === 2) {
        const large = dice.pick([divisor, 0x9000_0001, 0xffff_fff7]);
        push(`mov ebx, ${large}\nmov edx, ${dice.below(large)}\ndiv ebx`);
      } else {
        // A high half of 0 in the low one: its negative carries. The quotient is below half of what would fit.
        const high = (dice.below((divisor >> 2) + 1) * dice.pick([1, -1])) | 0;
        if (dice.below(4) === 0) push('xor eax, eax');
        push(`mov ebx, ${dice.pick([1, -1]) * Math.max(2, divisor)}\nmov edx, ${high}\nidiv ebx`);
      }
    } else if (kind === 13) {
      push(
        dice.pick([
          `bt ${a}, ${dice.below(32)}`,
          `${dice.pick(['bts', 'btr', 'btc'])} ${a}, ${dice.below(2) === 0 ? b : dice.below(32)}`,
          `${dice.pick(['bsf', 'bsr'])} ${a}, ${b}`,
          `bswap ${a}`,
          `xadd ${a}, ${b}`,
          `cmpxchg ${a}, ${b}`,
          `cmpxchg ${this.address()}, ${b}`,
          `${dice.pick(['shld', 'shrd'])} ${a}, ${b}, ${dice.pick(['cl', String(dice.below(34))])}`,
        ]),
      );
      this.reader(dice.pick(['b', 'z', 's', 'o']));
    } else {
      // The time stamp: a lost or doubled tick.
      push(`rdtsc\nmov [${TRACE + 4 * this.kept++}], eax`);
    }
  }

  private single(): void {
    const { dice } = this;
    const kind = dice.below(30);
    const [a, b] = [this.register(), this.register()];
    const push = (text: string): number => this.lines.push(text);
    if (kind < 4) {
      const op = dice.pick(ALU);
      if (kind === 0) push(`${op} ${a}, ${b}`);
      else if (kind === 1) push(`${op} ${a}, ${this.number()}`);
      else if (kind === 2) push(`${op} dword ${this.address()}, ${dice.below(2) === 0 ? a : this.number()}`);
      else if (op !== 'test') push(`${op} ${a}, ${this.address()}`);
    } else if (kind < 6) {
      const op = dice.pick(ALU);
      if (kind === 4)
        push(`${op} ${dice.pick(REGISTERS_8)}, ${dice.below(2) === 0 ? dice.pick(REGISTERS_8) : dice.below(256)}`);
      else if (dice.below(2) === 0)
        push(`${op} byte ${this.address()}, ${dice.below(2) === 0 ? dice.pick(REGISTERS_8) : dice.below(256)}`);
      else if (op !== 'test') push(`${op} ${dice.pick(REGISTERS_8)}, ${this.address()}`);
    } else if (kind === 6)
      push(`${dice.pick(ALU)} ${dice.pick(WORDS)}, ${dice.below(2) === 0 ? dice.pick(WORDS) : dice.below(65536)}`);
    else if (kind === 7)
      push(`${dice.pick(['inc', 'dec', 'neg', 'not'])} ${dice.below(3) === 0 ? `dword ${this.address()}` : a}`);
    else if (kind === 8) push(`mov ${a}, ${dice.below(2) === 0 ? b : this.number()}`);
    else if (kind === 9) push(`mov ${a}, ${this.address()}`);
    else if (kind === 10) push(`mov dword ${this.address()}, ${dice.below(2) === 0 ? a : this.number()}`);
    else if (kind === 11)
      push(
        `mov ${dice.pick(REGISTERS_8)}, ` +
          `${dice.pick([dice.pick(REGISTERS_8), String(dice.below(256)), this.address()])}`,
      );
    else if (kind === 12)
      push(`mov byte ${this.address()}, ${dice.below(2) === 0 ? dice.pick(REGISTERS_8) : dice.below(256)}`);
    else if (kind === 13)
      push(`mov word ${this.address()}, ${dice.below(2) === 0 ? dice.pick(WORDS) : dice.below(65536)}`);
    else if (kind === 14) {
      const size = dice.pick(['byte', 'word']);
      // One address alone: a second one could overwrite the index of the first.
      const source =
        dice.below(2) === 0 ? `${size} ${this.address()}` : dice.pick(size === 'byte' ? REGISTERS_8 : WORDS);
      push(`${dice.pick(['movzx', 'movsx'])} ${a}, ${source}`);
    } else if (kind === 15)
      push(`lea ${a}, [${b} + ${this.register()}*${dice.pick([1, 2, 4, 8])} + ${dice.below(200)}]`);
    else if (kind === 16) push(`set${dice.pick(CONDITIONS)} ${dice.pick(REGISTERS_8)}`);
    else if (kind === 17) push(`cmov${dice.pick(CONDITIONS)} ${a}, ${b}`);
    else if (kind === 18) push(`xchg ${a}, ${b}`);
    else if (kind === 19) push(dice.pick(['cdq', 'nop', 'cwde', 'clc', 'stc', 'cmc', 'cld', 'lahf', 'sahf']));
    else if (kind === 20)
      push(
        dice.pick([
          `imul ${a}, ${b}`,
          `imul ${a}, ${b}, ${this.number() | 0}`,
          `imul ${a}, ${this.address()}`,
          `mul ${a}`,
        ]),
      );
    else if (kind === 21) push(`push ${dice.pick([a, `dword ${this.address()}`, String(this.number())])}\npop ${b}`);
    else if (kind === 22 || kind === 23) {
      this.load(a);
      if (kind === 22)
        push(`${dice.pick(SHIFTS)} ${a}, ${dice.pick([1, 1, 31, 32, 32, dice.below(33), dice.below(33)])}`);
      else push(`mov cl, ${dice.below(40)}\n${dice.pick(SHIFTS)} ${a}, cl`);
    } else if (kind === 24) push(`pushfd\npop ${a}\nand ${a}, 0x8d5`);
    else if (kind === 25) {
      // A short forward jump: both ways happen, by flags.
      const label = `skip${this.labels++}`;
      push(`j${dice.pick(CONDITIONS)} ${label}`);
      for (let i = dice.below(3); i >= 0; i--) this.plain();
      push(`${label}:`);
    } else if (kind === 26) {
      const name = `leaf${this.callees++}`;
      const bytes = dice.pick([0, 0, 4, 8]);
      const frame = `push ebp\nmov ebp, esp\nxor ${a}, ebp\nleave`.replace('xor ebp', 'xor eax');
      this.functions.push(
        `${name}: ${dice.below(2) === 0 ? frame : `add ${a}, ${b}`}\nret${bytes === 0 ? '' : ` ${bytes}`}`,
      );
      for (let i = 0; i < bytes; i += 4) push(`push ${this.register()}`);
      const form = dice.below(3);
      if (form === 0) push(`call ${name}`);
      else if (form === 1) push(`mov ${a}, ${name}\ncall ${a}`);
      else push(`mov dword [${DATA + DATA_BYTES}], ${name}\ncall dword [${DATA + DATA_BYTES}]`);
    } else if (kind === 27) {
      const label = `far${this.labels++}`;
      const form = dice.below(3);
      if (form === 0) push(`jmp ${label}`);
      else if (form === 1) push(`mov ${a}, ${label}\njmp ${a}`);
      else push(`mov dword [${DATA + DATA_BYTES}], ${label}\njmp dword [${DATA + DATA_BYTES}]`);
      push(`ud2\n${label}:`);
    } else if (kind === 28) {
      const label = `turn${this.labels++}`;
      push(
        `mov ecx, ${1 + dice.below(5)}\n${label}: ` +
          `add edx, ecx\n${dice.pick([`loop ${label}`, `dec ecx\njnz ${label}`])}`,
      );
    } else {
      push(
        `mov esi, ${DATA}\nmov edi, ${DATA + 0x1000 - dice.below(16)}\nmov ecx, ${dice.below(9)}\n` +
          `rep ${dice.pick(['movsd', 'movsb', 'stosd', 'stosb'])}`,
      );
    }
  }

  /** SSE and the x87: what is lifted, what is done in place, what is attempted; then the register is kept. */
  private floats(): void {
    const { dice } = this;
    const push = (text: string): number => this.lines.push(text);
    const pickXmm = (): string => `xmm${dice.below(8)}`;
    const [x, y, a] = [pickXmm(), pickXmm(), this.register()];
    const aligned = `[${DATA + 16 * dice.below(DATA_BYTES >> 4)}]`;
    const crooked = `[${DATA + dice.below(DATA_BYTES - 16)}]`;
    const either = dice.pick([y, y, aligned]);
    const kind = dice.below(7);
    if (kind === 0) {
      push(
        dice.pick([`movaps ${x}, ${aligned}`, `movups ${x}, ${crooked}`, `movsd ${x}, ${crooked}`, `movd ${x}, ${a}`]),
      );
      push(
        dice.pick([`movaps ${aligned}, ${x}`, `movups ${crooked}, ${x}`, `movss ${crooked}, ${x}`, `movd ${a}, ${x}`]),
      );
    } else if (kind === 1) {
      const op = dice.pick(['pxor', 'pand', 'pandn', 'por', 'andps', 'paddd', 'psubd', 'paddb', 'psubw', 'pcmpeqb']);
      push(`${op} ${x}, ${either}`);
      push(dice.pick([`pcmpeqw ${x}, ${y}`, `pcmpgtd ${x}, ${y}`, `pminub ${x}, ${y}`, `pmovmskb ${a}, ${x}`]));
    } else if (kind === 2) {
      push(`${dice.pick(['pshufd', 'shufps'])} ${x}, ${either}, ${dice.below(256)}`);
      push(`${dice.pick(['punpckldq', 'unpckhps', 'punpcklqdq', 'movhlps', 'movlhps', 'punpcklbw'])} ${x}, ${y}`);
    } else if (kind === 3 && dice.below(2) === 0) {
      // Squares of corners overflow, and become denormals and zeros, far more often than products of two.
      const [table, count, suffix] = dice.pick([
        [CORNERS_32, CORNERS_F32.length, 's'],
        [CORNERS_64, 2 * CORNERS_F64.length, 'd'],
      ] as const);
      // Behind the first of them UE says nothing more.
      push(`ldmxcsr [modes + ${dice.pick(MXCSR_PLACES.usual)}]`);
      push(`movups ${x}, [${table + 8 * dice.below((count >> 1) - 1)}]`);
      push(`${dice.pick(['mulp', 'muls', 'addp', 'divs'])}${suffix} ${x}, ${x}`);
    } else if (kind === 3 || kind === 4) {
      // Numbers of a few bits, so that results are exact and inexact.
      push(`cvtsi2sd ${x}, ${a}\ncvtsi2sd ${y}, ${this.register()}`);
      const op = dice.pick(['addsd', 'subsd', 'mulsd', 'divsd', 'addpd', 'mulps', 'subps', 'addss', 'divss']);
      push(`${op} ${x}, ${y}\n${dice.pick([`cvttsd2si ${a}, ${x}`, `cvtsd2ss ${x}, ${x}`, `ucomisd ${x}, ${y}`])}`);
      if (dice.below(2) === 0) this.reader(dice.pick(['b', 'nb', 'z', 'be', 'p']));
    } else {
      const from = `[${CONSTANTS + 4 * dice.below(CONSTANT_COUNT)}]`;
      push(`fild dword ${from}\nfild word ${crooked}`);
      push(
        `${dice.pick(['fadd', 'fmul', 'fsub', 'fdivr'])} ${dice.pick(['st1', `dword ${from}`, `qword ${crooked}`])}`,
      );
      push(dice.pick(['fxch st1', 'fchs', 'fcom st1', 'fucomi st1', 'fabs', 'fld st0\nfstp st2']));
      if (dice.below(3) === 0) {
        // Where the last instruction was.
        push(`fnstenv [${TRACE + 4 * this.kept}]`);
        this.kept += 7;
      }
      push(
        `fstp qword ${crooked}\n${dice.pick(['fistp dword', 'fstp dword', 'fstp qword'])} [${TRACE + 4 * this.kept}]`,
      );
      this.kept += 2;
      return;
    }
    push(`movups [${TRACE + 4 * this.kept}], ${x}`);
    this.kept += 4;
  }

  private plain(): void {
    this.lines.push(`${this.dice.pick(['add', 'xor', 'sub'])} ${this.register()}, ${this.dice.below(1000)}`);
  }
}

/** Between two operands: equal, below, above. */
const PAIRS = [
  [7, 7],
  [6, 7],
  [7, 6],
] as const;

/**
 * What no dice may leave out: every condition after a comparison of equal and of other operands, and the carry of
 * each way to subtract and to add, counted in EDX and kept.
 */
function flagSetup(): string {
  const jumps = CONDITIONS.flatMap((condition) =>
    PAIRS.map(([a, b], i) => {
      const label = `after_${condition}${i}`;
      return `mov eax, ${a}\ncmp eax, ${b}\nj${condition} ${label}\ninc edx\n${label}: rol edx, 1`;
    }),
  );
  const carries = PAIRS.flatMap(([a, b]) =>
    ['sub', 'add'].map((name) => {
      const [from, by] = name === 'sub' ? [a, b] : [-a, b];
      return (
        `mov eax, ${from}\nmov ecx, ${by}\n${name} eax, ecx\nadc edx, 3\n` +
        `mov eax, ${from}\n${name} eax, ${by}\nadc edx, 5`
      );
    }),
  );
  return `xor edx, edx\n${jumps.join('\n')}\n${carries.join('\n')}\nmov [${TRACE - 4}], edx`;
}

/** What kernels do in the middle of their code, as far as it goes without an interrupt table. */
const SYSTEM_TURN = `
        mov eax, cr0
        or eax, 8
        mov cr0, eax
        clts
        mov eax, ds
        mov fs, ax
        push fs
        pop gs
        pushfd
        xor dword [esp], 0x8d5
        popfd
        sbb eax, eax
        cli
        invlpg [esp]
        push cs
        push dword far_return
        retf
far_return:`;

/** Source of the program of a seed: `count` random lines, done `turns` times. */
export function randomProgram(seed: number, count = 150, turns = 80): string {
  const dice = new Random(seed);
  const program = new Program(dice, seed, true);
  while (program.lines.length < count) program.line();
  const starts = REGISTERS.map((name) => `mov ${name}, ${dice.below(0x1_0000_0000)}`).join('\n');
  return `
bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:  mov esp, 0x170000
        mov dword [0x160000], ${turns}
        mov eax, cr4
        or eax, 0x600
        mov cr4, eax
        mov eax, 0x80000001
        mov cr2, eax
        mov ecx, cr2
        xor eax, eax
        mov cr2, eax
        mov ecx, cr2
${flagSetup()}
        fninit
        mov edi, ${DATA}
        mov ecx, 256
        mov eax, ${dice.below(0x1_0000_0000)}
fill:   imul eax, eax, 1103515245
        add eax, 12345
        stosd
        loop fill
        mov esi, ${DATA}
        mov ecx, ${(DATA_BYTES >> 2) - 256}
        rep movsd
        mov esi, ${DATA}
        mov edi, ${CONSTANTS}
        mov ecx, ${CONSTANT_COUNT}
        rep movsd
${cornerSetup()}
${starts}
again:${SYSTEM_TURN}
${program.lines.join('\n')}
${cornerTurn()}
        dec dword [0x160000]
        jnz near again
        mov al, 1
        out 0xf4, al
${program.functions.join('\n')}
${cornerData()}
`;
}

export function randomKernel(seed: number, count?: number, turns?: number): Uint8Array {
  return assemble(randomProgram(seed, count, turns)).bytes;
}
