/**
 * Faults, returns with RF, shadows and opened interrupt windows are passed inside a slice where nothing is due: a
 * machine comes to the same states at the same ticks as on the engine that leaves for each of them. What the guest's
 * handlers find on their stacks goes into a sum, so that an image of EFLAGS with another RF is seen.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { statesOf } from './states.ts';

const SOURCE = `
%include "common.inc"
DIRECTORY       equ 0x300000
TABLE           equ 0x301000
PAGE            equ 0x380000
ENTRY           equ TABLE + 0x380 * 4
NEXT_ENTRY      equ TABLE + 0x381 * 4
PRESENT_PAGE    equ 0x380003
PRESENT_NEXT    equ 0x381003
IDT_14          equ IDT + 14 * 8 + 5

main:
        mov edi, TABLE
        mov eax, 3
map:
        stosd
        add eax, 0x1000
        cmp eax, 0x400000
        jb map
        mov dword [DIRECTORY], TABLE + 3
        mov eax, 14
        mov edx, on_page_fault
        call set_gate
        mov eax, 1
        mov edx, on_step
        call set_gate
        mov eax, 8
        mov edx, on_double_fault
        call set_gate
        mov eax, 0x20
        mov edx, on_timer
        call set_gate
        mov eax, 0x80
        mov edx, on_call
        call set_gate
        mov eax, 0x81
        mov edx, on_call
        call set_gate
        mov byte [IDT + 0x81 * 8 + 5], 0x8f
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp paged
paged:
        ; The timer, every 100 us.
        mov eax, 0xfffe
        call pic_start
        mov eax, 119
        call pit_start
        mov ebp, 60
round:
        ; A plain instruction; one that pushes its flags; two pages in one; REP over the end of a page.
        call unmap
        mov eax, [PAGE]
        call unmap
        push dword [PAGE + 4]
        pop eax
        call unmap
        pushfd
        pop dword [PAGE]
        call unmap
        mov esi, PAGE + 0xf00
        mov edi, PAGE
        mov ecx, 0x400
        cld
        rep movsd
        call unmap
        mov esi, PAGE + 0xff0
        mov ecx, 8
sum_string:
        lodsd
        add [sum], eax
        loop sum_string
        ; Two faults of one instruction, the second a double fault: the gate of the page fault is absent by then.
        call unmap
        mov dword [once], 1
        mov eax, [PAGE + 0xffe]
        ; Windows: interrupts come where they are let in.
        sti
        nop
        inc eax
        cli
        sti
        cli
        pushfd
        pop eax
        add [sum], eax
        sti
        int 0x80
        int 0x81
        pushfd
        cli
        inc ebx
        popfd
        ; Single steps, begun and ended by POPF.
        pushfd
        or dword [esp], 0x100
        popfd
        inc ebx
        inc ebx
        pushfd
        and dword [esp], ~0x100
        popfd
        inc ebx
        ; A window that POPF, then STI, opens while an interrupt is waiting for it.
        test ebp, 15
        jnz no_wait
        mov ecx, 2
again:
        pushfd
        cli
        mov eax, 7000
closed:
        dec eax
        jnz closed
        cmp ecx, 1
        je by_sti
        popfd
        inc ebx
        inc ebx
        jmp opened
by_sti:
        sti
        inc ebx
        inc ebx
        add esp, 4
opened:
        loop again
no_wait:
        mov eax, ss
        sti
        mov ss, ax
        inc ebx
        mov eax, 40
wait:
        dec eax
        jnz wait
        cli
        dec ebp
        jnz round
        mov eax, [sum]
        call put_hex
        ret

unmap:
        mov dword [ENTRY], 0
        mov dword [NEXT_ENTRY], 0
        invlpg [PAGE]
        invlpg [PAGE + 0x1000]
        ret

; Maps one page a fault: the first of an instruction the first page.
on_page_fault:
        pushad
        mov edi, [sum]
        rol edi, 5
        add edi, [esp + 32]
        add edi, [esp + 36]
        add edi, [esp + 44]
        mov eax, cr2
        add edi, eax
        mov [sum], edi
        mov ecx, NEXT_ENTRY
        mov edx, PRESENT_NEXT
        cmp eax, PAGE + 0x1000
        jae fault_map
        mov ecx, ENTRY
        mov edx, PRESENT_PAGE
fault_map:
        mov [ecx], edx
        cmp dword [once], 1
        jne fault_done
        mov dword [once], 0
        mov byte [IDT_14], 0x0e
fault_done:
        popad
        add esp, 4
        iretd

on_double_fault:
        pushad
        mov edi, [sum]
        rol edi, 7
        add edi, [esp + 44]
        add edi, [esp + 36]
        mov [sum], edi
        mov byte [IDT_14], 0x8e
        mov dword [NEXT_ENTRY], PRESENT_NEXT
        popad
        add esp, 4
        iretd

on_timer:
        push eax
        mov eax, [sum]
        rol eax, 1
        add eax, [esp + 4]
        add eax, [esp + 12]
        mov [sum], eax
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

on_step:
        push eax
        mov eax, [sum]
        rol eax, 3
        add eax, [esp + 4]
        add eax, [esp + 12]
        mov [sum], eax
        pop eax
        iretd

on_call:
        push eax
        mov eax, [esp + 4]
        add eax, [esp + 12]
        add [sum], eax
        pop eax
        iretd

align 4
once:
        dd 0
sum:
        dd 0
`;

const ENGINES = [
  'interp',
  'js:threshold=1',
  'wasm:wait=0,threshold=1',
  'wasm:wait=0,threshold=1,region=1,evict=50',
  'tiered:threshold=3,delay=0',
];

const states = (kernel: Uint8Array, engine: string) => statesOf(kernel, engine, 997);

test('what is passed inside a slice is what the loop would have done', async () => {
  const kernel = assembleSource(SOURCE).bytes;
  const expected = await states(kernel, 'step');
  assert.ok(expected.length > 10, `only ${expected.length} states`);
  assert.match(expected.at(-1) ?? '', /^debug-exit/, 'the guest came to its end');
  for (const engine of ENGINES) assert.deepEqual(await states(kernel, engine), expected, engine);
});
