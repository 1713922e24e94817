; Benchmark of the screen: an animation of 1024 x 768 dots of 32 bits in the linear frame buffer. The count is the
; number of frames; default 20.
%include "screen.inc"

main:
        mov eax, 1024
        mov ebx, 768
        call set_linear
        mov eax, 20
        call read_count
        mov ebp, eax
        xor ebx, ebx                    ; frame
frame:
        mov edi, FRAME_BUFFER
        xor edx, edx                    ; line
row:
        xor ecx, ecx                    ; column
        mov esi, edx
        shl esi, 14
        add esi, ebx
dot:
        mov eax, ecx
        xor eax, edx
        imul eax, eax, 0x0201
        add eax, esi
        mov [edi], eax
        add edi, 4
        inc ecx
        cmp ecx, 1024
        jb dot
        inc edx
        cmp edx, 768
        jb row
        add ebx, 8
        dec ebp
        jnz frame
        mov esi, text_done
        call put_text
        ret
text_done:
        db "drawn", 10, 0
