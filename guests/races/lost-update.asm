; Lost update: main and the timer add to one counter, main by load, add and store. What the timer adds in between is
; gone. Fixed: main adds in one instruction.
%include "races/races.inc"

ROUNDS          equ 3000
counter         equ DATA
by_timer        equ DATA + 4

main:
        call race_start
        mov edi, ROUNDS
count_one:
%ifdef FIXED
        inc dword [counter]
%else
        mov eax, [counter]
        inc eax
        mov [counter], eax
%endif
        mov ecx, 13
        call work
        dec edi
        jnz count_one
        cli
        mov eax, [by_timer]
        add eax, ROUNDS
        cmp eax, [counter]
        jne fail
        ret

on_timer:
        push eax
        inc dword [counter]
        inc dword [by_timer]
        end_of_interrupt
        pop eax
        iretd
