; Missed wake-up: main starts the timer for one interrupt, works, looks whether it has come, and sleeps. When it
; comes between the look and HLT, nobody wakes main: the guest hangs. Fixed: the look is made with interrupts off,
; and STI lets them in behind HLT only.
%include "races/races.inc"

ROUNDS          equ 100
came            equ DATA

main:
        call race_start
        mov edi, ROUNDS
round:
        cli
        mov dword [came], 0
        mov al, 0x30            ; one interrupt: mode 0
        out 0x43, al
        mov al, 1
        out 0x40, al
        xor eax, eax
        out 0x40, al
        sti
        mov ecx, 200
        call work
sleep:
%ifdef FIXED
        cli
        cmp dword [came], 0
        jne awake
        sti
        hlt
%else
        cmp dword [came], 0
        jne awake
        hlt
%endif
        jmp sleep
awake:
        sti
        dec edi
        jnz round
        ret

on_timer:
        push eax
        mov dword [came], 1
        end_of_interrupt
        pop eax
        iretd
