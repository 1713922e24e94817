// The rows of the x87 instructions up to FISTTP (SDM vol. 2, opcode maps of the escapes D8–DF), in the notation of
// row.ts. Arithmetic has the stack destination as operand A and a stack register or memory as B; loads, stores and
// plain comparisons have their one explicit operand as A. Undocumented aliases are encodings of the row they behave
// like.
import { row } from './row.ts';

/** Every x87 instruction can report a device not available or a pending exception. */
const x87 = { faults: 'NM MF' };
/** The control instructions without WAIT do not look at pending exceptions. */
const control = { faults: 'NM' };
/** The comparisons that set EFLAGS clear OF, SF and AF. */
const compareFlags = { faults: 'NM MF', written: 'OSZAPC' };
const conditional = (read: string) => ({ faults: 'NM MF', read });

export const X87_ROWS = [
  // Arithmetic
  row('FADD', 'D8 /0 ST0,Md | DC /0 ST0,Mq | D8 C0+i ST0,STi | DC C0+i STi,ST0', x87),
  row('FMUL', 'D8 /1 ST0,Md | DC /1 ST0,Mq | D8 C8+i ST0,STi | DC C8+i STi,ST0', x87),
  row('FSUB', 'D8 /4 ST0,Md | DC /4 ST0,Mq | D8 E0+i ST0,STi | DC E8+i STi,ST0', x87),
  row('FSUBR', 'D8 /5 ST0,Md | DC /5 ST0,Mq | D8 E8+i ST0,STi | DC E0+i STi,ST0', x87),
  row('FDIV', 'D8 /6 ST0,Md | DC /6 ST0,Mq | D8 F0+i ST0,STi | DC F8+i STi,ST0', x87),
  row('FDIVR', 'D8 /7 ST0,Md | DC /7 ST0,Mq | D8 F8+i ST0,STi | DC F0+i STi,ST0', x87),
  row('FADDP', 'DE C0+i STi,ST0', x87),
  row('FMULP', 'DE C8+i STi,ST0', x87),
  row('FSUBP', 'DE E8+i STi,ST0', x87),
  row('FSUBRP', 'DE E0+i STi,ST0', x87),
  row('FDIVP', 'DE F8+i STi,ST0', x87),
  row('FDIVRP', 'DE F0+i STi,ST0', x87),
  row('FIADD', 'DA /0 ST0,Md | DE /0 ST0,Mw', x87),
  row('FIMUL', 'DA /1 ST0,Md | DE /1 ST0,Mw', x87),
  row('FISUB', 'DA /4 ST0,Md | DE /4 ST0,Mw', x87),
  row('FISUBR', 'DA /5 ST0,Md | DE /5 ST0,Mw', x87),
  row('FIDIV', 'DA /6 ST0,Md | DE /6 ST0,Mw', x87),
  row('FIDIVR', 'DA /7 ST0,Md | DE /7 ST0,Mw', x87),

  // Comparisons
  row('FCOM', 'D8 /2 Md | DC /2 Mq | D8 D0+i STi | DC D0+i STi', x87),
  row('FCOMP', 'D8 /3 Md | DC /3 Mq | D8 D8+i STi | DC D8+i STi | DE D0+i STi', x87),
  row('FCOMPP', 'DE D9', x87),
  row('FICOM', 'DA /2 Md | DE /2 Mw', x87),
  row('FICOMP', 'DA /3 Md | DE /3 Mw', x87),
  row('FUCOM', 'DD E0+i STi', x87),
  row('FUCOMP', 'DD E8+i STi', x87),
  row('FUCOMPP', 'DA E9', x87),
  row('FCOMI', 'DB F0+i ST0,STi', compareFlags),
  row('FCOMIP', 'DF F0+i ST0,STi', compareFlags),
  row('FUCOMI', 'DB E8+i ST0,STi', compareFlags),
  row('FUCOMIP', 'DF E8+i ST0,STi', compareFlags),
  row('FTST', 'D9 E4', x87),
  row('FXAM', 'D9 E5', x87),

  // Loads, stores, moves
  row('FLD', 'D9 /0 Md | DD /0 Mq | DB /5 Mt | D9 C0+i STi', x87),
  row('FST', 'D9 /2 Md | DD /2 Mq | DD D0+i STi', x87),
  row('FSTP', 'D9 /3 Md | DD /3 Mq | DB /7 Mt | DD D8+i STi | D9 D8+i STi | DF D0+i STi | DF D8+i STi', x87),
  row('FILD', 'DF /0 Mw | DB /0 Md | DF /5 Mq', x87),
  row('FIST', 'DF /2 Mw | DB /2 Md', x87),
  row('FISTP', 'DF /3 Mw | DB /3 Md | DF /7 Mq', x87),
  row('FISTTP', 'DF /1 Mw | DB /1 Md | DD /1 Mq', x87),
  row('FBLD', 'DF /4 Mt', x87),
  row('FBSTP', 'DF /6 Mt', x87),
  row('FXCH', 'D9 C8+i STi | DD C8+i STi | DF C8+i STi', x87),
  row('FCMOVB', 'DA C0+i ST0,STi', conditional('C')),
  row('FCMOVE', 'DA C8+i ST0,STi', conditional('Z')),
  row('FCMOVBE', 'DA D0+i ST0,STi', conditional('ZC')),
  row('FCMOVU', 'DA D8+i ST0,STi', conditional('P')),
  row('FCMOVNB', 'DB C0+i ST0,STi', conditional('C')),
  row('FCMOVNE', 'DB C8+i ST0,STi', conditional('Z')),
  row('FCMOVNBE', 'DB D0+i ST0,STi', conditional('ZC')),
  row('FCMOVNU', 'DB D8+i ST0,STi', conditional('P')),
  row('FLD1', 'D9 E8', x87),
  row('FLDL2T', 'D9 E9', x87),
  row('FLDL2E', 'D9 EA', x87),
  row('FLDPI', 'D9 EB', x87),
  row('FLDLG2', 'D9 EC', x87),
  row('FLDLN2', 'D9 ED', x87),
  row('FLDZ', 'D9 EE', x87),

  // Functions of ST(0) and ST(1)
  row('FCHS', 'D9 E0', x87),
  row('FABS', 'D9 E1', x87),
  row('FSQRT', 'D9 FA', x87),
  row('FRNDINT', 'D9 FC', x87),
  row('FSCALE', 'D9 FD', x87),
  row('FXTRACT', 'D9 F4', x87),
  row('FPREM', 'D9 F8', x87),
  row('FPREM1', 'D9 F5', x87),
  row('F2XM1', 'D9 F0', x87),
  row('FYL2X', 'D9 F1', x87),
  row('FYL2XP1', 'D9 F9', x87),
  row('FPTAN', 'D9 F2', x87),
  row('FPATAN', 'D9 F3', x87),
  row('FSIN', 'D9 FE', x87),
  row('FCOS', 'D9 FF', x87),
  row('FSINCOS', 'D9 FB', x87),

  // Stack and control
  row('FNOP', 'D9 D0', x87),
  row('FDECSTP', 'D9 F6', x87),
  row('FINCSTP', 'D9 F7', x87),
  row('FFREE', 'DD C0+i STi', x87),
  row('FFREEP', 'DF C0+i STi', x87),
  row('FLDENV', 'D9 /4 Me', x87),
  row('FNSTENV', 'D9 /6 Me', control),
  row('FRSTOR', 'DD /4 Me', x87),
  row('FNSAVE', 'DD /6 Me', control),
  row('FLDCW', 'D9 /5 Mw', x87),
  row('FNSTCW', 'D9 /7 Mw', control),
  row('FNSTSW', 'DD /7 Mw', control),
  row('FNSTSW_AX', 'DF E0', control),
  row('FNCLEX', 'DB E2', control),
  row('FNINIT', 'DB E3', control),
  // Of the 8087 and 80287: nothing happens on later processors
  row('FNENI', 'DB E0', control),
  row('FNDISI', 'DB E1', control),
  row('FNSETPM', 'DB E4', control),
] as const;
