/**
 * IA32_APIC_BASE through a whole machine (Intel SDM volume 3, section 10.4.5): a guest moves its local APIC about, over
 * nothing and over RAM, turns it off and resets, and says what it finds at each place. The same on every engine, in
 * replays with devices and without, and from a snapshot of any moment; a log of before keeps what it was recorded with.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { QuirkName } from '../../src/core/log/quirks.ts';
import { PageStore } from '../../src/core/machine/snapshot.ts';
import { engineNames } from '../../src/engines.ts';
import { createMachine, openLog, record, replay } from '../../src/library.ts';

const VERSION = '00050014';
const NOTHING = 'ffffffff';

/** Prints words in hexadecimal; `main` says which. RAM at 300030h holds 12345678h. */
const KERNEL = assemble(`
bits 32
org 0x100000
        dd 0x1badb002, 0x00010000, 0xe4514ffe, 0x100000, 0x100000, 0, 0, start
start:  mov esp, 0x120000
        mov dword [0x300030], 0x12345678
        mov eax, [0xfee00030]
        call print
        mov eax, 0xd0000900
        call base
        mov eax, [0xd0000030]
        call print
        mov eax, [0xfee00030]
        call print
        mov eax, 0x300900
        call base
        mov dword [0x300080], 0x70
        mov eax, [0x300030]
        call print
        mov eax, 0x300100
        call base
        mov eax, [0x300030]
        call print
        mov eax, [0x300080]
        call print
        mov eax, 0xfee00900
        call base
        mov eax, [0xfee00030]
        call print
        mov eax, 0x400900
        call base
        mov eax, [0x400030]
        call print
        cmp dword [0x200000], 0
        jne done
        inc dword [0x200000]
        mov dx, 0x3f8
        mov al, '|'
        out dx, al
        mov al, 0xfe
        out 0x64, al
wait:   jmp wait
done:   mov al, 0x10
        out 0xf4, al
base:   mov ecx, 0x1b
        xor edx, edx
        wrmsr
        ret
print:  mov ecx, 8
        mov dx, 0x3f8
digit:  rol eax, 4
        push eax
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe put
        add al, 39
put:    out dx, al
        pop eax
        loop digit
        mov al, ' '
        out dx, al
        ret
`).bytes;
const images = { kernel: KERNEL };
const settings = { images, memoryMegabytes: 8, hashEveryTicks: 100, maxTicks: 2_000_000 };

const FOUND = [VERSION, VERSION, NOTHING, VERSION, '12345678', '00000000', VERSION, VERSION, ''].join(' ');
const FOUND_BEFORE = [VERSION, NOTHING, VERSION, '12345678', '12345678', '00000070', VERSION, '00000000', ''].join(' ');

async function recorded(engine: string, quirks: readonly QuirkName[]): Promise<{ log: Uint8Array; text: string }> {
  let text = '';
  const onSerial = (_port: number, byte: number): void => {
    text += String.fromCharCode(byte);
  };
  const { log, reason } = await record({ ...settings, engine, quirks, onSerial });
  assert.equal(reason, 'debug-exit', `${engine}: ${text}`);
  return { log, text };
}

for (const [name, quirks, found] of [
  ['the local APIC is where the guest puts it, until a reset', [], FOUND],
  ['in a log of before it stays where it is', ['fixed-apic'], FOUND_BEFORE],
] as const) {
  test(name, async () => {
    let first: Uint8Array | null = null;
    for (const engine of engineNames()) {
      const { log, text } = await recorded(engine, quirks);
      assert.equal(text, `${found}|${found}`, engine);
      assert.deepEqual(openLog(log).header.machine.quirks, quirks);
      first ??= log;
      assert.deepEqual(log, first, engine);
      for (const devices of ['model', 'log'] as const) {
        const { divergence, reason } = await replay(log, { images, engine, devices });
        assert.deepEqual([divergence, reason], [null, 'debug-exit'], `${engine}, devices ${devices}`);
      }
    }
  });
}

test('a machine that is put back has it where it was', async () => {
  const { machine } = await createMachine(settings);
  const store = new PageStore(machine);
  const moments = [store.take()];
  const hashes = [machine.hash().root];
  while (machine.run(machine.tick + 40) === 'tick') {
    moments.push(store.take());
    hashes.push(machine.hash().root);
  }
  assert.ok(moments.length > 20);
  for (let at = moments.length - 2; at >= 0; at--) {
    store.restore(moments[at], at % 2 === 0);
    machine.run(machine.tick + 40);
    assert.equal(machine.hash().root, hashes[at + 1], `from tick ${moments[at].tick}`);
  }
});
