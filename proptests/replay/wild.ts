/**
 * Guests that nobody would write: random bytes executed in an interrupt-driven world. The frame sets up descriptor
 * tables, the interrupt controllers, the timer and the first serial port; then control jumps into random bytes, and
 * every exception, every timer interrupt and every serial byte throws it to another place in them. What is left may
 * reset, power off, halt, hang with interrupts off or rewrite its own code: each is a run that must replay exactly.
 */
import { Random } from '../../src/core/base/random.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { InputEvent } from '../../src/core/log/events.ts';
import { KEY_NAMES } from '../../src/core/base/key-names.ts';
import type { RecordSettings, TimedInput } from '../../src/library.ts';
import { startControllers } from '../support/controllers.ts';

const RANDOM_BYTES = 4096;

const FRAME = `
bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
align 8
gdt:    dd 0, 0, 0x0000ffff, 0x00cf9a00, 0x0000ffff, 0x00cf9200
gdtr:   dw 23
        dd gdt
idtr:   dw 0x1ff
        dd 0x90000
count:  dd 0
start:  lgdt [gdtr]
        jmp 8:flat
flat:   mov eax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, 0x80000
        ; 32 exceptions, then 16 lines, all through the same two handlers.
        mov edi, 0x90000
        mov ecx, 64
gates:  mov eax, on_exception
        cmp ecx, 32
        ja gate
        mov eax, on_interrupt
gate:   mov edx, eax
        and edx, 0xffff
        or edx, 0x80000
        mov [edi], edx
        and eax, 0xffff0000
        or eax, 0x8e00
        mov [edi + 4], eax
        add edi, 8
        loop gates
        lidt [idtr]
${startControllers(0xe8, 0xef)} ; timer, keyboard, cascade, serial; mouse
        mov al, 0x34
        out 0x43, al
        mov al, 0
        out 0x40, al
        mov al, 2               ; 512 cycles: 0.43 ms
        out 0x40, al
        mov dx, 0x3f9
        mov al, 1
        out dx, al
        mov dx, 0x3fc
        mov al, 11
        out dx, al
        jmp go_on
on_interrupt:
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        mov dx, 0x3f8
        in al, dx
        out dx, al
        in al, 0x60
        add [cs:count], al
on_exception:
go_on:  mov eax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, 0x80000
        inc dword [count]
        imul eax, [count], 2654435
        shr eax, 7
        and eax, ${RANDOM_BYTES - 1}
        add eax, wild
        push eax
        mov al, [count]         ; something to read in the log
        mov dx, 0x3f8
        out dx, al
        sti
        ret
wild:
`;

let frameBytes: Uint8Array | null = null;

function wildImage(dice: Random): Uint8Array {
  frameBytes ??= assemble(FRAME).bytes;
  const image = new Uint8Array(frameBytes.length + RANDOM_BYTES + 64);
  image.set(frameBytes);
  // Half of the bytes are from common opcodes, so that more than faults happens.
  const common = [0x01, 0x29, 0x8b, 0x89, 0x50, 0x58, 0xa4, 0xab, 0xf3, 0x0f, 0x40, 0x90, 0x66, 0xec, 0xee, 0x74, 0x75];
  for (let at = frameBytes.length; at < image.length; at++)
    image[at] = dice.below(2) === 0 ? dice.below(256) : dice.pick(common);
  return image;
}

function randomInput(dice: Random): InputEvent {
  switch (dice.below(40)) {
    case 0:
    case 5:
      return { kind: 'nmi' };
    case 1:
      return { kind: 'reset' };
    case 2:
    case 6:
    case 7:
      return { kind: 'key', key: dice.pick(KEY_NAMES), down: dice.below(2) === 0 };
    case 3:
    case 8:
    case 9:
      return { kind: 'mouse', dx: dice.below(21) - 10, dy: dice.below(21) - 10, dz: 0, buttons: dice.below(8) };
    case 4:
    case 10:
      return { kind: 'serial', port: 1 + dice.below(3), bytes: Uint8Array.of(dice.below(256)) };
    default:
      return { kind: 'serial', port: 0, bytes: Uint8Array.from({ length: 1 + dice.below(40) }, () => dice.below(256)) };
  }
}

/** A guest, its inputs and the settings of its machine, all from one seed. */
export function wildRun(seed: number): RecordSettings {
  const dice = new Random(seed);
  const maxTicks = 50_000 + dice.below(200_000);
  const inputs: TimedInput[] = Array.from({ length: dice.below(30) }, () => ({
    tick: dice.below(maxTicks),
    event: randomInput(dice),
  })).sort((a, b) => a.tick - b.tick);
  return {
    images: { kernel: wildImage(dice) },
    memoryMegabytes: 2 + dice.below(3),
    nsPerTick: dice.pick([8, 8, 64, 1]),
    epochSeconds: dice.below(2 ** 31),
    reboot: dice.below(3) > 0,
    serialTiming: dice.pick(['instant', 'instant', 'baud']),
    hashEveryTicks: dice.pick([4096, 20_000, 65_536]),
    inputs,
    maxTicks,
  };
}
