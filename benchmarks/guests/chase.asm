; Benchmark: a list whose 2^20 nodes of eight bytes lie scattered over 8 MiB: one load depends on the other, and
; each is on another page. The count is the number of sixteenths of the list; default 60, about 0.33 M
; instructions each. Wants 16 MB of memory.
%include "common.inc"
%include "report.inc"
NODES           equ 0x400000
COUNT           equ 1 << 20

main:
        mov eax, 60
        call read_count
        shl eax, 16
        mov ebp, eax
        ; next(i) = 5 i + 1367 modulo 2^20 runs through all of them.
        xor ecx, ecx
.node:
        lea eax, [ecx + ecx * 4 + 1367]
        and eax, COUNT - 1
        lea eax, [NODES + eax * 8]
        mov [NODES + ecx * 8], eax
        mov [NODES + ecx * 8 + 4], ecx
        inc ecx
        cmp ecx, COUNT
        jb .node
        call go
        mov esi, NODES
        xor eax, eax
.follow:
        add eax, [esi + 4]
        mov esi, [esi]
        rol eax, 1
        dec ebp
        jnz .follow
        mov esi, text
        jmp done
text:   db "chase: ", 0
