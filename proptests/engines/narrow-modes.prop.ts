/**
 * Virtual-8086 mode and real mode with a timer that interrupts anywhere: a monitor does what IOPL forbids its guest,
 * segments change their bases in the middle of loops, and both modes run the same code at the same place. The machine
 * comes to the same states at the same ticks on every engine. What interrupts find on their stacks goes into a sum.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { statesOf } from './states.ts';

/** The image begins where segment FFFFh has offset 10h. */
const HIGH = (label: string): string => `${label} - LOAD_ADDRESS + 0x10`;

const SOURCE = `
%include "common.inc"
TSS             equ 0x2a0000
KERNEL_STACK    equ 0x280000
SUM             equ 0x500

main:
        mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00009a10
        mov dword [gdt + 0x20], 0x0000ffff
        mov dword [gdt + 0x24], 0x00009200
        mov dword [gdt + 0x28], (TSS & 0xffff) << 16 | 103
        mov dword [gdt + 0x2c], TSS & 0xff000000 | 0x8900 | (TSS >> 16 & 0xff)
        mov dword [TSS + 4], KERNEL_STACK
        mov dword [TSS + 8], DATA_SELECTOR
        mov dword [TSS + 0x64], 0x00680000
        mov eax, 0x28
        ltr ax
        mov dword [SUM], 0
        mov eax, 13
        mov edx, on_protection
        call set_gate
        mov eax, 0x20
        mov edx, on_timer
        call set_gate
        mov eax, 0x30
        mov edx, on_done
        call set_gate
        mov byte [IDT + 0x30 * 8 + 5], 0xee
        mov eax, 0xfffe
        call pic_start
        mov eax, 97
        call pit_start
        mov dword [rounds], 4
again:
        ; IOPL 3, then 0: PUSHF, POPF, CLI and STI are the monitor's.
        mov dword [flags], 0x23202
        call virtual
        mov dword [flags], 0x20202
        call virtual
        cli
        call real
        dec dword [rounds]
        jnz again
        mov eax, [SUM]
        call put_hex
        ret

virtual:
        pushad
        mov [kernel_esp], esp
        push dword 0x3000
        push dword 0x3010
        push dword 0x3000
        push dword 0x3020
        push dword 0x2000
        push dword 0xabcd0400
        push dword [flags]
        push dword 0xffff
        push dword ${HIGH('work')}
        mov ebp, 0
        iretd
on_done:
        mov ax, DATA_SELECTOR
        mov ds, ax
        mov es, ax
        mov esp, [kernel_esp]
        popad
        ret

; One byte each: PUSHF and POPF, which move SP alone, CLI and STI; INT ends the guest, anything else the test.
on_protection:
        push eax
        push ebx
        mov ax, DATA_SELECTOR
        mov ds, ax
        movzx eax, word [esp + 16]
        shl eax, 4
        add eax, [esp + 12]
        mov bl, [eax]
        add [SUM], ebx
        cmp bl, 0x9c
        je pushes
        cmp bl, 0x9d
        je pops
        cmp bl, 0xcd
        je on_done
        and bl, 0xfe
        cmp bl, 0xfa
        jne unknown
        jmp skip
pushes:
        sub word [esp + 24], 2
        jmp skip
pops:
        add word [esp + 24], 2
skip:
        inc dword [esp + 12]
        pop ebx
        pop eax
        add esp, 4
        iretd
unknown:
        mov al, EXIT_EXCEPTION
        jmp exit

on_timer:
        push eax
        push ds
        mov ax, DATA_SELECTOR
        mov ds, ax
        mov eax, [SUM]
        rol eax, 3
        add eax, [esp + 8]
        add eax, [esp + 12]
        add eax, [esp + 16]
        mov [SUM], eax
        mov al, 0x20
        out 0x20, al
        pop ds
        pop eax
        iretd

real:
        pushad
        mov [kernel_esp], esp
        mov dword [0x20 * 4], (0xffff << 16) | (${HIGH('on_real_timer')})
        jmp 0x18:narrow - LOAD_ADDRESS
back:
        mov ax, DATA_SELECTOR
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, [kernel_esp]
        lidt [idt_pointer]
        popad
        sti
        ret
align 4
rounds: dd 0
flags:  dd 0
kernel_esp: dd 0
real_idt:
        dw 0x3ff
        dd 0

bits 16
narrow:
        mov ax, 0x20
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp 0xffff:${HIGH('in_real')}
in_real:
        mov ax, 0xffff
        mov ds, ax
        lidt [${HIGH('real_idt')}]
        mov ax, 0x3000
        mov ds, ax
        mov es, ax
        mov ax, 0x2000
        mov ss, ax
        mov esp, 0x00120400
        mov ebp, 1
        sti
        jmp work
on_real_timer:
        push bp
        push ds
        push eax
        mov bp, sp
        xor ax, ax
        mov ds, ax
        mov eax, [SUM]
        rol eax, 3
        add ax, [bp + 8]
        add ax, [bp + 10]
        xor ax, [bp + 12]
        mov [SUM], eax
        mov al, 0x20
        out 0x20, al
        pop eax
        pop ds
        pop bp
        iret

; In virtual-8086 and in real mode; EBP says which.
work:
        xor bx, bx
        xor di, di
        mov cx, 60
.turn:
        push cx
        mov si, cx
        shl si, 3
        mov ax, [si + 0x100]
        add ax, bx
        mov [bx + di + 0x100], ax
        mov dx, [es:si + 0x104]
        adc dx, ax
        xchg dl, dh
        push dx
        pushf
        call .routine
        popf
        pop ax
        xor bx, ax
        and bx, 0x1fe
        mov dx, ds
        inc dx
        and dx, 0x30ff
        mov ds, dx
        cld
        mov di, 0x180
        lodsw
        stosb
        push cx
        mov cx, 5
        rep movsb
        pop cx
        cli
        inc word [0x90]
        sti
        xor di, di
        pop cx
        loop .turn
        test ebp, ebp
        jnz .leave
        int 0x30
.leave:
        cli
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword CODE_SELECTOR:back
.routine:
        push bp
        mov bp, sp
        mov ax, [bp + 6]
        rol ax, 1
        add [bp + 6], ax
        leave
        ret
`;

const ENGINES = [
  'interp',
  'js:threshold=1',
  'js:threshold=2,region=1,optimise=0',
  'wasm:wait=0,threshold=1',
  'wasm:wait=3,threshold=1,region=1,evict=50',
  'tiered:threshold=3,delay=0',
];

const states = (kernel: Uint8Array, engine: string) => statesOf(kernel, engine, 1499);

test('virtual-8086 and real mode go alike on every engine, interrupts and all', async () => {
  const kernel = assembleSource(SOURCE).bytes;
  const expected = await states(kernel, 'step');
  assert.ok(expected.length > 20, `only ${expected.length} states`);
  assert.match(expected.at(-1) ?? '', /^debug-exit/, 'the guest came to its end');
  for (const engine of ENGINES) assert.deepEqual(await states(kernel, engine), expected, engine);
});
