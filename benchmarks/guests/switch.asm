; Benchmark: context switches: eight tasks with a stack and a page directory of their own hand over to each other.
; The count is the number of hundreds of rounds; default 800, about 30 k instructions each.
%include "common.inc"
%include "report.inc"
%include "paging.inc"
TASKS           equ 8
STACKS          equ 0x280000
DIRECTORIES     equ 0x310000

main:
        mov eax, 800
        call read_count
        imul eax, eax, 100
        mov [rounds], eax
        call paging_start
        ; A directory for each, all alike.
        mov edi, DIRECTORIES
        mov ebx, TASKS
.copy:
        mov esi, DIRECTORY
        mov ecx, 1024
        rep movsd
        dec ebx
        jnz .copy
        ; Stacks as `switch` leaves them: four registers and where to go on.
        xor ecx, ecx
.stack:
        mov eax, ecx
        shl eax, 12
        add eax, STACKS + 0xf00
        mov dword [eax + 16], task
        mov [eax], ecx                  ; EDI: its number
        mov [stacks + ecx * 4], eax
        inc ecx
        cmp ecx, TASKS
        jb .stack
        call go
        mov [home], esp
        mov dword [current], 0
        mov esp, [stacks]
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret
task:
        xor ebx, ebx
.work:
        lea ebx, [ebx + edi + 1]
        rol ebx, 3
        call switch
        cmp dword [rounds], 0
        jne .work
        ; Whoever sees the end first ends.
        mov esp, [home]
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, ebx
        mov esi, text
        jmp done
switch:
        push ebp
        push ebx
        push esi
        push edi
        mov eax, [current]
        mov [stacks + eax * 4], esp
        inc eax
        and eax, TASKS - 1
        jnz .same
        dec dword [rounds]
.same:
        mov [current], eax
        mov edx, eax
        shl edx, 12
        add edx, DIRECTORIES
        mov cr3, edx
        mov esp, [stacks + eax * 4]
        pop edi
        pop esi
        pop ebx
        pop ebp
        ret
rounds: dd 0
home:   dd 0
current:
        dd 0
stacks: times TASKS dd 0
text:   db "switch: ", 0
