; Check and use of a port: the serial port sends to itself. Main looks whether a byte is there and reads it; so does
; the timer, which leaves it in a box for main. When it takes the byte between main's look and main's read, main reads
; what is no byte. Fixed: look and read with interrupts off.
%include "races/races.inc"

ROUNDS          equ 800
box             equ DATA                ; a byte that the timer has taken, or 0

main:
        call race_start
        mov edx, COM1 + 4
        mov al, 0x1b            ; loopback
        out dx, al
        mov edi, ROUNDS
round:
        mov eax, edi
        or al, 1                ; never 0
        mov ebx, eax
        mov edx, COM1
        out dx, al
wait_byte:
        cmp dword [box], 0
        jne from_box
%ifdef FIXED
        cli
%endif
        mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz not_there
        mov edx, COM1
        in al, dx
        sti
        jmp received
not_there:
        sti
        mov ecx, 20
        call work
        jmp wait_byte
from_box:
        mov eax, [box]
        mov dword [box], 0
received:
        cmp al, bl
        jne fail
        dec edi
        jnz round
        ret

on_timer:
        push eax
        push edx
        mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz timer_done
        mov edx, COM1
        in al, dx
        movzx eax, al
        mov [box], eax
timer_done:
        end_of_interrupt
        pop edx
        pop eax
        iretd
