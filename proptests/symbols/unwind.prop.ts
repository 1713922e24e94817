/**
 * Call chains, on stacks that are put together by hand: by frame pointers, at the first instructions of a function,
 * across the registers that a kernel saves at an interrupt, in a handler that has saved nothing yet, and by guesses,
 * which are marked. Circles and rubbish end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CS, EBP, EIP, ESP, MODE_CS32, MODE_KEY, SEG_BASE, SEG_SELECTOR, SS } from '../../src/core/state/layout.ts';
import { callBefore } from '../../src/host/symbols/calls.ts';
import { PAGE_OFFSET } from '../../src/host/symbols/guest-memory.ts';
import { symbolOf, SymbolSource, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { backtrace } from '../../src/host/symbols/unwind.ts';
import { mappedMachine } from './fixture.ts';

const { cpu, ram, words } = await mappedMachine();
const { m32 } = cpu;
const NAMES = ['outer', 'middle', 'inner', 'leaf', 'entry'];
const codeAt = (name: string): number => 0x20_0000 + NAMES.indexOf(name) * 0x100;
const linear = (at: number): number => (at + PAGE_OFFSET) >>> 0;
const at = (name: string, offset: number): number => linear(codeAt(name) + offset);
const table = new SymbolTable();
table.add(
  new SymbolSource('test', [
    ...NAMES.map((name) => symbolOf(name, linear(codeAt(name)))),
    symbolOf('end', at('entry', 0x100), 'data'),
  ]),
);

/** PUSH EBP; MOV EBP, ESP; at 0x10 a call of the next one. */
NAMES.forEach((name, i) => {
  ram.fill(0x90, codeAt(name), codeAt(name) + 0x100);
  if (name !== 'leaf' && name !== 'entry') ram.set([0x55, 0x89, 0xe5], codeAt(name));
  ram[codeAt(name) + 0x10] = 0xe8;
  ram.writeInt32LE(codeAt(NAMES[(i + 1) % NAMES.length]) - codeAt(name) - 0x15, codeAt(name) + 0x11);
});
const STACK = 0x21_0000;
const RETURN = 0x15;

/** Where the processor stands, and the chain that it gives. */
function chain(eip: number, esp: number, ebp: number): string[] {
  m32[EIP] = eip;
  m32[ESP] = esp;
  m32[EBP] = ebp;
  m32[SEG_BASE + CS] = 0;
  m32[SEG_BASE + SS] = 0;
  m32[SEG_SELECTOR + CS] = 0x60;
  m32[MODE_KEY] |= MODE_CS32;
  return backtrace(cpu, table).map(({ kind, symbol, isUser }) => `${kind} ${symbol}${isUser ? ' user' : ''}`);
}
const clear = (): void => void ram.fill(0, STACK, STACK + 0x2000);

test('frame pointers lead from inner to outer, from its first instructions too', () => {
  clear();
  words(STACK + 0x100, linear(STACK + 0x120), at('middle', RETURN));
  words(STACK + 0x120, 0, at('outer', RETURN));
  const callers = ['caller middle+0x15', 'caller outer+0x15'];
  assert.deepEqual(chain(at('inner', 0x20), linear(STACK + 0xf0), linear(STACK + 0x100)), [
    'here inner+0x20',
    ...callers,
  ]);
  // Before MOV EBP, ESP the frame pointer is still the caller's.
  words(STACK + 0x104, at('middle', RETURN));
  assert.deepEqual(chain(at('inner', 0), linear(STACK + 0x104), linear(STACK + 0x120)), ['here inner', ...callers]);
  assert.deepEqual(chain(at('inner', 1), linear(STACK + 0x100), linear(STACK + 0x120)), ['here inner+0x1', ...callers]);
  // A leaf without a frame.
  words(STACK + 0xf8, at('inner', RETURN));
  const all = chain(at('leaf', 0x20), linear(STACK + 0xf0), linear(STACK + 0x100));
  assert.deepEqual(all, ['here leaf+0x20', 'caller inner+0x15', ...callers]);
});

test('an interrupt is looked through: by the saved registers, and before they are saved', () => {
  clear();
  const regs = STACK + 0x40;
  // The handler `inner` was called by `entry`'s code, whose frame pointer is the mark of the registers.
  words(STACK + 0x20, linear(regs) & 0x7fff_ffff, at('middle', RETURN));
  words(regs + 20, linear(STACK + 0x120));
  words(regs + 48, at('outer', 0x44), 0x2000_0060, 0x246);
  words(STACK + 0x120, 0, at('middle', RETURN));
  assert.deepEqual(chain(at('inner', 0x20), linear(STACK + 0x10), linear(STACK + 0x20)), [
    'here inner+0x20',
    'caller middle+0x15',
    'interrupted outer+0x44',
    'caller middle+0x15',
  ]);
  words(regs + 48, 0x804_8000, 0x73, 0x246);
  const user = chain(at('inner', 0x20), linear(STACK + 0x10), linear(STACK + 0x20));
  assert.deepEqual(user.slice(2), ['interrupted  user']);
  words(STACK + 0x10, 0xffff_fff0, at('outer', 0x44), 0x60, 0x246);
  assert.deepEqual(chain(at('entry', 3), linear(STACK + 0x10), linear(STACK + 0x120)).slice(0, 3), [
    'here entry+0x3',
    'interrupted outer+0x44',
    'caller middle+0x15',
  ]);
});

test('where nothing leads on, words that can be return addresses are guesses', () => {
  clear();
  words(STACK + 0x30, 0x1234, at('inner', 0x30), at('middle', RETURN));
  assert.deepEqual(chain(at('inner', 0x20), linear(STACK + 0x20), 0), ['here inner+0x20', 'guess middle+0x15']);
});

test('any stack ends', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(0xff), fc.nat(0x1fff)), { minLength: 64, maxLength: 64 }),
      fc.nat(63),
      (values, frame) => {
        clear();
        values.forEach((value, i) => {
          const word = value < 0x40 ? linear(STACK + value * 4) : value < 0x100 ? at('outer', RETURN) : value;
          words(STACK + i * 4, word);
        });
        assert.ok(chain(at('inner', 0x20), linear(STACK), linear(STACK + frame * 4)).length <= 128);
      },
    ),
    { numRuns: 200 },
  );
});

test('what stands before a return address is a whole call', () => {
  const put = (...bytes: number[]): number => {
    ram.fill(0x90, 0x22_0000, 0x22_0020);
    ram.set(bytes, 0x22_0010 - bytes.length);
    return linear(0x22_0010);
  };
  assert.deepEqual(callBefore(cpu, put(0xe8, 0, 1, 0, 0)), { target: linear(0x22_0110) });
  assert.deepEqual(callBefore(cpu, put(0xff, 0xd0)), { target: null });
  assert.deepEqual(callBefore(cpu, put(0xff, 0x50, 8)), { target: null });
  assert.deepEqual(callBefore(cpu, put(0xff, 0x14, 0x85, 1, 2, 3, 4)), { target: null });
  // FF E0 is a jump, FF 50 without its displacement no whole call.
  assert.equal(callBefore(cpu, put(0xff, 0xe0)), null);
  assert.equal(callBefore(cpu, put(0xff, 0x50)), null);
});
