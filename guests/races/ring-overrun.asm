; Overrun of a ring buffer: main writes numbers into it, the timer reads all that are there. Nobody looks whether it is
; full: when the timer is late, main writes over what has not been read. Fixed: main waits while it is full.
%include "races/races.inc"

ROUNDS          equ 250
RING_MASK       equ 7
written_count     equ DATA
taken_count      equ DATA + 4
ring            equ DATA + 0x100

main:
        call race_start
        mov edi, ROUNDS
round:
%ifdef FIXED
full:
        mov eax, [written_count]
        sub eax, [taken_count]
        cmp eax, RING_MASK
        ja full
%endif
        mov eax, [written_count]
        mov ebx, eax
        and ebx, RING_MASK
        mov [ring + ebx * 4], eax
        inc dword [written_count]
        mov ecx, 1100
        call work
        dec edi
        jnz round
        ret

on_timer:
        push eax
        push ebx
next:
        mov eax, [taken_count]
        cmp eax, [written_count]
        je timer_done
        mov ebx, eax
        and ebx, RING_MASK
        cmp eax, [ring + ebx * 4]
        jne fail
        inc dword [taken_count]
        jmp next
timer_done:
        end_of_interrupt
        pop ebx
        pop eax
        iretd
