/**
 * Why code was not reached: five planted cases, each with the branch that went the other way, what tested it and where
 * the tested value came from; and code that nothing leads to.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodeMap } from '../../src/core/timeline/provenance/code-map.ts';
import { Origins } from '../../src/core/timeline/provenance/origin.ts';
import { whyNot, type WhyNot } from '../../src/core/timeline/provenance/why-not.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { serialText } from '../../src/library.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { planted } from './planted.ts';

const GUEST = flatGuest(
  `  mov edx, 0x3fd
await:
  in al, dx
  test al, 1
  jz await
  mov edx, 0x3f8
  in al, dx
  movzx eax, al
  mov [input], eax
  ; a comparison with an immediate
compare:
  cmp eax, 'x'
compare_branch:
  je never_compared
  ; a loop that ends before
  mov ecx, 5
turn:
  cmp ecx, 9
loop_branch:
  je never_in_loop
  dec ecx
  jnz turn
  ; two branches in a row that jump over it, from memory
memory_test:
  cmp dword [input], 100
memory_branch:
  jb over
never_by_memory:
  nop
over:
  ; a function whose only call is not made
bits_test:
  test eax, 0x80
call_branch:
  jz past_call
  call never_called
past_call:
  ; a counter that never comes to its end
  mov ecx, 1
counter_branch:
  jecxz never_empty
  ; a branch whose both ways lead on
  cmp eax, 3
  je both
both:
  nop
reached:
  mov al, 1
  out 0xf4, al
ended:
  jmp ended
never_compared:
  nop
  jmp reached
never_in_loop:
  jmp reached
never_called:
  mov ebx, 1
  cmp ebx, 2
  je deep
  ret
deep:
  nop
  ret
never_empty:
  nop
  jmp reached
nobody:
  nop
  jmp reached
`,
  'input: dd 0\n',
);

const guest = await planted(GUEST, { inputs: [{ tick: 2000, event: serialText('A') }] });
const { timeline, symbols } = guest;
const addressOf = (label: string): number => symbols.get(label) ?? assert.fail(`no label ${label}`);

function ask(label: string): WhyNot {
  finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
  const before = timeline.position;
  const map = new CodeMap();
  const starts = [...symbols.values()].sort((a, b) => a - b);
  map.sweep(timeline.machine.cpu, addressOf('start'), addressOf('gdt'), starts);
  return finish(whyNot(new Origins(timeline), map, addressOf(label), before));
}

for (const [label, branch, tested, isTaken, source] of [
  ['never_compared', 'compare_branch', 'compare', false, 'serial'],
  ['never_in_loop', 'loop_branch', 'turn', false, 'constant'],
  ['never_by_memory', 'memory_branch', 'memory_test', true, 'serial'],
  ['never_called', 'call_branch', 'bits_test', true, 'serial'],
  ['never_empty', 'counter_branch', null, false, 'constant'],
] as const) {
  test(`${label}: the branch, its test, and where the value came from`, () => {
    const { ranLast, turnings } = ask(label);
    assert.equal(ranLast, null);
    const [turning] = turnings;
    assert.equal(turning?.branch.linear, addressOf(branch));
    assert.equal(turning.isTaken, isTaken);
    assert.equal(turning.test?.linear ?? null, tested === null ? null : addressOf(tested));
    const origins = new Origins(timeline);
    const kinds = turning.inputs.map((input) => {
      let { end } = input;
      // Down to what the bytes came from.
      for (let i = 0; i < 20 && (end.kind === 'parts' || end.kind === 'computed'); i++) {
        end = end.kind === 'parts' ? end.parts[0].node.end : finish(origins.of(end.inputs[0])).end;
      }
      return end.kind === 'source' ? end.source.kind : end.kind;
    });
    assert.deepEqual(kinds, [source]);
  });
}

test('a branch that never ran is gone past; code that ran says when; what nothing leads to is named', () => {
  const { turnings } = ask('deep');
  assert.equal(turnings[0]?.branch.linear, addressOf('call_branch'), 'the branch inside never ran');
  const { ranLast } = ask('reached');
  assert.equal(ranLast?.tick, guest.at('reached').tick);
  const nobody = ask('nobody');
  assert.deepEqual(nobody.turnings, []);
  assert.deepEqual(nobody.dead, [addressOf('nobody')]);
  const both = ask('both');
  assert.ok(
    both.turnings.every(({ branch }) => branch.linear > addressOf('both') || branch.linear < addressOf('both')),
  );
});
