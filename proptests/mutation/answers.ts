/**
 * The notation of faults: where a text of an emitted file stands and what takes its place, and what a right report of
 * it says; with the answers that several faults have in common, by the words in which this project names instructions.
 * The lists themselves are mutations.ts and the files that it takes in. Imports nothing.
 */
export interface Mutation {
  readonly file: string;
  readonly after: string;
  readonly find: string;
  readonly replace: string;
  readonly breaks: string;
  readonly right: Answer;
  /** What has to notice it, unless the folder of the file says so (run.ts). */
  readonly on?: 'wasm';
}

/** What the report of a fault must say to have named the right instruction. Everything given must hold. */
export interface Answer {
  /** The instruction named, in this project's words: `ADC eax, ebp`. */
  readonly names?: RegExp;
  /**
   * Some instruction of the piece from there on. For faults between two instructions: the flags that one leaves and
   * another reads, a write that is dropped because of what stands behind it, code that a store changes.
   */
  readonly shows?: RegExp;
  /** Something that differs: a register, `tick`, `memory`. */
  readonly differs?: RegExp;
  /** For what all engines share, so that only the log tells: words of the replay's report. */
  readonly says?: RegExp;
}

/** The text with the fault in it, or null when the place is not found. */
export function mutate(text: string, { after, find, replace }: Mutation): string | null {
  const from = text.indexOf(after);
  const at = from < 0 ? -1 : text.indexOf(find, from + after.length);
  return at < 0 ? null : text.slice(0, at) + replace + text.slice(at + find.length);
}

export type Row = readonly [after: string, find: string, replace: string, breaks: string, right: Answer];

export const inFile = (file: string, rows: readonly Row[], on?: Mutation['on']): Mutation[] =>
  rows.map(([after, find, replace, breaks, right]) => {
    const mutation = { file, after, find, replace, breaks, right };
    return on === undefined ? mutation : { ...mutation, on };
  });

/** The instruction alone. */
export const at = (names: RegExp): Answer => ({ names });
/** Leaves lazy flags; what reads them shows the fault. A restored state has none, so the fault begins here. */
export const SETS_FLAGS = new RegExp(
  `^(ADD|SUB|ADC|SBB|CMP|AND|OR|XOR|TEST|INC|DEC|NEG|SHL|SHR|SAR|ROL|ROR|RCL|RCR|SH[LR]D(_CL)?|` +
    `IMUL|IMUL1|IMUL3|MUL|DIV|IDIV|XADD|CMPXCHG|BT|BTS|BTR|BTC|BSF|BSR|STC|CLC|CMC|U?COMIS[SD]|FU?COMIP?)\\b`,
);
/** Leaves all arithmetic flags as they are in EFLAGS, none of them lazy. */
export const FOLDS_FLAGS = new RegExp(
  '^(F?U?COMI\\w*|STC|CLC|CMC|BT[SRC]?|BS[FR]|IMUL[13]?|MUL|ROL|ROR|RCL|RCR|SHL|SHR|SAR|SH[LR]D(_CL)?|' +
    'DIV|IDIV|POPF)\\b',
);
export const flagsReadBy = (shows: RegExp): Answer => ({ names: SETS_FLAGS, shows });
/** A tick more or less for each block: a block of one instruction shows it, the last one of a longer one. */
export const ENDS_BLOCK: Answer = {
  names: /^(JCC|JMP|LOOP|CALL|RET|JCXZ|IRET|STI|CLI|HLT|OUT|IN|POPF|MOV_TO_CR|INT|MOV_TO_SEG|REP)/,
  differs: /tick|eip/,
};
export const NARROW = '([abcd][lh]|[abcd]x|[sd]i|[bs]p|byte|word)';
/**
 * What is lifted with a logical shift to the right: these, and bytes 8-15 of a register. The bits of what is shifted,
 * and the count in CL, must be known: the piece may begin where they come to be.
 */
const RIGHT_SHIFTED = /^(SHR|SHL|ROL|ROR|RCL|RCR|SH[LR]D(_CL)?|BTS?|BTR|BTC|BSWAP|MUL|IMUL1)\b|\b[abcd]h\b/;
const KNOWS_BITS = /^(MOV cl, 0x|SETCC|MOVZX|AND|MOV \w+, 0x)/;
export const SHIFTS_RIGHT: Answer = {
  names: new RegExp(`${RIGHT_SHIFTED.source}|${KNOWS_BITS.source}`),
  shows: RIGHT_SHIFTED,
};
/** A store into code that random programs make, or the instruction that they change by it. */
export const CHANGES_CODE: Answer = {
  shows: /^ADD (byte|dword) \[ds:0x10[0-9a-f]{4}\], 0x|^MOV eax, 0x[0-9a-f]+$/,
};

/** Loads a narrow value with its sign. So does the x87 with its words; string comparisons name no operand. */
export const LOADS_SIGNED = new RegExp(
  String.raw`^(MOVSX|ADD|ADC|SUB|SBB|CMP|INC|DEC|NEG|SAR|IMUL|IMUL1|IMUL3|XADD|CMPXCHG) .*(byte|word) \[|` +
    String.raw`^FI\w+ (st0, )?word \[|^(CMP|SCA)S\b`,
);

/** Writes memory that its operand or the stack pointer names. */
export const STORES = /^(?!CMP |TEST |BT |CALL_)\w+(\.\w+)? (byte|word|dword) \[|^(PUSH|CALL)/;
/** Its first operand is a general register, or it writes one that it does not name. */
export const WRITES_REGISTER = new RegExp(
  String.raw`^(?!CMP |TEST |BT )\w+(\.\w+)? (e?[abcd]x|[abcd][lh]|e?[sd]i|e?[bs]p)\b|` +
    '^(PUSH|POP|CALL|RET|LEAVE|LOOP|CWD|CBW|STOS|MOVS|REP|RDTSC|MUL|DIV|IDIV|IMUL1)',
);
