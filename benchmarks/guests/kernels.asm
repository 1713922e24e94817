; Benchmark: kernels of SSE2 over 16 KiB: a saturating blend of bytes, a dot product of words, a scaled sum of packed
; doubles, a shuffle. The count is the number of passes; default 2000, about 12 k instructions each.
%include "common.inc"
%include "report.inc"
A               equ FREE_MEMORY
B               equ FREE_MEMORY + 0x4000

main:
        mov eax, 2000
        call read_count
        mov ebp, eax
        mov eax, cr4
        or eax, 0x200                   ; OSFXSR
        mov cr4, eax
        mov edi, A
        mov ecx, 0x2000
        mov eax, 3
.fill:
        imul eax, eax, 1664525
        add eax, 1013904223
        stosd
        loop .fill
        call go
        pxor xmm6, xmm6
        pxor xmm7, xmm7
        cvtsi2sd xmm5, ebp
        unpcklpd xmm5, xmm5
.pass:
        xor ecx, ecx
.lane:
        movdqa xmm0, [A + ecx]
        movdqa xmm1, [B + ecx]
        movdqa xmm2, xmm0
        paddusb xmm0, xmm1
        pavgb xmm0, xmm2
        pmaddwd xmm2, xmm1
        paddd xmm6, xmm2
        pshufd xmm3, xmm0, 0x1b
        pxor xmm3, xmm1
        movdqa [B + ecx], xmm3
        cvtdq2pd xmm4, xmm2
        mulpd xmm4, xmm5
        addpd xmm7, xmm4
        add ecx, 16
        cmp ecx, 0x4000
        jb .lane
        dec ebp
        jnz .pass
        pshufd xmm0, xmm6, 0x4e
        paddd xmm6, xmm0
        movd eax, xmm6
        movd edx, xmm7
        xor eax, edx
        mov esi, text
        jmp done
text:   db "kernels: ", 0
