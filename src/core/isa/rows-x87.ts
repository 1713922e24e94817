// The rows of the x87 instructions up to FISTTP (SDM vol. 2, opcode maps of the escapes D8–DF), in the notation of
// row.ts. Arithmetic has the stack destination as operand A and a stack register or memory as B; loads, stores and
// plain comparisons have their one explicit operand as A. Undocumented aliases are encodings of the row they behave
// like.
import { row } from './row.ts';

/**
 * Every x87 instruction can report a device not available or a pending exception. These have memory alone for
 * operands, or none that compiled code takes.
 */
const x87 = { faults: 'NM MF', writes: '' } as const;
/** With stack registers alone the handler may be called in place. */
const stack = { ...x87, assists: 'x87' } as const;
/** Lifted, and with stack registers alone the handler is called in place of what an attempt does not do. */
const moves = { ...stack, lifted: 'x87' } as const;
const arithmetic = { ...stack, writes: 'A', lifted: 'x87' } as const;
const integer = { ...x87, writes: 'A', lifted: 'x87' } as const;
/** The control instructions without WAIT do not look at pending exceptions. */
const control = { faults: 'NM', writes: '' } as const;
/** The comparisons that set EFLAGS clear OF, SF and AF. */
const compareFlags = { ...moves, written: 'OSZAPC' } as const;
const conditional = (read: string) => ({ ...x87, writes: 'A', read, lifted: 'x87' }) as const;

export const X87_ROWS = [
  // Arithmetic
  row('FADD', 'D8 /0 ST0,Md | DC /0 ST0,Mq | D8 C0+i ST0,STi | DC C0+i STi,ST0', arithmetic),
  row('FMUL', 'D8 /1 ST0,Md | DC /1 ST0,Mq | D8 C8+i ST0,STi | DC C8+i STi,ST0', arithmetic),
  row('FSUB', 'D8 /4 ST0,Md | DC /4 ST0,Mq | D8 E0+i ST0,STi | DC E8+i STi,ST0', arithmetic),
  row('FSUBR', 'D8 /5 ST0,Md | DC /5 ST0,Mq | D8 E8+i ST0,STi | DC E0+i STi,ST0', arithmetic),
  row('FDIV', 'D8 /6 ST0,Md | DC /6 ST0,Mq | D8 F0+i ST0,STi | DC F8+i STi,ST0', arithmetic),
  row('FDIVR', 'D8 /7 ST0,Md | DC /7 ST0,Mq | D8 F8+i ST0,STi | DC F0+i STi,ST0', arithmetic),
  row('FADDP', 'DE C0+i STi,ST0', arithmetic),
  row('FMULP', 'DE C8+i STi,ST0', arithmetic),
  row('FSUBP', 'DE E8+i STi,ST0', arithmetic),
  row('FSUBRP', 'DE E0+i STi,ST0', arithmetic),
  row('FDIVP', 'DE F8+i STi,ST0', arithmetic),
  row('FDIVRP', 'DE F0+i STi,ST0', arithmetic),
  row('FIADD', 'DA /0 ST0,Md | DE /0 ST0,Mw', integer),
  row('FIMUL', 'DA /1 ST0,Md | DE /1 ST0,Mw', integer),
  row('FISUB', 'DA /4 ST0,Md | DE /4 ST0,Mw', integer),
  row('FISUBR', 'DA /5 ST0,Md | DE /5 ST0,Mw', integer),
  row('FIDIV', 'DA /6 ST0,Md | DE /6 ST0,Mw', integer),
  row('FIDIVR', 'DA /7 ST0,Md | DE /7 ST0,Mw', integer),

  // Comparisons
  row('FCOM', 'D8 /2 Md | DC /2 Mq | D8 D0+i STi | DC D0+i STi', moves),
  row('FCOMP', 'D8 /3 Md | DC /3 Mq | D8 D8+i STi | DC D8+i STi | DE D0+i STi', moves),
  row('FCOMPP', 'DE D9', moves),
  row('FICOM', 'DA /2 Md | DE /2 Mw', { ...x87, lifted: 'x87' }),
  row('FICOMP', 'DA /3 Md | DE /3 Mw', { ...x87, lifted: 'x87' }),
  row('FUCOM', 'DD E0+i STi', moves),
  row('FUCOMP', 'DD E8+i STi', moves),
  row('FUCOMPP', 'DA E9', moves),
  row('FCOMI', 'DB F0+i ST0,STi', compareFlags),
  row('FCOMIP', 'DF F0+i ST0,STi', compareFlags),
  row('FUCOMI', 'DB E8+i ST0,STi', compareFlags),
  row('FUCOMIP', 'DF E8+i ST0,STi', compareFlags),
  row('FTST', 'D9 E4', moves),
  row('FXAM', 'D9 E5', stack),

  // Loads, stores, moves
  row('FLD', 'D9 /0 Md | DD /0 Mq | DB /5 Mt | D9 C0+i STi', moves),
  row('FST', 'D9 /2 Md | DD /2 Mq | DD D0+i STi', arithmetic),
  row('FSTP', 'D9 /3 Md | DD /3 Mq | DB /7 Mt | DD D8+i STi | D9 D8+i STi | DF D0+i STi | DF D8+i STi', arithmetic),
  row('FILD', 'DF /0 Mw | DB /0 Md | DF /5 Mq', { ...x87, lifted: 'x87' }),
  row('FIST', 'DF /2 Mw | DB /2 Md', integer),
  row('FISTP', 'DF /3 Mw | DB /3 Md | DF /7 Mq', integer),
  row('FISTTP', 'DF /1 Mw | DB /1 Md | DD /1 Mq', integer),
  row('FBLD', 'DF /4 Mt', x87),
  row('FBSTP', 'DF /6 Mt', { ...x87, writes: 'A' }),
  row('FXCH', 'D9 C8+i STi | DD C8+i STi | DF C8+i STi', arithmetic),
  row('FCMOVB', 'DA C0+i ST0,STi', conditional('C')),
  row('FCMOVE', 'DA C8+i ST0,STi', conditional('Z')),
  row('FCMOVBE', 'DA D0+i ST0,STi', conditional('ZC')),
  row('FCMOVU', 'DA D8+i ST0,STi', conditional('P')),
  row('FCMOVNB', 'DB C0+i ST0,STi', conditional('C')),
  row('FCMOVNE', 'DB C8+i ST0,STi', conditional('Z')),
  row('FCMOVNBE', 'DB D0+i ST0,STi', conditional('ZC')),
  row('FCMOVNU', 'DB D8+i ST0,STi', conditional('P')),
  row('FLD1', 'D9 E8', moves),
  row('FLDL2T', 'D9 E9', stack),
  row('FLDL2E', 'D9 EA', stack),
  row('FLDPI', 'D9 EB', stack),
  row('FLDLG2', 'D9 EC', stack),
  row('FLDLN2', 'D9 ED', stack),
  row('FLDZ', 'D9 EE', moves),

  // Functions of ST(0) and ST(1)
  row('FCHS', 'D9 E0', moves),
  row('FABS', 'D9 E1', moves),
  row('FSQRT', 'D9 FA', stack),
  row('FRNDINT', 'D9 FC', stack),
  row('FSCALE', 'D9 FD', stack),
  row('FXTRACT', 'D9 F4', stack),
  row('FPREM', 'D9 F8', stack),
  row('FPREM1', 'D9 F5', stack),
  row('F2XM1', 'D9 F0', stack),
  row('FYL2X', 'D9 F1', stack),
  row('FYL2XP1', 'D9 F9', stack),
  row('FPTAN', 'D9 F2', stack),
  row('FPATAN', 'D9 F3', stack),
  row('FSIN', 'D9 FE', stack),
  row('FCOS', 'D9 FF', stack),
  row('FSINCOS', 'D9 FB', stack),

  // Stack and control
  row('FNOP', 'D9 D0', stack),
  row('FDECSTP', 'D9 F6', stack),
  row('FINCSTP', 'D9 F7', stack),
  row('FFREE', 'DD C0+i STi', stack),
  row('FFREEP', 'DF C0+i STi', stack),
  row('FLDENV', 'D9 /4 Me', x87),
  row('FNSTENV', 'D9 /6 Me', { ...control, writes: 'A' }),
  row('FRSTOR', 'DD /4 Me', x87),
  row('FNSAVE', 'DD /6 Me', { ...control, writes: 'A' }),
  row('FLDCW', 'D9 /5 Mw', { ...x87, lifted: 'x87' }),
  row('FNSTCW', 'D9 /7 Mw', { ...control, writes: 'A', lifted: 'x87' }),
  row('FNSTSW', 'DD /7 Mw', { ...control, writes: 'A', lifted: 'x87' }),
  row('FNSTSW_AX', 'DF E0', { ...control, writes: 'EAX', lifted: 'x87' }),
  row('FNCLEX', 'DB E2', control),
  row('FNINIT', 'DB E3', control),
  // Of the 8087 and 80287: nothing happens on later processors
  row('FNENI', 'DB E0', control),
  row('FNDISI', 'DB E1', control),
  row('FNSETPM', 'DB E4', control),
] as const;
