; Benchmark: page faults: pages that are not present are touched, the handler maps them, and all are taken away
; again. The count is the number of rounds over 256 pages; default 4000, about 8 k instructions each.
%include "common.inc"
%include "report.inc"
%include "paging.inc"
REGION          equ 0x400000            ; the second table

main:
        mov eax, 4000
        call read_count
        mov ebp, eax
        call paging_start
        mov eax, 14
        mov edx, on_fault
        call set_gate
        call go
        xor esi, esi
.round:
        xor ecx, ecx
.take:
        and dword [TABLES + 0x1000 + ecx * 4], ~PRESENT
        inc ecx
        cmp ecx, 256
        jb .take
        mov eax, cr3
        mov cr3, eax
        mov edi, REGION
        mov ecx, 256
.touch:
        add esi, [edi]
        mov [edi + 8], esi
        add edi, 0x1000
        dec ecx
        jnz .touch
        dec ebp
        jnz .round
        mov eax, [faults]
        mov esi, text
        jmp done
on_fault:
        push eax
        mov eax, cr2
        shr eax, 12
        or dword [TABLES + eax * 4], PRESENT
        inc dword [faults]
        pop eax
        add esp, 4                      ; the error code
        iretd
faults: dd 0
text:   db "faults: ", 0
