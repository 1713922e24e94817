; Use after free: an object asks to be called by the timer. It is freed before it is taken off the timer's list, and
; the timer calls what is no object any more. Fixed: off the list first, then freed.
%include "races/races.inc"

ROUNDS          equ 2500
LIVE            equ 0x6a6f7921
FREED           equ 0xdeadbeef
on_list         equ DATA                ; the object to be called, or 0
object          equ DATA + 0x100

main:
        call race_start
        mov edi, ROUNDS
round:
        mov dword [object], LIVE
        mov dword [on_list], object
        mov ecx, 15
        call work
%ifdef FIXED
        mov dword [on_list], 0
        mov dword [object], FREED
%else
        mov dword [object], FREED
        mov dword [on_list], 0
%endif
        mov ecx, 5
        call work
        dec edi
        jnz round
        ret

on_timer:
        push eax
        mov eax, [on_list]
        test eax, eax
        jz timer_done
        cmp dword [eax], LIVE
        jne fail
        inc dword [eax + 4]
timer_done:
        end_of_interrupt
        pop eax
        iretd
