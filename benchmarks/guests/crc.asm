; Benchmark: CRC-32 of 64 KiB by table, again and again: a dependent chain of byte loads, shifts and
; table look-ups. The count is the number of passes; default 60, about 0.4 M instructions each.
%include "common.inc"
%include "report.inc"
TABLE           equ FREE_MEMORY
BUFFER          equ FREE_MEMORY + 0x1000
LENGTH          equ 65536

main:
        mov eax, 60
        call read_count
        mov ebp, eax
        xor ecx, ecx
.entry:
        mov eax, ecx
        mov edx, 8
.bit:
        shr eax, 1
        jnc .even
        xor eax, 0xedb88320
.even:
        dec edx
        jnz .bit
        mov [TABLE + ecx * 4], eax
        inc ecx
        cmp ecx, 256
        jb .entry
        mov edi, BUFFER
        mov ecx, LENGTH / 4
        mov eax, 1
.fill:
        imul eax, eax, 1664525
        add eax, 1013904223
        stosd
        loop .fill
        call go
        mov eax, -1
.pass:
        mov esi, BUFFER
        mov ecx, LENGTH
.byte:
        movzx edx, byte [esi]
        xor dl, al
        shr eax, 8
        xor eax, [TABLE + edx * 4]
        inc esi
        dec ecx
        jnz .byte
        dec ebp
        jnz .pass
        mov esi, text
        jmp done
text:
        db "crc: ", 0
