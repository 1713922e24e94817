; Benchmark: products of 64 x 64 matrices of 32-bit integers. Three nested loops, multiplication, indexed
; loads. The count is the number of products; default 20, about 1.9 M instructions each. Every product
; becomes a factor of the next one, so none can be left out.
%include "common.inc"

SIZE            equ 64
A               equ FREE_MEMORY
B               equ FREE_MEMORY + 0x4000
C               equ FREE_MEMORY + 0x8000
products        equ FREE_MEMORY + 0xc000

main:
        mov eax, 20
        call read_count
        mov [products], eax
        ; A and B from a linear congruential generator.
        mov edi, A
        mov ecx, SIZE * SIZE * 2
        mov eax, 12345
fill:
        imul eax, eax, 1103515245
        add eax, 12345
        stosd
        loop fill
product:
        mov ebx, A              ; row of A
        mov edi, C
row:
        mov ebp, B              ; column of B
        mov ecx, SIZE
column:
        push ecx
        mov esi, ebx
        mov edx, ebp
        xor ecx, ecx            ; the sum
        push ebx
        mov ebx, SIZE
element:
        mov eax, [esi]
        imul eax, [edx]
        add ecx, eax
        add esi, 4
        add edx, SIZE * 4
        dec ebx
        jnz element
        pop ebx
        mov eax, ecx
        stosd
        pop ecx
        add ebp, 4
        dec ecx
        jnz column
        add ebx, SIZE * 4
        cmp ebx, B
        jb row
        ; C becomes the next A; the number of what is left keeps powers of two from filling it.
        mov esi, C
        mov edi, A
        mov ecx, SIZE * SIZE
next_factor:
        lodsd
        add eax, ecx
        stosd
        loop next_factor
        dec dword [products]
        jnz product
        ; A checksum that depends on every element and its place.
        mov esi, C
        mov ecx, SIZE * SIZE
        xor ebx, ebx
sum:
        lodsd
        rol ebx, 5
        xor ebx, eax
        loop sum
        mov esi, text_sum
        call put_text
        mov eax, ebx
        call put_hex
        call put_newline
        ret
text_sum:
        db "matrix checksum: ", 0
