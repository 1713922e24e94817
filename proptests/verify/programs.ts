/**
 * Random programs out of the instructions that engines have special cases for: every ALU, move, shift, stack and branch
 * form, on registers, on aligned and crooked addresses, near code, in loops that make them warm. A program is a
 * multiboot guest from one seed; it ends by the debug-exit port.
 */
import { assemble } from '../../src/core/isa/assemble.ts';
import { Dice } from '../replay/wild.ts';

const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi'];
const BYTES = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'];
const WORDS = ['ax', 'cx', 'dx', 'bx', 'bp', 'si', 'di'];
const ALU = ['add', 'sub', 'and', 'or', 'xor', 'cmp', 'adc', 'sbb', 'test'];
const CONDITIONS = ['o', 'no', 'b', 'nb', 'z', 'nz', 'be', 'nbe', 's', 'ns', 'p', 'np', 'l', 'nl', 'le', 'nle'];
const SHIFTS = ['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr'];
const NUMBERS = [
  0, 1, 2, 3, 7, 15, 31, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** Data lies here; DATA_BYTES of it are used. */
const DATA = 0x180000;
const DATA_BYTES = 0x2400;

class Program {
  private readonly dice: Dice;
  readonly lines: string[] = [];
  private labels = 0;
  private callees = 0;
  readonly functions: string[] = [];

  constructor(dice: Dice) {
    this.dice = dice;
  }

  private register(): string {
    return this.dice.pick(REGISTERS);
  }
  private number(): number {
    return this.dice.next(3) === 0 ? this.dice.next(0x1_0000_0000) : this.dice.pick(NUMBERS);
  }
  /** Mostly aligned; sometimes across a page. */
  private address(): string {
    const at = DATA + this.dice.next(DATA_BYTES >> 2) * 4;
    if (this.dice.next(3) === 0) {
      const index = this.register();
      this.lines.push(`and ${index}, ${this.dice.pick([0x3fc, 0x7f, 0xff0])}`);
      const scale = this.dice.pick([1, 2, 4]);
      if (this.dice.next(2) === 0) return `[${DATA} + ${index}*${scale}]`;
      const base = this.register();
      this.lines.push(`mov ${base}, ${at}`);
      // Whichever register it is, base + index must stay in the data.
      return base === index ? `[${base}]` : `[${base} + ${index}*${scale} + ${this.dice.pick([0, 4, 8, 1])}]`;
    }
    return `[${this.dice.next(6) === 0 ? at + this.dice.pick([1, 2, 3]) : at}]`;
  }

  line(): void {
    const { dice } = this;
    const kind = dice.next(30);
    const [a, b] = [this.register(), this.register()];
    const push = (text: string): number => this.lines.push(text);
    if (kind < 4) {
      const op = dice.pick(ALU);
      if (kind === 0) push(`${op} ${a}, ${b}`);
      else if (kind === 1) push(`${op} ${a}, ${this.number()}`);
      else if (kind === 2) push(`${op} dword ${this.address()}, ${dice.next(2) === 0 ? a : this.number()}`);
      else if (op !== 'test') push(`${op} ${a}, ${this.address()}`);
    } else if (kind < 6) {
      const op = dice.pick(ALU);
      if (kind === 4) push(`${op} ${dice.pick(BYTES)}, ${dice.next(2) === 0 ? dice.pick(BYTES) : dice.next(256)}`);
      else if (dice.next(2) === 0)
        push(`${op} byte ${this.address()}, ${dice.next(2) === 0 ? dice.pick(BYTES) : dice.next(256)}`);
      else if (op !== 'test') push(`${op} ${dice.pick(BYTES)}, ${this.address()}`);
    } else if (kind === 6)
      push(`${dice.pick(ALU)} ${dice.pick(WORDS)}, ${dice.next(2) === 0 ? dice.pick(WORDS) : dice.next(65536)}`);
    else if (kind === 7)
      push(`${dice.pick(['inc', 'dec', 'neg', 'not'])} ${dice.next(3) === 0 ? `dword ${this.address()}` : a}`);
    else if (kind === 8) push(`mov ${a}, ${dice.next(2) === 0 ? b : this.number()}`);
    else if (kind === 9) push(`mov ${a}, ${this.address()}`);
    else if (kind === 10) push(`mov dword ${this.address()}, ${dice.next(2) === 0 ? a : this.number()}`);
    else if (kind === 11)
      push(`mov ${dice.pick(BYTES)}, ${dice.pick([dice.pick(BYTES), String(dice.next(256)), this.address()])}`);
    else if (kind === 12) push(`mov byte ${this.address()}, ${dice.next(2) === 0 ? dice.pick(BYTES) : dice.next(256)}`);
    else if (kind === 13)
      push(`mov word ${this.address()}, ${dice.next(2) === 0 ? dice.pick(WORDS) : dice.next(65536)}`);
    else if (kind === 14) {
      const source = dice.pick([
        `byte ${this.address()}`,
        `word ${this.address()}`,
        dice.pick(BYTES),
        dice.pick(WORDS),
      ]);
      push(`${dice.pick(['movzx', 'movsx'])} ${a}, ${source}`);
    } else if (kind === 15)
      push(`lea ${a}, [${b} + ${this.register()}*${dice.pick([1, 2, 4, 8])} + ${dice.next(200)}]`);
    else if (kind === 16) push(`set${dice.pick(CONDITIONS)} ${dice.pick(BYTES)}`);
    else if (kind === 17) push(`cmov${dice.pick(CONDITIONS)} ${a}, ${b}`);
    else if (kind === 18) push(`xchg ${a}, ${b}`);
    else if (kind === 19) push(dice.pick(['cdq', 'nop', 'cwde', 'clc', 'stc', 'cmc', 'cld']));
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
    else if (kind === 22) push(`${dice.pick(SHIFTS)} ${a}, ${dice.next(3) === 0 ? 1 : dice.next(33)}`);
    else if (kind === 23) push(`mov cl, ${dice.next(40)}\n${dice.pick(SHIFTS)} ${a}, cl`);
    else if (kind === 24) push(`pushfd\npop ${a}\nand ${a}, 0x8d5`);
    else if (kind === 25) {
      // A short forward jump: both ways happen, by flags.
      const label = `skip${this.labels++}`;
      push(`j${dice.pick(CONDITIONS)} ${label}`);
      for (let i = dice.next(3); i >= 0; i--) this.plain();
      push(`${label}:`);
    } else if (kind === 26) {
      const name = `leaf${this.callees++}`;
      this.functions.push(
        `${name}: ${dice.next(2) === 0 ? `push ebp\nmov ebp, esp\nxor ${a}, ebp\nleave`.replace('xor ebp', 'xor eax') : `add ${a}, ${b}`}\nret`,
      );
      const form = dice.next(3);
      if (form === 0) push(`call ${name}`);
      else if (form === 1) push(`mov ${a}, ${name}\ncall ${a}`);
      else push(`mov dword [${DATA + DATA_BYTES}], ${name}\ncall dword [${DATA + DATA_BYTES}]`);
    } else if (kind === 27) {
      const label = `far${this.labels++}`;
      const form = dice.next(3);
      if (form === 0) push(`jmp ${label}`);
      else if (form === 1) push(`mov ${a}, ${label}\njmp ${a}`);
      else push(`mov dword [${DATA + DATA_BYTES}], ${label}\njmp dword [${DATA + DATA_BYTES}]`);
      push(`ud2\n${label}:`);
    } else if (kind === 28) {
      const label = `turn${this.labels++}`;
      push(
        `mov ecx, ${1 + dice.next(5)}\n${label}: add edx, ecx\n${dice.pick([`loop ${label}`, `dec ecx\njnz ${label}`])}`,
      );
    } else {
      push(
        `mov esi, ${DATA}\nmov edi, ${DATA + 0x1000 - dice.next(16)}\nmov ecx, ${dice.next(9)}\nrep ${dice.pick(['movsd', 'movsb', 'stosd', 'stosb'])}`,
      );
    }
  }

  private plain(): void {
    this.lines.push(`${this.dice.pick(['add', 'xor', 'sub'])} ${this.register()}, ${this.dice.next(1000)}`);
  }
}

/** Source of the program of a seed: `count` random lines, done `turns` times. */
export function randomProgram(seed: number, count = 150, turns = 40): string {
  const dice = new Dice(seed);
  const program = new Program(dice);
  while (program.lines.length < count) program.line();
  const starts = REGISTERS.map((name) => `mov ${name}, ${dice.next(0x1_0000_0000)}`).join('\n');
  return `
bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:  mov esp, 0x170000
        mov dword [0x160000], ${turns}
        mov edi, ${DATA}
        mov ecx, ${DATA_BYTES >> 2}
        mov eax, ${dice.next(0x1_0000_0000)}
fill:   imul eax, eax, 1103515245
        add eax, 12345
        stosd
        loop fill
${starts}
again:
${program.lines.join('\n')}
        dec dword [0x160000]
        jnz near again
        mov al, 1
        out 0xf4, al
${program.functions.join('\n')}
`;
}

export function randomKernel(seed: number, count?: number, turns?: number): Uint8Array {
  return assemble(randomProgram(seed, count, turns)).bytes;
}
