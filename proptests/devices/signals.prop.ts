/**
 * Messages of the local APIC to its own processor: INIT starts firmware anew with x87, SSE and MSRs as they were (SDM
 * 3, table 10-1), NMI is taken after the instruction that sent it. Both are in the log, so that a replay without
 * devices takes them at the same place; a log made before they were replays as it was made.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { engineNames, logEvents, record, replay } from '../../src/library.ts';
import { flatGuest } from '../support/flat-guest.ts';

/** 64 KiB at the end of the address space: the first time through it sends INIT, the second time it looks around. */
const FIRMWARE = `bits 16
org 0
start:
  mov al, 0x8f
  out 0x70, al
  in al, 0x71
  cmp al, 0x5a
  je again
  mov al, 0x8f
  out 0x70, al
  mov al, 0x5a
  out 0x71, al
  cli
  lgdt [cs:gdtr]
  mov eax, cr0
  and eax, 0x9fffffff
  or al, 1
  mov cr0, eax
  mov eax, 0x200
  mov cr4, eax
  mov ax, 8
  mov ds, ax
  mov ecx, 0x174
  mov eax, 0x1234
  xor edx, edx
  wrmsr
  fninit
  fldpi
  mov eax, 0xcafe
  movd xmm3, eax
  mov esi, 0xfee00000
  mov dword [esi + 0xf0], 0x1ff
  mov dword [esi + 0x310], 0
  mov dword [esi + 0x300], 0x8500
  mov dword [esi + 0x300], 0x4500
  jmp $
again:
  mov ebx, cr0
  test ebx, 0x60000001
  jnz bad
  mov ebx, cr4
  test ebx, ebx
  jnz bad
  mov eax, 0x200
  mov cr4, eax
  movd eax, xmm3
  cmp eax, 0xcafe
  jne bad
  fnstsw ax
  test ax, 0x3800
  jz bad
  mov ecx, 0x174
  rdmsr
  cmp eax, 0x1234
  jne bad
  mov al, 7
  jmp end
bad:
  mov al, 1
end:
  out 0xf4, al
  hlt
align 8
gdt: dd 0, 0, 0x0000ffff, 0x00cf9300
gdtr: dw 15
  dd 0xf0000 + gdt
`;

function firmware(): Uint8Array {
  const bios = new Uint8Array(0x10000).fill(0xf4);
  bios.set(assemble(FIRMWARE).bytes);
  bios.set([0xea, 0x00, 0x00, 0x00, 0xf0], 0xfff0); // jmp F000:0000
  return bios;
}

/** Sends itself three NMIs and exits with how often each handler saw the instruction behind the one that sent. */
const NMI = flatGuest(
  `  mov dword [0xfee000f0], 0x1ff
  xor ecx, ecx
  xor ebx, ebx
  mov edx, 3
again:
  mov dword [0xfee00300], 0x44400
  inc ecx
  dec edx
  jnz again
  mov al, bl
  out 0xf4, al
nmi:
  cmp ecx, ebx
  jne wrong
  inc ebx
wrong:
  iret`,
  `idt: dd 0, 0, 0, 0
  dd 0x00080000 + nmi - 0x100000, 0x00108e00`,
  32,
);

for (const [name, images, exit, pin, count] of [
  ['INIT', { bios: firmware() }, 7, 'init', 1],
  ['NMI', { kernel: assemble(NMI).bytes }, 3, 'nmi', 3],
] as const) {
  test(`${name} from the local APIC to itself is replayed on every engine, with devices and without`, async () => {
    for (const profile of ['full', 'checked'] as const) {
      const { log, debugExit } = await record({ images, memoryMegabytes: 4, maxTicks: 100_000, profile });
      assert.equal(debugExit, exit);
      const opened = openLog(log);
      if (profile === 'full') {
        const signals = [...logEvents(opened)].filter(({ event }) => event.kind === 'signal');
        assert.deepEqual(
          signals.map(({ event }) => event),
          Array.from({ length: count }, () => ({ kind: 'signal', pin, isInAccess: true })),
        );
      }
      for (const engine of engineNames()) {
        for (const devices of profile === 'full' ? (['model', 'log'] as const) : (['model'] as const)) {
          const replayed = await replay(opened, { images, engine, devices });
          assert.equal(replayed.divergence, null, `${engine}, devices ${devices}`);
        }
      }
    }
  });
}
