// What a query asks of the guest, from its symbols and its memory at the moment where the timeline stands.
// Of a Linux also how its functions take arguments, and how it switches tasks.

import type { GuestView } from '../../core/query/arguments.ts';
import type { PlanContext } from '../../core/query/plan.ts';
import { peekPhysical } from '../../core/memory/peek.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { nearest } from '../nearest.ts';
import { currentTaskPlace, taskNameOffset } from '../symbols/linux-tasks.ts';
import type { SymbolTable } from '../symbols/symbol-table.ts';

/** Linux on i386 has its kernel above, unless it was built in another way. */
const LINUX_KERNEL_FROM = 0xc0000000;

export function planContext(machine: Machine, symbols: SymbolTable): PlanContext {
  return {
    guest: guestView(machine, symbols),
    describe: (address) => symbols.describe(address),
    suggest: (name, names) => nearest(name, names),
  };
}

function guestView({ cpu, space }: Machine, symbols: SymbolTable): GuestView {
  const symbolOf = (name: string): number | undefined => symbols.address(name);
  const isLinux = symbolOf('start_kernel') !== undefined;
  const switchTo = symbolOf('__switch_to_asm');
  return {
    symbolOf,
    names: () => symbols.names(),
    physicalOf: (linear) => {
      const physical = peekPhysical(cpu, linear);
      return physical >= 0 && space.peekPage(physical) >= 0 ? physical : null;
    },
    passesInRegisters: (address) => isLinux && address >= LINUX_KERNEL_FROM,
    currentTask: currentTaskPlace(cpu, symbols),
    tasks: switchTo === undefined ? null : { switchTo, nameOffset: taskNameOffset(cpu, symbols) },
  };
}
