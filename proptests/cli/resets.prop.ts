/**
 * Resets say what they were: who asked for them, or the chain of exceptions that led to the third one; they are
 * counted, and --no-reboot names the one that it ends at. --stop-on ends a recording by itself at a text, an
 * exception, an interrupt or a reset: at the same tick on every engine, with a log that replays to it on every engine.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { engineNames } from '../../src/engines.ts';
import { BootError, openLog, record, replay, summarizeLog, UsageError } from '../../src/library.ts';
import { setUpPic } from '../support/flat-guest.ts';
import { inFolder, reprise } from './command.ts';

const HEADER =
  'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start\nstart:\n';
const guest = (body: string): Uint8Array => assemble(HEADER + body).bytes;

/** What the guest does, what is said of it, and the address of the instruction behind `start`. */
const RESETS: readonly (readonly [name: string, body: string, says: string, bytesBefore: number])[] = [
  ['triple', 'lidt [zero]\nud2\nzero: dd 0, 0\n', 'triple fault at eip % after #UD, #GP, #DF', 7],
  ['ring', 'lidt [zero]\nint3\nzero: dd 0, 0\n', 'triple fault at eip % after #GP, #DF', 7],
  ['keyboard', 'mov al, 0xfe\nout 0x64, al\nx: jmp x\n', 'reset by the keyboard controller at eip %', 2],
  [
    'output',
    'mov al, 0xd1\nout 0x64, al\nxor al, al\nout 0x60, al\nx: jmp x\n',
    'reset by the keyboard controller at eip %',
    6,
  ],
  ['cf9', 'mov dx, 0xcf9\nmov al, 6\nout dx, al\nx: jmp x\n', 'reset by port CF9h at eip %', 6],
  ['port92', 'mov al, 1\nout 0x92, al\nx: jmp x\n', 'reset by port 92h at eip %', 2],
];
const START = 0x100020;

test('run and record say what the first reset was, and count them; --no-reboot names the one it ends at', async () => {
  await inFolder(async (cwd) => {
    for (const [name, body, says, bytesBefore] of RESETS) {
      writeFileSync(join(cwd, name), guest(body));
      const sentence = says.replace('%', `0x${(START + bytesBefore).toString(16)}`);
      const words = ['--kernel', name, '--memory', '4'];
      const again = await reprise(['record', `${name}.rlog`, ...words, '--max-ticks', '300000'], { cwd });
      assert.equal(again.status, 0, again.stderr);
      const [first, last, ...rest] = again.stderr.trimEnd().split('\n');
      assert.match(first, /^record: reset at tick \d+: /);
      assert.ok(first.endsWith(`: ${sentence}; --no-reboot stops here`), first);
      assert.match(last, /^record: the ticks asked for are over; .*; 3 resets$/);
      assert.deepEqual(rest, []);
      const once = await reprise(['run', ...words, '--no-reboot'], { cwd });
      assert.equal(once.status, 3);
      assert.ok(once.stderr.startsWith(`run: ${sentence} ended the run (--no-reboot); `), once.stderr);
      const json = JSON.parse((await reprise(['run', ...words, '--no-reboot', '--json'], { cwd })).stdout);
      assert.deepEqual([json.shutdown.text, json.shutdown.eip], [sentence, START + bytesBefore]);
    }
  });
});

test('in real mode the place has its code segment', async () => {
  await inFolder(async (cwd) => {
    const bios = new Uint8Array(0x10000).fill(0x90);
    // At the reset vector: lidt with limit 0 from the ROM, then an undefined instruction.
    bios.set([0x2e, 0x0f, 0x01, 0x1e, 0x00, 0xff, 0x0f, 0x0b], 0xfff0);
    bios.set([0, 0, 0, 0, 0, 0], 0xff00);
    writeFileSync(join(cwd, 'bios'), bios);
    const { status, stderr } = await reprise(['run', '--bios', 'bios', '--memory', '4', '--no-reboot'], { cwd });
    assert.equal(status, 3);
    assert.match(stderr, /^run: triple fault at cs:ip f000:fff6 after #UD, #GP, #DF ended the run/);
  });
});

test('the first reset is told on a line of its own, after what the guest has said', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(
      join(cwd, 'k'),
      guest('mov dx, 0x3f8\nmov al, 65\nout dx, al\nmov al, 0xfe\nout 0x64, al\nx: jmp x\n'),
    );
    const words = ['run', '--kernel', 'k', '--memory', '4', '--max-ticks', '200000'];
    const { stdout, stderr } = await reprise(words, { cwd });
    assert.equal(stdout, 'AA');
    assert.match(stderr, /^run: reset at tick 5: reset by the keyboard controller/);
  });
});

/** Sends a text again and again, faults on the way, and takes timer interrupts. */
const BUSY = `
  mov esp, 0x300000
  lidt [idtr]
${setUpPic(0xfe)}  mov al, 0x34
  out 0x43, al
  mov al, 0x10
  out 0x40, al
  xor al, al
  out 0x40, al
  sti
again:
  mov esi, text
  mov dx, 0x3f8
letters:
  lodsb
  test al, al
  jz fault
  out dx, al
  mov ecx, 100
spin: loop spin
  jmp letters
fault:
  ud2
  jmp again
undefined:
  add dword [esp], 2
  iret
timer:
  push eax
  mov al, 0x20
  out 0x20, al
  pop eax
  iret
text: db "all is well; BUG: no. ", 0
idtr: dw 0x7ff
  dd idt
align 8
idt:
${Array.from({ length: 256 }, (_, vector) =>
  vector === 6
    ? 'dw undefined - 0x100000, 0x08, 0x8e00, 0x10'
    : vector === 32
      ? 'dw timer - 0x100000, 0x08, 0x8e00, 0x10'
      : 'dd 0, 0',
).join('\n')}
`;

const STOPS = ['serial:"BUG"', 'serial:BUG#3', 'fault:6', 'fault', 'irq:20h', 'irq'] as const;

test('--stop-on ends at the same tick on every engine, and the log replays to it on every engine', async () => {
  const kernel = guest(BUSY);
  for (const stopOn of [...STOPS.map((stop) => [stop]), ['reset', 'serial:"well"']]) {
    const ends = new Set<string>();
    const logs: Uint8Array[] = [];
    for (const engine of engineNames()) {
      const settings = { images: { kernel }, memoryMegabytes: 4, maxTicks: 2_000_000, hashEveryTicks: 10_000, engine };
      const recorded = await record({ ...settings, stopOn });
      assert.equal(recorded.reason, 'stopped', `${stopOn} on ${engine}`);
      ends.add(`${recorded.tick} ${recorded.hash}`);
      logs.push(recorded.log);
      // They are all the same log: each is replayed by another engine than it was recorded by.
      assert.deepEqual(recorded.log, logs[0], `${stopOn} on ${engine}`);
      const other = engineNames()[logs.length % engineNames().length];
      const again = await replay(recorded.log, { images: { kernel }, engine: other });
      assert.equal(again.divergence, null, `${stopOn}, ${engine} on ${other}`);
      assert.deepEqual([again.tick, again.hash], [recorded.tick, recorded.hash]);
      const bare = await replay(recorded.log, { images: { kernel }, devices: 'log' });
      assert.deepEqual([bare.divergence, bare.tick], [null, recorded.tick]);
      const said = new TextDecoder().decode(recorded.serial);
      if (stopOn[0] === 'serial:"BUG"') assert.equal(said, 'all is well; BUG');
      if (stopOn[0] === 'serial:BUG#3') assert.match(said, /^(all is well; BUG: no\. ){2}all is well; BUG$/);
    }
    assert.equal(ends.size, 1, `${stopOn}: ${[...ends].join(', ')}`);
  }
});

test('a recording that stops by itself is whole, says why, and ends with status 0', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'busy'), guest(BUSY));
    writeFileSync(join(cwd, 'triple'), guest('lidt [zero]\nud2\nzero: dd 0, 0\n'));
    const cases = [
      ['a', 'busy', 'serial:"BUG"', []],
      ['b', 'busy', 'fault:6', ['--shadow']],
      ['c', 'busy', 'irq', ['--checkpoint-every', '1000']],
      ['d', 'triple', 'reset', []],
      ['e', 'busy', 'serial:BUG', ['--profile', 'inputs']],
      ['f', 'busy', 'serial:a#2', ['--profile', 'checked', '--serial-timing', 'baud']],
    ] as const;
    for (const [name, kernel, stop, more] of cases) {
      const words = ['record', `${name}.rlog`, '--kernel', kernel, '--memory', '4', '--stop-on', stop, ...more];
      const { status, stderr } = await reprise(words, { cwd });
      assert.equal(status, 0, stderr);
      assert.ok(stderr.includes(`record: stopped at ${stop}; `), stderr);
      const replayed = await reprise(['replay', `${name}.rlog`, '--json'], { cwd });
      assert.equal(replayed.status, 0, replayed.stderr);
      assert.equal(JSON.parse(replayed.stdout).reason, 'stopped');
    }
    for (const wrong of ['12345', 'serial:', 'fault:999', 'eax == 5', 'mark:x', '', 'sereal:"BUG"']) {
      const { status, stderr } = await reprise(['run', '--kernel', 'busy', `--stop-on=${wrong}`], { cwd });
      assert.deepEqual(
        [status, stderr.startsWith('reprise: A run stops on serial:"TEXT", fault:N')],
        [2, true],
        stderr,
      );
    }
  });
});

test('the library stops on the same, and refuses the same', async () => {
  const kernel = guest(BUSY);
  const { log } = await record({ images: { kernel }, memoryMegabytes: 4, maxTicks: 1e6, stopOn: ['fault:6'] });
  const { end } = summarizeLog(openLog(log));
  assert.equal(end?.reason, 'stopped');
  assert.ok((end?.tick ?? 0) < 100_000);
  await assert.rejects(record({ images: { kernel }, stopOn: ['noon'] }), UsageError);
  await assert.rejects(record({ images: { kernel: new Uint8Array(9) } }), BootError);
});
