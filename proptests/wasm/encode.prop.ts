/**
 * What the encoder writes is WebAssembly: the host accepts the modules, the reader gives back the numbers that were
 * written, and the threads module answers conditions as tiers/ir/arithmetic.ts does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EFLAGS } from '../../src/core/state/layout.ts';
import { carryOf, conditionOf, flagsOf } from '../../tiers/ir/arithmetic.ts';
import { defineConditions } from '../../tiers/wasm/conditions.ts';
import { CONDITION_HELPERS } from '../../tiers/wasm/emit.ts';
import { Body, F64, I32, I64, ModuleBuilder, W } from '../../tiers/wasm/encode.ts';
import { hasTailCalls } from '../../tiers/wasm/instantiate.ts';
import { disassemble } from '../../tiers/wasm/text.ts';
import { encodeThreads } from '../../tiers/wasm/threads.ts';

const seed = Number(process.env.REPRISE_SEED ?? 1);

test('this host has tail calls, and the threads module is valid', () => {
  assert.ok(hasTailCalls());
  for (const isCounted of [false, true]) {
    const places = { tlbBase: 0x100000, sharedBase: 0x500000, pages: 96, isCounted };
    assert.ok(WebAssembly.validate(encodeThreads(places)));
  }
});

test('numbers are read back as they were written', () => {
  const property = fc.property(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (small, large) => {
    const body = new Body(0);
    body.i32(small);
    body.i64(large);
    body.f64(small / 3);
    body.memory(W.i32_load, 2, small >>> 0);
    assert.deepEqual(disassemble(body.code.view()), [
      `i32_const ${small}`,
      `i64_const ${large}`,
      `f64_const ${small / 3}`,
      `i32_load ${small >>> 0}`,
    ]);
  });
  fc.assert(property, { seed, numRuns: 2000 });
});

test('locals of any order of types are declared as they were asked for', () => {
  const property = fc.property(fc.array(fc.constantFrom(I32, I64, F64), { maxLength: 40 }), (types) => {
    const module = new ModuleBuilder();
    const body = new Body(1);
    for (const type of types) {
      const local = body.local(type);
      if (type === I32) body.i32(-7);
      else if (type === I64) body.i64(1n << 40n);
      else body.f64(0.5);
      body.set(local);
    }
    module.exportFunction('f', module.define(module.type([I32], []), body));
    assert.ok(WebAssembly.validate(module.finish()));
  });
  fc.assert(property, { seed, numRuns: 300 });
});

test('nesting is shown by indentation', () => {
  const body = new Body(0);
  const outer = body.open(W.block);
  body.open(W.loop);
  body.branch(W.br, outer);
  body.end();
  body.end();
  assert.deepEqual(disassemble(body.code.view()), ['block', '  loop', '    br 1', '  end', 'end']);
});

test('carry, flags and conditions of every kind of lazy flags', () => {
  const module = new ModuleBuilder();
  module.importMemory('e', 'memory', 1);
  const found = defineConditions(module);
  for (const [name, index] of found) module.exportFunction(name, index);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const words = new Int32Array(memory.buffer);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { e: { memory } });
  const of = instance.exports as Record<string, (kind: number, result: number, source: number) => number>;
  const value = fc.oneof(
    fc.integer(),
    fc.constantFrom(0, 1, -1, 0x7f, -0x80, 0x7fff, -0x8000, 0x7fffffff, -0x80000000),
  );
  const property = fc.property(fc.nat(24), value, value, fc.nat(0xfff), (kind, wideResult, wideSource, eflags) => {
    words[EFLAGS] = eflags;
    // Narrow kinds hold sign-extended numbers.
    const shift = kind === 0 ? 0 : [24, 16, 0][(kind - 1) % 3];
    const result = (wideResult << shift) >> shift;
    const source = kind >= 22 ? wideSource & 0x811 : (wideSource << shift) >> shift;
    assert.equal(of.carry(kind, result, source), carryOf(kind, result, source, eflags), `carry of kind ${kind}`);
    assert.equal(of.flags(kind, result, source), flagsOf(kind, result, source, eflags), `flags of kind ${kind}`);
    CONDITION_HELPERS.forEach((name, pair) => {
      const expected = conditionOf(2 * pair, kind, result, source, eflags);
      assert.equal(of[name](kind, result, source), expected, `${name} of kind ${kind}`);
    });
  });
  fc.assert(property, { seed, numRuns: 20_000 });
});
