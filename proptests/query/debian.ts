/**
 * Queries of a Debian boot against a single-step run of the interpreter over the same windows: calls of a hot kernel
 * function, accesses of a page, system calls; and the origins of letters that it has printed (provenance/debian.ts).
 * Not a test file of `npm test`: a window takes some seconds.
 *
 *   node dist/proptests/query/debian.js LOG --kernel FILE --initrd FILE
 *
 * LOG is a recording of the guest that `npm run guests -- debian` builds. Exit status 1 when an answer differs.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { runQuery } from '../../src/core/query/run.ts';
import { planQuery } from '../../src/core/query/plan.ts';
import { peekPhysical } from '../../src/core/memory/peek.ts';
import type { Cpu } from '../../src/core/state/cpu.ts';
import { ESP } from '../../src/core/state/layout.ts';
import { finish, Timeline } from '../../src/core/timeline/timeline.ts';
import { loadEngine } from '../../src/engines.ts';
import { findImages } from '../../src/host/node/find-images.ts';
import { planContext } from '../../src/host/query/guest-view.ts';
import { GuestSymbols } from '../../src/host/symbols/guest-symbols.ts';
import { currentTask, findOffsets } from '../../src/host/symbols/linux-tasks.ts';
import { symbolsFor } from '../../src/host/symbols/symbol-files.ts';
import { openLog } from '../../src/library.ts';
import { lettersOrigin, pipedOrigin } from '../provenance/debian.ts';
import { AccessLooker, CallLooker, type Looker, type Row, stepThrough, SyscallLooker } from './brute-force.ts';

const [path = '', ...options] = process.argv.slice(2);
const option = (name: string) => ({ option: `--${name}`, path: options[options.indexOf(`--${name}`) + 1] ?? '' });
const log = openLog(readFileSync(path));
const given = { files: [option('kernel'), option('initrd')], places: [] };
const images = findImages({ log, path, given, warn: console.error });
const timeline = new Timeline({ log, images, makeEngine: await loadEngine('tiered') });
const guest = new GuestSymbols(symbolsFor(images, []), images);
/** Where programs run: shortly before the end. */
const TOTAL_TICKS = 3_000_000;
const fromTick = timeline.endTick - Math.floor(timeline.endTick / 1000);
const stretch = { fromTick, toTick: fromTick + TOTAL_TICKS };
finish(timeline.seek({ tick: fromTick, seq: 0 }));
guest.refresh(timeline.machine.cpu);
const address = (name: string): number => guest.table.address(name) ?? 0;

function ask(text: string): Row[] {
  const plan = planQuery(text, planContext(timeline.machine, guest.table));
  const rows: Row[] = [];
  const answer = plan.start((row) => {
    rows.push(Object.fromEntries(plan.columns.map(({ name }, i) => [name, row[i]])) as Row);
  });
  finish(runQuery(timeline, plan, stretch, answer));
  finish(timeline.seek({ tick: fromTick, seq: 0 }));
  return rows;
}

/** Of the stack that is in use there. */
const page = peekPhysical(timeline.machine.cpu, timeline.machine.cpu.m32[ESP] >>> 0) & -4096;
const FIELDS = 'select position, space, function, caller, result, duration, arg0, arg1, arg2';
/** By the kernel's own names, looked up at each call. */
function processOf(cpu: Cpu): string | null {
  const offsets = findOffsets(cpu, address('init_task'));
  return offsets === null
    ? null
    : (currentTask(cpu, (name) => guest.table.address(name) ?? null, offsets)?.comm ?? null);
}
const found = {
  calls: ask(`calls("kfree") ${FIELDS}`),
  accesses: ask(`accesses(physical(${page}), 4096) select position, space, physical, bytes, kind, value, eip`),
  syscalls: ask(
    'syscalls() select position, space, process, number, result, duration, arg0, arg1, arg2, arg3, arg4, arg5',
  ),
};
for (const { detail, holds, what } of [...lettersOrigin(timeline, guest), ...pipedOrigin(timeline, guest)]) {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}: ${detail}`);
  if (!holds) process.exitCode = 1;
}
finish(timeline.seek({ tick: fromTick, seq: 0 }));
let calls!: CallLooker;
let accesses!: AccessLooker;
let syscalls!: SyscallLooker;
stepThrough(timeline.machine, stretch.toTick, (machine): Looker[] => {
  calls = new CallLooker([address('kfree')], 'regparm');
  accesses = new AccessLooker(machine, page, 4096, 'rw');
  syscalls = new SyscallLooker(0x80, processOf);
  return [calls, accesses, syscalls];
});
for (const [name, rows] of Object.entries({ calls: calls.rows, accesses: accesses.rows, syscalls: syscalls.rows })) {
  const given = found[name as keyof typeof found];
  const at = rows.findIndex((row, i) => !isDeepStrictEqual({ ...row }, { ...pick(given[i], row) }));
  // The kernel's own names are those of code: which process runs is known with a file of all.
  const wantsNames = name === 'syscalls' && guest.table.address('init_task') !== undefined;
  const hasNames = !wantsNames || rows.some(({ process }) => typeof process === 'string');
  const isSame = at < 0 && rows.length === given.length && rows.length > 0 && hasNames;
  const processes = new Set(rows.flatMap(({ process }) => (typeof process === 'string' ? [process] : [])));
  if (processes.size > 0) console.log(`     processes: ${[...processes].join(', ')}`);
  console.log(`${isSame ? 'ok  ' : 'FAIL'} ${name}: ${rows.length} rows stepped, ${given.length} asked`);
  if (!isSame) {
    console.log(`     row ${at}:`, rows[at], given[at]);
    process.exitCode = 1;
  }
}

function pick(row: Row | undefined, like: Row): Row {
  return Object.fromEntries(Object.keys(like).map((name) => [name, row?.[name] ?? null]));
}
