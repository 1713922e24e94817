; Benchmark: SHA-256 (FIPS 180-4) of a message made up as it goes: byte i of block n is 7 * i + n.
; Rotations, additions and logic in registers and a small working set. The count is the number of
; 64-byte blocks; default 8000, about 4900 instructions each.
%include "common.inc"

; Data that changes lies apart from the code: engines drop code that shares its page with stores.
SCHEDULE        equ FREE_MEMORY         ; 64 words; the first 16 are the block
state           equ FREE_MEMORY + 0x100
work            equ FREE_MEMORY + 0x120
blocks          equ FREE_MEMORY + 0x140

main:
        mov eax, 8000
        call read_count
        mov [blocks], eax
        mov esi, initial_state
        mov edi, state
        mov ecx, 8
        rep movsd
        xor ebp, ebp                    ; block number
next_block:
        cmp ebp, [blocks]
        je padding
        mov edi, SCHEDULE
        mov ecx, 64
        mov eax, ebp
make_byte:
        stosb
        add al, 7
        loop make_byte
        call swap_block
        call compress
        inc ebp
        jmp next_block
padding:
        ; The message is whole blocks: one more with the end mark and the length in bits.
        mov edi, SCHEDULE
        mov ecx, 16
        xor eax, eax
        rep stosd
        mov dword [SCHEDULE], 0x80000000
        mov eax, [blocks]
        mov edx, 512
        mul edx
        mov [SCHEDULE + 56], edx
        mov [SCHEDULE + 60], eax
        call compress
        mov esi, text_digest
        call put_text
        mov esi, state
        mov ecx, 8
put_word:
        lodsd
        call put_hex
        loop put_word
        call put_newline
        ret

; The block's words are big-endian.
swap_block:
        mov ecx, 16
        mov esi, SCHEDULE
swap_word:
        mov eax, [esi]
        bswap eax
        mov [esi], eax
        add esi, 4
        loop swap_word
        ret

; Takes the block in SCHEDULE into the state. Keeps EBP.
compress:
        push ebp
        mov esi, SCHEDULE
        mov ecx, 48
extend:
        mov eax, [esi + 4]              ; w[t-15]
        mov edx, eax
        mov ebx, eax
        ror eax, 7
        ror edx, 18
        shr ebx, 3
        xor eax, edx
        xor eax, ebx
        mov edx, [esi + 56]             ; w[t-2]
        mov ebx, edx
        mov edi, edx
        ror edx, 17
        ror ebx, 19
        shr edi, 10
        xor edx, ebx
        xor edx, edi
        add eax, edx
        add eax, [esi]                  ; w[t-16]
        add eax, [esi + 36]             ; w[t-7]
        mov [esi + 64], eax
        add esi, 4
        loop extend
        ; a to h lie at work; each round moves them by one place.
        mov esi, state
        mov edi, work
        mov ecx, 8
        rep movsd
        xor ecx, ecx                    ; round times 4
round:
        mov eax, [work + 16]            ; e
        mov edx, eax
        mov ebx, eax
        ror eax, 6
        ror edx, 11
        ror ebx, 25
        xor eax, edx
        xor eax, ebx
        mov edx, [work + 16]
        mov ebx, edx
        not ebx
        and edx, [work + 20]            ; e and f
        and ebx, [work + 24]            ; not e and g
        xor edx, ebx
        add eax, edx
        add eax, [work + 28]            ; h
        add eax, [constants + ecx]
        add eax, [SCHEDULE + ecx]       ; the first sum is done
        mov edi, [work + 12]
        add edi, eax                    ; new e
        mov edx, [work]                 ; a
        mov ebx, edx
        mov esi, edx
        ror edx, 2
        ror ebx, 13
        ror esi, 22
        xor edx, ebx
        xor edx, esi
        add eax, edx
        mov edx, [work]
        mov ebx, [work + 4]
        mov esi, [work + 8]
        mov ebp, edx
        and ebp, ebx                    ; a and b
        and edx, esi                    ; a and c
        xor ebp, edx
        mov edx, ebx
        and edx, esi                    ; b and c
        xor ebp, edx
        add eax, ebp                    ; new a
        mov [work + 12], esi
        mov [work + 8], ebx
        mov edx, [work]
        mov [work + 4], edx
        mov [work], eax
        mov edx, [work + 24]
        mov [work + 28], edx
        mov edx, [work + 20]
        mov [work + 24], edx
        mov edx, [work + 16]
        mov [work + 20], edx
        mov [work + 16], edi
        add ecx, 4
        cmp ecx, 256
        jb round
        xor ecx, ecx
add_state:
        mov eax, [work + ecx]
        add [state + ecx], eax
        add ecx, 4
        cmp ecx, 32
        jb add_state
        pop ebp
        ret

initial_state:
        dd 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a
        dd 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
text_digest:
        db "SHA-256: ", 0
align 4
constants:
        dd 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5
        dd 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
        dd 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3
        dd 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
        dd 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc
        dd 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
        dd 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7
        dd 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
        dd 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13
        dd 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
        dd 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3
        dd 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
        dd 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5
        dd 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
        dd 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208
        dd 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
