; Double-checked initialisation without the second check: main and the timer make the object when it is not there
; yet. Main looks, the timer makes it, and main makes it again. Fixed: main looks again with interrupts off.
%include "races/races.inc"

ROUNDS          equ 1500
object          equ DATA
made            equ DATA + 4

main:
        call race_start
        mov edi, ROUNDS
round:
        cli
        mov dword [object], 0
        mov dword [made], 0
        sti
        mov ecx, 20
        call work
        cmp dword [object], 0
        jne have_it
%ifdef FIXED
        cli
        cmp dword [object], 0
        jne have_it
%endif
        inc dword [made]
        mov dword [object], 1
have_it:
        sti
        cmp dword [made], 1
        jne fail
        dec edi
        jnz round
        ret

on_timer:
        push eax
        cmp dword [object], 0
        jne timer_done
        inc dword [made]
        mov dword [object], 1
timer_done:
        end_of_interrupt
        pop eax
        iretd
