; Benchmark: the Fibonacci numbers by recursion: calls, returns, pushes and pops. The count is the number of
; times that the 20th is computed; default 150, about 0.2 M instructions each.
%include "common.inc"
%include "report.inc"

main:
        mov eax, 150
        call read_count
        mov ebp, eax
        call go
        xor edi, edi
.again:
        mov eax, 20
        call fibonacci
        rol edi, 1
        add edi, eax
        dec ebp
        jnz .again
        mov eax, edi
        mov esi, text
        jmp done

fibonacci:
        cmp eax, 2
        jb .small
        push ebx
        push eax
        dec eax
        call fibonacci
        mov ebx, eax
        pop eax
        sub eax, 2
        call fibonacci
        add eax, ebx
        pop ebx
.small:
        ret
text:   db "recursion: ", 0
