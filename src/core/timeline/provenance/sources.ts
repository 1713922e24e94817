/**
 * What stands behind a value that came from outside the processor and its memory: which input of the log a serial byte
 * or a scan code was, which sector of which image, which clock. Devices are asked for what they still hold at the
 * moment of the read; where a log plays the devices, the inputs before it have to do.
 */
import { scanCodes } from '../../base/keymap.ts';
import { isKeyName } from '../../base/key-names.ts';
import { SECTOR_BYTES } from '../../devices/disk/disk-contents.ts';
import { Ps2Controller } from '../../devices/input/ps2.ts';
import { Uart } from '../../devices/serial/uart.ts';
import { type DmaContent, eventToText, type InputEvent, type PortBlockCheck } from '../../log/events.ts';
import { inputsOf, type TimedInput } from '../../log/timed-input.ts';
import type { Position } from '../lookout.ts';
import type { Timeline, Way } from '../timeline.ts';

export interface Source {
  readonly kind: 'serial' | 'key' | 'mouse' | 'disk' | 'clock' | 'port' | 'device' | 'edit' | 'processor';
  /** A sentence's end: `byte 3 of the input at tick 400000 on serial0`. */
  readonly text: string;
  /** The value, where it was read from a port. */
  readonly value: number | null;
  readonly port?: number;
  /** The input of the log that it was, by its number among all inputs. */
  readonly input?: { readonly number: number; readonly tick: number; readonly byte: number };
  /** The image of the manifest, and where in it. */
  readonly image?: { readonly role: string; readonly name: string; readonly offset: number; readonly sector: number };
}

const SERIAL_PORTS = [0x3f8, 0x2f8, 0x3e8, 0x2e8];
/** How far back the announcement of a block is looked for, in ticks; each time further. */
const LOOK_BACK_TICKS = [1 << 12, 1 << 16, 1 << 20, 1 << 24];
/** What a PS/2 keyboard says by itself: echo, test passed, acknowledge, resend. */
const ANSWERS = new Set([0xee, 0xaa, 0xfa, 0xfe]);

/** Ports by what answers there, for people. */
const DEVICES: readonly (readonly [first: number, last: number, kind: Source['kind'], name: string])[] = [
  [0x20, 0x21, 'port', 'the interrupt controller'],
  [0xa0, 0xa1, 'port', 'the second interrupt controller'],
  [0x40, 0x43, 'clock', 'the interval timer'],
  [0x61, 0x61, 'clock', 'the speaker port, which shows timer 2'],
  [0x60, 0x64, 'port', 'the keyboard controller'],
  [0x70, 0x71, 'clock', 'the real-time clock'],
  [0x170, 0x177, 'port', 'the second IDE channel'],
  [0x1f0, 0x1f7, 'port', 'the first IDE channel'],
  [0x2e8, 0x2ef, 'port', 'the fourth serial port'],
  [0x2f8, 0x2ff, 'port', 'the second serial port'],
  [0x3e8, 0x3ef, 'port', 'the third serial port'],
  [0x3f8, 0x3ff, 'port', 'the first serial port'],
  [0x3b0, 0x3df, 'port', 'the video card'],
  [0x3f0, 0x3f7, 'port', 'the floppy controller'],
  [0x510, 0x51b, 'port', 'the configuration of the firmware'],
  [0xcf8, 0xcff, 'port', 'PCI configuration'],
];

export function imageSource(timeline: Timeline, image: number, offset: number, value: number | null): Source {
  const { role = 'image', name = '' } = timeline.log.header.machine.images[image] ?? {};
  const sector = Math.floor(offset / SECTOR_BYTES);
  const text = `byte ${offset % SECTOR_BYTES} of sector ${sector} of ${role}${name === '' ? '' : ` (${name})`}`;
  return { kind: 'disk', text, value, image: { role, name, offset, sector } };
}

/** What a bus master wrote, `skip` bytes in. */
export function dmaSource(timeline: Timeline, content: DmaContent, skip: number): Source {
  if ('image' in content) return imageSource(timeline, content.image, content.offset + skip, null);
  const text = `byte ${skip} of ${content.bytes.length} bytes of a bus master that are in no image as they are`;
  return { kind: 'device', text, value: null };
}

export function editSource(event: InputEvent): Source {
  return { kind: 'edit', text: `a change from outside: ${eventToText(event)}`, value: null };
}

/** What an address that a device answers for is, for people. */
export function deviceSource(physical: number): Source {
  const within = (from: number, bytes: number): boolean => physical >= from && physical < from + bytes;
  const name = within(0xfee00000, 0x1000)
    ? 'the local APIC'
    : within(0xfec00000, 0x1000)
      ? 'the I/O APIC'
      : within(0xa0000, 0x20000)
        ? 'the video card'
        : 'a device';
  return { kind: 'device', text: `a read of ${name} at 0x${physical.toString(16)}`, value: null };
}

/** What an IN or INS at a position read; `at`: which byte of it is asked for. */
export function* portSource(
  timeline: Timeline,
  position: Position,
  port: number,
  size: number,
  at: number,
): Way<Source> {
  const line = SERIAL_PORTS.indexOf(port);
  yield* timeline.seek(position);
  const { devices } = timeline.machine.board;
  const uart = devices.find((each) => each instanceof Uart && each.name === `uart${line}`);
  const keyboard = devices.find((each) => each instanceof Ps2Controller);
  const inputs = inputsOf(timeline.log).map((input, number) => ({ ...input, number }));
  const before = inputs.filter(({ tick }) => tick <= position.tick);
  // What the devices hold before the read.
  const isData = uart instanceof Uart ? (uart.lineControl & 0x80) === 0 : true;
  const waiting = uart instanceof Uart ? uart.received.length + uart.arriving.length : 1;
  const isFromMouse = keyboard instanceof Ps2Controller && (keyboard.status & 0x20) !== 0;
  const held = keyboard instanceof Ps2Controller ? keyboard : null;
  const key = port === 0x60 && !isFromMouse ? lastKey(before, held) : null;
  let value: number | null = null;
  let block: { event: PortBlockCheck; done: number } | null = null;
  yield* timeline.listen(
    { tick: position.tick + 1, seq: 0 },
    {
      portRead: (_at, number, _size, read) => {
        if (number === port) value ??= read;
      },
    },
  );
  const byte = value === null ? null : ((value as number) >>> (at * 8)) & 0xff;
  if (line >= 0 && isData && waiting > 0) return serialSource(before, line, waiting, byte, port);
  if (port === 0x60 && value !== null) {
    const mouse = isFromMouse ? (before.filter(({ event }) => event.kind === 'mouse').at(-1) ?? null) : null;
    const found = mouse ?? (ANSWERS.has(value) ? null : key);
    if (found === null) return { kind: 'port', text: 'an answer of the keyboard or its controller', value, port };
    const { number, tick, event } = found;
    const kind = isFromMouse ? 'mouse' : 'key';
    const text = `input ${number} at tick ${tick}: ${eventToText(event)}`;
    return { kind, text, value, port, input: { number, tick, byte: 0 } };
  }
  if (size > 1 || (port & 7) === 0) block = yield* announced(timeline, position, port);
  if (block !== null && block.event.length > block.done + at) {
    return { ...imageSource(timeline, block.event.image, block.event.offset + block.done + at, value), port };
  }
  const device = DEVICES.find(([first, last]) => port >= first && port <= last);
  const what = device === undefined ? 'a device' : device[3];
  return { kind: device?.[2] ?? 'port', text: `a read of port 0x${port.toString(16)}, ${what}`, value, port };
}

/** The byte at the head of what the line has brought: so many from its end. */
function serialSource(
  before: readonly (TimedInput & { number: number })[],
  line: number,
  waiting: number,
  value: number | null,
  port: number,
): Source {
  let left = waiting;
  for (let i = before.length - 1; i >= 0; i--) {
    const { event, tick, number } = before[i];
    if (event.kind !== 'serial' || event.port !== line) continue;
    left -= event.bytes.length;
    if (left > 0) continue;
    const byte = -left;
    // Where the line has lost bytes the count is out.
    if (value !== null && event.bytes[byte] !== value) break;
    const shown = value === null ? '' : ` ${JSON.stringify(String.fromCharCode(value))}`;
    const text = `byte ${byte}${shown} of input ${number}, sent to serial${line} at tick ${tick}`;
    return { kind: 'serial', text, value, port, input: { number, tick, byte } };
  }
  return { kind: 'serial', text: `a byte that serial${line} received`, value, port };
}

/** The key whose scan code the controller has: the keyboard still holds those of the later ones. */
function lastKey(before: readonly (TimedInput & { number: number })[], held: Ps2Controller | null) {
  let left = held === null ? 0 : held.keyboard.buffer.length;
  let events = held === null ? 0 : held.keyboard.waiting.length;
  const set = held?.keyboard.set ?? 2;
  for (let i = before.length - 1; i >= 0; i--) {
    const { event } = before[i];
    if (event.kind !== 'key' && event.kind !== 'scancode') continue;
    if (events > 0) {
      events -= event.kind === 'key' ? 1 : event.bytes.length;
      continue;
    }
    const codes =
      event.kind === 'scancode'
        ? event.bytes.length
        : isKeyName(event.key)
          ? scanCodes(event.key, event.down, set, new Set()).length
          : 0;
    if (left < codes) return before[i];
    left -= codes;
  }
  return null;
}

/** The block of an image that a data port was giving at a position, and how much of it had been read. */
function* announced(
  timeline: Timeline,
  position: Position,
  port: number,
): Way<{ event: PortBlockCheck; done: number } | null> {
  for (const distance of LOOK_BACK_TICKS) {
    let block: { event: PortBlockCheck; done: number } | null = null;
    yield* timeline.seek({ tick: position.tick - distance, seq: 0 });
    yield* timeline.listen(position, {
      portRead: (_at, number, size) => {
        if (number === port && block !== null) block.done += size;
      },
      outside: (_at, event) => {
        if (event.kind === 'port-block' && event.port === port) block = { event, done: 0 };
      },
    });
    if (block !== null || distance > position.tick) return block;
  }
  return null;
}
