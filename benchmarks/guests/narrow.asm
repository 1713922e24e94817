; Benchmark: code of 16 bits, in a segment of protected mode: words, bytes, a stack of 16 bits, string moves. The
; count is the number of hundreds of rounds; default 500, about 45 k instructions each.
%include "common.inc"
%include "report.inc"
CODE_16         equ 0x18

main:
        mov eax, 500
        call read_count
        imul eax, eax, 100
        mov [rounds], eax
        mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00009a10      ; base 1 MiB, 16 bits, limit 64 KiB
        call go
        jmp CODE_16:start_16 - LOAD_ADDRESS
back:
        movzx eax, ax
        mov esi, text
        jmp done
bits 16
start_16:
        xor ax, ax
        xor dx, dx
        mov edi, rounds
.round:
        mov cx, 32
        mov bx, 0x1234
.inner:
        add ax, bx
        adc dx, cx
        rol bx, 3
        xor al, dh
        push ax
        inc dx
        pop si
        sub bx, si
        shr dl, 1
        test cl, 3
        jnz .skip
        imul ax, bx
.skip:
        dec cx
        jnz .inner
        dec dword [edi]
        jnz .round
        jmp dword CODE_SELECTOR:back
bits 32
rounds: dd 0
text:   db "narrow: ", 0
