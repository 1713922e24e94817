/**
 * IN and OUT in the middle of compiled blocks: what a device does by them is there for the next instruction, and time
 * is exact in between. A20 turns an address into another, the timer is programmed anew and its interrupt let in, its
 * counter is read, and the last OUT ends the run with code behind it. Every engine comes to the states of single steps.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { statesOf } from './states.ts';

const SOURCE = `
%include "common.inc"
LOW             equ 0x280000
HIGH            equ 0x380000
EVEN            equ 0x240000

main:
        mov eax, 0x20
        mov edx, on_timer
        call set_gate
        mov eax, 0xfffe
        call pic_start
        mov dword [LOW], 0x1111
        mov dword [HIGH], 0x2222
        mov esi, address_line
        mov edi, EVEN
        mov ecx, 16
        rep movsd
        mov ebp, 400
        sti
round:
        mov ebx, [sum]
        mov edx, EVEN
        cli
        call edx
        sti
        ; A count of the timer that is soon over, latched and read twice while it runs.
        mov al, 0x30
        out 0x43, al
        mov al, 40
        out 0x40, al
        xor al, al
        out 0x40, al
        out 0x43, al
        in al, 0x40
        rol ebx, 3
        add bl, al
        in al, 0x40
        add bl, al
        ; Masked, awaited, let in.
        mov al, 0xff
        out 0x21, al
        mov ecx, 200
        loop $
        mov al, 0xfe
        out 0x21, al
        xor ebx, [seen]
        mov [sum], ebx
        dec ebp
        jnz round
        mov eax, [sum]
        call put_hex
        mov eax, 3
        out 0xf4, al
        inc dword [sum]
        ret

; Line 20 off and on, from a megabyte that is there both ways: the access between the two goes below.
address_line:
        in al, 0x92
        and al, 0xfd
        out 0x92, al
        add ebx, [HIGH]
        inc dword [HIGH]
        or al, 2
        out 0x92, al
        add ebx, [HIGH]
        ret

on_timer:
        push eax
        inc dword [seen]
        mov eax, [esp + 4]
        add [seen], eax
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

align 4
seen:   dd 0
sum:    dd 0
`;

const ENGINES = [
  'interp',
  'js:threshold=1',
  'wasm:wait=0,threshold=1',
  'wasm:wait=0,threshold=1,region=1,optimise=0',
  'tiered:threshold=3,delay=0',
];

test('what IN and OUT do is done before the next instruction of their block', async () => {
  const kernel = assembleSource(SOURCE).bytes;
  const expected = await statesOf(kernel, 'step', 1009);
  assert.ok(expected.length > 10, `only ${expected.length} states`);
  assert.match(expected.at(-1) ?? '', /^debug-exit/, 'the guest came to its end');
  for (const engine of ENGINES) assert.deepEqual(await statesOf(kernel, engine, 1009), expected, engine);
});
