; Benchmark: code that changes itself: an immediate is patched and run, and a routine is written anew now and then.
; The count is the number of thousands of patches; default 300, about 14 k instructions each.
%include "common.inc"
%include "report.inc"
ROUTINE         equ FREE_MEMORY

main:
        mov eax, 300
        call read_count
        imul eax, eax, 1000
        mov ebp, eax
        call go
        xor ebx, ebx
patch:
        mov [changed + 1], ebp
changed:
        mov eax, 0
        add ebx, eax
        rol ebx, 1
        test ebp, 15
        jnz keep
        ; add ebx, imm32; ret
        mov word [ROUTINE], 0xc381
        mov [ROUTINE + 2], ebx
        mov byte [ROUTINE + 6], 0xc3
keep:
        cmp byte [ROUTINE + 6], 0xc3
        jne next
        mov eax, ROUTINE
        call eax
next:
        dec ebp
        jnz patch
        mov eax, ebx
        mov esi, text
        jmp done
text:   db "modify: ", 0
