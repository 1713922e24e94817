; Benchmark of the screen: an animation of 320 x 200 dots in 256 colours, a dot a byte. The count is the number of
; frames; default 100.
%include "screen.inc"

main:
        mov esi, mode_320
        call set_mode
        mov eax, 100
        call read_count
        mov ebp, eax
        xor ebx, ebx                    ; frame
frame:
        mov edi, WINDOW
        xor edx, edx                    ; line
row:
        xor ecx, ecx                    ; column
dot:
        mov eax, ecx
        xor eax, edx
        add eax, ebx
        shr eax, 1
        mov [edi], al
        inc edi
        inc ecx
        cmp ecx, 320
        jb dot
        inc edx
        cmp edx, 200
        jb row
        inc ebx
        dec ebp
        jnz frame
        mov esi, text_done
        call put_text
        ret
text_done:
        db "drawn", 10, 0
