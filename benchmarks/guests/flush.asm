; Benchmark: TLB flushes and changes of mode: CR3 is loaded, a page is invalidated, CR0.WP is toggled, and a working
; set of 64 pages is walked after each. The count is the number of rounds; default 6000, about 650 instructions each.
%include "common.inc"
%include "report.inc"
%include "paging.inc"
REGION          equ 0x400000

main:
        mov eax, 6000
        call read_count
        mov ebp, eax
        call paging_start
        call go
        xor esi, esi
.round:
        mov eax, cr3
        mov cr3, eax
        call walk
        invlpg [REGION + 0x5000]
        call walk
        mov eax, cr0
        xor eax, 0x10000
        mov cr0, eax
        call walk
        dec ebp
        jnz .round
        mov eax, esi
        mov esi, text
        jmp done
walk:
        mov edi, REGION
        mov ecx, 64
.page:
        add esi, [edi + 4]
        inc dword [edi + 4]
        add edi, 0x1000
        dec ecx
        jnz .page
        ret
text:   db "flush: ", 0
