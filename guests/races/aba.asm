; ABA: a stack of free nodes without a lock. Main reads the first node and its next, and exchanges the head when it
; is still the first. The timer takes the first two and gives the first back: the head is as it was, its next is not,
; and main makes a node the head that the timer owns. Fixed: the head has a count that each change raises.
%include "races/races.inc"

ROUNDS          equ 5000
NODES           equ 6
head            equ DATA                ; address of the first node, then the count
held            equ DATA + 8            ; what the timer owns, or 0
nodes           equ DATA + 0x100        ; each: next, owner

main:
        call race_start
        cli
        mov ebx, nodes
        mov ecx, NODES
give_all:
        call push_node
        add ebx, 8
        dec ecx
        jnz give_all
        sti
        mov edi, ROUNDS
round:
        call take_node
        mov esi, ebx
        call take_node
        mov ecx, 5
        call work
        call give_node
        mov ebx, esi
        call give_node
        dec edi
        jnz round
        ret

; EBX = a node that is ours alone. Changes EAX, ECX, EDX.
take_node:
        call pop_node
        cmp dword [ebx + 4], 0
        jne fail
        mov dword [ebx + 4], 1
        ret

give_node:
        cli
        mov dword [ebx + 4], 0
        call push_node
        sti
        ret

; EBX = a node. Changes EAX, ECX, EDX.
pop_node:
        mov eax, [head]
        mov edx, [head + 4]
        mov ebx, [eax]
%ifdef FIXED
        lea ecx, [edx + 1]
        cmpxchg8b [head]
        jnz pop_node
%else
        cmpxchg [head], ebx
        jnz pop_node
        inc dword [head + 4]
%endif
        mov ebx, eax
        ret

; Gives the node EBX back, with interrupts off. Changes EAX.
push_node:
        mov eax, [head]
        mov [ebx], eax
        mov [head], ebx
        inc dword [head + 4]
        ret

on_timer:
        pushad
        mov ebx, [held]
        test ebx, ebx
        jnz give_back
        call pop_node
        mov esi, ebx
        call pop_node
        mov dword [ebx + 4], 2
        mov [held], ebx
        mov ebx, esi
        call push_node
        jmp timer_done
give_back:
        mov dword [ebx + 4], 0
        mov dword [held], 0
        call push_node
timer_done:
        end_of_interrupt
        popad
        iretd
