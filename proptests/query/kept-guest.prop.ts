/**
 * What a query is planned with from the second on is what the guest shows: the same names, the same tasks, the same
 * plan; and nothing is kept of a guest that does not show it, or at another moment.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { planQuery } from '../../src/core/query/plan.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { contextOf, planContext } from '../../src/host/query/guest-view.ts';
import {
  findAndKeepGuest,
  hideGuest,
  keepGuest,
  middleOf,
  readGuest,
  showGuest,
} from '../../src/host/query/kept-guest.ts';
import { GuestSymbols, KALLSYMS_LABEL, MODULES_LABEL } from '../../src/host/symbols/guest-symbols.ts';
import { symbolOf, SymbolSource, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { recordRun, timelineOf } from '../timeline/fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-guest-'));
process.env.XDG_CACHE_HOME = folder;
after(() => rmSync(folder, { recursive: true, force: true }));

/** A task with its name, and a pointer to it, as a kernel would have them. */
const kernel = assembleSource(
  flatGuest(`
  mov dword [0x300010], 'swap'
  mov dword [0x300014], 'per'
  mov dword [0x300100], 0x300000
  mov ecx, 40000
turn:
  dec ecx
  jnz turn
  mov al, 0x10
  out 0xf4, al
  hlt
`),
).bytes;
const run = await recordRun('task', { images: { kernel }, memoryMegabytes: 4 });

function tableWith(...names: readonly (readonly [name: string, address: number])[]): SymbolTable {
  const table = new SymbolTable();
  const own = [
    ['start_kernel', 0xc0001000],
    ['init_task', 0x300000],
    ['current_task_pointer', 0x300100],
    ['__switch_to_asm', 0xc0002000],
    ...names,
  ] as const;
  table.add(
    new SymbolSource(
      KALLSYMS_LABEL,
      own.map(([name, address]) => symbolOf(name, address)),
    ),
  );
  table.add(
    new SymbolSource(MODULES_LABEL, [{ ...symbolOf('probe', 0xe0800000, 'data'), module: 'virtio', isGlobal: false }]),
  );
  return table;
}

test('what the middle of a run shows is kept, and plans as the guest itself does', () => {
  const timeline = timelineOf(run);
  const table = tableWith(['vfs_read', 0xc0003000]);
  finish(findAndKeepGuest('run', timeline, new GuestSymbols(table)));
  assert.equal(timeline.position.tick, middleOf(timeline));
  const kept = readGuest('run');
  assert.ok(kept !== null);
  assert.deepEqual(
    kept.sources.map(({ label, symbols }) => [label, symbols]),
    table.sources.map(({ label, symbols }) => [label, symbols]),
  );
  const others = new SymbolTable();
  showGuest(others, kept);
  const physicalOf = (): never => assert.fail('no moment is asked about');
  const { currentTask, tasks } = kept;
  assert.deepEqual(currentTask, { pointerAt: 0x300100, directOffset: 0, nameOffset: 16 });
  for (const text of [
    'calls("vfs_*") where process == "init"',
    'switches()',
    'syscalls() group by process',
    'faults(14)',
  ]) {
    const plan = planQuery(text, contextOf(others, { currentTask, tasks, physicalOf }));
    const own = planQuery(text, planContext(timeline.machine, table));
    assert.deepEqual(plan.job, own.job, text);
    assert.deepEqual(plan.linux, own.linux, text);
  }
  assert.equal(others.describe(0xe0800004), table.describe(0xe0800004));
  hideGuest(others);
  assert.equal(others.count, 0);
});

test('nothing is kept at another moment, of names with line ends, without a task; damage is no guest', () => {
  const timeline = timelineOf(run);
  keepGuest('early', timeline, new GuestSymbols(tableWith()));
  finish(timeline.seek({ tick: middleOf(timeline), seq: 0 }));
  keepGuest('lines', timeline, new GuestSymbols(tableWith(['two\nlines', 0xc0003000])));
  keepGuest('none', timeline, new GuestSymbols(new SymbolTable()));
  for (const key of ['early', 'lines', 'none']) assert.equal(readGuest(key), null, key);
  keepGuest('damaged', timeline, new GuestSymbols(tableWith()));
  assert.notEqual(readGuest('damaged'), null);
  const files = join(folder, 'reprise', 'checkpoints');
  for (const name of readdirSync(files)) {
    const file = readFileSync(join(files, name));
    file[file.length - 3] ^= 4;
    writeFileSync(join(files, name), file);
  }
  assert.equal(readGuest('damaged'), null);
});
