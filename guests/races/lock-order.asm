; Lock order: two tasks, switched by the timer, take the locks A and B, one of them B first. When the timer strikes
; between its two locks both wait for ever. Who has given way a thousand times in vain says so. Fixed: A first, always.
%include "races/races.inc"

ROUNDS          equ 700
PATIENCE        equ 1000
YIELD           equ 0x30
OTHER_STACK     equ 0x240000
lock_a          equ DATA
lock_b          equ DATA + 4
current         equ DATA + 8            ; 0 main, 1 the other task
task_esp        equ DATA + 12

main:
        call race_start
        cli
        mov eax, YIELD
        mov edx, on_yield
        call set_gate
        mov edi, OTHER_STACK - 4
        mov dword [edi], 0x202
        mov dword [edi - 4], CODE_SELECTOR
        mov dword [edi - 8], other
        lea eax, [edi - 8 - 32]
        mov [task_esp + 4], eax
        sti
        mov edi, ROUNDS
main_round:
        mov ebx, lock_a
        call take
        mov ebx, lock_b
        call take
        call release_both
        mov ecx, 40
        call work
        dec edi
        jnz main_round
        ret

other:
%ifdef FIXED
        mov ebx, lock_a
        call take
        mov ebx, lock_b
        call take
%else
        mov ebx, lock_b
        call take
        mov ebx, lock_a
        call take
%endif
        call release_both
        mov ecx, 40
        call work
        jmp other

; Takes the lock at EBX. Changes EAX, ECX.
take:
        mov ecx, PATIENCE
take_again:
        mov eax, 1
        xchg [ebx], eax
        test eax, eax
        jz taken
        int YIELD
        dec ecx
        jnz take_again
        jmp fail
taken:
        ret

release_both:
        mov dword [lock_a], 0
        mov dword [lock_b], 0
        ret

on_timer:
        pushad
        end_of_interrupt
        jmp switch_task
on_yield:
        pushad
switch_task:
        mov eax, [current]
        mov [task_esp + eax * 4], esp
        xor eax, 1
        mov [current], eax
        mov esp, [task_esp + eax * 4]
        popad
        iretd
