// The shape of an instruction row and the notation it is written in. A row states what the manual states
// (SDM vol. 2): encodings, flags, faults, and what kind of instruction it is. Nothing here executes.
//
// An encoding is written as in the manual, operands as in its opcode map (vol. 2, appendix A.2):
//   [NP|66|F2|F3] bytes[+r|+i|+cc] [/r|/0../7] [operands] [lock]
//   NP 66 F2 F3   mandatory prefix; without one the prefixes keep their usual meaning
//   +r +i +cc     low bits of the last byte name a register, ST(i), or the condition
//   /r /n         a ModRM byte follows; /n = its reg field extends the opcode
//   lock          a LOCK prefix is legal when the destination is memory
// Operands, destination first: a letter for the place and letters for the size.
//   E register or memory · M memory · R register (mod ignored) · G general register by reg · Z by opcode
//   I immediate (sIb: byte, sign-extended to operand size) · J branch displacement · A far pointer · O moffs
//   S C D segment, control, debug register by reg · X DS:eSI · Y ES:eDI
//   P Q N  MMX by reg, by ModRM, register only · V W U  XMM likewise · ST0 STi
//   b w d q dq 8 to 128 bits · v z operand size 16/32 · ss sd ps pd scalar, packed · t 80 bits
//   p far pointer · s pseudo-descriptor · a pair of BOUND · e x87 or SSE state image
//   x/y: register form x, memory form y. A second memory form is a second encoding.

import { REGISTERS_32 } from '../base/names.ts';

/**
 * A set of EFLAGS bits, written with one letter each: ODITSZAPC, N = NT, L = IOPL, R = RF, V = VM, K = AC, F = VIF VIP
 * ID.
 */
export type FlagLetters = string;

export type RowKind =
  /** Registers, flags and at most the operand that ModRM or moffs names. */
  | 'plain'
  /** Memory that no operand names: stack, strings, tables. */
  | 'memory'
  /** Writes EIP. */
  | 'branch'
  /** Privileged, or changes or shows the machine's state beyond the general registers. */
  | 'system';

export interface RowFlags {
  readonly read: FlagLetters;
  /** Always set, cleared or computed (a shift by zero or an unmet condition may leave them). */
  readonly written: FlagLetters;
  /** Left undefined by the manual. */
  readonly undefined: FlagLetters;
  /** What we do with the undefined ones: `A=0`, `A=1`, `A=kept` or `A=result` (computed as for a related case). */
  readonly choice: string;
}

/**
 * What an instruction writes besides flags, EIP and the state of its own unit: nothing, or words of
 *   A B    the operand, a general register or memory
 *   EAX …  a general register that no operand names, whole or a part of it
 *   COUNT  ECX or CX when the instruction is repeated
 *   HIGH   EDX or DX unless operand A is a byte
 *   MEM    memory that no operand names
 *   TASK   everything, when it switches tasks
 */
export type WrittenWords = string;

/** The words, taken apart. */
export interface RowWrites {
  readonly words: WrittenWords;
  readonly a: boolean;
  readonly b: boolean;
  /** Mask of the registers that no operand names; all of them for TASK. */
  readonly registers: number;
  readonly count: boolean;
  readonly high: boolean;
  readonly memory: boolean;
  readonly task: boolean;
}

/** The file of tiers/lift that has a lifter for the row; '' for rows that are left to their handler. */
export type LiftedBy =
  | 'alu'
  | 'bits'
  | 'flags'
  | 'flow'
  | 'move'
  | 'multiply'
  | 'selectors'
  | 'shift'
  | 'simd'
  | 'stack'
  | 'string'
  | 'system'
  | 'x87';

/** The unit whose state alone an assist changes. */
export type Unit = 'x87' | 'sse';

export interface Row<Name extends string = string, By extends LiftedBy | '' = LiftedBy | ''> {
  readonly name: Name;
  readonly encodings: readonly string[];
  readonly flags: RowFlags;
  readonly kind: RowKind;
  /** Mnemonics of the faults besides those of accessing a memory operand (GP SS PF AC), e.g. `DE`. */
  readonly faults: readonly string[];
  readonly endsBlock: boolean;
  readonly writes: RowWrites;
  readonly lifted: By;
  /**
   * Whether the handler may be called in the middle of compiled code for the forms whose operands are registers of the
   * unit alone: there it reads and changes the unit's words and EFLAGS as `flags.written` says, and nothing else.
   * '': it may not.
   */
  readonly assists: Unit | '';
}

export interface RowFacts {
  /** No default: what is not said here is not seen by compiled code. */
  readonly writes: WrittenWords;
  readonly read?: FlagLetters;
  readonly written?: FlagLetters;
  readonly undefined?: FlagLetters;
  readonly choice?: string;
  readonly kind?: RowKind;
  readonly faults?: string;
  readonly endsBlock?: boolean;
  readonly lifted?: LiftedBy;
  readonly assists?: Unit;
}

type LiftedOf<Facts> = Facts extends { readonly lifted: infer By extends LiftedBy } ? By : '';

/**
 * Faults that compiled code makes sure of before an assist: with its guards, or because the unit's registers cannot
 * raise them.
 */
const ASSIST_FAULTS: Readonly<Record<Unit, readonly string[]>> = {
  x87: ['NM', 'MF'],
  sse: ['NM', 'UD', 'MF', 'XM'],
};

function parseWrites(name: string, text: WrittenWords): RowWrites {
  const words = text === '' ? [] : text.split(' ');
  let registers = 0;
  for (const word of words) {
    const register = REGISTERS_32.findIndex((known) => known.toUpperCase() === word);
    if (register >= 0) registers |= 1 << register;
    else if (!/^(A|B|COUNT|HIGH|MEM|TASK)$/.test(word)) throw new Error(`${word} is nothing that ${name} can write`);
  }
  const task = words.includes('TASK');
  return {
    words: text,
    a: words.includes('A'),
    b: words.includes('B'),
    registers: task ? 0xff : registers,
    count: words.includes('COUNT'),
    high: words.includes('HIGH'),
    memory: task || words.includes('MEM'),
    task,
  };
}

/** Throws when the row claims to assist and says something else that compiled code would not see. */
function checkAssist(row: Row): void {
  const { name, assists, kind, endsBlock, flags, writes } = row;
  if (assists === '') return;
  const complain = (what: string): never => {
    throw new Error(`${name} cannot assist: ${what}`);
  };
  if (kind !== 'plain' || endsBlock) complain('it does more than change registers of its unit');
  if (writes.registers !== 0 || writes.count || writes.high)
    complain('it writes a general register that no operand names');
  if (writes.memory) complain('it writes memory');
  if (flags.read !== '') complain('it reads flags, which compiled code keeps elsewhere');
  if (flags.undefined !== '') complain('it leaves flags undefined');
  for (const fault of row.faults) if (!ASSIST_FAULTS[assists].includes(fault)) complain(`it can raise #${fault}`);
}

/** One row; `encodings` are separated by bars. Branches end a block unless they say otherwise. */
export function row<const Name extends string, const Facts extends RowFacts>(
  name: Name,
  encodings: string,
  facts: Facts,
): Row<Name, LiftedOf<Facts>> {
  const kind = facts.kind ?? 'plain';
  const made: Row<Name, LiftedOf<Facts>> = {
    name,
    encodings: encodings.split('|').map((encoding) => encoding.trim()),
    flags: {
      read: facts.read ?? '',
      written: facts.written ?? '',
      undefined: facts.undefined ?? '',
      choice: facts.choice ?? '',
    },
    kind,
    faults: facts.faults === undefined ? [] : facts.faults.split(' '),
    endsBlock: facts.endsBlock ?? kind === 'branch',
    writes: parseWrites(name, facts.writes),
    lifted: (facts.lifted ?? '') as LiftedOf<Facts>,
    assists: facts.assists ?? '',
  };
  checkAssist(made);
  return made;
}
