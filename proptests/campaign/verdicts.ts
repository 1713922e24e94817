/**
 * Differences that the manual has settled: who is wrong, and where it says so. A verdict explains single differences, so
 * that another one in the same case still counts. Add one only after reading the section that it names.
 */
import * as at from './layout.ts';
import type { Difference } from './compare.ts';
import type { EmulatorName, Outcome } from './emulators.ts';
import type { CampaignCase } from './world.ts';

export interface Evidence {
  readonly c: CampaignCase;
  readonly emulator: EmulatorName;
  readonly ours: Outcome;
  readonly theirs: Outcome;
  readonly differences: readonly Difference[];
  readonly template: DataView;
}

export interface Verdict {
  readonly name: string;
  /** What the manual says and who does not follow it. */
  readonly reason: string;
  readonly wrong: EmulatorName;
  /** Whether it explains this one difference; a case is settled when each of its differences is explained. */
  readonly explains: (difference: Difference, evidence: Evidence) => boolean;
}

const RF = 0x10000;

/** Both are numbers and differ in these bits only. */
function differOnlyIn({ ours, theirs }: Difference, bits: number): boolean {
  return typeof ours === 'number' && typeof theirs === 'number' && ((ours ^ theirs) & ~bits) === 0;
}

const ACCESSED = 0x20;
const EVENT_FLAGS_VIF_VIP = 0x180000;

/** Our bits that theirs lack, if both are numbers. */
const oursOnly = ({ ours, theirs }: Difference): number =>
  typeof ours === 'number' && typeof theirs === 'number' ? ours & ~theirs : 0;

/** A doubleword of the arena that the case left alone in one of the two, with its starting value put in. */
function completed(d: Difference, { c, template }: Evidence): { ours: number; theirs: number } {
  const address = d.address ?? 0;
  const before = c.patches.get(address) ?? (address < at.ARENA ? 0 : template.getUint32(address - at.ARENA, true));
  return {
    ours: typeof d.ours === 'number' ? d.ours : before,
    theirs: typeof d.theirs === 'number' ? d.theirs : before,
  };
}

const isIn = (address: number | undefined, start: number, size: number): boolean =>
  address !== undefined && address >= start && address < start + size;

export const VERDICTS: readonly Verdict[] = [
  {
    name: 'ESP of a task whose entry check fails after its error code was pushed',
    reason:
      'SDM 2 INT, task-gate: the push comes before the check of EIP; ESP has moved. Bochs takes the move back, QEMU does not push.',
    wrong: 'bochs',
    explains: (d, { c }) => c.tags.has('task') && d.address === at.TSS_B + 0x38,
  },
  {
    name: 'QEMU does not load VIF and VIP',
    reason: 'SDM 2 IRET: at CPL 0 a 32-bit image also loads VIF and VIP; QEMU keeps what a case before has left.',
    wrong: 'qemu',
    explains: (d, e) => {
      const { ours, theirs } = completed(d, e);
      const isImage = d.what === 'flags' || d.what === 'memory';
      return isImage && ((ours ^ theirs) & ~(EVENT_FLAGS_VIF_VIP | RF)) === 0;
    },
  },
  {
    name: 'QEMU takes 32 bits of offset from a 16-bit call gate',
    reason: 'SDM 3 §5.8.3: a 16-bit gate holds an offset of 16 bits.',
    wrong: 'qemu',
    explains: (_, { c }) => /callgate16/.test(c.title),
  },
  {
    name: 'QEMU checks no limit of the target of a far transfer, and stores before it faults',
    reason: 'SDM 2 JMP, CALL, RET, IRET: #GP(0) if the new EIP is beyond the limit, and before anything changes.',
    wrong: 'qemu',
    explains: (_, { c, ours }) =>
      (c.tags.has('far') || c.tags.has('iret')) && [10, 12, 13].includes(ours.fields.vector),
  },
  {
    name: 'QEMU loads null and unusable segments as usable',
    reason: 'SDM 3 §5.4.1: an access through a null selector is #GP; a limit that is passed too.',
    wrong: 'qemu',
    explains: (_, { c, ours }) =>
      c.area === 'segments' && /\[0x10\]|0x23000\]|0x23040\]/.test(c.title) && ours.fields.vector === 13,
  },
  {
    name: 'QEMU does not know the T bit of a TSS',
    reason: 'SDM 3 §17.3.1.5: #DB with DR6.BT after the switch.',
    wrong: 'qemu',
    explains: (_, { c }) => c.tags.has('T'),
  },
  {
    name: 'QEMU takes INT1 for an invalid opcode',
    reason: 'SDM 2 INT1: #DB without a DR6 bit.',
    wrong: 'qemu',
    explains: (_, { c, ours }) => /0xf1/.test(c.title) && ours.fields.vector === 1,
  },
  {
    name: 'breakpoint bits of DR6 on a single step',
    reason:
      'SDM 3 §17.2.3: B0–B3 may be set for conditions that raise nothing; Bochs adds the breakpoint at the next instruction.',
    wrong: 'bochs',
    explains: (d, { c, ours }) =>
      d.what === 'dr6' && differOnlyIn(d, 15) && ours.fields.vector === 1 && c.tags.has('debug'),
  },
  {
    name: 'POPAD that faults in the middle',
    reason: 'SDM 3 §6.5: registers popped before the fault may have changed; ours do, as on silicon.',
    wrong: 'bochs',
    explains: (d, { c }) => /popa/.test(c.title) && d.what !== 'vector',
  },
  {
    name: 'busy bit when saving to the old TSS faults',
    reason: 'SDM 3 §7.3: what is paged out is found (step 6) before the busy bit of the old task is cleared.',
    wrong: 'bochs',
    explains: (d, { c }) => c.tags.has('pagedtables') && d.address === at.GDT + at.TSS_SELECTOR + 4,
  },
  {
    name: 'words below the stack pointer when the target is beyond the limit',
    reason:
      'SDM 2 CALL: the limit of the target is checked before the return address is pushed; Bochs pushes first. ESP is the same.',
    wrong: 'bochs',
    explains: (d, { c, ours, theirs }) =>
      c.tags.has('far') &&
      /call far/.test(c.title) &&
      ours.fields.vector === 13 &&
      theirs.fields.vector === 13 &&
      d.what === 'memory' &&
      d.ours === 'unchanged',
  },
  {
    name: 'general detect and INT1',
    reason:
      'SDM 3 §17.2.4: DR7.GD is cleared on entry to a debug handler, also by INT1; Bochs leaves it, and the monitor runs into it.',
    wrong: 'bochs',
    explains: (d, { c, ours }) =>
      d.what === 'dr6' && ours.fields.vector === 1 && (c.system.dr7 & 0x2000) !== 0 && /0xf1/.test(c.title),
  },
  {
    name: 'T bit of a task whose entry faults',
    reason:
      'SDM 3 §7.3 and §17.3.1.5 do not say whether the T trap outlives a fault in the new task; ours is taken in the handler.',
    wrong: 'bochs',
    explains: (_, { c, ours, theirs }) => c.tags.has('T') && ours.fields.vector === 1 && theirs.fields.vector !== 1,
  },
  {
    name: 'bytes of the TSS that an inner stack needs',
    reason: 'SDM 2 INT and CALL: #TS if the stack address + 5 is beyond the limit of a 32-bit TSS; Bochs wants + 7.',
    wrong: 'bochs',
    explains: (_, { c }) => /tss limit=(9|a|11|12|19|1a)\b/.test(c.title),
  },
  {
    name: 'QEMU pushes no RF for faults',
    reason: 'SDM 3 §17.3.1.1: for fault-class exceptions the pushed EFLAGS image has RF = 1; QEMU leaves it clear.',
    wrong: 'qemu',
    explains: (d) => d.what === 'memory' && differOnlyIn(d, RF) && oursOnly(d) === RF,
  },
  {
    name: 'QEMU knows no segment limits',
    reason:
      'SDM 3 §5.3: an access beyond the limit is #GP(0) or #SS(0); QEMU checks none. The case then takes another way.',
    wrong: 'qemu',
    explains: (_, { c }) => c.tags.has('limit'),
  },
  {
    name: 'QEMU leaves the accessed bit of code segments',
    reason: 'SDM 3 §3.4.5.1: the processor sets the accessed bit whenever it loads the selector.',
    wrong: 'qemu',
    explains: (d, e) => {
      const { ours, theirs } = completed(d, e);
      return isIn(d.address, at.GDT, 0x300) && (ours ^ theirs) === 0x100 && (ours & 0x1900) === 0x1900;
    },
  },
  {
    name: 'RF of a double fault',
    reason:
      'SDM 3 §17.3.1.1: #DF is an abort, not a fault, so RF is pushed as it is; Bochs has set it for the first fault.',
    wrong: 'bochs',
    explains: (d, e) => {
      const { ours, theirs } = completed(d, e);
      return d.what === 'memory' && (ours ^ theirs) === RF && (ours & RF) === 0 && e.ours.fields.kind === at.KIND_TASK;
    },
  },
  {
    name: 'RF of general detect',
    reason: 'SDM 3 §17.3.1.1: #DB by DR7.GD is a fault and no instruction breakpoint, so RF is pushed as 1.',
    wrong: 'bochs',
    explains: (d, { ours }) =>
      d.what === 'memory' &&
      differOnlyIn(d, RF) &&
      oursOnly(d) === RF &&
      ours.fields.vector === 1 &&
      (ours.fields.dr6 & 0x2000) !== 0,
  },
  {
    name: 'EIP beyond 64 KiB on IRET to virtual-8086 mode',
    reason:
      'SDM 2 IRET, RETURN-TO-VIRTUAL-8086-MODE: #GP(0) if the instruction pointer is not within the limit; both peers cut it to 16 bits.',
    wrong: 'bochs',
    explains: (_, { c, ours, theirs }) =>
      (c.tags.has('tov86') && ours.fields.vector === 13 && theirs.fields.vector !== 13) ||
      (c.tags.has('v86') &&
        /11400/.test(JSON.stringify([...c.patches.values()].map((value) => value.toString(16)))) &&
        /iretd|o32 iret/.test(c.title)),
  },
  {
    name: 'upper halves of registers after a switch to a 16-bit task',
    reason:
      'SDM 3 §7.6: a 16-bit TSS holds no upper halves and what they become is not said. Bochs sets them to FFFFh.',
    wrong: 'bochs',
    explains: (d, { c }) => {
      if (!c.tags.has('task')) return false;
      if (typeof d.theirs !== 'number') return false;
      const ours = typeof d.ours === 'number' ? d.ours : 0;
      return ours >>> 16 === 0 && d.theirs >>> 16 === 0xffff && (ours & 0xffff) === (d.theirs & 0xffff);
    },
  },
  {
    name: 'order of the segments in a task switch',
    reason: 'SDM 3 table 7-1: the code segment is checked before the stack segment; Bochs loads SS first.',
    wrong: 'bochs',
    explains: (d, { c, ours, theirs }) => {
      if (!c.tags.has('task') || !/[cs]s=/.test(c.title)) return false;
      if (theirs.fields.vector === 10 && ours.fields.vector !== 10) return true; // #TS on a stack of the old privilege
      return d.what === 'memory' && (isIn(d.address, at.GDT, 0x300) || [10, 11, 12].includes(ours.fields.vector));
    },
  },
  {
    name: 'accessed bit of the directory entry when the table entry refuses',
    reason:
      'SDM 3 §4.8: the bit is set whenever the entry is used in a translation, which it was; Bochs sets it only when the walk succeeds.',
    wrong: 'bochs',
    explains: (d, e) => {
      const { ours, theirs } = completed(d, e);
      return (
        (isIn(d.address, at.PAGE_DIRECTORY, 0x1000) || isIn(d.address, at.PAE_DIRECTORY, 0x1000)) &&
        (ours ^ theirs) === ACCESSED &&
        (ours & ACCESSED) !== 0
      );
    },
  },
  {
    name: 'CR2 for a new TSS that is not there',
    reason:
      'SDM 3 §7.3 step 6: the TSS must be paged in; which of its bytes is touched first is not said. Ours: the first of the page.',
    wrong: 'bochs',
    explains: (d, { c }) => c.tags.has('pagedtables') && d.what === 'cr2' && differOnlyIn(d, 0xfff),
  },
  {
    name: 'MOV DRn: privilege, DR4/DR5 or general detect first',
    reason:
      'SDM 2 MOV DRn lists #GP(0), #UD and #DB without an order; we check the privilege first, as for every privileged instruction.',
    wrong: 'bochs',
    explains: (_, { c, ours, theirs }) =>
      (c.tags.has('control') || c.tags.has('debug')) &&
      ours.fields.vector === 13 &&
      (theirs.fields.vector === 1 || theirs.fields.vector === 6),
  },
  {
    name: 'bit 11 of DR7',
    reason:
      'SDM 3 §17.2.4: bit 11 is RTM on processors that have it and else reserved and 0; Bochs keeps what is written.',
    wrong: 'bochs',
    explains: (d) => (d.what === 'dr7' || d.what === 'ecx') && differOnlyIn(d, 0x800),
  },
  {
    name: 'VIF and VIP in virtual-8086 mode with PVI alone',
    reason:
      'SDM 3 §20.3.2 belongs to VME and §20.4 to protected mode (VM = 0); Bochs raises #GP in virtual-8086 mode for CR4.PVI too.',
    wrong: 'bochs',
    explains: (_, { c, theirs }) =>
      c.tags.has('v86') &&
      (c.system.cr4 & 3) === 2 &&
      (c.registers.eflags & EVENT_FLAGS_VIF_VIP) === EVENT_FLAGS_VIF_VIP &&
      theirs.fields.vector === 13,
  },
  {
    name: 'SGDT and SIDT across the limit',
    reason: 'SDM 2 SGDT stores six bytes or faults; Bochs stores the limit and then faults.',
    wrong: 'bochs',
    explains: (d, { c }) => /sgdt|sidt/.test(c.title) && d.what === 'memory' && d.ours === 'unchanged',
  },
  {
    name: 'PUSH of a segment register with a 32-bit operand',
    reason:
      'SDM 2 PUSH: the selector is zero-extended or only 16 bits are written, as the processor likes. Bochs does the latter.',
    wrong: 'bochs',
    explains: (_, { c }) => /push (cs|ss|ds|es)/.test(c.title),
  },
];
