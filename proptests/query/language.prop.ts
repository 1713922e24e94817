/**
 * The language: what it means, and what it says of mistakes, with the place. Rows are invented here where that is
 * shorter than a run; nothing that anybody types is a crash.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { parseQuery } from '../../src/core/query/parse.ts';
import { QueryError } from '../../src/core/query/query-error.ts';
import { shapeOf } from '../../src/core/query/shape.ts';
import type { Row } from '../../src/core/query/compile.ts';
import { complete } from '../../src/host/debugger/complete.ts';
import { queryWords } from '../../src/host/query/grammar.ts';
import { assembleGuest, buildGuest } from '../../src/host/node/guest-images.ts';
import { openLog, openRun, type QueryRow, record } from '../../src/library.ts';
import { symbolOf, SymbolSource, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { debuggerOf } from '../timeline/debugger-fixture.ts';
import { recordGuest } from '../timeline/fixture.ts';
import { planOf, symbolsOf } from './fixture.ts';

const NAMES: Readonly<Record<number, string>> = { 16: 'main+0x4', 32: 'free', 48: 'free+0x8' };

function shaped(clauses: string, rows: readonly Row[]): Row[] {
  const query = parseQuery(`t() ${clauses}`);
  const columns = [
    { name: 'n', type: 'number' },
    { name: 'name', type: 'text' },
    { name: 'at', type: 'address' },
  ] as const;
  const found: Row[] = [];
  const scope = {
    text: query.text,
    columns,
    symbolOf: (name: string) => (name === 'limit_of' ? 3 : undefined),
    describe: (address: number) => NAMES[address] ?? '',
    suggest: () => undefined,
  };
  const shaping = shapeOf(query, scope, [0, 1, 2]).start((row) => found.push(row));
  for (const row of rows) if (!shaping.add(row)) break;
  shaping.end();
  return found;
}

const ROWS: readonly Row[] = [
  [1, 'one', 16],
  [2, 'two', 32],
  [3, 'three', 48],
  [4, null, null],
  [5, 'one', 32],
];
const firsts = (clauses: string): unknown[] => shaped(clauses, ROWS).map(([first]) => first);

test('where, select, group by, order by, limit and last mean what they say', () => {
  assert.deepEqual(firsts('where n > 1 and not n in (3, 0x4)'), [2, 5]);
  assert.deepEqual(firsts('where name ~ "o" or n % 4 == 3'), [1, 2, 3, 5]);
  assert.deepEqual(firsts('where at == "free"'), [2, 3, 5]);
  assert.deepEqual(firsts('where at ~ "main"'), [1]);
  assert.deepEqual(firsts('where n >= limit_of order by n desc limit 2'), [5, 4]);
  assert.deepEqual(firsts('where name == null'), [4]);
  assert.deepEqual(firsts('last 2'), [4, 5]);
  assert.deepEqual(firsts('first 2'), [1, 2]);
  assert.deepEqual(firsts('limit 0'), []);
  assert.deepEqual(firsts('last'), [5]);
  assert.deepEqual(shaped('count', ROWS), [[5]]);
  assert.deepEqual(shaped('select count(name), sum(n), avg(n), min(n) + 1, max(name), first(n), last(n)', ROWS), [
    [4, 15, 3, 2, 'two', 1, 5],
  ]);
  assert.deepEqual(shaped('select sum(n), count() where n > 9', ROWS), [[null, 0]]);
  assert.deepEqual(shaped('group by name order by count() desc, name limit 2', ROWS), [
    ['one', 2],
    ['three', 1],
  ]);
  assert.deepEqual(shaped('group by symbol(at) as f select f, max(n) order by f where at != null', ROWS).length, 2);
  assert.deepEqual(shaped('select n * 2 as twice, symbol(at) where n == 3', ROWS), [[6, 'free']]);
});

/** The caret stands below the place, and the sentence says what was expected. */
const MISTAKES: readonly (readonly [text: string, place: string, says: RegExp])[] = [
  ['', '', /Expected a table/],
  ['calls', '', /Expected "\("/],
  ['calls("f"', '', /"," or "\)"/],
  ['call("f")', 'call', /no table "call"/],
  ['calls("f") wher arg0', 'wher', /Expected one of from, to, where/],
  ['calls(1) where', '', /Expected a value/],
  ['calls(1) where arg0 >', '', /Expected a value/],
  ['calls(1) where (arg0', '', /an operator or "\)"/],
  ['calls(1) where nothing > 3', 'nothing', /no column of this table/],
  ['calls(1) where arg0 > "x"', '>', /cannot be compared/],
  ['calls(1) where max(arg0) > 3', 'max', /of many rows/],
  ['calls(1) group arg0', 'arg0', /Expected "by"/],
  ['calls(1) limit x', 'x', /a number of rows/],
  ['calls(1) limit 1 first 2', 'first', /one "first" or its like/],
  ['calls(1) select arg0, count()', 'arg0', /Of many rows "arg0"/],
  ['calls(1) where 12abc_ == 3', '12abc_', /no number/],
  ['calls(1) where "abc', '"abc', /a quote is missing/],
  ['calls(1) where arg0 § 3', '§', /No word of a query/],
  ['calls(1, abi=pascal)', 'pascal', /one of regparm, cdecl/],
  ['calls(1, args=99)', '99', /from 0 to 32/],
  ['calls()', ')', /wants the name or address/],
  ['calls(f)', 'f)', /no name "f"/],
  ['serial(9)', '9', /from 0 to 3/],
  ['serial(0, 1)', '1)', /one too many/],
  ['interrupts(256)', '256', /0 to 255/],
  ['syscalls("opne")', '"opne', /no system call "opne"/],
  ['accesses(1, 4, q)', 'q', /one of r, w, x/],
  ['resets() from 20% to 10%', '10%', /ends before it begins/],
  ['resets() from 200%', '200%', /0% to 100%/],
];

test('a mistake is told with its place', () => {
  for (const [text, place, says] of MISTAKES) {
    assert.throws(
      () => planOf(text),
      (error: unknown) => {
        assert.ok(error instanceof QueryError, text);
        assert.match(error.message, says, text);
        assert.equal(error.at, place === '' ? text.length : text.lastIndexOf(place), `${text}: ${error.message}`);
        const [, line, caret] = error.message.split('\n');
        assert.equal(line.slice(caret.indexOf('^')).startsWith(place), true, text);
        return true;
      },
    );
  }
  assert.throws(() => planOf(`calls(1) where ${'('.repeat(5000)}`), /nested too deeply/);
  assert.throws(() => planOf(`calls(1) where ${'not '.repeat(5000)}1`), /nested too deeply/);
  assert.throws(() => planOf(`calls(1) where ${'- '.repeat(5000)}1`), /nested too deeply/);
});

test('whatever is typed is a query or an error of one', () => {
  const random = new Random(17);
  const words = [...queryWords(), '(', ')', ',', '"x"', '7', '0x1f', '==', '~', '+', '-', '%', ' ', 'c01234ab', '\n'];
  let count = 0;
  for (let i = 0; i < 4000; i++) {
    const some = Array.from({ length: random.below(8) }, () => words[random.below(words.length)]).join(' ');
    const text = i % 2 === 0 ? some : `serial() ${some}`;
    try {
      planOf(text);
      count++;
    } catch (error) {
      assert.ok(error instanceof QueryError, `${JSON.stringify(text)}: ${String(error)}`);
    }
  }
  assert.ok(count > 0);
});

test('the debugger answers queries and stands where it stood', async () => {
  const debug = debuggerOf(await recordGuest('race'));
  await debug.execute('seek 1000');
  const { data, text } = await debug.execute('query executions(0x10043c) from 10000 first 2');
  assert.match(text, /^position +address/);
  assert.equal((data as unknown[]).length, 2);
  assert.equal(debug.timeline.position.tick, 1000);
  await assert.rejects(debug.execute('query executions(0x10043c) wher'), /Expected one of[^\n]*\n.*\n +\^$/);
});

test('given up, a query tells what it has found, and the run stands where it stood', async () => {
  const debug = debuggerOf(await recordGuest('race'));
  await debug.execute('seek 1000');
  const whole = (await debug.execute('query executions(0x10043c)')).data as unknown[];
  debug.isInterrupted = true;
  const { data, text } = await debug.execute('query executions(0x10043c)');
  assert.match(text, /Interrupted: this is the answer of the run up to tick \d+\./);
  assert.ok((data as unknown[]).length < whole.length);
  assert.deepEqual(data, whole.slice(0, (data as unknown[]).length));
  assert.equal(debug.timeline.position.tick, 1000);
});

test('words of a query are completed, in quotes too', async () => {
  const symbols = new SymbolTable();
  symbols.add(new SymbolSource('names', [symbolOf('vfs_read', 0x1000), symbolOf('vfs_write', 0x2000)]));
  const debug = debuggerOf(await recordGuest('race'), { symbols });
  assert.deepEqual(complete(debug, 'query calls("vfs_'), [['vfs_read', 'vfs_write'], 'vfs_']);
  assert.deepEqual(complete(debug, "query calls('vfs_r"), [['vfs_read'], 'vfs_r']);
  assert.deepEqual(complete(debug, 'query sysc'), [['syscalls('], 'sysc']);
  assert.deepEqual(complete(debug, 'query calls("vfs_read") gro'), [['group'], 'gro']);
  assert.ok(complete(debug, 'query calls("vfs_read") where dur')[0].includes('duration'));
});

test('a program gets rows as an async iterator, and may leave it', async () => {
  const kernel = buildGuest('race');
  const symbols = symbolsOf(assembleGuest('race'));
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4 });
  const run = await openRun(openLog(log), { images: { kernel }, symbolOf: (name) => symbols.get(name) });
  await run.seek(5000);
  const durations: unknown[] = [];
  for await (const { duration } of run.query('calls(deposit)')) {
    durations.push(duration);
    if (durations.length === 3) break;
  }
  assert.deepEqual(durations, [7, 7, 7]);
  assert.equal(run.position.tick, 5000);
  const all: QueryRow[] = [];
  for await (const row of run.query('calls(deposit) count')) all.push(row);
  assert.equal(all.length, 1);
  assert.equal(all[0].count, 2048);
  await assert.rejects(async () => {
    for await (const row of run.query('calls(')) all.push(row);
  }, QueryError);
});
