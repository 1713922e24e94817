/**
 * Inputs and DMA through a whole machine, recorded and replayed with the devices and without: what a board does by
 * itself the other device tests see, what the machine loop and the log make of it only these.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { LogWriter } from '../../src/core/log/log.ts';
import type { MachineManifest } from '../../src/core/log/manifest.ts';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import { Session } from '../../src/core/session/session.ts';
import { describeDivergence, openLog, record, replay, type TimedInput } from '../../src/library.ts';
import { Interpreter } from '../../tiers/interp/engine.ts';
import { concat } from '../log/events.ts';

/** Tells on COM1 what happens to it. Each NMI prints N and comes back; `main` prints the rest. */
function guest(main: string): Uint8Array {
  return assemble(`
bits 32
org 0x100000
        dd 0x1badb002, 0x00010000, 0xe4514ffe, 0x100000, 0x100000, 0, 0, start
gdt:    dd 0, 0, 0x0000ffff, 0x00cf9a00, 0x0000ffff, 0x00cf9200
gdtr:   dw 23
        dd gdt
idtr:   dw 0x7ff
        dd 0x110000
start:  mov esp, 0x120000
        lgdt [gdtr]
        jmp 8:flat
flat:   mov eax, 16
        mov ds, ax
        mov ss, ax
        mov eax, on_nmi
        mov [0x110010], ax
        mov word [0x110012], 8
        mov word [0x110014], 0x8e00
        shr eax, 16
        mov [0x110016], ax
        lidt [idtr]
        mov al, 's'
        call print
${main}
        mov al, 0x10
        out 0xf4, al
        hlt
print:  mov dx, 0x3f8
        out dx, al
        ret
wait:   mov ecx, 10000
again:  loop again
        ret
on_nmi: push eax
        push edx
        mov al, 'N'
        call print
        pop edx
        pop eax
        iret
`).bytes;
}

const MASK = `
        mov al, 0x80
        out 0x70, al
        mov al, 'm'
        call print`;
const OPEN = `
        mov al, 0
        out 0x70, al
        mov al, 'o'
        call print`;

/** What the guest prints, when it is recorded and however it is replayed. */
async function printed(main: string, inputs: readonly TimedInput[]): Promise<string> {
  const images = { kernel: guest(main) };
  const recorded = await record({ images, memoryMegabytes: 4, hashEveryTicks: 4096, inputs, maxTicks: 400_000 });
  const text = Buffer.from(recorded.serial).toString('latin1');
  for (const devices of ['model', 'log'] as const) {
    const replayed = await replay(recorded.log, { images, devices });
    assert.equal(replayed.divergence === null ? '' : describeDivergence(replayed.divergence), '', devices);
    assert.equal(Buffer.from(replayed.serial).toString('latin1'), text, devices);
    assert.equal(replayed.tick, recorded.tick, devices);
  }
  return text;
}

/** A run whose recording the test may meddle with; `log` is what was written so far. */
function recording(manifest: MachineManifest, images: { readonly kernel: Uint8Array }) {
  const frames: Uint8Array[] = [];
  const writer = new LogWriter((frame) => frames.push(frame), { creator: 'test', profile: 'full', machine: manifest });
  const port = new RecordingPort(writer);
  const session = new Session({
    manifest,
    images: new Map(Object.entries(images)),
    makeEngine: (cpu) => new Interpreter(cpu),
    port,
    output: SILENT_OUTPUT,
  });
  return { log: () => concat(frames), port, session };
}

const nmi = (tick: number): TimedInput => ({ tick, event: { kind: 'nmi' } });

test('bit 7 of port 70h masks an NMI from outside, however it is written', async () => {
  assert.equal(await printed(`${MASK}\n call wait\n${OPEN}\n call wait`, [nmi(5000)]), 'smo');
  assert.equal(await printed(`${MASK}\n call wait\n${OPEN}\n call wait`, [nmi(15_000)]), 'smoN');
  assert.equal(await printed(`call wait\n${MASK}\n call wait`, [nmi(5000), nmi(15_000)]), 'sNm');
  const wide = 'mov dx, 0x6f\n mov eax, 0x8000\n out dx, ax\n call wait';
  assert.equal(await printed(wide, [nmi(5000)]), 's');
  // Port 70h is the second byte of this one, and its bit 7 is clear.
  const notBit7 = 'mov dx, 0x6f\n mov eax, 0x7fff\n out dx, ax\n call wait';
  assert.equal(await printed(notBit7, [nmi(5000)]), 'sN');
});

test('in a log with the quirk of format 1 a masked NMI is taken, with and without devices', async () => {
  const images = { kernel: guest(`${MASK}\n call wait\n${OPEN}`) };
  const { manifest } = await record({ images, memoryMegabytes: 4, maxTicks: 1 });
  const { log, session } = recording({ ...manifest, quirks: ['unmasked-nmi'] }, images);
  session.port.push({ kind: 'nmi' }, 5000);
  assert.equal(session.advance(100_000), 'debug-exit');
  session.end('debug-exit');
  for (const devices of ['model', 'log'] as const) {
    const replayed = await replay(log(), { images, devices });
    assert.equal(replayed.divergence === null ? '' : describeDivergence(replayed.divergence), '', devices);
    assert.equal(Buffer.from(replayed.serial).toString('latin1'), 'smNo', devices);
  }
});

test('a break on a serial line is a zero byte with its errors, on that line alone', async () => {
  // Line status (data ready, framing error, break) as a letter from A on, the byte as a digit, the status again.
  const status = `
        mov dx, 0x3fd
        in al, dx
        mov bl, al
        and al, 0x19
        add al, 'A'
        call print
        mov dx, 0x3f8
        in al, dx
        add al, '0'
        call print
        mov dx, 0x3fd
        in al, dx
        and al, 0x19
        add al, 'A'
        call print`;
  const serialBreak = (tick: number, port: number): TimedInput => ({ tick, event: { kind: 'serial-break', port } });
  assert.equal(await printed(`call wait\n${status}`, []), 'sA0A');
  assert.equal(await printed(`call wait\n${status}`, [serialBreak(5000, 0)]), `s${String.fromCharCode(65 + 0x19)}0A`);
  assert.equal(await printed(`call wait\n${status}`, [serialBreak(5000, 1)]), 'sA0A');
});

test('a reset from outside starts the guest again and opens the mask', async () => {
  const reset: TimedInput = { tick: 15_000, event: { kind: 'reset' } };
  const main = 'call wait\n call wait\n call wait';
  assert.equal(await printed(main, [reset]), 'ss');
  const masked = `call wait\n${MASK}\n call wait\n call wait`;
  // Between the reset, which takes 131 072 ticks, and the end of the first wait nothing masks.
  assert.equal(await printed(masked, [reset, nmi(15_000 + 131_072 + 5000)]), 'smsNm');
  const events = [nmi(12_000), reset, nmi(15_000 + 131_072 + 25_000)];
  assert.equal(await printed(masked, events), 'smsm');
});

test('without reboot a reset from outside ends the run, with and without devices', async () => {
  const images = { kernel: guest('call wait') };
  const inputs: TimedInput[] = [{ tick: 5000, event: { kind: 'reset' } }];
  const recorded = await record({ images, memoryMegabytes: 4, reboot: false, inputs });
  assert.equal(recorded.reason, 'shutdown');
  for (const devices of ['model', 'log'] as const) {
    const replayed = await replay(recorded.log, { images, devices });
    assert.equal(replayed.divergence, null, devices);
    assert.deepEqual([replayed.tick, replayed.reason], [recorded.tick, 'shutdown'], devices);
  }
});

test('a DMA write of part of an image is done without devices too', async () => {
  // Waits for a word in memory, and ends with what it holds: 'w' and the byte behind it.
  const images = {
    kernel: guest(`
poll:   cmp dword [0x200000], 0
        je poll
        mov al, [0x200000]
        call print
        mov al, [0x200001]
        call print`),
  };
  const { manifest } = await record({ images, memoryMegabytes: 4, maxTicks: 1 });
  const { log, port, session } = recording(manifest, images);
  assert.equal(session.advance(5000), 'tick');
  // As a disk would: the bytes come from an image, and the log says where they lie in it.
  const offset = images.kernel.length - 20;
  const part = images.kernel.subarray(offset, offset + 16);
  port.checks.dmaWrite(session.tick, 0x200000, { image: 0, offset, length: part.length });
  session.machine.space.writeBytes(0x200000, part);
  assert.equal(session.advance(100_000), 'debug-exit');
  session.end('debug-exit');

  const replayed = await replay(log(), { images, devices: 'log' });
  assert.equal(replayed.divergence === null ? '' : describeDivergence(replayed.divergence), '');
  assert.equal(replayed.tick, session.tick);
  assert.equal(Buffer.from(replayed.serial).toString('latin1'), `s${String.fromCharCode(part[0], part[1])}`);

  // A log that was made up: beyond the end of the image, and of an image that there is not.
  for (const [image, what] of [
    [0, /bytes \d+ to \d+ of image 0, and the kernel has \d+ bytes; it was not written by this program/],
    [7, /of image 7, and there is no such image; it was not written by this program/],
  ] as const) {
    const broken = await brokenLog({ image, offset: images.kernel.length - 4, length: 16 });
    const error = { name: 'LogError', kind: 'malformed', message: what };
    await assert.rejects(replay(broken, { images, devices: 'log' }), error);
  }

  async function brokenLog(content: { image: number; offset: number; length: number }): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const writer = new LogWriter((frame) => parts.push(frame), openLog(log()).header);
    writer.checks.dmaWrite(100, 0x200000, content);
    writer.end(200, 'max-ticks', null);
    return concat(parts);
  }
});
