; Double fetch: main checks a length that the timer changes, and reads it again to use it: it writes beyond the end of
; a buffer. Fixed: what was checked is what is used.
%include "races/races.inc"

ROUNDS          equ 1500
LENGTH_MAX      equ 8
CANARY          equ 0x13579bdf
length          equ DATA
buffer          equ DATA + 0x100
canary          equ DATA + 0x100 + 4 * LENGTH_MAX

main:
        call race_start
        mov dword [length], 3
        mov dword [canary], CANARY
        mov ebp, ROUNDS
round:
%ifdef FIXED
        mov ecx, [length]
        cmp ecx, LENGTH_MAX
        ja too_long
%else
        cmp dword [length], LENGTH_MAX
        ja too_long
        mov ecx, [length]
%endif
        mov edi, buffer
        mov eax, ebp
        rep stosd
        cmp dword [canary], CANARY
        jne fail
too_long:
        mov ecx, 10
        call work
        dec ebp
        jnz round
        ret

; 3 and 12 in turn.
on_timer:
        push eax
        xor dword [length], 15
        end_of_interrupt
        pop eax
        iretd
