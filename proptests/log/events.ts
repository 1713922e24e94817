/**
 * Shared by the log tests: arbitrary runs (inputs and checks in tick order), recorded into bytes through the port that
 * a machine would use. No machine runs here.
 */
import * as fc from 'fast-check';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import type { Checks, Inputs, Lifecycle } from '../../src/core/machine/door.ts';
import type { CheckEvent, InputEvent, StateHash } from '../../src/core/log/events.ts';
import { KEY_NAMES } from '../../src/core/base/key-names.ts';
import { LogWriter } from '../../src/core/log/log.ts';
import type { LogHeader, LogProfile } from '../../src/core/log/manifest.ts';

/**
 * Every test of this folder: `FC_SEED=1 node --test dist/proptests/log/…` runs other cases; failures print their path.
 */
export const seed = Number(process.env.FC_SEED ?? 20_260_101);

export const PROFILES: readonly LogProfile[] = ['full', 'checked', 'inputs'];

export function header(profile: LogProfile): LogHeader {
  return {
    creator: 'reprise test',
    profile,
    machine: {
      cpu: 'p6',
      memoryMegabytes: 16,
      devices: [{ name: 'pit', version: 1 }],
      nsPerTick: 8,
      epochSeconds: 946_684_800,
      seed: 7,
      boot: { method: 'multiboot', commandLine: 'console=ttyS0' },
      // Large enough for every part that events name.
      images: ['kernel', 'initrd', 'module0', 'module1'].map((role) => ({
        role,
        name: `${role}.elf`,
        sha256: '00'.repeat(32),
        sizeBytes: 2 ** 32,
      })),
      quirks: [],
      options: { 'serial-timing': 'none' },
    },
  };
}

/** One thing that happens in a run. */
export type Step =
  | { readonly kind: 'input'; readonly tick: number; readonly event: InputEvent }
  | { readonly kind: 'check'; readonly tick: number; readonly event: Exclude<CheckEvent, { kind: 'digest' }> };

const bytes = fc.uint8Array({ maxLength: 20 });
const hash = fc.stringMatching(/^[0-9a-f]{16}$/);
const word = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0x60, 0xff, 0x80000000, 0xffffffff));

const inputEvent: fc.Arbitrary<InputEvent> = fc.oneof(
  fc.record({ kind: fc.constant('serial' as const), port: fc.nat(3), bytes }),
  fc.record({ kind: fc.constant('key' as const), key: fc.constantFrom(...KEY_NAMES), down: fc.boolean() }),
  fc.record({ kind: fc.constant('scancode' as const), bytes }),
  fc.record({
    kind: fc.constant('mouse' as const),
    dx: fc.integer({ min: -255, max: 255 }),
    dy: fc.integer({ min: -255, max: 255 }),
    dz: fc.integer({ min: -8, max: 7 }),
    buttons: fc.nat(7),
  }),
  fc.record({ kind: fc.constant('packet' as const), device: fc.nat(3), bytes }),
  fc.record({ kind: fc.constant('entropy' as const), bytes }),
  fc.record({ kind: fc.constant('epoch' as const), seconds: fc.nat() }),
  fc.record({ kind: fc.constant('end-of-input' as const), port: fc.nat(3) }),
  fc.record({ kind: fc.constant('serial-break' as const), port: fc.nat(3) }),
  fc.record({
    kind: fc.constant('medium' as const),
    drive: fc.constant('cdrom'),
    medium: fc.integer({ min: -1, max: 99 }),
  }),
  fc.record({
    kind: fc.constant('disk-fault' as const),
    drive: fc.constantFrom('hda', 'cdrom'),
    isWrite: fc.boolean(),
    from: fc.nat(),
    to: fc.integer({ min: 2 ** 31, max: 2 ** 32 }),
  }),
  fc.record({ kind: fc.constant('power-cut' as const), drive: fc.constantFrom('hda', 'hdd'), seed: fc.nat() }),
  fc.record({ kind: fc.constant('stall' as const), drive: fc.constantFrom('hda', 'cdrom'), ticks: fc.nat() }),
  fc.record({ kind: fc.constant('irq-line' as const), line: fc.nat(15), level: fc.boolean() }),
  fc.record({ kind: fc.constant('hold-interrupts' as const), ticks: fc.nat() }),
  fc.record({ kind: fc.constant('time-stamp' as const), ticks: fc.nat() }),
  fc.record({ kind: fc.constant('edit-disk' as const), drive: fc.constantFrom('hda', 'hdb'), sector: fc.nat(), bytes }),
  fc.record({ kind: fc.constant('flip-bit' as const), address: fc.nat(), bit: fc.nat(7) }),
  fc.constantFrom({ kind: 'power-button' as const }, { kind: 'reset' as const }, { kind: 'nmi' as const }),
);

const pages = fc
  .uniqueArray(fc.record({ number: fc.nat(65535), digest: word }), { selector: ({ number }) => number, maxLength: 8 })
  .map((list) => {
    list.sort((a, b) => a.number - b.number);
    return {
      numbers: Uint32Array.from(list, ({ number }) => number),
      digests: Uint32Array.from(list, ({ digest }) => digest),
    };
  });

export const stateHash: fc.Arbitrary<StateHash> = fc.record(
  {
    root: hash,
    cpu: hash,
    ram: hash,
    devices: fc.uniqueArray(fc.tuple(fc.constantFrom('pit', 'pic', 'uart0'), hash), { selector: ([name]) => name }),
    registers: fc.uniqueArray(fc.tuple(fc.constantFrom('eax', 'eip', 'eflags'), word), { selector: ([name]) => name }),
    pages,
  },
  { requiredKeys: ['root'] },
);

const isInAccess = fc.constant(true as const);

const checkEvent: fc.Arbitrary<Exclude<CheckEvent, { kind: 'digest' }>> = fc.oneof(
  fc.record({ kind: fc.constant('interrupt' as const), vector: fc.nat(255) }),
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.oneof(fc.constantFrom(0x3fd, 0x60, 0x1f0, 0x40), fc.nat(65535)), fc.constantFrom(1, 2, 4), word)
      .map(([port, size, value]) => ({ kind: 'port-read' as const, port, size, value: narrow(value, size) })),
  },
  fc
    .tuple(fc.oneof(fc.constantFrom(0xfee00390, 0xa0000), fc.nat(0xfffffffff)), fc.constantFrom(1, 2, 4), word)
    .map(([address, size, value]) => ({ kind: 'mmio-read' as const, address, size, value: narrow(value, size) })),
  fc.record({ kind: fc.constant('timer' as const), id: fc.nat(40) }),
  fc.record({ kind: fc.constant('a20' as const), enabled: fc.boolean() }),
  fc.record(
    {
      kind: fc.constant('dma-write' as const),
      address: fc.nat(),
      content: fc.oneof(fc.record({ bytes }), fc.record({ image: fc.nat(3), offset: fc.nat(), length: fc.nat(65536) })),
      isInAccess,
    },
    { requiredKeys: ['kind', 'address', 'content'] },
  ),
  fc.record(
    {
      kind: fc.constant('map' as const),
      page: fc.nat(0xf0000),
      count: fc.integer({ min: 1, max: 0x1000 }),
      to: fc.constantFrom('nothing' as const, 'device' as const, 'memory' as const, 'rom' as const),
      memoryPage: fc.nat(0xfffff),
      isInAccess,
    },
    { requiredKeys: ['kind', 'page', 'count', 'to', 'memoryPage'] },
  ),
  fc.record(
    {
      kind: fc.constant('reveal' as const),
      memoryPage: fc.nat(0xfffff),
      bytes: fc.nat(0xffffffff).map((seed) => Uint8Array.from({ length: 4096 }, (_, i) => (seed >>> (i & 31)) & 0xff)),
      isInAccess,
    },
    { requiredKeys: ['kind', 'memoryPage', 'bytes'] },
  ),
  fc.record(
    {
      kind: fc.constant('port-block' as const),
      port: fc.constantFrom(0x1f0, 0x170),
      image: fc.nat(3),
      offset: fc.nat(),
      length: fc.nat(65536),
      isInAccess,
    },
    { requiredKeys: ['kind', 'port', 'image', 'offset', 'length'] },
  ),
  fc.record(
    { kind: fc.constant('signal' as const), pin: fc.constantFrom('nmi' as const, 'init' as const), isInAccess },
    { requiredKeys: ['kind', 'pin'] },
  ),
  fc.constant({ kind: 'guest-reset' as const }),
  fc.record({ kind: fc.constant('state-hash' as const), hash: stateHash }),
);

function narrow(value: number, size: number): number {
  return size === 4 ? value : value % 2 ** (8 * size);
}

/** Runs of polls, as real guests make them, between arbitrary events; ticks never fall. */
export const run: fc.Arbitrary<Step[]> = fc
  .array(
    fc.record({
      delta: fc.oneof(fc.constantFrom(0, 1, 7), fc.nat(1000), fc.nat(2 ** 40)),
      repeat: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(60) }),
      what: fc.oneof(
        { weight: 1, arbitrary: inputEvent.map((event) => ({ kind: 'input' as const, event })) },
        { weight: 5, arbitrary: checkEvent.map((event) => ({ kind: 'check' as const, event })) },
      ),
    }),
    { maxLength: 60 },
  )
  .map((made) => {
    let tick = 0;
    const list = structuredClone(made); // fast-check's records have no prototype
    return list.flatMap(({ delta, repeat, what }): Step[] =>
      Array.from({ length: repeat }, () => {
        tick += delta > 2 ** 30 && repeat > 1 ? delta % 100 : delta;
        return { ...what, tick };
      }),
    );
  });

/** A door behind which devices are heard: recording, or replaying with devices. */
export type CheckedPort = Inputs & Lifecycle & { readonly checks: Checks };

/** Plays the steps into a port, as a machine would. The first step at which the port diverges ends it. */
export function playSteps(port: CheckedPort, steps: readonly Step[]): void {
  for (const { kind, tick, event } of steps) {
    if (port.divergence !== null) return;
    if (kind === 'input') {
      while (port.take(tick) !== null && port.nextTick() < tick);
    } else {
      playCheck(port.checks, port, tick, event);
    }
  }
}

/** What the loop reports besides the devices' checks. */
type Reports = Pick<Lifecycle, 'guestReset' | 'stateHash'>;

export function playCheck(checks: Checks, reports: Reports, tick: number, event: CheckEvent): void {
  switch (event.kind) {
    case 'interrupt':
      checks.interrupt(tick, event.vector);
      return;
    case 'port-read':
      checks.portRead(tick, event.port, event.size, event.value);
      return;
    case 'mmio-read':
      checks.mmioRead(tick, event.address, event.size, event.value);
      return;
    case 'timer':
      checks.timer(tick, event.id);
      return;
    case 'a20':
      checks.a20(tick, event.enabled);
      return;
    case 'dma-write':
      checks.dmaWrite(tick, event.address, event.content, event.isInAccess);
      return;
    case 'map':
    case 'reveal':
    case 'port-block':
      checks.memory(tick, event);
      return;
    case 'signal':
      checks.signal(tick, event);
      return;
    case 'guest-reset':
      reports.guestReset(tick);
      return;
    case 'state-hash':
      reports.stateHash(tick, event.hash);
      return;
    case 'digest':
      throw new Error('a machine makes no digests');
  }
}

export interface Recorded {
  readonly frames: Uint8Array[];
  readonly bytes: Uint8Array;
  readonly endTick: number;
}

export function record(steps: readonly Step[], profile: LogProfile, frameTicks = 5000): Recorded {
  const frames: Uint8Array[] = [];
  const writer = new LogWriter((frame) => frames.push(frame), header(profile), { frameTicks });
  const port = new RecordingPort(writer);
  for (const step of steps) {
    if (step.kind === 'input') port.push(step.event, step.tick);
    playSteps(port, [step]);
  }
  const endTick = steps.length === 0 ? 0 : steps[steps.length - 1].tick + 1;
  port.finish(endTick, 'power-off', '0123456789abcdef');
  return { frames, bytes: concat(frames), endTick };
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
