; A boot sector for BIOS services in real mode: prints through INT 10h, asks for memory (12h, 15h), the clock (1Ah) and
; disk parameters (13h), reads a sector, turns it around, writes it elsewhere, reads that back and compares: by number
; on a disk, by track on a diskette. Ends by the debug-exit port: 1 when all was well. Linked at 7C00h; the test builds
; the image around it (proptests/disk).
bits 16
org 0x7c00
start:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  mov [drive], dl
  cld
  mov si, hello
  call print
  int 0x12
  call number
  mov ah, 0x88
  int 0x15
  jc failed
  call number
  mov ah, 0
  int 0x1a
  mov ax, cx
  call number
  mov ah, 8
  mov dl, [drive]
  xor di, di
  int 0x13
  jc failed
  mov ax, cx
  call number
  mov al, 0
  mov ah, dh
  call number
  xor ax, ax
  mov es, ax
  ; sector 2 of track 0 by cylinder, head and sector
  mov ax, 0x0201
  mov bx, 0x8000
  mov cx, 0x0002
  mov dh, 0
  mov dl, [drive]
  int 0x13
  jc failed
  mov si, 0x8000
  call print
  mov si, 0x8000
  mov di, 0x8400
  mov cx, 512
turn:
  lodsb
  not al
  stosb
  loop turn
  mov ah, 0x41
  mov bx, 0x55aa
  mov dl, [drive]
  int 0x13
  jc by_track
  ; sector 40 by its number
  mov ah, 0x43
  mov al, 0
  mov si, packet
  mov dl, [drive]
  int 0x13
  jc failed
  mov word [packet_at], 0x8800
  mov ah, 0x42
  mov si, packet
  mov dl, [drive]
  int 0x13
  jc failed
compare:
  mov si, 0x8400
  mov di, 0x8800
  mov cx, 256
  repe cmpsw
  jne failed
  mov si, well
  call print
  mov al, 1
  out 0xf4, al
  ; sector 5 of track 1 on the second side, where there are no numbers: a diskette
by_track:
  mov ax, 0x0301
  mov bx, 0x8400
  call transfer
  mov ax, 0x0201
  mov bx, 0x8800
  call transfer
  jmp compare
transfer:
  mov cx, 0x0105
  mov dh, 1
  mov dl, [drive]
  int 0x13
  jc failed
  ret
failed:
  mov si, bad
  call print
  mov al, 0
  out 0xf4, al
%include "bios-print.inc"
hello: db 'boot ', 0
well: db 'all well', 13, 10, 0
bad: db 'failed', 13, 10, 0
drive: db 0
packet: db 16, 0
  dw 1
packet_at: dw 0x8400, 0
  dd 40, 0
