; Published too early: main says that a message is there before it has written it, and the timer reads the one before.
; Fixed: the message first, then the flag.
%include "races/races.inc"

ROUNDS          equ 2500
is_there        equ DATA
message         equ DATA + 4
expected        equ DATA + 8

main:
        call race_start
        mov edi, ROUNDS
round:
        mov dword [expected], edi
%ifdef FIXED
        mov [message], edi
        mov dword [is_there], 1
%else
        mov dword [is_there], 1
        mov [message], edi
%endif
        mov ecx, 10
        call work
        mov dword [is_there], 0
        mov ecx, 5
        call work
        dec edi
        jnz round
        ret

on_timer:
        push eax
        cmp dword [is_there], 0
        je timer_done
        mov eax, [message]
        cmp eax, [expected]
        jne fail
timer_done:
        end_of_interrupt
        pop eax
        iretd
