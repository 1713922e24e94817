; Benchmark: data that lie beside code, in the same page: a loop counts and writes words next to itself. Nothing
; that runs is changed. The count is the number of thousands of rounds; default 3000, about 9 k instructions each.
%include "common.inc"
%include "report.inc"

main:
        mov eax, 3000
        call read_count
        imul eax, eax, 1000
        mov ebp, eax
        call go
        xor eax, eax
        jmp work
align 64
words:  times 16 dd 0
work:
        mov ecx, ebp
        and ecx, 15
        add eax, [words + ecx * 4]
        inc dword [words + ecx * 4]
        rol eax, 1
        inc dword [words]
        dec ebp
        jnz work
        mov esi, text
        jmp done
text:   db "beside: ", 0
