; Benchmark: quicksort of 4096 pseudo-random numbers, insertion sort for what is shorter than 12.
; Recursion, unpredictable branches, swaps in memory. The count is the number of arrays; default 60,
; about 0.42 M instructions each.
%include "common.inc"

NUMBERS         equ 4096
ARRAY           equ FREE_MEMORY
ARRAY_END       equ FREE_MEMORY + NUMBERS * 4
arrays          equ ARRAY_END
seed            equ ARRAY_END + 4
checksum        equ ARRAY_END + 8

main:
        mov eax, 60
        call read_count
        mov [arrays], eax
        mov dword [seed], 2026
        mov dword [checksum], 0
next_array:
        mov edi, ARRAY
        mov ecx, NUMBERS
        mov eax, [seed]
fill:
        imul eax, eax, 1664525
        add eax, 1013904223
        mov edx, eax
        shr edx, 7
        mov [edi], edx
        add edi, 4
        loop fill
        mov [seed], eax
        mov esi, ARRAY
        mov edi, ARRAY_END - 4
        call quicksort
        call verify
        dec dword [arrays]
        jnz next_array
        mov esi, text_sum
        call put_text
        mov eax, [checksum]
        call put_hex
        call put_newline
        ret

; Sorts the numbers from ESI up to and including EDI, unsigned.
quicksort:
        mov eax, edi
        sub eax, esi
        cmp eax, 12 * 4
        jl insertion
        ; The middle one is the pivot.
        shr eax, 1
        and eax, 0xfffffffc
        mov ebp, [esi + eax]
        mov ebx, esi
        mov edx, edi
partition:
        cmp [ebx], ebp
        jae from_right
        add ebx, 4
        jmp partition
from_right:
        cmp [edx], ebp
        jbe meet
        sub edx, 4
        jmp from_right
meet:
        cmp ebx, edx
        ja parted
        mov eax, [ebx]
        xchg [edx], eax
        mov [ebx], eax
        add ebx, 4
        sub edx, 4
        cmp ebx, edx
        jbe partition
parted:
        push ebx
        push edi
        mov edi, edx
        cmp esi, edi
        jae left_done
        call quicksort
left_done:
        pop edi
        pop esi
        cmp esi, edi
        jb quicksort
        ret

insertion:
        lea ebx, [esi + 4]
insert_next:
        cmp ebx, edi
        ja insertion_done
        mov eax, [ebx]
        mov edx, ebx
insert_shift:
        cmp edx, esi
        je insert_here
        mov ecx, [edx - 4]
        cmp ecx, eax
        jbe insert_here
        mov [edx], ecx
        sub edx, 4
        jmp insert_shift
insert_here:
        mov [edx], eax
        add ebx, 4
        jmp insert_next
insertion_done:
        ret

; Ascending? And a checksum of the order.
verify:
        mov esi, ARRAY + 4
        mov ebx, [checksum]
verify_next:
        mov eax, [esi]
        cmp eax, [esi - 4]
        jb unsorted
        rol ebx, 3
        add ebx, eax
        add esi, 4
        cmp esi, ARRAY_END
        jb verify_next
        mov [checksum], ebx
        ret
unsorted:
        mov esi, text_unsorted
        call put_text
        mov al, EXIT_FAIL
        jmp exit

text_sum:
        db "sorted, checksum: ", 0
text_unsorted:
        db "not sorted", 10, 0
