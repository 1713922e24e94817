/**
 * What a divergence names, and the two sums that find it: the digest behind state hashes (one changed bit always
 * shows) and the CRC-32C of frames against the published values of RFC 3720.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { combineHashes, hashBytes, hashBytesHex, hashWords } from '../../src/core/base/hash.ts';
import { ReplayingPort } from '../../src/core/session/replaying-port.ts';
import { crc32c } from '../../src/core/log/crc32c.ts';
import { describeDivergence } from '../../src/core/session/divergence.ts';
import type { StateHash } from '../../src/core/log/events.ts';
import { openLog } from '../../src/core/log/log.ts';
import { playSteps, record, seed } from './events.ts';
import type { Step } from './events.ts';

const state = (change: Partial<StateHash>): StateHash => ({
  root: '0000000000000001',
  cpu: '0000000000000002',
  ram: '0000000000000003',
  devices: [['pit', '0000000000000004']],
  registers: [['eax', 5]],
  pages: { numbers: Uint32Array.of(1, 7), digests: Uint32Array.of(10, 70) },
  ...change,
});

/** Records two hashes, the second in full, and replays with the second changed. */
function diverge(actual: StateHash): string {
  const at = (hash: StateHash): Step[] => [
    { kind: 'check', tick: 1000, event: { kind: 'state-hash', hash: { root: 'aaaaaaaaaaaaaaaa' } } },
    { kind: 'check', tick: 2000, event: { kind: 'state-hash', hash } },
  ];
  const port = new ReplayingPort(openLog(record(at(state({})), 'inputs').bytes));
  playSteps(port, at(actual));
  assert.ok(port.divergence !== null);
  assert.deepEqual([port.divergence.kind, port.divergence.agreedTick, port.divergence.tick], ['state', 1000, 2000]);
  return describeDivergence(port.divergence, 'boot.rlog');
}

test('a state that differs is named down to the register, the page or the device', () => {
  const root = 'bbbbbbbbbbbbbbbb';
  assert.match(diverge(state({ root, registers: [['eax', 0x15]] })), /register eax is 0x15, recorded 0x5/);
  const pages = { numbers: Uint32Array.of(1, 7), digests: Uint32Array.of(10, 71) };
  assert.match(diverge(state({ root, pages })), /page 7 \(physical address 0x7000\)/);
  const more = { numbers: Uint32Array.of(1, 3, 7), digests: Uint32Array.of(10, 30, 70) };
  assert.match(diverge(state({ root, pages: more })), /page 3 .*not written while recording/);
  const fewer = { numbers: Uint32Array.of(1), digests: Uint32Array.of(10) };
  assert.match(diverge(state({ root, pages: fewer })), /page 7 .*not written by the replay/);
  assert.match(diverge(state({ root, devices: [['pit', '0000000000000009']] })), /device pit/);
  const text = diverge(state({ root }));
  assert.match(text, /after tick 1000 and by tick 2000/);
  assert.match(text, /reprise events boot\.rlog --from 1000 --to 2000/);
});

test('a check that is missing, an input that is passed over and another end are named', () => {
  const steps: Step[] = [
    { kind: 'check', tick: 10, event: { kind: 'interrupt', vector: 32 } },
    { kind: 'input', tick: 20, event: { kind: 'nmi' } },
    { kind: 'check', tick: 30, event: { kind: 'timer', id: 1 } },
  ];
  const { bytes, endTick } = record(steps, 'full');
  const cause = (act: (port: ReplayingPort) => void): string => {
    const port = new ReplayingPort(openLog(bytes));
    act(port);
    assert.ok(port.divergence !== null);
    return describeDivergence(port.divergence);
  };
  const hash = '0123456789abcdef';
  assert.match(
    cause((port) => port.timer(10, 3)),
    /expected interrupt 0x20 at tick 10; got timer 3 at tick 10/,
  );
  assert.match(
    cause((port) => port.interrupt(11, 32)),
    /expected interrupt 0x20 at tick 10; got interrupt 0x20 at tick 11/,
  );
  assert.match(
    cause((port) => {
      port.interrupt(10, 32);
      port.take(21);
    }),
    /Input 0 \(nmi\) .* at tick 20/,
  );
  assert.match(
    cause((port) => {
      playSteps(port, steps);
      port.timer(30, 1);
    }),
    /expected no further check; got timer 1/,
  );
  assert.match(
    cause((port) => port.finish(endTick, 'power-off', hash)),
    /expected interrupt 0x20 at tick 10; got nothing/,
  );
  assert.match(
    cause((port) => {
      playSteps(port, steps);
      port.finish(endTick + 1, 'stopped', hash);
    }),
    /ended at tick 32 \(stopped.* at tick 31 \(power-off/,
  );
  assert.match(
    cause((port) => {
      playSteps(port, steps);
      port.finish(endTick, 'power-off', 'f'.repeat(16));
    }),
    /state ffffffffffffffff/,
  );
});

test('one changed bit changes both words of a digest of words and of bytes', () => {
  const out = new Int32Array(4);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 70 }), fc.nat(), fc.nat(3), (data, pick, shift) => {
      const padded = new Uint8Array(data.length + shift);
      padded.set(data, shift);
      hashBytes(padded, shift, padded.length, out, 0);
      hashBytes(data, 0, data.length, out, 2);
      assert.deepEqual(out.slice(0, 2), out.slice(2), 'alignment shows in the digest');
      data[(pick >> 3) % data.length] ^= 1 << (pick & 7);
      hashBytes(data, 0, data.length, out, 2);
      assert.ok(out[0] !== out[2] || out[1] !== out[3]);
    }),
    { seed, numRuns: 1000 },
  );
  // A length of zeros is not another length of zeros.
  const zeros = new Set(Array.from({ length: 64 }, (_, size) => hashBytesHex(new Uint8Array(size))));
  assert.equal(zeros.size, 64);
  const words = Int32Array.of(1, 2, 3, 4, 5, 6);
  hashWords(words, 1, 5, out, 0);
  combineHashes(words, 1, 5, out, 2);
  assert.deepEqual(out.slice(0, 2), out.slice(2));
});

test('a page with any one of its bits changed has another low word, as page digests need', () => {
  const page = new Int32Array(1024);
  const out = new Int32Array(2);
  hashWords(page, 0, 1024, out, 0);
  const [unchanged] = out;
  const seen = new Set<number>();
  for (let bit = 0; bit < 32768; bit++) {
    page[bit >> 5] ^= 1 << (bit & 31);
    hashWords(page, 0, 1024, out, 0);
    page[bit >> 5] ^= 1 << (bit & 31);
    assert.notEqual(out[0], unchanged, `bit ${bit}`);
    seen.add(out[0]);
  }
  // 32768 random words collide among themselves about 0.1 times.
  assert.ok(seen.size >= 32766, `${seen.size} digests`);
});

test('CRC-32C gives the published values, in pieces too', () => {
  const crc = (data: Uint8Array): string => crc32c(data, 0, data.length).toString(16);
  // RFC 3720, appendix B.4.
  assert.equal(crc(new Uint8Array(32)), '8a9136aa');
  assert.equal(crc(new Uint8Array(32).fill(0xff)), '62a8ab43');
  assert.equal(crc(Uint8Array.from({ length: 32 }, (_, i) => i)), '46dd794e');
  assert.equal(crc(new TextEncoder().encode('123456789')), 'e3069283');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), (data, at) => {
      const cut = Math.min(at, data.length);
      assert.equal(crc32c(data, cut, data.length, crc32c(data, 0, cut)), crc32c(data, 0, data.length));
    }),
    { seed },
  );
});
