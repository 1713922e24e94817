; Benchmark in the manner of Dhrystone: what compiled programs do between their loops. Record copies,
; string comparison, calls through a table, a switch, a linked list, division, frames with EBP. The count
; is the number of rounds; default 150000, about 190 instructions each.
%include "common.inc"

RECORDS         equ 16
RECORD_SIZE     equ 48
; A record: link, kind, number, 36 bytes of text.
POOL            equ FREE_MEMORY
COPY            equ FREE_MEMORY + RECORDS * RECORD_SIZE
rounds          equ FREE_MEMORY + 0x1000
sum             equ FREE_MEMORY + 0x1004
kinds           equ FREE_MEMORY + 0x1008        ; how often each case of the switch was taken

main:
        mov eax, 150000
        call read_count
        mov [rounds], eax
        call make_records
        xor ecx, ecx                    ; round
        mov dword [sum], 1
        mov edi, kinds
        push ecx
        mov ecx, 5
        xor eax, eax
        rep stosd
        pop ecx
round:
        push ecx
        ; Which record: the round modulo the number of records.
        mov eax, ecx
        and eax, RECORDS - 1
        imul eax, eax, RECORD_SIZE
        lea esi, [POOL + eax]
        push esi
        push dword COPY
        call copy_record
        add esp, 8
        ; The names of a record and its successor differ late or early.
        mov eax, [COPY]
        add eax, 12
        push eax
        push dword COPY + 12
        call compare_text
        add esp, 8
        add [sum], eax
        ; A function chosen by the round.
        mov ecx, [esp]
        mov edx, ecx
        and edx, 3
        push dword [sum]
        call [functions + edx * 4]
        add esp, 4
        mov [sum], eax
        call walk_list
        call choose
        pop ecx
        inc ecx
        cmp ecx, [rounds]
        jb round
        mov esi, text_sum
        call put_text
        mov eax, [sum]
        call put_hex
        mov esi, text_kinds
        call put_text
        xor ebx, ebx
put_kind:
        mov al, ' '
        call put_char
        mov eax, [kinds + ebx * 4]
        call put_decimal
        inc ebx
        cmp ebx, 5
        jb put_kind
        call put_newline
        ret

make_records:
        xor ecx, ecx
        mov edi, POOL
make_record:
        lea eax, [edi + RECORD_SIZE]
        cmp ecx, RECORDS - 1
        jb make_link
        mov eax, POOL
make_link:
        mov [edi], eax
        mov eax, ecx
        and eax, 3
        mov [edi + 4], eax
        imul eax, ecx, 1001
        mov [edi + 8], eax
        push ecx
        push edi
        add edi, 12
        mov esi, name_text
        mov ecx, 36
        rep movsb
        pop edi
        pop ecx
        ; One letter of the name tells records apart: near the end for even numbers.
        mov eax, 30
        test ecx, 1
        jz make_letter
        mov eax, 3
make_letter:
        mov edx, ecx
        add dl, 'A'
        mov [edi + 12 + eax], dl
        add edi, RECORD_SIZE
        inc ecx
        cmp ecx, RECORDS
        jb make_record
        ret

; copy_record(target, source)
copy_record:
        push ebp
        mov ebp, esp
        push esi
        push edi
        mov edi, [ebp + 8]
        mov esi, [ebp + 12]
        mov ecx, RECORD_SIZE / 4
        rep movsd
        pop edi
        pop esi
        pop ebp
        ret

; compare_text(left, right): difference of the first bytes that differ, 0 when the texts are the same.
compare_text:
        push ebp
        mov ebp, esp
        push esi
        push edi
        mov esi, [ebp + 8]
        mov edi, [ebp + 12]
compare_byte:
        movzx eax, byte [esi]
        movzx edx, byte [edi]
        cmp eax, edx
        jne compare_done
        inc esi
        inc edi
        test eax, eax
        jnz compare_byte
compare_done:
        sub eax, edx
        pop edi
        pop esi
        pop ebp
        ret

; Four functions of one argument.
functions:
        dd function_rotate, function_divide, function_bits, function_shift

function_rotate:
        mov eax, [esp + 4]
        rol eax, 7
        xor eax, 0x5bd1e995
        ret
function_divide:
        mov eax, [esp + 4]
        xor edx, edx
        mov ecx, 97
        div ecx
        imul eax, edx, 331
        add eax, [esp + 4]
        ret
function_bits:
        mov eax, [esp + 4]
        or eax, 0x10000
        bsf edx, eax
        bsr ecx, eax
        sub ecx, edx
        setg dl
        movzx edx, dl
        lea eax, [eax + ecx * 4]
        add eax, edx
        ret
function_shift:
        mov eax, [esp + 4]
        mov edx, eax
        shld eax, edx, 11
        sar edx, 3
        cmp eax, edx
        cmovl eax, edx
        sbb eax, 0
        ret

; Adds up the numbers in the list.
walk_list:
        mov ebx, POOL
        xor eax, eax
walk_next:
        add eax, [ebx + 8]
        inc dword [ebx + 8]
        mov ebx, [ebx]
        cmp ebx, POOL
        jne walk_next
        add [sum], eax
        ret

; A switch with five cases by the running sum.
choose:
        mov eax, [sum]
        xor edx, edx
        mov ecx, 5
        div ecx
        inc dword [kinds + edx * 4]
        jmp [cases + edx * 4]
cases:
        dd case_0, case_1, case_2, case_3, case_4
case_0:
        add dword [sum], 17
        ret
case_1:
        mov eax, [sum]
        not eax
        mov [sum], eax
        ret
case_2:
        movsx eax, word [sum]
        add [sum], eax
        ret
case_3:
        mov eax, [sum]
        bswap eax
        mov [sum], eax
        ret
case_4:
        xor dword [sum], 0x01234567
        ret

name_text:
        db "DHRYSTONE-LIKE PROGRAM, SOME STRING", 0
text_sum:
        db "sum ", 0
text_kinds:
        db ", cases", 0
