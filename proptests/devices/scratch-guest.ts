/**
 * A guest that uses the scratch device in every way: it finds and programs the PCI function, works in its bulk memory
 * as in RAM, moves it, runs code there that the device changes, transfers by bus mastering, ISA DMA and from an image,
 * takes interrupts and packets, and switches banks. It prints what it found.
 */
import { readFileSync } from 'node:fs';
import { assemble, type Assembly } from '../../src/core/isa/assemble.ts';

const SOURCE = `
%include "common.inc"

SLOT    equ 0x80002000                  ; device 4
ROUTER  equ 0x80000800
FIRST   equ 0xe0000000
SECOND  equ 0xe2000000
PORTS   equ 0xc000
REGS    equ 0xe4000000
BUFFER  equ 0x220000
COUNT   equ FREE_MEMORY
BAR     equ FREE_MEMORY + 4

%macro config 2                         ; offset, value
        mov eax, SLOT + %1
        mov ecx, %2
        call config_write
%endmacro
%macro register 2                       ; offset, value
        mov edx, PORTS + %1
        mov eax, %2
        out dx, eax
%endmacro
%macro say 1
        call put_hex
        mov al, %1
        call put_char
%endmacro

config_write:                           ; EAX address, ECX value
        mov edx, 0xcf8
        out dx, eax
        mov edx, 0xcfc
        mov eax, ecx
        out dx, eax
        ret
config_read:
        mov edx, 0xcf8
        out dx, eax
        mov edx, 0xcfc
        in eax, dx
        ret

main:
        mov dword [COUNT], 0
        mov eax, 0x2b
        mov edx, on_interrupt
        call set_gate
        mov eax, 0xf7fb
        call pic_start
        mov edx, 0x4d1                  ; line 11 by level
        mov al, 8
        out dx, al
        ; Who is there, and how large what it decodes.
        mov eax, SLOT
        call config_read
        say ' '
        mov ebx, 0x10
sizing:
        lea eax, [ebx + SLOT]
        mov ecx, 0xffffffff
        call config_write
        lea eax, [ebx + SLOT]
        call config_read
        say ' '
        add ebx, 4
        cmp ebx, 0x1c
        jne sizing
        call put_newline
        ; PIRQD is where INTA of device 4 goes.
        mov eax, ROUTER + 0x60
        mov ecx, 0x0b808080
        call config_write
        config 0x10, FIRST
        config 0x14, PORTS
        config 0x18, REGS
        mov edx, PORTS + 0x10
        in eax, dx                      ; not decoded yet
        say ' '
        mov eax, [FIRST]
        say ' '
        config 4, 7
        mov edx, PORTS + 0x10
        in eax, dx
        say ' '
        mov eax, [FIRST]
        say 10

        ; Bulk memory as RAM: write, read, sum, again and again.
        mov dword [BAR], FIRST
        call work
        say ' '
        config 0x10, SECOND
        mov eax, [FIRST + 0x40]
        say ' '
        mov eax, [SECOND + 0x40]
        say ' '
        mov dword [BAR], SECOND
        call work
        say 10

        ; Registers in memory.
        mov eax, [REGS]
        mov eax, [REGS]
        add eax, [REGS + 8]
        say ' '
        mov eax, [REGS + 4]
        say 10

        ; Out to RAM and back in, by interrupt. Memory that nobody answers for reads as all ones.
        sti
        register 4, BUFFER
        register 8, 0x3000
        register 0xc, 0x0f80
        register 0, 1
        call wait_done
        mov esi, BUFFER
        mov ecx, 0x3000 / 4
        call sum
        say ' '
        mov dword [BUFFER + 0x100], 0x12345678
        register 0xc, 0x8000
        register 0, 2
        call wait_done
        mov eax, [SECOND + 0x8100]
        say ' '
        mov esi, SECOND + 0x8000
        mov ecx, 0x3000 / 4
        call sum
        say ' '
        register 4, 0xd0000000
        register 8, 8
        register 0, 2
        call wait_done
        mov eax, [SECOND + 0x8004]
        say 10

        ; The device fills pages while the processor uses them.
        mov ebx, 0
fills:
        register 0xc, 0x20000
        register 8, 0x2800
        register 4, ebx
        register 0, 5
        mov eax, [SECOND + 0x20000]
        add [BUFFER], eax
        mov [SECOND + 0x20010], ebx
        mov eax, [SECOND + 0x227fc]
        add [BUFFER], eax
        inc ebx
        cmp ebx, 40
        jne fills
        mov eax, [BUFFER]
        say ' '
        mov esi, SECOND + 0x20000
        mov ecx, 0x3000 / 4
        call sum
        say 10

        ; Banks at A0000h.
        xor ebx, ebx
        mov ecx, 1
banks:
        push ecx
        register 0x14, ecx
        pop ecx
        add ebx, [0xa0040]
        mov [0xa0044], ecx
        inc ecx
        cmp ecx, 17
        jne banks
        register 0x14, 0
        mov eax, ebx
        say ' '
        mov eax, [0xa0044]              ; RAM again
        say ' '
        mov eax, [SECOND + 0xf0044]
        say ' '
        mov eax, [SECOND + 0x30044]
        say 10

        ; Code in bulk memory, changed by the processor and by the device.
        mov esi, routine
        mov edi, SECOND + 0x40000
        mov ecx, 8
        rep movsb
        mov ebx, SECOND + 0x40000
        xor eax, eax
        mov ecx, 300
calls:
        call ebx
        loop calls
        say ' '
        mov byte [SECOND + 0x40002], 5
        xor eax, eax
        mov ecx, 300
calls_changed:
        call ebx
        loop calls_changed
        say ' '
        register 0xc, 0x40002
        register 8, 1
        register 4, 7
        register 0, 5
        mov ebx, SECOND + 0x40000
        xor eax, eax
        mov ecx, 300
calls_filled:
        call ebx
        loop calls_filled
        say 10

        ; ISA DMA: channel 1 from page 22h on, 100h bytes, upwards and then downwards.
        mov eax, 0x45
        call isa_transfer
        mov esi, BUFFER + 0x4000
        mov ecx, 0x40
        call sum
        say ' '
        mov eax, 0x65
        call isa_transfer
        mov eax, [BUFFER + 0x4000 - 4]
        say ' '
        in al, 8
        movzx eax, al
        say 10

        ; From the image that the machine was started with.
        register 4, BUFFER
        register 8, 12
        register 0xc, 0
        register 0, 3
        call wait_done
        mov eax, [BUFFER + 4]
        add eax, [BUFFER + 8]
        say ' '
        ; A transfer that is done within the access, over the instruction that makes it.
        mov byte [SECOND + 0x50000], 0x40 ; INC EAX
        register 4, at_once
        register 8, 1
        register 0xc, 0x50000
        mov edx, PORTS
        mov eax, 6
        call at_once
        say ' '
        mov eax, 6
        call at_once
        say ' '
        ; A bank that is switched under the code that switches it.
        mov dword [SECOND + 0x60000], 0xccccccef ; OUT DX, EAX
        mov dword [SECOND + 0x70000], 0x64c083cc ; INT3, ADD EAX, 64h
        mov byte [SECOND + 0x70004], 0xc3        ; RET
        mov ecx, 300
        xor ebx, ebx
switches:
        register 0x14, 7
        mov eax, 8
        push ecx
        mov ecx, 0xa0000
        call ecx
        pop ecx
        add ebx, eax
        loop switches
        register 0x14, 0
        mov eax, ebx
        say ' '
        ; Not without the command register's leave.
        config 4, 3
        mov dword [BUFFER], 0x600d
        register 4, BUFFER
        register 8, 4
        register 0, 1
        call wait_done
        mov eax, [BUFFER]
        say ' '
        config 4, 0x407                 ; interrupts disabled
        register 0, 1
        call wait_polled
        mov eax, [COUNT]
        say 10
        config 4, 7

        ; Packets from the world.
packets:
        cmp dword [packet_count], 3
        je packets_done
        hlt
        jmp packets
packets_done:
        cli
        mov eax, [packet_sum]
        say ' '
        mov eax, [REGS + 4]
        say 10
        ; A last look at all of it.
        mov esi, SECOND
        mov ecx, 0x100000 / 4
        call sum
        say 10
        ret

at_once:
        out dx, eax
        ret

routine:
        db 0x83, 0xc0, 3                ; ADD EAX, 3
        ret
        dd 0

isa_transfer:                           ; AL mode
        out 0x0b, al
        out 0x0c, al
        xor eax, eax
        out 0x02, al
        mov al, 0x40
        out 0x02, al
        mov al, 0xff
        out 0x03, al
        xor eax, eax
        out 0x03, al
        mov al, 0x22
        out 0x83, al
        mov al, 1
        out 0x0a, al
        register 8, 0x400
        register 0xc, 0x60
        register 0, 4
        jmp wait_done

; 64 KiB of a pattern through [BAR], summed by dwords and bytes: EAX.
work:
        mov edi, [BAR]
        mov ecx, 0x4000
        mov eax, 1
work_write:
        imul eax, eax, 1664525
        add eax, 1013904223
        mov [edi], eax
        add edi, 4
        loop work_write
        mov esi, [BAR]
        mov ecx, 0x4000
        xor eax, eax
work_read:
        add eax, [esi]
        rol eax, 3
        xor al, [esi + 1]
        movzx edx, word [esi + 1]
        add eax, edx
        add esi, 4
        loop work_read
        ret

; ECX dwords from ESI on: EAX.
sum:
        xor eax, eax
sum_next:
        rol eax, 1
        xor eax, [esi]
        add esi, 4
        loop sum_next
        ret

wait_done:
wait_done_again:
        cmp byte [wait_flag], 0
        jne wait_done_over
        hlt
        jmp wait_done_again
wait_done_over:
        mov byte [wait_flag], 0
        ret
wait_polled:
        mov edx, PORTS + 0x10
wait_polled_again:
        in eax, dx
        test eax, 1
        jz wait_polled_again
        mov eax, 1
        out dx, eax
        ret

on_interrupt:
        pushad
        inc dword [COUNT]
        mov edx, PORTS + 0x10
        in eax, dx
        mov ebx, eax
        out dx, eax
        test ebx, 1
        jz on_packet
        mov byte [wait_flag], 1
on_packet:
        test ebx, 2
        jz on_over
        inc dword [packet_count]
        mov edx, PORTS + 0x1c
on_byte:
        in eax, dx
        cmp eax, 0xffffffff
        je on_over
        add [packet_sum], eax
        rol dword [packet_sum], 5
        jmp on_byte
on_over:
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        popad
        iretd

wait_flag:      dd 0
packet_count:   dd 0
packet_sum:     dd 0
`;

export function assembleScratchGuest(): Assembly {
  const folder = new URL('../../../guests/', import.meta.url);
  return assemble(SOURCE, { include: (file) => readFileSync(new URL(file, folder), 'utf8') });
}
