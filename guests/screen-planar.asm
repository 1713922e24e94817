; Benchmark of the screen: an animation of 640 x 480 dots in 16 colours: plane by plane, then boxes by set/reset and bit
; mask, whose bytes are read before they are written. The count is the number of frames; default 40.
%include "screen.inc"

main:
        mov esi, mode_640
        call set_mode
        mov eax, 40
        call read_count
        mov ebp, eax
        xor ebx, ebx                    ; frame
frame:
        mov ecx, 1                      ; plane
plane:
        mov edx, 0x3c4
        mov al, 2
        mov ah, cl
        out dx, ax
        push ecx
        mov edi, WINDOW
        mov eax, ebx
        imul eax, ecx
        mov ecx, 80 * 480
byte_of_plane:
        mov [edi], al
        inc edi
        add eax, 3
        loop byte_of_plane
        pop ecx
        shl ecx, 1
        cmp ecx, 16
        jb plane
        ; Boxes: all planes, colour by set/reset, every second dot.
        mov edx, 0x3c4
        mov ax, 0x0f02
        out dx, ax
        mov edx, 0x3ce
        mov al, 0
        mov ah, bl
        and ah, 15
        out dx, ax
        mov ax, 0x0f01
        out dx, ax
        mov ax, 0x5508
        out dx, ax
        mov edi, WINDOW + 100 * 80 + 10
        mov esi, 200
box_row:
        mov ecx, 40
box_byte:
        mov al, [edi]
        mov [edi], al
        inc edi
        loop box_byte
        add edi, 40
        dec esi
        jnz box_row
        mov ax, 0x0001
        out dx, ax
        mov ax, 0xff08
        out dx, ax
        inc ebx
        dec ebp
        jnz frame
        mov esi, text_done
        call put_text
        ret
text_done:
        db "drawn", 10, 0
