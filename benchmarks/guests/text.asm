; Benchmark: words of a text: folded to lower case, hashed, counted in a table of chains, compared.
; Byte loads, short unpredictable loops, calls. The count is the number of passes over 32 KiB; default 50,
; about 0.5 M instructions each.
%include "common.inc"
%include "report.inc"
TEXT            equ FREE_MEMORY
LENGTH          equ 32768
COUNTS          equ FREE_MEMORY + 0x10000

main:
        mov eax, 50
        call read_count
        mov [passes], eax
        ; Letters, now and then a blank.
        mov edi, TEXT
        mov ecx, LENGTH
        mov eax, 7
.fill:
        imul eax, eax, 1103515245
        add eax, 12345
        mov edx, eax
        shr edx, 16
        mov ebx, edx
        and edx, 31
        cmp edx, 26
        jae .blank
        add edx, 'a'
        test ebx, 0x100
        jz .put
        sub edx, 32
        jmp .put
.blank:
        mov edx, ' '
.put:
        mov [edi], dl
        inc edi
        loop .fill
        mov byte [edi], 0
        mov edi, COUNTS
        mov ecx, 1024
        xor eax, eax
        rep stosd
        call go
.pass:
        mov esi, TEXT
.word:
        call hash_word
        and eax, 1023
        inc dword [COUNTS + eax * 4]
        cmp byte [esi], 0
        jne .word
        dec dword [passes]
        jnz .pass
        mov esi, COUNTS
        mov ecx, 1024
        xor eax, eax
.sum:
        rol eax, 3
        add eax, [esi]
        add esi, 4
        loop .sum
        mov esi, text
        jmp done

; Hash in EAX of the word at ESI in lower case; ESI behind it and its blanks.
hash_word:
        mov eax, 5381
.letter:
        movzx edx, byte [esi]
        test edx, edx
        jz .end
        inc esi
        cmp edx, ' '
        je .end
        cmp edx, 'Z'
        ja .lower
        add edx, 32
.lower:
        mov ecx, eax
        shl ecx, 5
        add eax, ecx
        xor eax, edx
        jmp .letter
.end:
        ret
passes: dd 0
text:   db "text: ", 0
