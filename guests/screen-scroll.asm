; Benchmark of the screen: lines of text appear at the bottom and all others move up, as a console does it. The count is
; the number of lines; default 2000.
%include "screen.inc"

main:
        mov esi, mode_text
        call set_mode
        call set_font
        mov edi, TEXT
        mov ecx, 2000 / 2
        mov eax, 0x07200720
        rep stosd
        mov eax, 2000
        call read_count
        mov ebp, eax
        mov ebx, 0x41
line:
        mov esi, TEXT + 160
        mov edi, TEXT
        mov ecx, 24 * 160 / 4
        rep movsd
        mov ecx, 80
        mov eax, ebx
        mov ah, bl
        and ah, 0x0f
        or ah, 1
cell:
        mov [edi], ax
        add edi, 2
        inc al
        loop cell
        inc ebx
        dec ebp
        jnz line
        mov esi, text_done
        call put_text
        ret
text_done:
        db "scrolled", 10, 0
