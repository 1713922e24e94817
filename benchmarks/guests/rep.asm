; Benchmark: repeated string instructions, short and long: MOVS, STOS, SCAS, CMPS. The count is the number of
; rounds; default 250, about 90 k iterations each.
%include "common.inc"
%include "report.inc"
FROM            equ FREE_MEMORY
TO              equ FREE_MEMORY + 0x20000

main:
        mov eax, 250
        call read_count
        mov ebp, eax
        mov edi, FROM
        mov ecx, 0x8000
        mov eax, 99
.fill:
        imul eax, eax, 69069
        inc eax
        stosd
        loop .fill
        call go
        xor edx, edx
.round:
        ; Long ones.
        mov esi, FROM
        mov edi, TO
        mov ecx, 0x4000
        rep movsd
        mov edi, TO
        mov ecx, 0x8000
        mov eax, ebp
        rep stosb
        mov esi, FROM + 0x8000
        mov edi, TO + 0x8000
        mov ecx, 0x2000
        repe cmpsd
        add edx, ecx
        ; Many short ones, of every length up to 32.
        mov ebx, 512
.short:
        mov ecx, ebx
        and ecx, 31
        mov esi, FROM
        mov edi, TO
        rep movsb
        mov edi, TO
        mov ecx, 64
        mov al, bl
        repne scasb
        add edx, ecx
        dec ebx
        jnz .short
        dec ebp
        jnz .round
        mov eax, edx
        mov esi, text
        jmp done
text:   db "rep: ", 0
