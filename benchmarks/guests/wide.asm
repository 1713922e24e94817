; Benchmark: arithmetic of 64 bits in pairs of registers: products, sums with carry, double shifts, division.
; The count is the number of thousands of steps; default 1000, about 24 k instructions each.
%include "common.inc"
%include "report.inc"

main:
        mov eax, 1000
        call read_count
        imul eax, eax, 1000
        mov ecx, eax
        call go
        mov esi, 0x4c957f2d             ; state, low and high
        mov edi, 0x5851f42d
        xor ebp, ebp
.step:
        ; state = state * 6364136223846793005 + 1442695040888963407
        mov eax, esi
        mov edx, 0x4c957f2d
        mul edx
        imul ebx, esi, 0x5851f42d
        add edx, ebx
        imul ebx, edi, 0x4c957f2d
        add edx, ebx
        add eax, 0xf767814f
        adc edx, 0x14057b7e
        mov esi, eax
        mov edi, edx
        ; x = state >> 27 ^ state, rotated
        shrd eax, edx, 27
        shr edx, 27
        xor eax, esi
        shld edx, eax, 5
        ; x / 1000003
        and edx, 0x7ffff
        mov ebx, 1000003
        div ebx
        xor ebp, eax
        sub ebp, edx
        sbb eax, edx
        dec ecx
        jnz .step
        mov eax, ebp
        mov esi, text
        jmp done
text:   db "wide: ", 0
