; Benchmark: code that lives on flags: carries through memory, SETcc, CMOVcc, rotates through carry, LAHF,
; PUSHF, conditional jumps on the less usual conditions. The count is the number of thousands of rounds;
; default 800, about 30 k instructions each.
%include "common.inc"
%include "report.inc"

main:
        mov eax, 800
        call read_count
        imul eax, eax, 1000
        mov ebp, eax
        call go
        mov eax, 0x12345678
        mov edx, 0x9abcdef0
        mov esi, 0x0f1e2d3c
.round:
        add eax, edx
        adc edx, esi
        setc bl
        rcl esi, 3
        sbb eax, 0x11
        seto bh
        cmp eax, edx
        cmovl eax, edx
        cmovbe esi, eax
        jp .even
        xor edx, 0x5a5a5a5a
.even:
        jns .positive
        neg edx
.positive:
        lahf
        movzx ecx, ah
        add esi, ecx
        bt esi, 7
        rcr edx, 1
        inc esi
        jo .over
        dec edx
.over:
        movzx ecx, bx
        add esi, ecx
        pushfd
        pop ecx
        and ecx, 0x8d5
        xor eax, ecx
        cmc
        adc eax, 0
        dec ebp
        jnz .round
        xor eax, edx
        xor eax, esi
        mov esi, text
        jmp done
text:   db "flags: ", 0
