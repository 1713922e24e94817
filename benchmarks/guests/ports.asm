; Benchmark: port I/O: the keyboard controller's status, CMOS registers and the port for codes of the start. The
; count is the number of thousands of rounds; default 200, about 12 k instructions each.
%include "common.inc"
%include "report.inc"

main:
        mov eax, 200
        call read_count
        imul eax, eax, 1000
        mov ebp, eax
        call go
        xor ebx, ebx
.round:
        in al, 0x64
        and eax, 1
        add ebx, eax
        mov al, 0x0f                    ; a byte of the CMOS memory
        out 0x70, al
        in al, 0x71
        and eax, 0xff
        rol ebx, 1
        mov al, bl
        out 0x80, al
        dec ebp
        jnz .round
        mov esi, text
        xor eax, eax                    ; the CMOS memory is not the same everywhere
        jmp done
text:   db "ports: ", 0
