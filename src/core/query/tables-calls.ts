/**
 * The tables of what code does: calls, allocations, executions, system calls.
 * Each says its arguments and columns, what is gathered for it, and how rows become of that.
 */
import type { ColumnType } from './compile.ts';
import type { TableArguments } from './arguments.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import {
  ABIS,
  type Abi,
  ALLOCATION_COLUMN,
  AllocationsFold,
  CALL_COLUMN,
  CallsFold,
  stackWordsOf,
  SYSCALL_COLUMN,
  SyscallsFold,
} from './fold-calls.ts';
import { plainFold, momentColumns } from './fold.ts';
import { CALL, type CallsJob } from './gather-calls.ts';
import { EXECUTION } from './gather-places.ts';
import { SYSCALL, SYSCALL_ARGS, VECTOR_LINUX } from './gather-syscalls.ts';
import { syscallNumber } from './linux-syscalls.ts';
import { CPU_REGISTERS_RECORDED } from './registers-recorded.ts';
import { MOMENT_COLUMNS, showAll, shownOf, type Table } from './table.ts';

const ARGS_DEFAULT = 3;
const ARGS_MAX = 32;

const pagesOf = (addresses: readonly number[]): number[] => [
  ...new Set(addresses.map((address) => Math.floor(address / PAGE_BYTES))),
];

const argColumns = (count: number): ColumnType[] =>
  Array.from({ length: count }, (_, i): ColumnType => ({ name: `arg${i}`, type: 'hex' }));

const isUsed = (used: ReadonlySet<number>, columns: readonly number[]): boolean =>
  columns.some((column) => used.has(column));

/** Arguments `abi` and `args` of a table of calls. */
function convention(args: TableArguments, addresses: readonly number[]): { abi: Abi; count: number } {
  const count = args.number(-1, 'args', [0, ARGS_MAX]) ?? ARGS_DEFAULT;
  const given = args.word(-1, 'abi', ABIS);
  const guessed = addresses.every((address) => args.guest.passesInRegisters(address)) ? 'regparm' : 'cdecl';
  return { abi: ABIS.find((abi) => abi === given) ?? guessed, count };
}

const CALLS: Table = {
  name: 'calls',
  usage: '"NAME"|ADDRESS, … [abi=regparm|cdecl|stdcall|fastcall] [args=N]',
  summary: 'calls of functions: arguments, result, duration in ticks, caller',
  columns: ['function', 'caller', 'result', 'duration', 'returned', 'arg0', 'arg1', 'arg2'],
  example: 'calls("vfs_read") where arg2 > 4096 select arg2, result, symbol(caller)',
  plan: (args) => {
    const given = args.rest(0);
    if (given.length === 0) args.missing('the name or address of a function');
    const addresses = given.flatMap((each) => args.addressesOf(each));
    const { abi, count } = convention(args, addresses);
    args.finish(`calls(${CALLS.usage})`);
    const stackWords = stackWordsOf(abi, count);
    const fields = CALL.stack + stackWords;
    const columns: ColumnType[] = [
      ...MOMENT_COLUMNS,
      { name: 'function', type: 'address' },
      { name: 'caller', type: 'address' },
      { name: 'result', type: 'hex' },
      { name: 'duration', type: 'number' },
      { name: 'returned', type: 'number' },
      ...argColumns(count),
    ];
    const { caller, duration, function: which, result, returned } = CALL_COLUMN;
    const wantsReturns = (used: ReadonlySet<number>): boolean => isUsed(used, [result, duration, returned]);
    const shownArgs = Array.from({ length: count }, (_, i) => CALL_COLUMN.args + i);
    return {
      columns,
      shown: shownOf([...(addresses.length > 1 ? [which] : []), ...shownArgs, result, duration, caller]),
      fields,
      pages: { executed: pagesOf(addresses), written: [], touched: [] },
      job: (used): CallsJob => ({
        ...{ table: 'calls', addresses, stackWords, wantsReturns: wantsReturns(used), returns: [] },
      }),
      fold: (used, emit) => new CallsFold({ abi, args: count, fields, wantsReturns: wantsReturns(used) }, emit),
    };
  },
};

const ALLOCATIONS: Table = {
  name: 'allocations',
  usage: 'ALLOC, FREE [abi=…] [args=N]',
  summary: 'what one function hands out, and where another takes it back (its first argument)',
  columns: Object.keys(ALLOCATION_COLUMN).filter((name) => name !== 'args'),
  example: 'allocations("__kmalloc", "kfree") where freed == null group by symbol(caller) order by count() desc',
  plan: (args) => {
    const given = args.rest(0);
    if (given.length !== 2) args.missing('two functions: the one that allocates, the one that frees');
    const [allocs, frees] = given.map((each) => args.addressesOf(each));
    const { abi, count } = convention(args, [...allocs, ...frees]);
    const argCount = Math.max(1, count);
    args.finish(`allocations(${ALLOCATIONS.usage})`);
    const stackWords = stackWordsOf(abi, argCount);
    const fields = CALL.stack + stackWords;
    const columns: ColumnType[] = [
      ...MOMENT_COLUMNS,
      { name: 'address', type: 'hex' },
      { name: 'size', type: 'number' },
      { name: 'caller', type: 'address' },
      { name: 'freed', type: 'number' },
      { name: 'lifetime', type: 'number' },
      { name: 'freed_by', type: 'address' },
      { name: 'function', type: 'address' },
      ...argColumns(argCount),
    ];
    const shape = { abi, args: argCount, fields, wantsReturns: true };
    const addresses = [...allocs, ...frees];
    return {
      columns,
      shown: showAll(columns).filter((column) => column < ALLOCATION_COLUMN.function),
      fields,
      pages: { executed: pagesOf(addresses), written: [], touched: [] },
      job: (): CallsJob => ({ ...{ table: 'calls', addresses, stackWords, wantsReturns: true, returns: [] } }),
      fold: (_used, emit) => new AllocationsFold(shape, new Set(frees), emit),
    };
  },
};

const EXECUTIONS: Table = {
  name: 'executions',
  usage: 'ADDRESS|"NAME", …',
  summary: 'each time an instruction was executed, with the registers before it',
  columns: ['address', 'privilege', ...CPU_REGISTERS_RECORDED.map(({ name }) => name)],
  example: 'executions(do_exit) select eax, edx',
  plan: (args) => {
    const given = args.rest(0);
    if (given.length === 0) args.missing('the address of an instruction');
    const addresses = given.flatMap((each) => args.addressesOf(each));
    args.finish(`executions(${EXECUTIONS.usage})`);
    const fields = EXECUTION.registers + CPU_REGISTERS_RECORDED.length;
    const columns: ColumnType[] = [
      ...MOMENT_COLUMNS,
      { name: 'address', type: 'address' },
      { name: 'privilege', type: 'number' },
      ...CPU_REGISTERS_RECORDED.map(({ name }): ColumnType => ({ name, type: 'hex' })),
    ];
    return {
      columns,
      shown: showAll(columns),
      fields,
      pages: { executed: pagesOf(addresses), written: [], touched: [] },
      job: () => ({ table: 'executions', addresses }),
      fold: (_used, emit) =>
        plainFold(fields, (numbers, at, texts) => [
          ...momentColumns(numbers, at, texts),
          ...numbers.subarray(at + EXECUTION.address, at + fields),
        ])(emit),
    };
  },
};

const SYSCALLS: Table = {
  name: 'syscalls',
  usage: '[NUMBER|"NAME", …] [vector=80h]',
  summary: 'system calls of Linux (INT 80h, SYSENTER): number, arguments, result, duration',
  columns: [...Object.keys(SYSCALL_COLUMN).filter((name) => name !== 'args'), 'arg0', 'arg1', 'arg2'],
  example: 'syscalls() group by name select name, count(), max(duration) order by count() desc',
  plan: (args) => {
    const numbers = args.rest(0).map((each) => {
      const name =
        each.kind === 'text' || each.kind === 'name' ? (each.kind === 'text' ? each.value : each.name) : null;
      const number = name === null ? args.value(each) : syscallNumber(name.toLowerCase());
      return number ?? args.fail(each.at, `Linux on i386 has no system call "${name}"`);
    });
    const vector = args.number(-1, 'vector', [0, 255]) ?? VECTOR_LINUX;
    args.finish(`syscalls(${SYSCALLS.usage})`);
    const wanted = new Set(numbers);
    const isWanted = (number: number): boolean => wanted.size === 0 || wanted.has(number);
    const fields = SYSCALL.args + SYSCALL_ARGS;
    const columns: ColumnType[] = [
      ...MOMENT_COLUMNS,
      { name: 'number', type: 'number' },
      { name: 'name', type: 'text' },
      { name: 'result', type: 'number' },
      { name: 'duration', type: 'number' },
      { name: 'returned', type: 'number' },
      ...argColumns(SYSCALL_ARGS),
    ];
    const { duration, name, result, returned } = SYSCALL_COLUMN;
    const wantsReturns = (used: ReadonlySet<number>): boolean => isUsed(used, [result, duration, returned]);
    const shownArgs = [0, 1, 2].map((i) => SYSCALL_COLUMN.args + i);
    return {
      columns,
      shown: shownOf([SYSCALL_COLUMN.number, name, ...shownArgs, result, duration]),
      fields,
      pages: null,
      job: (used) => ({ table: 'syscalls', vector, wantsReturns: wantsReturns(used) }),
      fold: (used, emit) => new SyscallsFold({ fields, wantsReturns: wantsReturns(used), isWanted }, emit),
    };
  },
};

export const CODE_TABLES: readonly Table[] = [CALLS, ALLOCATIONS, EXECUTIONS, SYSCALLS];
