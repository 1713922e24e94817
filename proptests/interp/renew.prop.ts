/**
 * Code that changes: a block whose bytes are written to is decoded anew in its place as long as its instructions begin
 * where they did; otherwise it goes, and with the last one the marks of its page. A guest that patches a routine at
 * random, each write followed by a run of it, comes to the same states on every engine as on the one that decodes each
 * instruction whenever it is executed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleSource } from '../../src/host/node/guest-images.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory, PAGE_CODE } from '../../src/core/memory/memory.ts';
import { Cpu } from '../../src/core/state/cpu.ts';
import { MODE_CS32 } from '../../src/core/state/layout.ts';
import { BlockCache } from '../../tiers/interp/blocks.ts';
import { statesOf } from '../engines/states.ts';

const PLACE = 0x2100;
/** MOV EAX, 1; INC EAX; ADD EAX, 7; RET. */
const CODE = [0xb8, 1, 0, 0, 0, 0x40, 0x05, 7, 0, 0, 0, 0xc3];

function cacheOf(): { cpu: Cpu; blocks: BlockCache; host: number; write: (at: number, bytes: number[]) => void } {
  const space = new AddressSpace(new Memory(0x8000));
  const cpu = new Cpu(space);
  const blocks = new BlockCache(cpu);
  const write = (at: number, bytes: number[]): void => space.writeBytes(PLACE + at, Uint8Array.from(bytes));
  write(0, CODE);
  return { cpu, blocks, host: cpu.ramBase + PLACE, write };
}
const MODE = MODE_CS32;

test('a block with another immediate is decoded in its place', () => {
  const { blocks, host, write } = cacheOf();
  const block = blocks.build(host, MODE);
  const text = (): string => [...blocks.code.subarray(block + 8, block + 40)].join();
  const before = text();
  for (const value of [5, 6, 1]) {
    write(1, [value]);
    assert.equal(blocks.find(host, MODE), 0, 'nobody finds it while it is stale');
    assert.equal(blocks.build(host, MODE), block);
    assert.equal(blocks.find(host, MODE), block);
    assert.equal(text() === before, value === 1);
  }
  // Two writes before anybody comes: to the first and to the third instruction.
  write(1, [9]);
  write(7, [3]);
  const { host: other, blocks: fresh, write: writeFresh } = cacheOf();
  writeFresh(1, [9]);
  writeFresh(7, [3]);
  const expected = fresh.build(other, MODE);
  assert.equal(blocks.build(host, MODE), block);
  assert.deepEqual(blocks.code.subarray(block + 8, block + 40), fresh.code.subarray(expected + 8, expected + 40));
});

test('a block whose instructions are others goes', () => {
  const cases: readonly (readonly [string, number, number[]])[] = [
    ['a longer one', 5, [0x81]],
    ['one that ends the block', 5, [0xc3]],
    ['the end is none any more', 11, [0x90]],
    ['all of it', 0, CODE],
  ];
  for (const [what, at, bytes] of cases) {
    const { blocks, host, write } = cacheOf();
    const block = blocks.build(host, MODE);
    write(at, bytes);
    assert.equal(blocks.find(host, MODE), 0, what);
    const next = blocks.build(host, MODE);
    assert.notEqual(next, block, what);
    assert.equal(blocks.find(host, MODE), next, what);
  }
});

test('a page that comes to hold data is none of code', () => {
  const { cpu, blocks, host, write } = cacheOf();
  blocks.build(host, MODE);
  const page = PLACE >>> 12;
  for (const at of [1, 5, 6, 8]) write(at, [0]);
  assert.equal(blocks.find(host, MODE), 0);
  assert.equal(cpu.memory.pageFlags[page] & PAGE_CODE, PAGE_CODE);
  write(2, [0]);
  assert.equal(cpu.memory.pageFlags[page] & PAGE_CODE, 0);
  assert.equal(blocks.find(host, MODE), 0);
});

test('a page that is filled piece by piece is none of code', () => {
  const { cpu, blocks, host, write } = cacheOf();
  blocks.build(host, MODE);
  for (let at = 0; at < CODE.length; at += 4) write(at, [0, 0, 0, 0]);
  assert.equal(cpu.memory.pageFlags[PLACE >>> 12] & PAGE_CODE, 0);
});

test('a page of which every block has been written to is none of code, unless it has few', () => {
  const places = [0, 0x20, 0x40, 0x60, 0x80];
  for (const count of [4, 5]) {
    const { cpu, blocks, host, write } = cacheOf();
    for (const at of places.slice(0, count)) {
      write(at, CODE);
      blocks.build(host + at, MODE);
    }
    for (const at of places.slice(0, count - 1)) write(at + 1, [0]);
    const isCode = (): boolean => (cpu.memory.pageFlags[PLACE >>> 12] & PAGE_CODE) !== 0;
    assert.ok(isCode());
    write(places[count - 1] + 1, [0]);
    assert.equal(isCode(), count === 4, `${count} blocks`);
    for (const at of places.slice(0, count)) assert.equal(blocks.find(host + at, MODE), 0);
  }
});

test('where a debugger stops nothing is renewed', () => {
  const { blocks, host, write } = cacheOf();
  const block = blocks.build(host, MODE);
  write(1, [5]);
  blocks.stopAt(PLACE + 5);
  assert.notEqual(blocks.build(host, MODE), block);
});

const SOURCE = `
%include "common.inc"
ROUTINE         equ FREE_MEMORY
LENGTH          equ 20

main:
        mov edi, ROUTINE
        mov eax, 0xc3c3c3c3
        mov ecx, 16
        rep stosd
        mov ebp, 3000
        mov esi, 0x2545f491
round:
        imul esi, esi, 1664525
        add esi, 1013904223
        mov edx, esi
        shr edx, 9
        mov eax, edx
        and eax, 31
        mov bl, [bytes + eax]
        shr edx, 5
        mov eax, edx
        and eax, 31
        mov bh, [bytes + eax]
        shr edx, 5
        movzx eax, dl
        xor edx, edx
        mov ecx, LENGTH
        div ecx
        test ebp, 3
        jz two
        mov [ROUTINE + edx], bl
        jmp run
two:
        mov [ROUTINE + edx], bx
run:
        mov eax, [sum]
        mov ebx, eax
        mov ecx, esi
        mov edx, ebp
        push esi
        push ebp
        mov edi, ROUTINE
        test ebx, 1
        jz whole
        ; Into its middle.
        add edi, 3
whole:
        call edi
        pop ebp
        pop esi
        rol eax, 1
        add eax, ebx
        add eax, ecx
        add eax, edx
        mov [sum], eax
        dec ebp
        jnz round
        mov eax, [sum]
        call put_hex
        mov eax, 3
        out 0xf4, al
sum:    dd 1
; Registers alone, and returns.
bytes:  db 0x90, 0x40, 0x41, 0x42, 0x43, 0x48, 0x49, 0x4a, 0xb8, 0xb9, 0xba, 0xbb, 0x05, 0x2d, 0x35, 0xc3
        db 0x3e, 0xf8, 0xf9, 0x15, 0x1d, 0x98, 0x99, 0x91, 0x93, 0xb0, 0xb3, 0x04, 0x0d, 0x25, 0x90, 0x43
`;

test('a guest that patches what it runs comes to the states of one that decodes everything anew', async () => {
  const kernel = assembleSource(SOURCE).bytes;
  const expected = await statesOf(kernel, 'step', 7001);
  assert.ok(expected.length > 10, `${expected.length} states`);
  for (const engine of ['interp', 'tiered', 'js:threshold=1', 'wasm:threshold=1', 'wasm:threshold=3,losses=1000']) {
    assert.deepEqual(await statesOf(kernel, engine, 7001), expected, engine);
  }
});
