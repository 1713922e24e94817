; A list that is noticed late: main and the timer put nodes at the head of one list, main by reading the head, linking
; and writing it. A node that the timer adds in between is lost. Nobody counts before 10^7 ticks have passed.
; Fixed: main links with interrupts off.
%include "races/races.inc"

ROUNDS          equ 1500
head            equ DATA
quiet           equ DATA + 4
timer_next      equ DATA + 8
timer_nodes     equ DATA + 0x10000
nodes           equ DATA + 0x20000

main:
        call race_start
        mov dword [timer_next], timer_nodes
        mov ebx, nodes
        mov edi, ROUNDS
round:
%ifdef FIXED
        cli
%endif
        mov eax, [head]
        mov [ebx], eax
        mov [head], ebx
        sti
        add ebx, 4
        mov ecx, 28
        call work
        dec edi
        jnz round
        mov dword [quiet], 1
        mov eax, 2
        call wait_long
        ; All of them must be there.
        mov ecx, [timer_next]
        sub ecx, timer_nodes
        shr ecx, 2
        add ecx, ROUNDS
        mov ebx, [head]
count_nodes:
        test ebx, ebx
        jz counted
        mov ebx, [ebx]
        dec ecx
        jmp count_nodes
counted:
        test ecx, ecx
        jnz fail
        ret

on_timer:
        push eax
        push ebx
        inc dword [timer_count]
        cmp dword [quiet], 0
        jne timer_done
        mov ebx, [timer_next]
        add dword [timer_next], 4
        mov eax, [head]
        mov [ebx], eax
        mov [head], ebx
timer_done:
        end_of_interrupt
        pop ebx
        pop eax
        iretd
