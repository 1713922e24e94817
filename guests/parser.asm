; A parser with a planted overflow, for `reprise fuzz`: a message is "RPK2" and chunks behind it, each four letters, a
; byte with the length and as many bytes. SIZE has two words, TEXT is counted, LIST holds chunks, NOTE is copied to the
; stack, "END." ends it. The bug: the length of a NOTE is compared as a signed number, so that 128 and more pass.
; Fixed, with FIXED defined: as an unsigned one.
%include "common.inc"

MESSAGE_MAX     equ 256
NOTE_MAX        equ 40
DEPTH_MAX       equ 4
; Above the frames of main: an overflow stays inside of the stack.
STACK_ROOM      equ 0x400

message         equ FREE_MEMORY
message_length  equ FREE_MEMORY + 0x1000
depth           equ FREE_MEMORY + 0x1004
letters         equ FREE_MEMORY + 0x1008
area            equ FREE_MEMORY + 0x100c

main:
        sub esp, STACK_ROOM
        mov esi, sample
        mov edi, message
        mov ecx, sample_end - sample
        mov [message_length], ecx
        rep movsb
        mov esi, text_ready
        call put_text
        mov esi, message
        mov ecx, [message_length]
        cmp ecx, MESSAGE_MAX
        ja main_bad
        call parse
        jc main_bad
        push eax
        mov esi, text_parsed
        call put_text
        pop eax
        call put_decimal
        call put_newline
        add esp, STACK_ROOM
        ret
main_bad:
        mov esi, text_bad
        call put_text
        mov al, 1
        jmp exit

; ECX bytes at ESI: EAX chunks, or CF set. Changes all registers.
parse:
        mov dword [depth], 0
        mov dword [letters], 0
        lea edx, [esi + ecx]
        cmp ecx, 4
        jb parse_bad
        cmp dword [esi], "RPK2"
        jne parse_bad
        add esi, 4
        xor ebx, ebx
; Chunks from ESI up to EDX; EBX counts.
parse_chunks:
        mov eax, edx
        sub eax, esi
        jz parse_done
        cmp eax, 5
        jb parse_bad
        mov eax, [esi]
        movzx ecx, byte [esi + 4]
        add esi, 5
        mov edi, edx
        sub edi, esi
        cmp ecx, edi
        ja parse_bad
        inc ebx
        cmp eax, "SIZE"
        je parse_size
        cmp eax, "TEXT"
        je parse_text
        cmp eax, "LIST"
        je parse_list
        cmp eax, "NOTE"
        je parse_note
        cmp eax, "END."
        je parse_done
parse_bad:
        stc
        ret
parse_done:
        mov eax, ebx
        clc
        ret

parse_size:
        cmp ecx, 4
        jne parse_bad
        movzx eax, word [esi]
        movzx edi, word [esi + 2]
        imul eax, edi
        cmp eax, 0x100000
        ja parse_bad
        mov [area], eax
        add esi, 4
        jmp parse_chunks

parse_text:
        jecxz parse_chunks
        mov al, [esi]
        inc esi
        dec ecx
        cmp al, 'a'
        jb parse_text
        cmp al, 'z'
        ja parse_text
        inc dword [letters]
        jmp parse_text

parse_list:
        inc dword [depth]
        cmp dword [depth], DEPTH_MAX
        ja parse_bad
        push edx
        lea edx, [esi + ecx]
        call parse_chunks
        mov esi, edx
        pop edx
        jc parse_list_bad
        dec dword [depth]
        jmp parse_chunks
parse_list_bad:
        stc
        ret

parse_note:
        call copy_note
        jc parse_bad
        jmp parse_chunks

; A note of ECX bytes at ESI: ESI behind it, or CF set.
copy_note:
        push ebp
        mov ebp, esp
        sub esp, NOTE_MAX
        cmp cl, NOTE_MAX
%ifdef FIXED
        ja copy_note_long
%else
        jg copy_note_long
%endif
        mov edi, esp
        rep movsb
        mov esp, ebp
        pop ebp
        clc
        ret
copy_note_long:
        mov esp, ebp
        pop ebp
        stc
        ret

text_ready:
        db "parser: ready", 10, 0
text_parsed:
        db "chunks: ", 0
text_bad:
        db "no message", 10, 0
sample:
        db "RPK2", "SIZE", 4
        dw 640, 400
        db "TEXT", 5, "hello", "LIST", 7, "TEXT", 2, "ab", "END.", 0
sample_end:
