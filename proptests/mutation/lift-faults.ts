/**
 * Faults of lifters of arithmetic: shifts and rotations, multiplications and divisions, single flags. Written as in
 * mutations.ts.
 */
import { at, inFile, type Mutation } from './answers.ts';

export const LIFT_FAULTS: readonly Mutation[] = [
  ...inFile('tiers/lift/shift.js', [
    ['const staticCount', '& 31', '& 63', 'compiled shifts by 32 and more', at(/^(SHL|SHR|SAR|ROL|ROR) .*, 0x2\d$/)],
    ['function shl', 'b.constant(bits), count', 'b.constant(bits - 1), count', 'compiled SHL: wrong CF', at(/^SHL /)],
    ['function shr', "'sub', count, 1", "'sub', count, 0", 'compiled SHR: CF one bit too far', at(/^SHR /)],
    [
      'function sar',
      "b.binary('sar', value, count)",
      "b.binary('shr', value, count)",
      'compiled SAR shifts in zeros',
      at(/^SAR /),
    ],
    [
      'function shiftFlags',
      "b.select(count, b.binary('or', signZeroParity(l, result), given), b.flags())",
      "b.binary('or', signZeroParity(l, result), given)",
      'a count of 0 in CL changes flags',
      // Where CL is set before, the count is known: the piece begins there.
      { names: /^((SHL|SHR|SAR) .*, cl$|SH[LR]D_CL|MOV cl, 0x0$)/, shows: /^((SHL|SHR|SAR) .*, cl$|SH[LR]D_CL)/ },
    ],
    ['function rotate(', 'left ? turns : back', 'left ? back : turns', 'ROL turns right', at(/^(ROL|ROR) /)],
    ['function rotateThroughCarry', 'turns - 1', 'turns', 'RCR puts the bit above into CF', at(/^RCR /)],
    [
      'function throughCarry',
      'count - 1',
      'count',
      'RCL and RCR by more than one put CF a bit too high',
      at(/^RC[LR] /),
    ],
    [
      'function rotateThroughCarry',
      'bits - turns',
      'bits - 1',
      'RCL by more than one leaves the top bit in CF',
      { names: /^RCL /, differs: /eflags/ },
    ],
  ]),
  ...inFile('tiers/lift/multiply.js', [
    [
      'function multiplyInto',
      "'mulhs', x, y",
      "'mulhu', x, y",
      'IMUL: overflow as of unsigned numbers',
      at(/^(IMUL|IMUL3) /),
    ],
    ['function div(', "'sub', dividend", "'add', dividend", 'DIV: the remainder is none', at(/^DIV /)],
    ['function longQuotient', "'eq', low, 0", "'ne', low, 0", 'IDIV: the carry of a negative dividend', at(/^IDIV /)],
    [
      'function longQuotient',
      'signedBy(l, rest, sign)',
      'signedBy(l, rest, quotientSign)',
      'IDIV: the remainder has the sign of the quotient',
      at(/^IDIV /),
    ],
    [
      'function longQuotient',
      "'xor', sign, divisorSign",
      "'or', sign, divisorSign",
      'IDIV: a negative by a negative number is negative',
      at(/^IDIV /),
    ],
    ['function mul(', 'b.set(EDX, high)', 'b.set(EDX, low)', 'MUL: EDX gets the low half', at(/^MUL /)],
  ]),
  ...inFile('tiers/lift/flags.js', [
    ['function lahf', 'FIXED', '0', 'LAHF: bit 1 is 0', at(/^LAHF/)],
    [
      'function sahf',
      'changeFlags(l, LOW_FLAGS',
      'changeFlags(l, LOW_FLAGS & ~1',
      'SAHF: CF is never cleared',
      at(/^SAHF/),
    ],
  ]),
];
