/**
 * The debugger at a terminal (a pseudo-terminal of util-linux `script`) and from a pipe: completion of everything that
 * can stand in a line, a history that outlives the session and Ctrl-R in it, long answers a screen at a time, the empty
 * line, Ctrl-C during `c`; a script stops at its first error.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { HistorySearch } from '../../src/host/debugger/history-search.ts';
import { linesThatFit, rowsOf } from '../../src/host/debugger/pager.ts';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise } from './command.ts';
import { skipTerminal as skip, Terminal } from './pseudo-terminal.ts';

const paging = await record({ images: { kernel: buildGuest('paging') }, memoryMegabytes: 4, embed: true });

/** A folder with a recording and a state folder of its own. */
async function withLog(work: (cwd: string, env: Record<string, string>) => Promise<void>): Promise<void> {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'paging.rlog'), paging.log);
    await work(cwd, { XDG_STATE_HOME: join(cwd, 'state') });
  });
}

const PROMPT = /reprise> (?:\x1b\[\d+G)?$/;

async function started(cwd: string, env: Record<string, string>, log = 'paging.rlog'): Promise<Terminal> {
  const terminal = new Terminal(cwd, `debug ${log} --no-color`, 100, env);
  await terminal.until(PROMPT);
  return terminal;
}

async function leave(terminal: Terminal): Promise<void> {
  terminal.child.stdin.write('quit\r');
  assert.equal(await terminal.end(), 0);
}

test('everything that can stand in a line completes', { skip }, async () => {
  await withLog(async (cwd, env) => {
    mkdirSync(join(cwd, 'symbols-here'));
    writeFileSync(join(cwd, 'symbols-here', 'System.map'), '');
    const terminal = await started(cwd, env);
    const completes = async (typed: string, completed: RegExp): Promise<void> => {
      // The tab comes alone: what is pasted completes nothing.
      await terminal.type(typed, new RegExp(typed.replace(/[[+]/g, '\\$&')));
      await terminal.type('\t', completed);
      await terminal.type('\x03', PROMPT);
    };
    await terminal.type('bookmark halfway\r', /bookmark halfway at tick 0[\s\S]*reprise> /);
    await completes('reverse-c', /ontinue/);
    await completes('b paging_i', /s_on/);
    await completes('p [watched + on_page_f', /ault/);
    await completes('seek faul', /t/);
    await completes('seek mark:half', /way/);
    await completes('unbookmark half', /way/);
    await completes('info paget', /able/);
    await completes('devices ioap', /ic/);
    await completes('engine inte', /rp/);
    await completes('symbols symb', /ols-here\//);
    await completes('symbols symbols-here/Sys', /tem\.map/);
    await completes('help unboo', /kmark/);
    await completes('when; b paging_i', /s_on/);
    await leave(terminal);
  });
});

test('what was typed is there in the next session, and Ctrl-R finds it', { skip }, async () => {
  await withLog(async (cwd, env) => {
    const first = await started(cwd, env);
    await first.type('seek 100\r', /tick 100 [\s\S]*reprise> /);
    await first.type('p 1 + 41\r', /42 = 0x2a[\s\S]*reprise> /);
    await leave(first);
    assert.deepEqual(
      readFileSync(join(cwd, 'state', 'reprise', 'debug-history'), 'utf8')
        .split('\n')
        .slice(0, 2),
      ['seek 100', 'p 1 + 41'],
    );
    const second = await started(cwd, env);
    await second.type('\x12', /\(search\)"": /);
    await second.type('seek', /\(search\)"seek": seek 100/);
    await second.type('\r', /tick 100 \(/);
    await second.until(PROMPT);
    // Twice: the older one. Enter edits nothing and runs it.
    await second.type('\x12', /\(search\)/);
    await second.type('zzz', /\(nothing found\)"zzz"/);
    await second.type('\x07', PROMPT);
    await second.type('\x1b[A', /seek 100/);
    await second.type('\x03', PROMPT);
    await leave(second);
  });
});

test('a state folder that cannot be written costs the memory alone', async () => {
  await withLog(async (cwd) => {
    writeFileSync(join(cwd, 'file'), '');
    const { status, stdout } = await reprise(['debug', 'paging.rlog'], {
      cwd,
      input: 'seek 5\nquit\n',
      env: { XDG_STATE_HOME: join(cwd, 'file') },
    });
    assert.equal(status, 0);
    assert.match(stdout, /^tick 5 /);
  });
});

test('long answers wait for a key, short ones do not; an empty line goes on', { skip }, async () => {
  await withLog(async (cwd, env) => {
    const terminal = await started(cwd, env);
    await terminal.type('seek fault:14\r', /tick \d+ [\s\S]*reprise> /);
    const page = await terminal.type('info idt\r', /-- more: /);
    assert.ok(page.split('\n').length <= 31, 'no more than a screen');
    await terminal.type(' ', /0x30 to 0xff[\s\S]*reprise> /);
    await terminal.type('info idt\r', /-- more: /);
    const rest = await terminal.type('q', PROMPT);
    assert.doesNotMatch(rest, /0x30 to 0xff/);
    await terminal.type('info idt\r', /-- more: /);
    await terminal.type('a', /0x30 to 0xff[\s\S]*reprise> /);
    const first = /tick (\d+)/.exec(await terminal.type('si\r', /tick \d+[\s\S]*reprise> /))?.[1];
    const second = /tick (\d+)/.exec(await terminal.type('\r', /tick \d+[\s\S]*reprise> /))?.[1];
    assert.equal(Number(second), Number(first) + 1);
    const code = await terminal.type('x/2i main\r', /<main>[\s\S]*reprise> /);
    const further = await terminal.type('\r', /<main\+0x[0-9a-f]+>[\s\S]*reprise> /);
    assert.notEqual(code, further);
    await terminal.type('when\r', /tick [\s\S]*reprise> /);
    const nothing = await terminal.type('\r', PROMPT);
    assert.doesNotMatch(nothing, /tick/, 'looks at where we are are not repeated');
    await leave(terminal);
  });
});

test('Ctrl-C during c stays where it is, and leads back from a seek', { skip }, async () => {
  await inFolder(async (cwd) => {
    const header = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
    const kernel = assemble(`${header}start: mov ecx, 200\ny: loop y\njmp start\n`).bytes;
    const settings = { images: { kernel }, memoryMegabytes: 4, hashEveryTicks: 2 ** 26, embed: true };
    writeFileSync(join(cwd, 'long.rlog'), (await record({ ...settings, maxTicks: 2_000_000_000 })).log);
    const terminal = await started(cwd, { XDG_STATE_HOME: join(cwd, 'state') }, 'long.rlog --engine step');
    terminal.child.stdin.write('seek 90%\r');
    await terminal.until(/debug: .*%/);
    await terminal.type('\x03', /Interrupted: back where it began\.\r\n[\s\S]*reprise> /);
    await terminal.type('when\r', /tick 0 \(0\.00%\)[\s\S]*reprise> /);
    const before = terminal.shown.length;
    terminal.child.stdin.write('c\r');
    await terminal.until(/debug: .*%/, before);
    const shown = await terminal.type('\x03', /Interrupted at tick \d+ [\s\S]*=> 0x[\s\S]*reprise> /);
    const tick = /Interrupted at tick (\d+)/.exec(shown)?.[1];
    assert.ok(Number(tick) > 0 && Number(tick) < 2_000_000_000);
    assert.match(await terminal.type('when\r', /tick \d+ [\s\S]*reprise> /), new RegExp(`tick ${tick} `));
    await leave(terminal);
  });
});

test('a script from a pipe stops at its first error, as one of --exec does', async () => {
  await withLog(async (cwd, env) => {
    const piped = await reprise(['debug', 'paging.rlog'], {
      cwd,
      env,
      input: '# a remark\nseek 100; when\nnonsense\nseek 7\n',
    });
    assert.equal(piped.status, 2);
    assert.match(piped.stderr, /^reprise: line 3: nonsense: There is no command "nonsense"/i);
    assert.equal(piped.stdout.match(/tick 100 /g)?.length, 2);
    assert.doesNotMatch(piped.stdout, /tick 7 /);
    const json = await reprise(['debug', 'paging.rlog', '--json'], { cwd, env, input: 'seek 100\nquit\nseek 7\n' });
    assert.equal(json.status, 0, json.stderr);
    const [moved, quit, ...more] = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([moved.command, moved.tick, quit.command, more.length], ['seek 100', 100, 'quit', 0]);
    const early = await reprise(['debug', 'paging.rlog', '--gdb', '0', '--exec', 'nonsense'], { cwd, env });
    assert.equal(early.status, 2);
    assert.match(early.stderr, /^reprise: nonsense: There is no command/i);
  });
});

test('the search through the history is that of shells', () => {
  const search = new HistorySearch(['seek 3', 'when', 'seek 1'], 'half a line');
  assert.equal(search.type('se'), null);
  assert.equal(search.line, 'seek 3');
  search.type('\x12');
  assert.equal(search.line, 'seek 1');
  search.type('\x12');
  assert.equal(search.line, 'seek 1', 'there is no older one');
  search.type('\x7f\x7fwh');
  assert.equal(search.line, 'when');
  assert.deepEqual(search.type('\r'), { kind: 'enter', line: 'when' });
  assert.deepEqual(search.type('\x1b[C'), { kind: 'edit', line: 'when' });
  assert.deepEqual(search.type('\x03'), { kind: 'cancel' });
  assert.deepEqual(new HistorySearch([], 'kept').type('\r'), { kind: 'enter', line: 'kept' });
});

test('a page is what fits, with long lines and colours counted as they are drawn', () => {
  assert.equal(rowsOf('', 80), 1);
  assert.equal(rowsOf('x'.repeat(81), 80), 2);
  assert.equal(rowsOf(`\x1b[33m${'x'.repeat(80)}\x1b[39m`, 80), 1);
  assert.equal(linesThatFit(['a', 'x'.repeat(200), 'b'], 3, 80), 1);
  assert.equal(linesThatFit(['x'.repeat(2000)], 3, 80), 1, 'at least one');
  assert.equal(linesThatFit(['a', 'b', 'c'], 3, 80), 3);
});
