; Benchmark: products of 32 x 32 matrices of doubles with SSE2. Loads, multiplications and additions in
; a chain, results rounded. The count is the number of products; default 100, about 0.25 M instructions each.
%include "common.inc"
%include "report.inc"
SIZE            equ 32
A               equ FREE_MEMORY
B               equ FREE_MEMORY + 0x2000
C               equ FREE_MEMORY + 0x4000

main:
        mov eax, 100
        call read_count
        mov [products], eax
        mov eax, cr4
        or eax, 0x200                   ; OSFXSR
        mov cr4, eax
        mov edi, A
        mov ecx, SIZE * SIZE * 2
        mov eax, 12345
.fill:
        imul eax, eax, 1103515245
        add eax, 12345
        mov edx, eax
        sar edx, 20
        cvtsi2sd xmm0, edx
        mulsd xmm0, [scale]
        movsd [edi], xmm0
        add edi, 8
        loop .fill
        call go
.product:
        mov ebx, A
        mov edi, C
.row:
        mov ebp, B
        mov edx, SIZE
.column:
        mov esi, ebp
        mov eax, ebx
        mov ecx, SIZE
        pxor xmm1, xmm1
.element:
        movsd xmm0, [eax]
        mulsd xmm0, [esi]
        addsd xmm1, xmm0
        add eax, 8
        add esi, SIZE * 8
        dec ecx
        jnz .element
        movsd [edi], xmm1
        add edi, 8
        add ebp, 8
        dec edx
        jnz .column
        add ebx, SIZE * 8
        cmp ebx, B
        jb .row
        ; The product, made smaller, is the next A.
        mov esi, C
        mov edi, A
        mov ecx, SIZE * SIZE
.next:
        movsd xmm0, [esi]
        mulsd xmm0, [shrink]
        movsd [edi], xmm0
        add esi, 8
        add edi, 8
        loop .next
        dec dword [products]
        jnz .product
        mov esi, C
        mov ecx, SIZE * SIZE * 2
        xor eax, eax
.sum:
        rol eax, 5
        xor eax, [esi]
        add esi, 4
        loop .sum
        mov esi, text
        jmp done
align 8
scale:  dd 0, 0x3f500000                ; 2^-10
shrink: dd 0x9999999a, 0x3fb99999       ; 0.1
products:
        dd 0
text:
        db "doubles: ", 0
