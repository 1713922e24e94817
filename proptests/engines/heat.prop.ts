// How hot blocks are, as an engine that compiles has counted: entries of a loop's block are its turns, a block that has
// become hot enough is compiled, the hottest come first, and an engine that counts nothing says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockHeat, hottestBlocks } from '../../tiers/heat.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { createMachine } from '../../src/library.ts';

const TURNS = 30;
const HOT_TURNS = 200_000;
const SOURCE = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov ecx, ${TURNS}
cool:
  dec ecx
  jnz cool
  mov ecx, ${HOT_TURNS}
hot:
  inc eax
  dec ecx
  jnz hot
  jmp done
done:
  mov al, 1
  out 0xf4, al
  jmp done
`;

test('entries of blocks are the turns of their loops', async () => {
  const { bytes, symbols } = assemble(SOURCE);
  const at = (name: string): number => symbols.get(name) ?? -1;
  const settings = { images: { kernel: bytes }, memoryMegabytes: 4 };
  const { machine, run } = await createMachine({ ...settings, engine: 'tiered' });
  run(1e9);
  const { engine, cpu } = machine;
  // The first turn belongs to the block before.
  assert.equal(blockHeat(engine, cpu, at('cool'))?.entries, TURNS - 1);
  assert.equal(blockHeat(engine, cpu, at('cool'))?.isCompiled, false);
  const hot = blockHeat(engine, cpu, at('hot'));
  assert.ok(hot !== null && hot.isCompiled && hot.instructions === 3 && hot.entries < HOT_TURNS);
  assert.equal(blockHeat(engine, cpu, at('header')), null);
  const [first, ...others] = hottestBlocks(engine, cpu, 100) ?? [];
  assert.equal(first.physical, at('hot'));
  assert.ok(others.some(({ physical }) => physical === at('cool')));
  assert.ok([first, ...others].every((each, i, all) => i === 0 || each.entries <= all[i - 1].entries));
  const plain = await createMachine({ ...settings, engine: 'interp' });
  plain.run(1e9);
  assert.equal(hottestBlocks(plain.machine.engine, plain.machine.cpu, 10), null);
});
