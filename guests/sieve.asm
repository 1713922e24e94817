; Benchmark: the sieve of Eratosthenes up to 65536, again and again. Byte stores with growing strides,
; short loops, predictable branches. The count is the number of sieves; default 40, about 0.84 M
; instructions each.
%include "common.inc"

LIMIT           equ 65536
FLAGS           equ FREE_MEMORY         ; one byte a number: 1 = prime so far

main:
        mov eax, 40
        call read_count
        mov ebp, eax
sieve:
        mov edi, FLAGS
        mov ecx, LIMIT / 4
        mov eax, 0x01010101
        rep stosd
        mov ebx, 2
next_number:
        cmp byte [FLAGS + ebx], 0
        je not_prime
        mov edx, ebx
        imul edx, ebx
        cmp edx, LIMIT
        jae all_struck
strike:
        mov byte [FLAGS + edx], 0
        add edx, ebx
        cmp edx, LIMIT
        jb strike
not_prime:
        inc ebx
        jmp next_number
all_struck:
        xor eax, eax
        mov ebx, 2
count:
        movzx ecx, byte [FLAGS + ebx]
        add eax, ecx
        inc ebx
        cmp ebx, LIMIT
        jb count
        dec ebp
        jnz sieve
        mov esi, text_primes
        call put_text
        call put_decimal
        call put_newline
        ret
text_primes:
        db "primes below 65536: ", 0
