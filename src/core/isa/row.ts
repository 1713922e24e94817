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

export interface Row<Name extends string = string> {
  readonly name: Name;
  readonly encodings: readonly string[];
  readonly flags: RowFlags;
  readonly kind: RowKind;
  /** Mnemonics of the faults besides those of accessing a memory operand (GP SS PF AC), e.g. `DE`. */
  readonly faults: readonly string[];
  readonly endsBlock: boolean;
}

export interface RowFacts {
  readonly read?: FlagLetters;
  readonly written?: FlagLetters;
  readonly undefined?: FlagLetters;
  readonly choice?: string;
  readonly kind?: RowKind;
  readonly faults?: string;
  readonly endsBlock?: boolean;
}

/** One row; `encodings` are separated by bars. Branches end a block unless they say otherwise. */
export function row<const Name extends string>(name: Name, encodings: string, facts: RowFacts = {}): Row<Name> {
  const kind = facts.kind ?? 'plain';
  return {
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
  };
}
