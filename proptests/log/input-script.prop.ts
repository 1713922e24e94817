/**
 * Input scripts: every form, every error by line, texts found in a stream at the byte that completes them; and the
 * order in which a live port gives out what was pushed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LivePort } from '../../src/core/session/live-port.ts';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import { InputScriptError, parseInputScript, ScriptPlayer } from '../../src/core/session/input-script.ts';
import { keysOf } from '../../src/core/base/key-text.ts';
import type { InputEvent } from '../../src/core/log/events.ts';
import { KEY_NAMES } from '../../src/core/base/key-names.ts';
import { LogWriter } from '../../src/core/log/log.ts';
import { concat, header, seed } from './events.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('every form of line', () => {
  const steps = parseInputScript(`# a session
at 1_000 serial "ls\\n"   # then wait
\tat 2000 serial1 "\\x00\\e[A\\"\\\\é#"
at 3 key enter
at 4 key a down
at 5 mouse -3 7 1
at 6 mouse 1 2
at 7 power
at 8 reset
at 9 nmi
at 10 end

when "login: " serial "root\\r"
when serial2 "# " nmi
at 11 serial1 break`);
  assert.deepEqual(steps, [
    { kind: 'at', line: 2, tick: 1000, inputs: [{ kind: 'serial', port: 0, bytes: bytes('ls\n') }] },
    { kind: 'at', line: 3, tick: 2000, inputs: [{ kind: 'serial', port: 1, bytes: bytes('\0\x1b[A"\\é#') }] },
    {
      kind: 'at',
      line: 4,
      tick: 3,
      inputs: [
        { kind: 'key', key: 'enter', down: true },
        { kind: 'key', key: 'enter', down: false },
      ],
    },
    { kind: 'at', line: 5, tick: 4, inputs: [{ kind: 'key', key: 'a', down: true }] },
    { kind: 'at', line: 6, tick: 5, inputs: [{ kind: 'mouse', dx: -3, dy: 7, dz: 0, buttons: 1 }] },
    { kind: 'at', line: 7, tick: 6, inputs: [{ kind: 'mouse', dx: 1, dy: 2, dz: 0, buttons: 0 }] },
    { kind: 'at', line: 8, tick: 7, inputs: [{ kind: 'power-button' }] },
    { kind: 'at', line: 9, tick: 8, inputs: [{ kind: 'reset' }] },
    { kind: 'at', line: 10, tick: 9, inputs: [{ kind: 'nmi' }] },
    { kind: 'at', line: 11, tick: 10, inputs: [{ kind: 'end-of-input', port: 0 }] },
    {
      kind: 'when',
      line: 13,
      serialPort: 0,
      text: bytes('login: '),
      inputs: [{ kind: 'serial', port: 0, bytes: bytes('root\r') }],
    },
    { kind: 'when', line: 14, serialPort: 2, text: bytes('# '), inputs: [{ kind: 'nmi' }] },
    { kind: 'at', line: 15, tick: 11, inputs: [{ kind: 'serial-break', port: 1 }] },
  ]);
  const media: string[] = [];
  const lines = ['cdrom insert a.iso', 'cdrom eject', 'cdrom insert "b c.iso"', 'cdrom insert a.iso'];
  const faults = [
    'hda error read 12..1_3',
    'cdrom error write 7',
    'hdb power-cut 7',
    'hda power-cut',
    'cdrom stall 9_000',
  ];
  const drives = parseInputScript([...lines, ...faults].map((line) => `at 1 ${line}`).join('\n'), media);
  assert.deepEqual(
    drives.flatMap(({ inputs }) => inputs),
    [
      ...[1, -1, 2, 1].map((medium) => ({ kind: 'medium', drive: 'cdrom', medium })),
      { kind: 'disk-fault', drive: 'hda', isWrite: false, from: 12, to: 14 },
      { kind: 'disk-fault', drive: 'cdrom', isWrite: true, from: 7, to: 8 },
      { kind: 'power-cut', drive: 'hdb', seed: 7 },
      { kind: 'power-cut', drive: 'hda', seed: 0 },
      { kind: 'stall', drive: 'cdrom', ticks: 9000 },
    ],
  );
  assert.deepEqual(media, ['a.iso', 'b c.iso']);
  assert.deepEqual(parseInputScript('# nothing\n\n   \r\n'), []);
  for (const key of KEY_NAMES) assert.equal(parseInputScript(`at 0 key ${key} up`).length, 1);
});

test('what is typed comes key by key, chords go down and come up the other way round', () => {
  const told = (source: string): string[] =>
    parseInputScript(source).flatMap(({ inputs, spacingTicks = 0 }) => [
      ...inputs.map((input) => (input.kind === 'key' ? `${input.key} ${input.down ? 'down' : 'up'}` : input.kind)),
      `every ${spacingTicks}`,
    ]);
  assert.deepEqual(told('at 0 type "a:\\n"'), [
    ...['a down', 'a up', 'left-shift down', 'semicolon down', 'semicolon up', 'left-shift up', 'enter down'],
    ...['enter up', 'every 524288'],
  ]);
  assert.deepEqual(told('at 0 key ctrl-alt-delete'), [
    ...['left-ctrl down', 'left-alt down', 'delete down', 'delete up', 'left-alt up', 'left-ctrl up', 'every 0'],
  ]);
  assert.deepEqual(told('at 0 key right-alt-f2 down'), ['right-alt down', 'f2 down', 'every 0']);
  assert.deepEqual(told('at 0 key shift-page-up up'), ['page-up up', 'left-shift up', 'every 0']);
  const [mouse] = parseInputScript('at 0 mouse 10 -5 left+middle');
  assert.deepEqual(mouse.inputs, [{ kind: 'mouse', dx: 10, dy: -5, dz: 0, buttons: 5 }]);
  // Every key of a text is pressed and let go, and ASCII can all be typed.
  for (let code = 0x20; code < 0x7f; code++) {
    const keys = keysOf(String.fromCharCode(code));
    assert.ok(keys !== null && keys.every((key) => KEY_NAMES.includes(key)), String.fromCharCode(code));
  }
});

test('lines that wait for the screen fire when a text stands there once more than it did', () => {
  const pushed: string[] = [];
  const port = { push: (event: InputEvent, tick: number) => pushed.push(`${event.kind} ${tick}`) };
  const script = 'when screen "A:" nmi\nwhen screen "A:" reset\nwhen "go" power';
  const player = new ScriptPlayer(parseInputScript(script), port as unknown as LivePort);
  assert.ok(player.awaitsScreen);
  player.screenShown(10, null);
  player.screenShown(20, ['nothing']);
  player.screenShown(30, ['A:dir', 'A:']);
  player.screenShown(40, ['A:dir', 'A:']);
  player.screenShown(50, ['A:']);
  assert.deepEqual(pushed, ['nmi 31']);
  player.screenShown(60, ['A:', 'A:']);
  assert.deepEqual(pushed, ['nmi 31', 'reset 61']);
  assert.ok(!player.awaitsScreen);
  for (const byte of bytes('go')) player.serialOutput(70, 0, byte);
  assert.deepEqual(pushed, ['nmi 31', 'reset 61', 'power-button 71']);
});

test('what is wrong with a line, and where', () => {
  const cases: [string, RegExp][] = [
    ['in 5 nmi', /expected `at TICK …` or `when "TEXT" …`, got in/],
    ['at nmi', /expected a tick .*got nmi/],
    ['at', /expected a tick .*the line ends/],
    ['at -1 nmi', /expected a tick/],
    ['at 99999999999999999999 nmi', /expected a tick/],
    ['at 5', /expected one of serial, type, key, .*the line ends/],
    ['at 5 tipe "x"', /expected one of serial, type, key, .*got tipe/],
    ['at 5 type x', /expected a text in double quotes after `type`, got x/],
    ['at 5 type "é"', /expected characters of a US keyboard, got "é"/],
    ['at 5 type "x" 1', /expected the end of the line, got 1/],
    ['at 5 key ctrl-alt-x1', /expected the name of a key, such as enter, a or ctrl-alt-delete, got ctrl-alt-x1/],
    ['at 5 mouse 1 2 left+up', /expected buttons from 0 to 7, or left, .*got left\+up/],
    ['when screen x nmi', /expected the text to wait for, in double quotes, after `screen`, got x/],
    ['at 5 serial x', /expected a text in double quotes, or `break`, after `serial`, got x/],
    ['at 5 serial break 1', /expected the end of the line, got 1/],
    ['at 5 serial "x', /expected a closing quote in "x/],
    ['at 5 serial "\\q"', /expected one of \\n .*got \\q/],
    ['at 5 serial4 "x"', /expected one of serial, type, key/],
    ['at 5 serial "x" y', /expected the end of the line, got y/],
    ['at 5 key', /expected the name of a key.*the line ends/],
    ['at 5 key any', /expected the name of a key.*got any/],
    ['at 5 key a sideways', /expected `down`, `up` or nothing, got sideways/],
    ['at 5 mouse 1', /expected a movement .* upwards, the line ends/],
    ['at 5 mouse 1 2 9', /expected buttons from 0 to 7, or left, .*got 9/],
    ['at 5 hda', /expected `error`, `power-cut` or `stall` after `hda`, the line ends/],
    ['at 5 hda eject', /expected `error`, `power-cut` or `stall` after `hda`, got eject/],
    ['at 5 cdrom', /expected `eject`, `insert FILE`, `error` or `stall` after `cdrom`/],
    ['at 5 cdrom insert', /expected the name of a file after `cdrom`/],
    ['at 5 cdrom eject now', /expected the end of the line.* got now/],
    ['at 5 hda power-cut 4294967296', /expected a seed, as in 7/],
    ['at 5 hda power-cut 7 8', /expected the end of the line/],
    ['at 5 hda stall 0', /expected ticks, as in 20000/],
    ['at 5 hda error', /expected `read` or `write` after `hda`/],
    ['at 5 hda error read 9..3', /expected sectors, as in 1234 or 1234\.\.1300/],
    ['when nmi', /expected the text to wait for.*got nmi/],
    ['when "" nmi', /expected the text to wait for/],
    ['when "x"', /expected one of serial, type, key, .*the line ends/],
  ];
  for (const [line, message] of cases) {
    assert.throws(
      () => parseInputScript(`# first\nat 1 nmi\n${line}\n`),
      (error) =>
        error instanceof InputScriptError &&
        error.line === 3 &&
        /^Line 3 /.test(error.message) &&
        message.test(error.message),
      line,
    );
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      try {
        parseInputScript(text);
      } catch (error) {
        assert.ok(error instanceof InputScriptError, String(error));
      }
    }),
    { seed, numRuns: 300 },
  );
});

test('each `when` fires once, in order, one tick after the byte that completes its text', () => {
  const letters = fc.stringMatching(/^[ab]{0,60}$/);
  const texts = fc.array(fc.stringMatching(/^[ab]{1,5}$/), { maxLength: 5 });
  fc.assert(
    fc.property(letters, texts, (output, wanted) => {
      const port = new LivePort();
      const player = new ScriptPlayer(parseInputScript(wanted.map((text) => `when "${text}" nmi`).join('\n')), port);
      for (let i = 0; i < output.length; i++) player.serialOutput(i * 10, 0, output.charCodeAt(i));
      const due: number[] = [];
      let from = 0;
      for (const text of wanted) {
        const at = output.indexOf(text, from);
        if (at < 0) break;
        from = at + text.length;
        due.push((from - 1) * 10 + 1);
      }
      const taken: number[] = [];
      for (let tick = port.nextTick(); tick < Number.POSITIVE_INFINITY; tick = port.nextTick()) {
        taken.push(tick);
        assert.equal(port.take(tick - 1), null);
        assert.deepEqual(port.take(tick), { kind: 'nmi' });
      }
      assert.deepEqual(taken, due);
      assert.equal(player.waitingSteps.length, wanted.length - due.length);
    }),
    { seed, numRuns: 300 },
  );
});

test('other serial lines do not complete a text', () => {
  const port = new LivePort();
  const player = new ScriptPlayer(parseInputScript('when serial1 "ab" nmi'), port);
  for (const [line, letter] of [
    [1, 'a'],
    [0, 'x'],
    [0, 'b'],
  ] as const)
    player.serialOutput(1, line, letter.charCodeAt(0));
  assert.equal(port.nextTick(), Number.POSITIVE_INFINITY);
  player.serialOutput(7, 1, 0x62);
  assert.equal(port.nextTick(), 8);
});

test('inputs are taken in order of tick, then of push; `due now` comes first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 30 }), (ticks) => {
      const port = new LivePort();
      for (const [i, tick] of ticks.entries()) port.push({ kind: 'epoch', seconds: i }, tick);
      const sorted = ticks.map((tick, i) => ({ tick, i })).sort((a, b) => a.tick - b.tick || a.i - b.i);
      for (const { tick, i } of sorted) {
        assert.equal(port.nextTick(), tick);
        assert.deepEqual(port.take(100), { kind: 'epoch', seconds: i });
      }
      assert.equal(port.take(100), null);
    }),
    { seed },
  );
});

test('the same script over the same guest gives the same log', () => {
  const once = (): Uint8Array => {
    const frames: Uint8Array[] = [];
    const port = new RecordingPort(new LogWriter((frame) => frames.push(frame), header('full')));
    const player = new ScriptPlayer(parseInputScript('at 5 key a\nwhen "$ " serial "ls\\n"\nat 90 reset'), port);
    const output = 'boot\n$ files\n$ ';
    for (let tick = 0; tick < 100; tick++) {
      for (let input = port.take(tick); input !== null; input = port.take(tick));
      if (tick % 6 === 0 && tick / 6 < output.length) player.serialOutput(tick, 0, output.charCodeAt(tick / 6));
      port.checks.portRead(tick, 0x3fd, 1, 0x60);
    }
    port.finish(100, 'stopped', null);
    return concat(frames);
  };
  assert.deepEqual(once(), once());
});
