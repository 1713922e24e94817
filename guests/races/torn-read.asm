; Torn read: a clock of 64 bits that the timer advances, and main reads in two halves. When the low half wraps between
; the two, the clock seems to go back. Fixed: the high half is read again until it stays the same.
%include "races/races.inc"

ROUNDS          equ 4000
STEP            equ 0x60000000
clock           equ DATA

main:
        call race_start
        mov edi, ROUNDS
        xor esi, esi            ; the time before: high half
        xor ebp, ebp            ; and low half
round:
%ifdef FIXED
again:
        mov edx, [clock + 4]
        mov eax, [clock]
        cmp edx, [clock + 4]
        jne again
%else
        mov edx, [clock + 4]
        mov eax, [clock]
%endif
        cmp edx, esi
        jb fail
        ja later
        cmp eax, ebp
        jb fail
later:
        mov esi, edx
        mov ebp, eax
        mov ecx, 8
        call work
        dec edi
        jnz round
        ret

on_timer:
        push eax
        add dword [clock], STEP
        adc dword [clock + 4], 0
        end_of_interrupt
        pop eax
        iretd
