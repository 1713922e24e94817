/**
 * The 16550A: instant output, bursts of input that lose nothing however fast the host pushes, trigger levels and
 * timeout, the transmitter-empty logic a driver depends on, priorities, line errors, modem status and loopback; at
 * line rate (timing `baud`) the exact ticks of bytes, and overruns.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Harness } from './harness.ts';

const COM1 = 0x3f8;
const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7].map((register) => COM1 + register);

function machine(serialTiming: 'instant' | 'baud' = 'instant'): Harness {
  const harness = new Harness({ apic: false, serialTiming }).silenceTimer();
  harness.out8(0x20, 0x11);
  harness.out8(0x21, 0x20, 4, 1, 0xef); // line 4 alone
  harness.out8(MCR, 0x0b);
  return harness;
}

const send = (harness: Harness, text: string): void =>
  harness.board.input({ kind: 'serial', port: 0, bytes: new TextEncoder().encode(text) });

const written = (harness: Harness): string =>
  String.fromCharCode(
    ...harness.trace.flatMap((line) => {
      const match = /serial0 (\d+)/.exec(line);
      return match === null ? [] : [Number(match[1])];
    }),
  );

test('what is written leaves at once and in order, and the transmitter is always empty', () => {
  const harness = machine();
  for (const char of 'hello') {
    assert.equal(harness.in8(LSR), 0x60);
    harness.out8(DATA, char.charCodeAt(0));
  }
  assert.equal(written(harness), 'hello');
});

test('no byte from the host is lost, whatever the guest does between reads', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (chunks, pauses, fifos) => {
        const harness = machine();
        if (fifos) harness.out8(IIR, 0x81);
        const received: number[] = [];
        let step = 0;
        const drain = (): void => {
          while ((harness.in8(LSR) & 1) !== 0) received.push(harness.in8(DATA));
          harness.run(pauses[step++ % pauses.length]);
        };
        for (const bytes of chunks) {
          harness.board.input({ kind: 'serial', port: 0, bytes });
          drain();
        }
        for (let i = 0; i < 2000; i++) {
          drain();
          harness.run(700);
        }
        drain();
        assert.deepEqual(
          received,
          chunks.flatMap((bytes) => [...bytes]),
        );
        assert.equal(harness.in8(LSR) & 0x02, 0, 'no overrun');
      },
    ),
    { seed: 11, numRuns: 60 },
  );
});

test('input comes in bursts of a FIFO, with the receiver empty between them', () => {
  const harness = machine();
  harness.out8(IIR, 0x01);
  send(harness, 'x'.repeat(40));
  const bursts: number[] = [];
  for (let i = 0; i < 3; i++) {
    let count = 0;
    while ((harness.in8(LSR) & 1) !== 0) {
      harness.in8(DATA);
      count++;
    }
    bursts.push(count);
    harness.run(2000);
  }
  assert.deepEqual(bursts, [16, 16, 8]);
});

test('an interrupt-driven reader gets one edge for each burst', () => {
  const harness = machine();
  harness.out8(IIR, 0xc1); // trigger level 14
  harness.out8(IER, 1);
  send(harness, 'abcdefghijklmnopqrstuvwxyz');
  let text = '';
  for (let interrupts = 0; interrupts < 50 && text.length < 26; interrupts++) {
    while (!harness.intr) harness.runTo(harness.clock.nextDue());
    assert.equal(harness.board.interrupts.acknowledge(), 0x24);
    for (let id = harness.in8(IIR) & 0x0f; id !== 1; id = harness.in8(IIR) & 0x0f) {
      assert.ok(id === 0x04 || id === 0x0c, `identification ${id}`);
      // Read as Linux does: while there is data.
      while ((harness.in8(LSR) & 1) !== 0) text += String.fromCharCode(harness.in8(DATA));
    }
    harness.out8(0x20, 0x20);
  }
  assert.equal(text, 'abcdefghijklmnopqrstuvwxyz');
});

test('below the trigger level the timeout interrupts, after the pause', () => {
  const harness = machine();
  harness.out8(IIR, 0xc1);
  harness.out8(IER, 1);
  send(harness, 'a');
  assert.equal(harness.in8(IIR), 0xc1, 'nothing yet');
  harness.runTo(harness.clock.nextDue());
  assert.equal(harness.in8(IIR), 0xcc);
  assert.ok(harness.intr);
  assert.equal(harness.in8(DATA), 97);
  assert.equal(harness.in8(IIR), 0xc1);
  assert.ok(!harness.intr);
});

test('trigger levels', () => {
  for (const [control, level] of [
    [0x01, 1],
    [0x41, 4],
    [0x81, 8],
    [0xc1, 14],
  ]) {
    const harness = machine();
    harness.out8(IIR, control);
    harness.out8(IER, 1);
    send(harness, 'x'.repeat(level - 1));
    assert.equal(harness.in8(IIR), 0xc1);
    const other = machine();
    other.out8(IIR, control);
    other.out8(IER, 1);
    send(other, 'x'.repeat(level));
    assert.equal(other.in8(IIR), 0xc4);
  }
});

test('transmitter empty: raised by enabling, cleared by IIR, raised again by the next byte leaving', () => {
  const harness = machine();
  assert.equal(harness.in8(IIR), 0x01);
  harness.out8(IER, 2);
  assert.ok(harness.intr);
  assert.equal(harness.in8(IIR), 0x02);
  assert.equal(harness.in8(IIR), 0x01);
  assert.ok(!harness.intr);
  harness.out8(DATA, 65);
  assert.ok(harness.intr, 'the byte has left');
  harness.board.interrupts.acknowledge();
  harness.out8(0x20, 0x20);
  harness.out8(DATA, 66);
  assert.ok(harness.intr, 'each byte makes a new edge');
  harness.out8(IER, 0);
  assert.ok(!harness.intr);
  harness.out8(IER, 2);
  assert.equal(harness.in8(IIR), 0x02, 'enabling again raises it again');
});

test('priorities: line errors, data, transmitter, modem', () => {
  const harness = machine();
  harness.out8(MCR, 0x1b); // loopback, so that everything can be made to happen
  harness.out8(IER, 0x0f);
  harness.out8(DATA, 1, 2); // the second overruns the first
  harness.out8(MCR, 0x1a); // DTR falls
  assert.equal(harness.in8(IIR), 0x06);
  assert.equal(harness.in8(LSR), 0x63);
  assert.equal(harness.in8(IIR), 0x04);
  assert.equal(harness.in8(DATA), 2);
  assert.equal(harness.in8(IIR), 0x02);
  assert.equal(harness.in8(IIR), 0x00);
  assert.equal(harness.in8(MSR), 0x92, 'DSR fell; CTS and DCD stay');
  assert.equal(harness.in8(IIR), 0x01);
});

test('OUT2 gates the line', () => {
  const harness = machine();
  harness.out8(MCR, 0x03);
  harness.out8(IER, 2);
  assert.ok(!harness.intr);
  harness.out8(MCR, 0x0b);
  assert.ok(harness.intr);
});

test('loopback: modem outputs come back as inputs, with deltas; bytes come back; the line is silent', () => {
  const harness = machine();
  assert.equal(harness.in8(MSR), 0xb0, 'somebody is connected');
  for (let outputs = 0; outputs < 16; outputs++) {
    harness.out8(MCR, 0x10 | outputs);
    const [dtr, rts, out1, out2] = [1, 2, 4, 8].map((bit) => (outputs & bit) !== 0);
    const expected = (rts ? 0x10 : 0) | (dtr ? 0x20 : 0) | (out1 ? 0x40 : 0) | (out2 ? 0x80 : 0);
    assert.equal(harness.in8(MSR) & 0xf0, expected);
    assert.equal(harness.in8(MSR) & 0x0f, 0);
  }
  harness.out8(MCR, 0x14);
  harness.in8(MSR);
  harness.out8(MCR, 0x10);
  assert.equal(harness.in8(MSR), 0x04, 'the trailing edge of RI');
  harness.out8(MCR, 0x14);
  assert.equal(harness.in8(MSR), 0x40, 'but not its leading one');
  harness.out8(DATA, 0x5a);
  assert.equal(harness.in8(DATA), 0x5a);
  assert.equal(written(harness), '');
  send(harness, 'q');
  harness.run(10_000);
  assert.equal(harness.in8(LSR) & 1, 0, 'the wire is cut');
  harness.out8(MCR, 0x0b);
  harness.run(10_000);
  assert.equal(harness.in8(DATA), 113, 'and what came meanwhile is not lost');
});

test('a break in loopback is a zero with its errors', () => {
  const harness = machine();
  harness.out8(MCR, 0x1b);
  harness.out8(LCR, 0x43);
  assert.equal(harness.in8(LSR), 0x60 | 0x18 | 1);
  assert.equal(harness.in8(LSR), 0x61);
  assert.equal(harness.in8(DATA), 0);
});

test('divisor, scratch and FIFO control', () => {
  const harness = machine();
  harness.out8(SCR, 0xa5);
  harness.out8(LCR, 0x83);
  harness.out8(DATA, 0x34);
  harness.out8(IER, 0x12);
  assert.deepEqual([harness.in8(DATA), harness.in8(IER)], [0x34, 0x12]);
  harness.out8(LCR, 0x03);
  assert.equal(harness.in8(IER), 0, 'the divisor is not the interrupt enable');
  assert.equal(harness.in8(SCR), 0xa5);
  assert.equal(harness.in8(IIR), 0x01);
  harness.out8(IIR, 0x01);
  assert.equal(harness.in8(IIR), 0xc1);
  harness.out8(IIR, 0x00);
  assert.equal(harness.in8(IIR), 0x01);
  harness.out8(IER, 0xff);
  assert.equal(harness.in8(IER), 0x0f);
});

/** 8 data bits, no parity, one stop bit at divisor 12: 9600 baud. */
const characterTicks = (10 * 16 * 12 * 1_000_000_000) / 1_843_200 / 8;

test('at line rate bytes leave one character apart, two at a time without FIFO', () => {
  const harness = machine('baud');
  harness.out8(LCR, 0x03);
  harness.out8(DATA, 65);
  assert.equal(harness.in8(LSR), 0x20, 'in the shift register; the holding register is free again');
  harness.out8(DATA, 66);
  assert.equal(harness.in8(LSR), 0x00);
  harness.run(Math.ceil(characterTicks) + 10);
  assert.equal(harness.in8(LSR), 0x20);
  harness.run(Math.ceil(characterTicks) + 10);
  assert.equal(harness.in8(LSR), 0x60);
  assert.equal(written(harness), 'AB');
  const ticks = harness.trace.filter((line) => line.includes('serial0')).map((line) => Number(line.split(' ')[0]));
  assert.ok(Math.abs(ticks[0] - characterTicks) < 200, `${ticks[0]} ticks, not ${characterTicks}`);
  assert.ok(Math.abs(ticks[1] - 2 * characterTicks) < 200);
});

test('at line rate a guest that does not read gets an overrun, one that reads in time gets everything', () => {
  const late = machine('baud');
  late.out8(LCR, 0x03);
  send(late, 'abc');
  late.run(Math.ceil(characterTicks * 3.5));
  assert.equal(late.in8(LSR) & 3, 3);
  assert.equal(late.in8(DATA), 99, 'without FIFO the last byte stays');
  const prompt = machine('baud');
  prompt.out8(LCR, 0x03);
  send(prompt, 'abc');
  let text = '';
  for (let i = 0; i < 4; i++) {
    prompt.run(Math.ceil(characterTicks));
    if ((prompt.in8(LSR) & 1) !== 0) text += String.fromCharCode(prompt.in8(DATA));
  }
  assert.equal(text, 'abc');
  const full = machine('baud');
  full.out8(LCR, 0x03);
  full.out8(IIR, 0x01);
  send(full, `${'x'.repeat(16)}yz`);
  full.run(Math.ceil(characterTicks * 19));
  assert.equal(full.in8(LSR) & 2, 2);
  text = '';
  while ((full.in8(LSR) & 1) !== 0) text += String.fromCharCode(full.in8(DATA));
  assert.equal(text, 'x'.repeat(16), 'with FIFO the new bytes are lost');
});

test('the four ports are told apart', () => {
  const harness = new Harness();
  [0x3f8, 0x2f8, 0x3e8, 0x2e8].forEach((first, index) => {
    harness.out8(first, 48 + index);
    harness.board.input({ kind: 'serial', port: index, bytes: Uint8Array.of(97 + index) });
    assert.equal(harness.in8(first), 97 + index);
  });
  assert.deepEqual(
    harness.trace.filter((line) => line.includes('serial')),
    ['0 serial0 48', '0 serial1 49', '0 serial2 50', '0 serial3 51'],
  );
});
