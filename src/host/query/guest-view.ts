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

export function planContext({ cpu, space }: Machine, symbols: SymbolTable): PlanContext {
  const switchTo = symbols.address('__switch_to_asm');
  return contextOf(symbols, {
    physicalOf: (linear) => {
      const physical = peekPhysical(cpu, linear);
      return physical >= 0 && space.peekPage(physical) >= 0 ? physical : null;
    },
    currentTask: currentTaskPlace(cpu, symbols),
    tasks: switchTo === undefined ? null : { switchTo, nameOffset: taskNameOffset(cpu, symbols) },
  });
}

function remarkOn(symbols: SymbolTable, name: string): string {
  if (symbols.sources.some(({ debug }) => debug?.hasText(name) === true)) {
    return ': debug information has it without code, the compiler has put it into its callers or it is no function';
  }
  const near = nearest(name, [...symbols.names()]);
  return near === undefined ? '' : `: did you mean ${near}?`;
}

/** What `planContext` asks of a moment. */
export type MomentView = Pick<GuestView, 'physicalOf' | 'currentTask' | 'tasks'>;

export function contextOf(symbols: SymbolTable, moment: MomentView): PlanContext {
  const symbolOf = (name: string): number | undefined => symbols.address(name);
  const isLinux = symbolOf('start_kernel') !== undefined;
  return {
    guest: {
      symbolOf,
      names: () => symbols.names(),
      remarkOn: (name) => remarkOn(symbols, name),
      passesInRegisters: (address) => isLinux && address >= LINUX_KERNEL_FROM,
      ...moment,
    },
    describe: (address) => symbols.describe(address),
    suggest: (name, names) => nearest(name, names),
  };
}
