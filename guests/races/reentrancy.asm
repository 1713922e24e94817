; Reentrancy: the handlers of timer and real-time clock write into one log. That of the timer lets interrupts in before
; it has written, so that the other one comes in between and takes the same line. Fixed: interrupts stay off until it
; has written.
%include "races/races.inc"

ROUNDS          equ 400
lines           equ DATA                ; written so far
timer_lines     equ DATA + 4
clock_lines     equ DATA + 8

main:
        call race_start
        cli
        mov eax, 0x28
        mov edx, on_clock
        call set_gate
        mov al, 0xfa            ; timer and cascade
        out 0x21, al
        mov al, 0xfe            ; the real-time clock
        out 0xa1, al
        mov al, 0x0a
        out 0x70, al
        mov al, 0x23            ; 8192 Hz
        out 0x71, al
        mov al, 0x0b
        out 0x70, al
        mov al, 0x42            ; periodic
        out 0x71, al
        sti
        mov edi, ROUNDS
round:
        mov ecx, 500
        call work
        cli
        mov eax, [timer_lines]
        add eax, [clock_lines]
        cmp eax, [lines]
        jne fail
        sti
        dec edi
        jnz round
        ret

on_timer:
        push eax
        push ebx
        end_of_interrupt
        mov ebx, [lines]
%ifdef FIXED
        inc ebx
        mov [lines], ebx
        sti
%else
        sti
        inc ebx
        mov [lines], ebx
%endif
        cli
        inc dword [timer_lines]
        pop ebx
        pop eax
        iretd

on_clock:
        push eax
        mov al, 0x0c
        out 0x70, al
        in al, 0x71
        inc dword [lines]
        inc dword [clock_lines]
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop eax
        iretd
