// Names of the single bits of EFLAGS, in the order of the bits, as reports, conditions and gdb show them: SDM 1 §3.4.3.
// IOPL, which has two bits, is not among them.

import { AC, AF, CF, DF, ID, IF, NT, OF, PF, RF, SF, TF, VIF, VIP, VM, ZF } from './layout.ts';

export const FLAG_NAMES: Readonly<Record<string, number>> = {
  ...{ cf: CF, pf: PF, af: AF, zf: ZF, sf: SF, tf: TF, if: IF, df: DF, of: OF },
  ...{ nt: NT, rf: RF, vm: VM, ac: AC, vif: VIF, vip: VIP, id: ID },
};
