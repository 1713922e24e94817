/**
 * Calls and their ends put together: of functions by the word on the stack that the return address lies in, of system
 * calls by the stack and the address space of the caller. Whoever never comes back has no result. The same for
 * allocations, which end with the call that frees them.
 */
import { type Batch, FIELD_TICK } from './batch.ts';
import type { Row } from './compile.ts';
import { type Fold, momentColumns, numberOrNull } from './fold.ts';
import { CALL } from './gather-calls.ts';
import { SYSCALL, SYSCALL_ARGS, SYSCALL_INT, SYSCALL_RETURN } from './gather-syscalls.ts';
import { syscallName } from './linux-syscalls.ts';
import { Ordered, type Waiting } from './ordered.ts';
import type { Value } from './values.ts';

/** How arguments are passed: where argument n is found among the fields of a record. */
export const ABIS = ['regparm', 'cdecl', 'stdcall', 'fastcall'] as const;
export type Abi = (typeof ABIS)[number];

const REGISTER_ARGS: Readonly<Record<Abi, readonly number[]>> = {
  // Linux on i386 is compiled with -mregparm=3.
  regparm: [CALL.eax, CALL.edx, CALL.ecx],
  cdecl: [],
  stdcall: [],
  fastcall: [CALL.ecx, CALL.edx],
};

export function argField(abi: Abi, index: number): number {
  const registers = REGISTER_ARGS[abi];
  return registers[index] ?? CALL.stack + index - registers.length;
}

/** Words of the stack that so many arguments need. */
export const stackWordsOf = (abi: Abi, args: number): number => Math.max(0, args - REGISTER_ARGS[abi].length);

/** Columns of calls(), behind those of the position. */
export const CALL_COLUMN = { function: 5, caller: 6, result: 7, duration: 8, returned: 9, args: 10 } as const;

export interface CallsShape {
  readonly abi: Abi;
  readonly args: number;
  readonly fields: number;
  /** Rows wait for their ends. */
  readonly wantsReturns: boolean;
}

/** stdcall: the callee takes its arguments off the stack. */
const STDCALL_WORDS_MAX = 16;

interface OpenCall {
  readonly waiting: Waiting;
  readonly returnTo: number;
}

export class CallsFold implements Fold {
  private readonly shape: CallsShape;
  private readonly emit: (row: Row) => void;
  private readonly ordered: Ordered;
  private readonly open = new Map<number | string, OpenCall>();

  constructor(shape: CallsShape, emit: (row: Row) => void) {
    this.shape = shape;
    this.emit = emit;
    this.ordered = new Ordered(emit);
  }

  awaited(): ReadonlySet<number> {
    return new Set([...this.open.values()].map(({ returnTo }) => returnTo));
  }

  add({ count, numbers, texts }: Batch): void {
    const { fields } = this.shape;
    for (let i = 0, at = 0; i < count; i++, at += fields) {
      if (numbers[at + CALL.kind] === 0) this.begin(numbers, at, texts);
      else this.returned(numbers, at);
    }
    this.ordered.settle();
  }

  private begin(numbers: Float64Array, at: number, texts: readonly string[]): void {
    const { abi, args, wantsReturns } = this.shape;
    const returnTo = numbers[at + CALL.returnTo];
    const row: Value[] = [
      ...momentColumns(numbers, at, texts),
      numbers[at + CALL.address],
      numberOrNull(returnTo),
      null,
      null,
      null,
    ];
    for (let k = 0; k < args; k++) row.push(numberOrNull(numbers[at + argField(abi, k)]));
    if (!wantsReturns) {
      this.emit(row);
      return;
    }
    const waiting = this.ordered.add(row);
    const key = keyOf(numbers[at + CALL.space], numbers[at + CALL.slot], returnTo);
    // Another call has its return address in the same word: the one before never comes back.
    const before = this.open.get(key);
    if (before !== undefined) before.waiting.isReady = true;
    this.open.set(key, { waiting, returnTo });
  }

  private returned(numbers: Float64Array, at: number): void {
    const place = numbers[at + CALL.address];
    const words = this.shape.abi === 'stdcall' ? STDCALL_WORDS_MAX : 0;
    for (let word = 0; word <= words; word++) {
      const slot = (numbers[at + CALL.slot] - 4 * word) >>> 0;
      const key = keyOf(numbers[at + CALL.space], slot, place);
      const found = this.open.get(key);
      if (found === undefined || found.returnTo !== place) continue;
      const { row } = found.waiting;
      const tick = numbers[at + FIELD_TICK];
      row[CALL_COLUMN.result] = numbers[at + CALL.eax];
      row[CALL_COLUMN.duration] = tick - Number(row[0]);
      row[CALL_COLUMN.returned] = tick;
      found.waiting.isReady = true;
      this.open.delete(key);
      return;
    }
  }

  end(): void {
    this.ordered.end();
  }
}

/** In the kernel a word of a stack is one of all memory, so that 53 bits tell calls apart. */
function keyOf(space: number, slot: number, returnTo: number): number | string {
  return space === 0 ? slot * 2 ** 21 + (returnTo & 0x1fffff) : `${space} ${slot} ${returnTo}`;
}

/** Columns of syscalls(), behind those of the position. */
export const SYSCALL_COLUMN = { number: 5, name: 6, result: 7, duration: 8, returned: 9, args: 10 } as const;

export class SyscallsFold implements Fold {
  private readonly fields: number;
  private readonly isWanted: (number: number) => boolean;
  private readonly wantsReturns: boolean;
  private readonly emit: (row: Row) => void;
  private readonly ordered: Ordered;
  private readonly open = new Map<string, { readonly waiting: Waiting; readonly eip: number }>();

  constructor(
    shape: { readonly fields: number; readonly wantsReturns: boolean; readonly isWanted: (number: number) => boolean },
    emit: (row: Row) => void,
  ) {
    this.fields = shape.fields;
    this.isWanted = shape.isWanted;
    this.wantsReturns = shape.wantsReturns;
    this.emit = emit;
    this.ordered = new Ordered(emit);
  }

  add({ count, numbers, texts }: Batch): void {
    for (let i = 0, at = 0; i < count; i++, at += this.fields) {
      if (numbers[at + SYSCALL.kind] === SYSCALL_RETURN) this.returned(numbers, at);
      else this.begin(numbers, at, texts);
    }
    this.ordered.settle();
  }

  private begin(numbers: Float64Array, at: number, texts: readonly string[]): void {
    const number = numbers[at + SYSCALL.eax];
    const key = `${numbers[at + SYSCALL.space]} ${numbers[at + SYSCALL.esp]}`;
    const before = this.open.get(key);
    if (before !== undefined) before.waiting.isReady = true;
    this.open.delete(key);
    if (!this.isWanted(number)) return;
    const row: Value[] = [...momentColumns(numbers, at, texts), number, syscallName(number), null, null, null];
    for (let k = 0; k < SYSCALL_ARGS; k++) row.push(numberOrNull(numbers[at + SYSCALL.args + k]));
    if (!this.wantsReturns) {
      this.emit(row);
      return;
    }
    const isInt = numbers[at + SYSCALL.kind] === SYSCALL_INT;
    const eip = isInt ? numbers[at + SYSCALL.eip] : -1;
    this.open.set(key, { waiting: this.ordered.add(row), eip });
  }

  private returned(numbers: Float64Array, at: number): void {
    const key = `${numbers[at + SYSCALL.space]} ${numbers[at + SYSCALL.esp]}`;
    const found = this.open.get(key);
    if (found === undefined || (found.eip >= 0 && found.eip !== numbers[at + SYSCALL.eip])) return;
    const { row } = found.waiting;
    const tick = numbers[at + FIELD_TICK];
    row[SYSCALL_COLUMN.result] = numbers[at + SYSCALL.eax] | 0;
    row[SYSCALL_COLUMN.duration] = tick - Number(row[0]);
    row[SYSCALL_COLUMN.returned] = tick;
    found.waiting.isReady = true;
    this.open.delete(key);
  }

  end(): void {
    this.ordered.end();
  }
}

/** Columns of allocations(), behind those of the position. */
export const ALLOCATION_COLUMN = {
  ...{ address: 5, size: 6, caller: 7, freed: 8, lifetime: 9, freedBy: 10, function: 11, args: 12 },
} as const;

export class AllocationsFold implements Fold {
  private readonly calls: CallsFold;
  private readonly ordered: Ordered;
  private readonly frees: ReadonlySet<number>;
  private readonly live = new Map<Value, Waiting>();

  constructor(shape: CallsShape, frees: ReadonlySet<number>, emit: (row: Row) => void) {
    this.frees = frees;
    this.ordered = new Ordered(emit);
    this.calls = new CallsFold(shape, (row) => this.called(row));
  }

  awaited(): ReadonlySet<number> {
    return this.calls.awaited();
  }

  add(batch: Batch): void {
    this.calls.add(batch);
    this.ordered.settle();
  }

  private called(call: Row): void {
    const args = call.slice(CALL_COLUMN.args);
    const { live } = this;
    if (this.frees.has(Number(call[CALL_COLUMN.function]))) {
      const found = live.get(args[0]);
      if (found === undefined) return;
      live.delete(args[0]);
      found.row[ALLOCATION_COLUMN.freed] = call[0];
      found.row[ALLOCATION_COLUMN.lifetime] = Number(call[0]) - Number(found.row[0]);
      found.row[ALLOCATION_COLUMN.freedBy] = call[CALL_COLUMN.caller];
      found.isReady = true;
      return;
    }
    const address = call[CALL_COLUMN.result];
    const row = [...call.slice(0, CALL_COLUMN.function), address, args[0], call[CALL_COLUMN.caller], null, null, null];
    const waiting = this.ordered.add([...row, call[CALL_COLUMN.function], ...args]);
    if (address === null || address === 0) {
      waiting.isReady = true;
      return;
    }
    const before = live.get(address);
    if (before !== undefined) before.isReady = true;
    live.set(address, waiting);
  }

  end(): void {
    this.calls.end();
    this.ordered.end();
  }
}
