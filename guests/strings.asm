; Test: string instructions. Every kind and width, both directions, overlapping copies, prefixes and
; where they leave ECX, ESI, EDI and ZF, 16-bit addresses, and buffers over page boundaries. Buffers are
; compared by their CRC-32; the numbers come from a second implementation.
%include "common.inc"

SOURCE          equ 0x280000
TARGET          equ 0x284000
SIZE            equ 0x2100              ; a little more than two pages

main:
        mov eax, 1
        call fill
        ; Copies forward: bytes, words, doublewords, all from odd addresses.
        call clear
        mov esi, SOURCE + 3
        mov edi, TARGET + 1
        mov ecx, 0x1ffd
        rep movsb
        mov edx, 0x13793caa
        mov ebp, text_movsb
        call check_target
        call clear
        mov esi, SOURCE + 1
        mov edi, TARGET + 3
        mov ecx, 0xfff
        rep movsw
        mov edx, 0xda24a8f6
        mov ebp, text_movsw
        call check_target
        call clear
        mov esi, SOURCE + 2
        mov edi, TARGET + 0xffd
        mov ecx, 0x400
        rep movsd
        mov edx, 0x9d24a9cf
        mov ebp, text_movsd
        call check_target
        ; Backwards.
        call clear
        std
        mov esi, SOURCE + 0x1ffc
        mov edi, TARGET + 0x2001
        mov ecx, 0x7ff
        rep movsd
        mov esi, SOURCE + 77
        mov edi, TARGET + 10
        mov ecx, 9
        rep movsb
        cld
        mov edx, 0xd45133e8
        mov ebp, text_backwards
        call check_target
        ; Overlapping by one: the first byte spreads; by three with words; backwards it is a true move.
        call clear
        mov dword [TARGET], 0x44332211
        mov esi, TARGET
        mov edi, TARGET + 1
        mov ecx, 0x1800
        rep movsb
        mov word [TARGET + 0x1900], 0xbeef
        mov byte [TARGET + 0x1902], 0x5a
        mov esi, TARGET + 0x1900
        mov edi, TARGET + 0x1903
        mov ecx, 0x200
        rep movsw
        mov edx, 0xa094de91
        mov ebp, text_overlap
        call check_target
        call clear
        mov esi, SOURCE
        mov edi, TARGET
        mov ecx, 0x400
        rep movsd
        std
        mov esi, TARGET + 0xfff
        mov edi, TARGET + 0x1006
        mov ecx, 0x1000
        rep movsb
        cld
        mov edx, 0x3ba589c7
        mov ebp, text_move
        call check_target
        ; Stores.
        call clear
        mov edi, TARGET + 5
        mov eax, 0x89abcdef
        mov ecx, 100
        rep stosb
        inc edi
        mov ecx, 1001
        rep stosw
        mov ecx, 1002
        rep stosd
        mov edx, 0x82bbedfb
        mov ebp, text_stos
        call check_target
        ; 16-bit addresses wrap at 64 KiB and count in CX.
        call clear
        mov esi, SOURCE
        mov edi, 0x10000
        mov ecx, 16
        rep movsd
        mov esi, 0x0009ff00
        mov edi, 0x0007fff0
        mov ecx, 0x00010020
        mov dword [0xff00], 0x01020304
        mov dword [0xff04], 0x05060708
        a16 rep movsb
        xor eax, eax
        cmp ecx, 0x00010000
        jne short_wrong
        cmp esi, 0x0009ff20
        jne short_wrong
        cmp edi, 0x00070010
        jne short_wrong
        cmp dword [0xfff4], 0x05060708
        jne short_wrong
        inc eax
short_wrong:
        mov esi, text_short
        call check

        ; Comparisons stop behind the difference.
        mov esi, SOURCE
        mov edi, TARGET
        mov ecx, SIZE / 4
        rep movsd
        xor byte [TARGET + 0x1234], 0x80
        mov esi, SOURCE
        mov edi, TARGET
        mov ecx, SIZE
        repe cmpsb
        setne al
        cmp esi, SOURCE + 0x1235
        sete ah
        and al, ah
        cmp edi, TARGET + 0x1235
        sete ah
        and al, ah
        cmp ecx, SIZE - 0x1235
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_cmpsb
        call check
        mov esi, SOURCE
        mov edi, TARGET
        mov ecx, SIZE / 4
        repe cmpsd
        setne al
        cmp ecx, SIZE / 4 - 0x1234 / 4 - 1
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_cmpsd
        call check
        xor byte [TARGET + 0x1234], 0x80
        mov esi, SOURCE
        mov edi, TARGET
        mov ecx, SIZE / 2
        repe cmpsw
        sete al
        test ecx, ecx
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_equal
        call check
        ; Searches.
        call clear
        mov byte [TARGET + 0x1001], 'x'
        mov edi, TARGET
        mov al, 'x'
        mov ecx, SIZE
        repne scasb
        sete al
        cmp edi, TARGET + 0x1002
        sete ah
        and al, ah
        cmp ecx, SIZE - 0x1002
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_scasb
        call check
        std
        mov edi, TARGET + 0x2000
        xor eax, eax
        mov ecx, 0x1000
        repe scasd
        setne al
        cld
        cmp edi, TARGET + 0x1000 - 4
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_scasd
        call check
        ; A count of zero does nothing, not even to the flags.
        mov ecx, 0
        mov esi, SOURCE
        mov edi, 0xfffff000             ; would not exist
        stc
        rep movsd
        setc bl
        cmp esi, esi
        repne cmpsb
        sete al
        and al, bl
        cmp esi, SOURCE
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_zero
        call check
        ; Loads.
        mov esi, SOURCE
        xor ebx, ebx
        mov ecx, 100
load:
        lodsd
        add ebx, eax
        lodsw
        add bx, ax
        lodsb
        add bl, al
        loop load
        mov eax, 0x5a5a5a5a
        mov ecx, 50
        rep lodsb
        xor ebx, eax
        mov eax, ebx
        mov ebp, text_lods
        mov edx, 0xab75ca95
        call check_number
        jmp finish

; Fills SOURCE from a linear congruential generator that starts at EAX.
fill:
        mov edi, SOURCE
        mov ecx, 0x4000 / 4
fill_next:
        imul eax, eax, 1664525
        add eax, 1013904223
        stosd
        loop fill_next
        ret

clear:
        mov edi, TARGET
        mov ecx, 0x4000 / 4
        xor eax, eax
        rep stosd
        ret

; Checks the CRC-32 of TARGET against EDX; EBP names it.
check_target:
        mov esi, TARGET
        mov ecx, SIZE
        mov eax, 0xffffffff
crc_byte:
        xor al, [esi]
        inc esi
        mov ebx, 8
crc_bit:
        shr eax, 1
        jnc crc_no_carry
        xor eax, 0xedb88320
crc_no_carry:
        dec ebx
        jnz crc_bit
        loop crc_byte
        not eax
; Checks EAX against EDX; EBP names it; shows EAX.
check_number:
        push eax
        cmp eax, edx
        sete al
        movzx eax, al
        mov esi, ebp
        call put_text
        pop ebx
        xchg eax, ebx
        push eax
        mov al, ' '
        call put_char
        pop eax
        call put_hex
        xchg eax, ebx
        mov esi, text_nothing
        jmp check

text_nothing:   db 0
text_movsb:     db "MOVSB", 0
text_movsw:     db "MOVSW", 0
text_movsd:     db "MOVSD", 0
text_backwards: db "backwards", 0
text_overlap:   db "overlapping", 0
text_move:      db "moved up in place", 0
text_stos:      db "STOS", 0
text_short:     db "16-bit addresses", 0
text_cmpsb:     db "CMPSB stops behind a difference", 0
text_cmpsd:     db "CMPSD stops behind a difference", 0
text_equal:     db "CMPSW finds no difference", 0
text_scasb:     db "SCASB finds a byte", 0
text_scasd:     db "SCASD backwards finds a difference", 0
text_zero:      db "a count of zero does nothing", 0
text_lods:      db "LODS", 0
