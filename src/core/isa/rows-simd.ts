// The rows of MMX, SSE, SSE2 and SSE3 (SDM vol. 2), in the notation of row.ts. Where an instruction differs between
// MMX and XMM registers by the register file alone, both are encodings of one row and the operand kind tells.
// Newer extensions do not exist on this processor: SSSE3, SSE4, AVX, 3DNow!, MONITOR/MWAIT decode to #UD.
import { row } from './row.ts';

/** With XMM registers alone their handlers may be called in place. */
const integer = { faults: 'NM UD MF', writes: 'A', assists: 'sse' } as const;
const float = { faults: 'NM UD XM', writes: 'A', assists: 'sse' } as const;
const move = { faults: 'NM UD', writes: 'A', assists: 'sse' } as const;
/** Lifted whatever the operands. */
const liftedInteger = { faults: 'NM UD MF', writes: 'A', lifted: 'simd' } as const;
const liftedFloat = { faults: 'NM UD XM', writes: 'A', lifted: 'simd' } as const;
/** Lifted by an immediate count, assisted by a register's. */
const shiftedInteger = { ...integer, lifted: 'simd' } as const;
const liftedMove = { faults: 'NM UD', writes: 'A', lifted: 'simd' } as const;
/**
 * Neither: a general or an MMX register or memory is among the operands of every form, or more than registers changes.
 */
const mixedInteger = { faults: 'NM UD MF', writes: 'A' } as const;
const mixedFloat = { faults: 'NM UD XM', writes: 'A' } as const;
const mixedBoth = { faults: 'NM UD MF XM', writes: 'A' } as const;
const image = { faults: 'NM UD' } as const;
const compareFlags = { faults: 'NM UD XM', writes: '', written: 'OSZAPC', lifted: 'simd' } as const;

/** One opcode of 0F for both register files. */
const both = (opcode: string): string => `NP 0F ${opcode} /r Pq,Qq | 66 0F ${opcode} /r Vdq,Wdq`;
/** As `both`; the low half of an MMX source is a 32-bit memory access. */
const bothLow = (opcode: string): string => `NP 0F ${opcode} /r Pq,Qd | 66 0F ${opcode} /r Vdq,Wdq`;
/** A shift by a register or memory count, or by an immediate (group 12–14). */
const shift = (opcode: string, group: string): string => {
  const [immediate, digit] = group.split('/');
  return `${both(opcode)} | NP 0F ${immediate} /${digit} Nq,Ib | 66 0F ${immediate} /${digit} Udq,Ib`;
};
const ps = (opcode: string): string => `NP 0F ${opcode} /r Vps,Wps`;
const pd = (opcode: string): string => `66 0F ${opcode} /r Vpd,Wpd`;
const ss = (opcode: string): string => `F3 0F ${opcode} /r Vss,Wss`;
const sd = (opcode: string): string => `F2 0F ${opcode} /r Vsd,Wsd`;

export const SIMD_ROWS = [
  // Moves
  row('MOVD', 'NP 0F 6E /r Pq,Ed | 66 0F 6E /r Vdq,Ed | NP 0F 7E /r Ed,Pq | 66 0F 7E /r Ed,Vdq', liftedInteger),
  row('MOVQ', 'NP 0F 6F /r Pq,Qq | NP 0F 7F /r Qq,Pq | F3 0F 7E /r Vq,Wq | 66 0F D6 /r Wq,Vq', liftedInteger),
  row('MOVQ2DQ', 'F3 0F D6 /r Vdq,Nq', mixedInteger),
  row('MOVDQ2Q', 'F2 0F D6 /r Pq,Uq', mixedInteger),
  row('MOVUPS', 'NP 0F 10 /r Vps,Wps | NP 0F 11 /r Wps,Vps', liftedMove),
  row('MOVUPD', '66 0F 10 /r Vpd,Wpd | 66 0F 11 /r Wpd,Vpd', liftedMove),
  row('MOVSS', 'F3 0F 10 /r Vss,Wss | F3 0F 11 /r Wss,Vss', liftedMove),
  row('MOVSD', 'F2 0F 10 /r Vsd,Wsd | F2 0F 11 /r Wsd,Vsd', liftedMove),
  row('MOVAPS', 'NP 0F 28 /r Vps,Wps | NP 0F 29 /r Wps,Vps', liftedMove),
  row('MOVAPD', '66 0F 28 /r Vpd,Wpd | 66 0F 29 /r Wpd,Vpd', liftedMove),
  row('MOVDQA', '66 0F 6F /r Vdq,Wdq | 66 0F 7F /r Wdq,Vdq', liftedMove),
  row('MOVDQU', 'F3 0F 6F /r Vdq,Wdq | F3 0F 7F /r Wdq,Vdq', liftedMove),
  row('LDDQU', 'F2 0F F0 /r Vdq,Mdq', liftedMove),
  row('MOVLPS', 'NP 0F 12 /r Vq,Mq | NP 0F 13 /r Mq,Vq', liftedMove),
  row('MOVLPD', '66 0F 12 /r Vq,Mq | 66 0F 13 /r Mq,Vq', liftedMove),
  row('MOVHPS', 'NP 0F 16 /r Vq,Mq | NP 0F 17 /r Mq,Vq', liftedMove),
  row('MOVHPD', '66 0F 16 /r Vq,Mq | 66 0F 17 /r Mq,Vq', liftedMove),
  row('MOVHLPS', 'NP 0F 12 /r Vq,Uq', liftedMove),
  row('MOVLHPS', 'NP 0F 16 /r Vq,Uq', liftedMove),
  row('MOVSLDUP', 'F3 0F 12 /r Vps,Wps', liftedMove),
  row('MOVSHDUP', 'F3 0F 16 /r Vps,Wps', liftedMove),
  row('MOVDDUP', 'F2 0F 12 /r Vdq,Wq', liftedMove),
  row('MOVMSKPS', 'NP 0F 50 /r Gd,Ups', liftedMove),
  row('MOVMSKPD', '66 0F 50 /r Gd,Upd', liftedMove),
  row('PMOVMSKB', 'NP 0F D7 /r Gd,Nq | 66 0F D7 /r Gd,Udq', liftedInteger),
  row('MOVNTPS', 'NP 0F 2B /r Mps,Vps', liftedMove),
  row('MOVNTPD', '66 0F 2B /r Mpd,Vpd', liftedMove),
  row('MOVNTQ', 'NP 0F E7 /r Mq,Pq', mixedInteger),
  row('MOVNTDQ', '66 0F E7 /r Mdq,Vdq', liftedMove),
  row('MOVNTI', 'NP 0F C3 /r Md,Gd', { writes: 'A', lifted: 'simd' }),
  row('MASKMOVQ', 'NP 0F F7 /r Pq,Nq', { kind: 'memory', writes: 'MEM', faults: 'NM UD MF GP SS PF AC' }),
  row('MASKMOVDQU', '66 0F F7 /r Vdq,Udq', { kind: 'memory', writes: 'MEM', faults: 'NM UD GP SS PF AC' }),

  // Packed integer arithmetic
  row('PADDB', both('FC'), liftedInteger),
  row('PADDW', both('FD'), liftedInteger),
  row('PADDD', both('FE'), liftedInteger),
  row('PADDQ', both('D4'), liftedInteger),
  row('PADDSB', both('EC'), liftedInteger),
  row('PADDSW', both('ED'), liftedInteger),
  row('PADDUSB', both('DC'), liftedInteger),
  row('PADDUSW', both('DD'), liftedInteger),
  row('PSUBB', both('F8'), liftedInteger),
  row('PSUBW', both('F9'), liftedInteger),
  row('PSUBD', both('FA'), liftedInteger),
  row('PSUBQ', both('FB'), liftedInteger),
  row('PSUBSB', both('E8'), liftedInteger),
  row('PSUBSW', both('E9'), liftedInteger),
  row('PSUBUSB', both('D8'), liftedInteger),
  row('PSUBUSW', both('D9'), liftedInteger),
  row('PMULLW', both('D5'), liftedInteger),
  row('PMULHW', both('E5'), liftedInteger),
  row('PMULHUW', both('E4'), liftedInteger),
  row('PMULUDQ', both('F4'), liftedInteger),
  row('PMADDWD', both('F5'), liftedInteger),
  row('PSADBW', both('F6'), liftedInteger),
  row('PAVGB', both('E0'), liftedInteger),
  row('PAVGW', both('E3'), liftedInteger),
  row('PMINUB', both('DA'), liftedInteger),
  row('PMAXUB', both('DE'), liftedInteger),
  row('PMINSW', both('EA'), liftedInteger),
  row('PMAXSW', both('EE'), liftedInteger),
  row('PCMPEQB', both('74'), liftedInteger),
  row('PCMPEQW', both('75'), liftedInteger),
  row('PCMPEQD', both('76'), liftedInteger),
  row('PCMPGTB', both('64'), liftedInteger),
  row('PCMPGTW', both('65'), liftedInteger),
  row('PCMPGTD', both('66'), liftedInteger),
  row('PAND', both('DB'), liftedInteger),
  row('PANDN', both('DF'), liftedInteger),
  row('POR', both('EB'), liftedInteger),
  row('PXOR', both('EF'), liftedInteger),
  row('PSRLW', shift('D1', '71/2'), shiftedInteger),
  row('PSRLD', shift('D2', '72/2'), shiftedInteger),
  row('PSRLQ', shift('D3', '73/2'), shiftedInteger),
  row('PSRAW', shift('E1', '71/4'), shiftedInteger),
  row('PSRAD', shift('E2', '72/4'), shiftedInteger),
  row('PSLLW', shift('F1', '71/6'), shiftedInteger),
  row('PSLLD', shift('F2', '72/6'), shiftedInteger),
  row('PSLLQ', shift('F3', '73/6'), shiftedInteger),
  row('PSRLDQ', '66 0F 73 /3 Udq,Ib', liftedInteger),
  row('PSLLDQ', '66 0F 73 /7 Udq,Ib', liftedInteger),

  // Packing, shuffling, single words
  row('PACKSSWB', both('63'), liftedInteger),
  row('PACKSSDW', both('6B'), liftedInteger),
  row('PACKUSWB', both('67'), liftedInteger),
  row('PUNPCKLBW', bothLow('60'), liftedInteger),
  row('PUNPCKLWD', bothLow('61'), liftedInteger),
  row('PUNPCKLDQ', bothLow('62'), liftedInteger),
  row('PUNPCKHBW', both('68'), liftedInteger),
  row('PUNPCKHWD', both('69'), liftedInteger),
  row('PUNPCKHDQ', both('6A'), liftedInteger),
  row('PUNPCKLQDQ', '66 0F 6C /r Vdq,Wdq', liftedInteger),
  row('PUNPCKHQDQ', '66 0F 6D /r Vdq,Wdq', liftedInteger),
  row('PSHUFW', 'NP 0F 70 /r Pq,Qq,Ib', mixedInteger),
  row('PSHUFD', '66 0F 70 /r Vdq,Wdq,Ib', liftedInteger),
  row('PSHUFHW', 'F3 0F 70 /r Vdq,Wdq,Ib', liftedInteger),
  row('PSHUFLW', 'F2 0F 70 /r Vdq,Wdq,Ib', liftedInteger),
  row('PINSRW', 'NP 0F C4 /r Pq,Rd/Mw,Ib | 66 0F C4 /r Vdq,Rd/Mw,Ib', liftedInteger),
  row('PEXTRW', 'NP 0F C5 /r Gd,Nq,Ib | 66 0F C5 /r Gd,Udq,Ib', liftedInteger),
  row('SHUFPS', 'NP 0F C6 /r Vps,Wps,Ib', liftedMove),
  row('SHUFPD', '66 0F C6 /r Vpd,Wpd,Ib', liftedMove),
  row('UNPCKLPS', ps('14'), liftedMove),
  row('UNPCKLPD', pd('14'), liftedMove),
  row('UNPCKHPS', ps('15'), liftedMove),
  row('UNPCKHPD', pd('15'), liftedMove),

  // Floating point arithmetic
  row('ADDPS', ps('58'), liftedFloat),
  row('ADDPD', pd('58'), liftedFloat),
  row('ADDSS', ss('58'), liftedFloat),
  row('ADDSD', sd('58'), liftedFloat),
  row('MULPS', ps('59'), liftedFloat),
  row('MULPD', pd('59'), liftedFloat),
  row('MULSS', ss('59'), liftedFloat),
  row('MULSD', sd('59'), liftedFloat),
  row('SUBPS', ps('5C'), liftedFloat),
  row('SUBPD', pd('5C'), liftedFloat),
  row('SUBSS', ss('5C'), liftedFloat),
  row('SUBSD', sd('5C'), liftedFloat),
  row('MINPS', ps('5D'), float),
  row('MINPD', pd('5D'), float),
  row('MINSS', ss('5D'), float),
  row('MINSD', sd('5D'), float),
  row('DIVPS', ps('5E'), liftedFloat),
  row('DIVPD', pd('5E'), liftedFloat),
  row('DIVSS', ss('5E'), liftedFloat),
  row('DIVSD', sd('5E'), liftedFloat),
  row('MAXPS', ps('5F'), float),
  row('MAXPD', pd('5F'), float),
  row('MAXSS', ss('5F'), float),
  row('MAXSD', sd('5F'), float),
  row('SQRTPS', ps('51'), float),
  row('SQRTPD', pd('51'), float),
  row('SQRTSS', ss('51'), float),
  row('SQRTSD', sd('51'), float),
  row('RSQRTPS', ps('52'), move),
  row('RSQRTSS', ss('52'), move),
  row('RCPPS', ps('53'), move),
  row('RCPSS', ss('53'), move),
  row('HADDPD', pd('7C'), float),
  row('HADDPS', 'F2 0F 7C /r Vps,Wps', float),
  row('HSUBPD', pd('7D'), float),
  row('HSUBPS', 'F2 0F 7D /r Vps,Wps', float),
  row('ADDSUBPD', pd('D0'), float),
  row('ADDSUBPS', 'F2 0F D0 /r Vps,Wps', float),
  row('ANDPS', ps('54'), liftedMove),
  row('ANDPD', pd('54'), liftedMove),
  row('ANDNPS', ps('55'), liftedMove),
  row('ANDNPD', pd('55'), liftedMove),
  row('ORPS', ps('56'), liftedMove),
  row('ORPD', pd('56'), liftedMove),
  row('XORPS', ps('57'), liftedMove),
  row('XORPD', pd('57'), liftedMove),
  row('CMPPS', 'NP 0F C2 /r Vps,Wps,Ib', float),
  row('CMPPD', '66 0F C2 /r Vpd,Wpd,Ib', float),
  row('CMPSS', 'F3 0F C2 /r Vss,Wss,Ib', float),
  row('CMPSD', 'F2 0F C2 /r Vsd,Wsd,Ib', float),
  row('UCOMISS', 'NP 0F 2E /r Vss,Wss', compareFlags),
  row('UCOMISD', '66 0F 2E /r Vsd,Wsd', compareFlags),
  row('COMISS', 'NP 0F 2F /r Vss,Wss', compareFlags),
  row('COMISD', '66 0F 2F /r Vsd,Wsd', compareFlags),

  // Conversions
  row('CVTPI2PS', 'NP 0F 2A /r Vq,Qq', mixedBoth),
  row('CVTPI2PD', '66 0F 2A /r Vpd,Qq', mixedBoth),
  row('CVTSI2SS', 'F3 0F 2A /r Vss,Ed', liftedFloat),
  row('CVTSI2SD', 'F2 0F 2A /r Vsd,Ed', liftedFloat),
  row('CVTTPS2PI', 'NP 0F 2C /r Pq,Wq', mixedBoth),
  row('CVTTPD2PI', '66 0F 2C /r Pq,Wpd', mixedBoth),
  row('CVTTSS2SI', 'F3 0F 2C /r Gd,Wss', liftedFloat),
  row('CVTTSD2SI', 'F2 0F 2C /r Gd,Wsd', liftedFloat),
  row('CVTPS2PI', 'NP 0F 2D /r Pq,Wq', mixedBoth),
  row('CVTPD2PI', '66 0F 2D /r Pq,Wpd', mixedBoth),
  row('CVTSS2SI', 'F3 0F 2D /r Gd,Wss', mixedFloat),
  row('CVTSD2SI', 'F2 0F 2D /r Gd,Wsd', mixedFloat),
  row('CVTPS2PD', 'NP 0F 5A /r Vpd,Wq', liftedFloat),
  row('CVTPD2PS', '66 0F 5A /r Vps,Wpd', float),
  row('CVTSS2SD', 'F3 0F 5A /r Vsd,Wss', liftedFloat),
  row('CVTSD2SS', 'F2 0F 5A /r Vss,Wsd', liftedFloat),
  row('CVTDQ2PS', 'NP 0F 5B /r Vps,Wdq', float),
  row('CVTPS2DQ', '66 0F 5B /r Vdq,Wps', float),
  row('CVTTPS2DQ', 'F3 0F 5B /r Vdq,Wps', float),
  row('CVTTPD2DQ', '66 0F E6 /r Vdq,Wpd', float),
  row('CVTDQ2PD', 'F3 0F E6 /r Vpd,Wq', liftedFloat),
  row('CVTPD2DQ', 'F2 0F E6 /r Vdq,Wpd', float),

  // State and ordering
  row('EMMS', 'NP 0F 77', { faults: 'NM UD MF', writes: '' }),
  row('FXSAVE', 'NP 0F AE /0 Me', { ...image, writes: 'A' }),
  row('FXRSTOR', 'NP 0F AE /1 Me', { ...image, writes: '' }),
  row('LDMXCSR', 'NP 0F AE /2 Md', { ...image, writes: '' }),
  row('STMXCSR', 'NP 0F AE /3 Md', { ...image, writes: 'A' }),
  row('CLFLUSH', 'NP 0F AE /7 Mb', { writes: '' }),
  row('LFENCE', 'NP 0F AE /5 R', { writes: '', lifted: 'move' }),
  row('MFENCE', 'NP 0F AE /6 R', { writes: '', lifted: 'move' }),
  row('SFENCE', 'NP 0F AE /7 R', { writes: '', lifted: 'move' }),
] as const;
