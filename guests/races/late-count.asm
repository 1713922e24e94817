; A count of references that is too low: main takes and gives back references to an object, the timer takes some for
; good. One that is lost in between is missed 10^5 ticks later, when the object goes although the timer still has it.
; Fixed: main counts in one instruction.
%include "races/races.inc"

ROUNDS          equ 1200
references      equ DATA
of_timer        equ DATA + 4
quiet           equ DATA + 8

main:
        call race_start
        mov edi, ROUNDS
round:
%ifdef FIXED
        inc dword [references]
%else
        mov eax, [references]
        inc eax
        mov [references], eax
%endif
        mov ecx, 30
        call work
        dec dword [references]
        dec edi
        jnz round
        mov dword [quiet], 1
        mov ecx, 60000
        call work
        ; The timer gives back what it has.
        mov ecx, [of_timer]
give_back:
        test ecx, ecx
        jz last
        cmp dword [references], 0
        je fail
        dec dword [references]
        dec ecx
        jmp give_back
last:
        cmp dword [references], 0
        jne fail
        ret

on_timer:
        push eax
        cmp dword [quiet], 0
        jne timer_done
        inc dword [references]
        inc dword [of_timer]
timer_done:
        end_of_interrupt
        pop eax
        iretd
