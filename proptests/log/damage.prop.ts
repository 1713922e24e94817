/**
 * A log that was cut off, changed, reordered or made by a stranger: a prefix replays to its last whole frame,
 * everything else is a `LogError` that says what was expected. Nothing else is ever thrown, and no count in a file
 * buys memory.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { deflateSync } from 'fflate';
import { pack } from 'msgpackr';
import { ReplayingPort } from '../../src/core/session/replaying-port.ts';
import { crc32c } from '../../src/core/log/crc32c.ts';
import { encodeFrame, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND, LOG_FORMAT } from '../../src/core/log/frames.ts';
import { readImage } from '../../src/core/log/log-images.ts';
import { LogError } from '../../src/core/log/log-error.ts';
import type { LogErrorKind } from '../../src/core/log/log-error.ts';
import { logEvents, openLog } from '../../src/core/log/log.ts';
import type { Packed } from '../../src/core/log/payload.ts';
import { concat, PROFILES, playSteps, record, run, seed } from './events.ts';
import type { Step } from './events.ts';

/** A small run with both classes in several frames. */
const smallRun: Step[] = [];
for (let i = 0; i < 24; i++) {
  smallRun.push({
    kind: 'check',
    tick: i * 900,
    event: { kind: 'port-read', port: 0x3fd, size: 1, value: i % 5 ? 0x60 : i },
  });
  if (i % 8 === 3) {
    smallRun.push({
      kind: 'input',
      tick: i * 900,
      event: { kind: 'serial', port: 0, bytes: Uint8Array.of(108, 115, 10, i) },
    });
  }
  if (i % 10 === 9) {
    smallRun.push({
      kind: 'check',
      tick: i * 900,
      event: { kind: 'state-hash', hash: { root: '00112233445566aa', cpu: 'ffeeddccbbaa9988' } },
    });
  }
}

/** Opens and decodes everything. */
function readAll(file: Uint8Array): number {
  const log = openLog(file);
  let count = 0;
  for (const _ of logEvents(log)) count++;
  assert.ok(log.lastTick >= 0);
  return count;
}

function errorOf(file: Uint8Array): LogError {
  try {
    readAll(file);
  } catch (error) {
    assert.ok(error instanceof LogError, `expected a LogError, got ${String(error)}`);
    assert.match(error.message, /^[A-Z].*[.]$/s);
    assert.ok(!error.message.includes('\n'));
    return error;
  }
  assert.fail('the file was accepted');
}

test('every truncation of a log replays to its last whole frame, in every profile', () => {
  for (const profile of PROFILES) {
    const { bytes, frames } = record(smallRun, profile);
    const [headerFrame] = frames;
    for (let size = 0; size < bytes.length; size++) {
      const cut = bytes.slice(0, size);
      if (size < headerFrame.length) {
        assert.equal(errorOf(cut).kind, size === 0 ? 'empty' : 'headerless', `cut to ${size}`);
        continue;
      }
      const log = openLog(cut);
      assert.equal(log.truncated, true);
      let whole = 0;
      for (let end = 0; whole < frames.length && end + frames[whole].length <= size; whole++)
        end += frames[whole].length;
      assert.equal(log.frames.length, whole, `cut to ${size}`);
      const port = new ReplayingPort(log);
      playSteps(
        port,
        smallRun.filter(({ tick }) => tick <= log.lastTick),
      );
      port.finish(log.lastTick, 'stopped', null);
      assert.equal(port.divergence, null, `cut to ${size}`);
    }
  }
});

test('every single changed bit is found and named', () => {
  const { bytes, frames } = record(smallRun, 'full');
  let frame = 0;
  let frameOffset = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (at === frameOffset + frames[frame].length) frameOffset += frames[frame++].length;
    for (let bit = 0; bit < 8; bit++) {
      const changed = bytes.slice();
      changed[at] ^= 1 << bit;
      const error = errorOf(changed);
      if (at < 4) assert.equal(error.kind, 'foreign');
      else
        assert.deepEqual(
          [error.kind, error.frame, error.offset],
          ['damaged', frame, frameOffset],
          `byte ${at} bit ${bit}`,
        );
    }
  }
});

test('a damaged log can be read up to the damage when asked', () => {
  const { bytes, frames } = record(smallRun, 'full');
  const changed = bytes.slice();
  changed[frames[0].length + frames[1].length + 40] ^= 4;
  const log = openLog(changed, { salvage: true });
  assert.deepEqual([log.frames.length, log.truncated, log.damage?.frame], [2, true, 2]);
});

test('frames that are repeated, missing or in another order are found', () => {
  const { frames } = record(smallRun, 'full');
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.constantFrom('swap', 'repeat', 'drop'), (a, b, how) => {
      const order = frames.slice();
      const i = a % order.length;
      const j = b % order.length;
      if (how === 'swap') [order[i], order[j]] = [order[j], order[i]];
      else if (how === 'repeat') order.splice(j, 0, order[i]);
      else order.splice(i, 1);
      const isPrefix = order.every((frame, k) => frame === frames[k]);
      if (isPrefix) readAll(concat(order));
      else assert.equal(errorOf(concat(order)).kind, 'order');
    }),
    { seed, numRuns: 100 },
  );
});

test('files that are no log', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const cases: [string, Uint8Array, LogErrorKind][] = [
    ['nothing', new Uint8Array(0), 'empty'],
    ['text', text('hello, world\n'), 'foreign'],
    ['one byte', text('x'), 'foreign'],
    ['zeros', new Uint8Array(5000), 'foreign'],
    ['ELF', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0), 'foreign'],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 0), 'foreign'],
    ['a line end changed by a text transfer', Uint8Array.of(0x09, 0x52, 0x50, 0x4c), 'foreign'],
    ['the magic alone', Uint8Array.of(0x89, 0x52, 0x50, 0x4c), 'headerless'],
  ];
  for (const [name, file, kind] of cases) assert.equal(errorOf(file).kind, kind, name);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 300 }), (file) => {
      assert.ok(['foreign', 'headerless', 'damaged'].includes(errorOf(file).kind));
    }),
    { seed, numRuns: 300 },
  );
});

/** Changes header fields of a frame and makes its checksums agree again. */
function forge(frame: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const forged = frame.slice();
  const view = new DataView(forged.buffer);
  change(view);
  view.setUint32(28, crc32c(forged, 0, 28), true);
  view.setUint32(32, crc32c(forged, FRAME_HEADER_BYTES, forged.length, crc32c(forged, 0, 32)), true);
  return forged;
}

const [headerFrame] = record([], 'full').frames;

test('newer formats and kinds that must be understood are refused; kinds that may be skipped are skipped', () => {
  const newer = forge(headerFrame, (view) => view.setUint16(6, LOG_FORMAT + 1, true));
  assert.equal(errorOf(newer).kind, 'newer');
  assert.match(errorOf(newer).message, new RegExp(`format ${LOG_FORMAT + 1}.*newer version of Reprise`));
  assert.equal(errorOf(concat([headerFrame, encodeFrame(77, 0, 1, 0, null)])).kind, 'newer');
  assert.equal(errorOf(concat([headerFrame, encodeFrame(FRAME_KIND.branchParent, 0, 1, 0, null)])).kind, 'newer');
  assert.equal(readAll(concat([headerFrame, encodeFrame(77, FRAME_FLAG.maySkip, 1, 0, null)])), 0);
  const inputs = (kind: number): Uint8Array =>
    encodeFrame(FRAME_KIND.inputs, 0, 1, 5, [0, 0, [0, 1], [0, 0], [[kind, 1, 2], [9]]]);
  assert.equal(errorOf(concat([headerFrame, inputs(100)])).kind, 'newer');
  assert.equal(readAll(concat([headerFrame, inputs(200)])), 1);
  // Two interrupts of vector 8 and, between them, a check of kind 200: slots 1, 2, 1; no predictions hit.
  const columns: Packed = [
    0,
    3,
    Uint8Array.of(1, 8, 200, 5),
    Uint8Array.of(3, 7, 7),
    Uint8Array.of(1, 2, 1),
    Uint8Array.of(0, 4, 4),
    Uint8Array.of(9, 0),
    [],
  ];
  assert.equal(readAll(concat([headerFrame, encodeFrame(FRAME_KIND.checks, 0, 1, 5, columns)])), 2);
});

test('nothing but what may be skipped follows the end, and the header comes once', () => {
  const whole = record(smallRun, 'full');
  const next = whole.frames.length;
  const inputs: Packed = [0, 0, [0], [0], [[9]]];
  assert.equal(errorOf(concat([whole.bytes, encodeFrame(FRAME_KIND.inputs, 0, next, 0, inputs)])).kind, 'malformed');
  readAll(concat([whole.bytes, encodeFrame(FRAME_KIND.bookmark, FRAME_FLAG.maySkip, next, 0, 'here')]));
  assert.equal(
    errorOf(concat([headerFrame, forge(headerFrame, (view) => view.setUint32(8, 1, true))])).kind,
    'malformed',
  );
});

test('hostile payloads cost an error, not memory', () => {
  const frame = (kind: number, body: Uint8Array, rawBytes: number, flags: number): Uint8Array => {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + body.length);
    bytes.set(headerFrame.subarray(0, 8));
    bytes.set(body, FRAME_HEADER_BYTES);
    return forge(bytes, (view) => {
      view.setUint8(4, kind);
      view.setUint8(5, flags);
      view.setUint32(8, 1, true);
      view.setUint32(20, body.length, true);
      view.setUint32(24, rawBytes, true);
    });
  };
  const zeros = new Uint8Array(1 << 24);
  const bomb = deflateSync(zeros, { level: 9 });
  const bigBomb = concat(
    Array.from({ length: 60 }, () => deflateSync(zeros.subarray(0, 1 << 22), { level: 0 }).subarray(0, 1 << 20)),
  );
  const bodies: [string, Uint8Array, number, number][] = [
    ['raw length beyond the cap', bomb, 0xffffffff, 1],
    ['more than it says', bomb, 1000, 1],
    ['less than it says', deflateSync(new Uint8Array(10)), 1 << 20, 1],
    ['sixteen MiB of nested nothing', bomb, 1 << 24, 1],
    ['not deflate', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 400, 1],
    ['nothing at all', new Uint8Array(0), 0, 0],
    ['long stored blocks', bigBomb.subarray(0, 1 << 24), 1 << 20, 1],
    ['array of 4 G', Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff), 5, 0],
    ['map of 4 G', Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff), 5, 0],
    ['bytes of 4 G', Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff), 5, 0],
    ['deep nesting', new Uint8Array(100_000).fill(0x91), 100_000, 0],
    [
      'two million empty maps',
      concat([Uint8Array.of(0xdd, 0, 0x1e, 0x84, 0x80), new Uint8Array(2_000_000).fill(0x80)]),
      2_000_005,
      0,
    ],
    ['an extension type', Uint8Array.of(0xd4, 0x72, 0x40), 3, 0],
    ['a key that is a prototype', new Uint8Array(pack(JSON.parse('{"__proto__":{"profile":"full"}}'))), -1, 0],
    ['a count of events and no columns', pack([0, 65536, zeros.subarray(0, 0), zeros.subarray(0, 0)]), -1, 0],
    [
      'a count of events beyond the cap',
      pack([0, 1e9, ...Array.from({ length: 5 }, () => zeros.subarray(0, 1)), []]),
      -1,
      0,
    ],
  ];
  const before = process.memoryUsage.rss();
  for (const [name, body, rawBytes, flags] of bodies) {
    for (const kind of [FRAME_KIND.checks, FRAME_KIND.inputs, FRAME_KIND.end]) {
      const file = concat([headerFrame, frame(kind, body, rawBytes < 0 ? body.length : rawBytes, flags)]);
      assert.ok(['malformed', 'too-large'].includes(errorOf(file).kind), name);
    }
    const asHeader = forge(frame(FRAME_KIND.header, body, rawBytes < 0 ? body.length : rawBytes, flags), (view) =>
      view.setUint32(8, 0, true),
    );
    assert.ok(['malformed', 'too-large'].includes(errorOf(asHeader).kind), name);
  }
  const grown = process.memoryUsage.rss() - before;
  assert.ok(grown < 400 * 2 ** 20, `memory grew by ${grown} bytes`);
});

test('random msgpack and random columns in whole frames give events or a LogError', () => {
  const tree = fc.letrec<{ value: Packed }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, 0, 1, 5, 70000, -1, 0.5, 'pit', '__proto__'),
      fc.uint8Array({ maxLength: 12 }),
      fc.array(tie('value'), { maxLength: 8 }),
      fc.dictionary(fc.constantFrom('cpu', 'profile', '__proto__', 'x'), tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  const column = fc.uint8Array({ maxLength: 12 });
  const columns = fc
    .tuple(
      fc.nat(40),
      fc.uint8Array({ maxLength: 6 }).map((ids) => Uint8Array.from([...ids].flatMap((id) => [1 + (id % 6), id & 63]))),
      column,
      column,
      column,
      column,
    )
    .map(([count, ...rest]): Packed => [0, count, ...rest, []]);
  fc.assert(
    fc.property(fc.oneof(tree, columns), fc.constantFrom(...Object.values(FRAME_KIND)), (payload, kind) => {
      const file = concat([headerFrame, encodeFrame(kind, 0, 1, 3, payload)]);
      try {
        readAll(file);
        readImage(openLog(file), 0);
      } catch (error) {
        assert.ok(error instanceof LogError, String(error));
      }
    }),
    { seed, numRuns: 1500 },
  );
});

test('every bit changed inside a frame whose checksums were made to agree gives events or a LogError', () => {
  const { frames } = record(smallRun, 'full');
  frames.forEach((frame, index) => {
    for (let bit = 8 * FRAME_HEADER_BYTES; bit < 8 * frame.length; bit++) {
      const changed = forge(frame, (view) => view.setUint8(bit >> 3, view.getUint8(bit >> 3) ^ (1 << (bit & 7))));
      const file = concat(frames.map((other, i) => (i === index ? changed : other)));
      try {
        readAll(file);
      } catch (error) {
        assert.ok(error instanceof LogError, String(error));
      }
    }
  });
});

test('random logs survive random damage: events or a LogError', () => {
  fc.assert(
    fc.property(
      run,
      fc.constantFrom(...PROFILES),
      fc.nat(),
      fc.nat(),
      fc.uint8Array({ maxLength: 8 }),
      (steps, profile, at, cut, junk) => {
        const { bytes } = record(steps, profile);
        const changed = bytes.slice(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0));
        changed.set(junk.subarray(0, changed.length), at % Math.max(1, changed.length - junk.length));
        try {
          readAll(changed);
        } catch (error) {
          assert.ok(error instanceof LogError, String(error));
        }
      },
    ),
    { seed, numRuns: 100 },
  );
});
