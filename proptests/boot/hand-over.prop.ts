/**
 * What a kernel that is booted without firmware finds is what SeaBIOS leaves (src/core/machine/boot/hand-over.ts):
 * a real-mode guest that does nothing but `sti; hlt` goes on, 18.2 times a second; services that are not there return;
 * and the local APIC stands in a state that hardware can have, so that writing back what one read changes nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { record, replay } from '../../src/library.ts';

const header = (origin: number): string =>
  `bits 32\norg ${origin}\nheader: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, ${origin}, 0, 0, start\n`;

/** Value at the debug-exit port: how often the clock of the BIOS data area ticked in three halts. */
const REAL_MODE = `${header(0x8000)}
start:
  lgdt [gdtr]
  jmp 0x08:protected16
bits 16
protected16:
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  jmp 0:real
real:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  lidt [idtr]
  int 0x10
  int 0x16
  mov ebx, [0x46c]
  sti
  hlt
  hlt
  hlt
  cli
  mov eax, [0x46c]
  sub eax, ebx
  out 0xf4, al
align 8
gdt: dd 0, 0, 0x0000ffff, 0x00009b00, 0x0000ffff, 0x00009300
gdtr: dw 23
  dd gdt
idtr: dw 0x3ff
  dd 0
`;

/** Writes LINT0 back as it was read; 1 when it is still open afterwards and an interrupt of the 8259 arrives. */
const WIRE = `${header(0x100000)}
start:
  mov esp, 0x90000
  lgdt [gdtr]
  lidt [idtr]
  mov eax, [0xfee00350]
  mov [0xfee00350], eax
  xor ecx, ecx
  mov edx, [0xfee00350]
  cmp eax, edx
  jne done
  test edx, 0x10000
  jnz done
  test byte [0xfee000f1], 1
  jz done
  sti
  hlt
done:
  mov al, cl
  out 0xf4, al
tick:
  mov ecx, 1
  mov al, 0x20
  out 0x20, al
  iret
align 8
gdt: dd 0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300
gdtr: dw 23
  dd gdt
idt: times 64 db 0
  dw tick - 0x100000, 0x08, 0x8e00, 0x10
idtr: dw 71
  dd idt
`;

const settings = (source: string) => ({
  images: { kernel: assemble(source).bytes },
  memoryMegabytes: 4,
  reboot: false,
});

test('a real-mode guest that enables interrupts and halts goes on with the next tick of the timer', async () => {
  for (const engine of ['interp', 'js', 'tiered']) {
    const recorded = await record({ ...settings(REAL_MODE), engine, maxTicks: 400_000_000 });
    assert.equal(recorded.reason, 'debug-exit', engine);
    assert.equal(recorded.debugExit, 3, engine);
    // Three periods of 65536 / 1193182 s, the first of which had begun.
    const seconds = (recorded.tick * 8) / 1e9;
    assert.ok(seconds > 0.109 && seconds < 0.166, `${seconds} s`);
    for (const devices of ['model', 'log'] as const) {
      const again = await replay(recorded.log, { ...settings(REAL_MODE), engine, devices });
      assert.equal(again.divergence, null);
      assert.equal(again.tick, recorded.tick);
    }
    assert.deepEqual(openLog(recorded.log).header.machine.quirks, []);
  }
});

test('the local APIC is a virtual wire: LINT0 can be written back, and the 8259 is heard', async () => {
  const recorded = await record({ ...settings(WIRE), maxTicks: 400_000_000 });
  assert.deepEqual([recorded.reason, recorded.debugExit], ['debug-exit', 1]);
});
