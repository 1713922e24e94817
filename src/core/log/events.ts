/**
 * The two classes of events, never mixed. Input is what the outside did and replay injects; a check is what follows
 * from it and replay asserts (or, with `--devices log`, takes from the log). Kind numbers are part of the log format
 * and are never reused. A kind of 128 and above may be skipped by a reader that does not know it, one below may not.
 * `tick` is retired instructions plus idle ticks; `seq` counts the events of one class from the start of the run.
 */

/** Bytes arrive together at a 16550's line; the device spreads them as its timing says. */
export interface SerialInput {
  readonly kind: 'serial';
  readonly port: number;
  readonly bytes: Uint8Array;
}
/** The other end holds a serial line low for longer than a character: what SysRq on a console begins with. */
export interface SerialBreakInput {
  readonly kind: 'serial-break';
  readonly port: number;
}
/** A key by its name (`KEY_NAMES`), made or broken. */
export interface KeyInput {
  readonly kind: 'key';
  readonly key: string;
  readonly down: boolean;
}
/** Raw bytes from the keyboard, in the scan code set that the keyboard is in. */
export interface ScancodeInput {
  readonly kind: 'scancode';
  readonly bytes: Uint8Array;
}
/** One mouse packet: movement right and up, wheel, and buttons (bit 0 left, 1 right, 2 middle). */
export interface MouseInput {
  readonly kind: 'mouse';
  readonly dx: number;
  readonly dy: number;
  readonly dz: number;
  readonly buttons: number;
}
export interface PacketInput {
  readonly kind: 'packet';
  readonly device: number;
  readonly bytes: Uint8Array;
}
export interface EntropyInput {
  readonly kind: 'entropy';
  readonly bytes: Uint8Array;
}
/** The wall clock as the guest may see it from now on, in whole seconds since 1970. */
export interface EpochInput {
  readonly kind: 'epoch';
  readonly seconds: number;
}
/** Nothing more will come from the other end of a serial line. */
export interface EndOfInput {
  readonly kind: 'end-of-input';
  readonly port: number;
}
/** A branch changes RAM: what a debugger wrote at a physical address. */
export interface EditMemoryInput {
  readonly kind: 'edit-memory';
  readonly address: number;
  readonly bytes: Uint8Array;
}
/** A branch changes a register, by its SDM name: a general register, EIP or EFLAGS. */
export interface EditRegisterInput {
  readonly kind: 'edit-register';
  readonly register: string;
  readonly value: number;
}
/** Somebody puts another medium into a drive, by its number; −1 takes it out. */
export interface MediumInput {
  readonly kind: 'medium';
  readonly drive: string;
  readonly medium: number;
}
/** From now on the sectors from `from` up to but not including `to` cannot be read, or cannot be written. */
export interface DiskFaultInput {
  readonly kind: 'disk-fault';
  readonly drive: string;
  readonly isWrite: boolean;
  readonly from: number;
  readonly to: number;
}
/** What sectors of a disk hold is changed, from outside, from the begin of `sector` on. */
export interface EditDiskInput {
  readonly kind: 'edit-disk';
  readonly drive: string;
  readonly sector: number;
  readonly bytes: Uint8Array;
}
/**
 * The power of a disk fails for a moment: of what it has not flushed, the medium holds what the seed chooses
 * (devices/disk/write-cache.ts).
 */
export interface PowerCutInput {
  readonly kind: 'power-cut';
  readonly drive: string;
  /** An unsigned word. */
  readonly seed: number;
}
/** What a drive is busy with takes so many ticks longer: a retry, a seek, a slow bus. Nothing, where it is not busy. */
export interface StallInput {
  readonly kind: 'stall';
  readonly drive: string;
  readonly ticks: number;
}
/** Something outside holds an interrupt line 0–15 high, or lets it go. */
export interface InterruptLineInput {
  readonly kind: 'irq-line';
  readonly line: number;
  readonly level: boolean;
}
/** The processor takes no interrupt through INTR for so many ticks: a slow bus, a busy controller. */
export interface HoldInterruptsInput {
  readonly kind: 'hold-interrupts';
  readonly ticks: number;
}
/** A bit of RAM changes by itself at a physical address: a soft error. */
export interface FlipBitInput {
  readonly kind: 'flip-bit';
  readonly address: number;
  /** 0–7. */
  readonly bit: number;
}
/**
 * The time stamp counter goes on from so many ticks further: it counts since power-on, which nobody knows exactly, and
 * is where programs of such a machine take what they call chance.
 */
export interface TimeStampInput {
  readonly kind: 'time-stamp';
  readonly ticks: number;
}
export interface PlainInput {
  readonly kind: 'power-button' | 'reset' | 'nmi';
}
export type InputEvent =
  | SerialInput
  | SerialBreakInput
  | KeyInput
  | ScancodeInput
  | MouseInput
  | PacketInput
  | EntropyInput
  | EpochInput
  | EndOfInput
  | EditMemoryInput
  | EditRegisterInput
  | MediumInput
  | DiskFaultInput
  | EditDiskInput
  | PowerCutInput
  | StallInput
  | InterruptLineInput
  | HoldInterruptsInput
  | FlipBitInput
  | TimeStampInput
  | PlainInput;

export interface InterruptCheck {
  readonly kind: 'interrupt';
  readonly vector: number;
}
/** The value a device gave; `size` is 1, 2 or 4 bytes, `value` unsigned. */
export interface PortReadCheck {
  readonly kind: 'port-read';
  readonly port: number;
  readonly size: number;
  readonly value: number;
}
export interface MmioReadCheck {
  readonly kind: 'mmio-read';
  readonly address: number;
  readonly size: number;
  readonly value: number;
}
export interface TimerCheck {
  readonly kind: 'timer';
  readonly id: number;
}
/** The address line gate changed: with no devices the log is the only one who knows. */
export interface A20Check {
  readonly kind: 'a20';
  readonly enabled: boolean;
}
/** Content of a DMA write: the bytes, or where they lie in an image of the manifest. */
export type DmaContent =
  | { readonly bytes: Uint8Array }
  | { readonly image: number; readonly offset: number; readonly length: number };
export interface DmaWriteCheck {
  readonly kind: 'dma-write';
  readonly address: number;
  readonly content: DmaContent;
  /** It was made by an access of the instruction at this tick, not between instructions. */
  readonly isInAccess?: true;
}
/** Pages of the address space lead elsewhere from now on: a device has moved an aperture (memory/address-space.ts). */
export interface MapCheck {
  readonly kind: 'map';
  readonly page: number;
  readonly count: number;
  readonly to: 'nothing' | 'device' | 'memory' | 'rom';
  readonly memoryPage: number;
  readonly isInAccess?: true;
}
/** A page of a device's bulk memory is shown to a processor, as the device has made it (memory/bulk.ts). */
export interface RevealCheck {
  readonly kind: 'reveal';
  readonly memoryPage: number;
  readonly bytes: Uint8Array;
  readonly isInAccess?: true;
}
/**
 * A pin of the processor that a device has pulled by a message: the local APIC's NMI and INIT. (An NMI from outside is
 * an input.)
 */
export interface SignalCheck {
  readonly kind: 'signal';
  readonly pin: SignalPin;
  readonly isInAccess?: true;
}
export type SignalPin = 'nmi' | 'init';
/**
 * The next bytes that are read from a data port by words or double words are part of an image: the reads themselves are
 * not in the log. A length of 0 takes back what has not been read.
 */
export interface PortBlockCheck {
  readonly kind: 'port-block';
  readonly port: number;
  readonly image: number;
  readonly offset: number;
  readonly length: number;
  readonly isInAccess?: true;
}
export interface GuestResetCheck {
  readonly kind: 'guest-reset';
}
/**
 * State of the machine, as digests of sixteen hexadecimal digits (`hashToHex`). `root` alone is enough to assert; the
 * parts, given less often, let a divergence name a register, a device or a page.
 */
export interface StateHash {
  readonly root: string;
  readonly cpu?: string;
  readonly ram?: string;
  readonly devices?: readonly (readonly [name: string, hash: string])[];
  /** Value by register name, unsigned 32-bit. */
  readonly registers?: readonly (readonly [name: string, value: number])[];
  /** Pages (4 KiB) rehashed since the last such event: page number and the low word of its digest, ascending. */
  readonly pages?: { readonly numbers: Uint32Array; readonly digests: Uint32Array };
}
export interface StateHashCheck {
  readonly kind: 'state-hash';
  readonly hash: StateHash;
}
/** Profile `checked`: stands for the `count` checks since the last one. `tick` is that of the last of them. */
export interface DigestCheck {
  readonly kind: 'digest';
  readonly count: number;
  readonly digest: string;
}
export type CheckEvent =
  | InterruptCheck
  | PortReadCheck
  | MmioReadCheck
  | TimerCheck
  | A20Check
  | DmaWriteCheck
  | MapCheck
  | RevealCheck
  | SignalCheck
  | PortBlockCheck
  | GuestResetCheck
  | StateHashCheck
  | DigestCheck;

export interface LoggedInput {
  readonly class: 'input';
  readonly tick: number;
  /** Inputs before this one. */
  readonly seq: number;
  /** Checks in the log before this input: what orders the two classes at one tick. */
  readonly checksBefore: number;
  readonly frame: number;
  readonly event: InputEvent;
}
export interface LoggedCheck {
  readonly class: 'check';
  readonly tick: number;
  /** Checks in the log before this one. */
  readonly seq: number;
  readonly frame: number;
  readonly event: CheckEvent;
}
export type LoggedEvent = LoggedInput | LoggedCheck;

/** Numbers in input rows: [number, fields …]. */
export const INPUT_KIND = {
  serial: 1,
  key: 2,
  scancode: 3,
  mouse: 4,
  packet: 5,
  entropy: 6,
  epoch: 7,
  'end-of-input': 8,
  'power-button': 9,
  reset: 10,
  nmi: 11,
  'edit-memory': 12,
  'edit-register': 13,
  'serial-break': 14,
  medium: 15,
  'disk-fault': 16,
  'edit-disk': 26,
  'power-cut': 24,
  stall: 25,
  'irq-line': 20,
  'hold-interrupts': 21,
  'flip-bit': 22,
  'time-stamp': 27,
} as const satisfies Record<InputEvent['kind'], number>;

/** Numbers of checks. Those of four columns (tick, kind, operand, value) come first, the others are rows. */
export const CHECK_KIND = {
  interrupt: 1,
  'port-read': 2,
  'mmio-read': 3,
  timer: 4,
  a20: 5,
  'dma-write': 16,
  'guest-reset': 17,
  'state-hash': 18,
  digest: 19,
  map: 20,
  reveal: 21,
  signal: 22,
  'port-block': 23,
} as const satisfies Record<CheckEvent['kind'], number>;

/** First kind number that a reader may skip when it does not know it. */
export const MAY_SKIP_KIND = 128;

/** Plain data for `--json`: bytes become hexadecimal text, with the printable text of serial lines beside it. */
export function eventToJson(logged: LoggedEvent): Record<string, unknown> {
  const { tick, seq, event } = logged;
  const json: Record<string, unknown> = { tick, class: logged.class, seq };
  for (const [name, value] of Object.entries(event)) json[name] = jsonValue(value);
  if (event.kind === 'serial') json.text = printable(event.bytes);
  return json;
}

function jsonValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (value instanceof Uint32Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, jsonValue(inner)]));
  }
  return value;
}

/** One line for a person: `port-read 3fd = 60`. */
export function eventToText(event: InputEvent | CheckEvent): string {
  switch (event.kind) {
    case 'serial':
      return `serial${event.port} ${printable(event.bytes)}`;
    case 'key':
      return `key ${event.key} ${event.down ? 'down' : 'up'}`;
    case 'scancode':
    case 'entropy':
      return `${event.kind} ${hex(event.bytes)}`;
    case 'mouse':
      return `mouse ${event.dx} ${event.dy} ${event.dz} buttons ${event.buttons}`;
    case 'packet':
      return `packet ${event.device} ${event.bytes.length} bytes`;
    case 'epoch':
      return `epoch ${event.seconds}`;
    case 'serial-break':
      return `serial-break serial${event.port}`;
    case 'irq-line':
      return `irq-line ${event.line} ${event.level ? 'high' : 'low'}`;
    case 'hold-interrupts':
      return `hold-interrupts ${event.ticks} ticks`;
    case 'time-stamp':
      return `time-stamp ${event.ticks} ticks further`;
    case 'flip-bit':
      return `flip-bit ${event.bit} at 0x${event.address.toString(16)}`;
    case 'end-of-input':
      return `end-of-input serial${event.port}`;
    case 'edit-memory':
      return `edit-memory 0x${event.address.toString(16)} ${hex(event.bytes)}`;
    case 'edit-register':
      return `edit-register ${event.register} = 0x${event.value.toString(16)}`;
    case 'medium':
      return event.medium < 0 ? `medium ${event.drive} taken out` : `medium ${event.drive} ${event.medium} put in`;
    case 'disk-fault':
      return `disk-fault ${event.drive} ${event.isWrite ? 'write' : 'read'} ${event.from}..${event.to - 1}`;
    case 'edit-disk':
      return `edit-disk ${event.drive} at sector ${event.sector} ${hex(event.bytes)}`;
    case 'power-cut':
      return `power-cut ${event.drive} seed ${event.seed}`;
    case 'stall':
      return `stall ${event.drive} ${event.ticks} ticks`;
    case 'power-button':
    case 'reset':
    case 'nmi':
    case 'guest-reset':
      return event.kind;
    case 'interrupt':
      return `interrupt 0x${event.vector.toString(16)}`;
    case 'port-read':
      return `port-read 0x${event.port.toString(16)} size ${event.size} = 0x${event.value.toString(16)}`;
    case 'mmio-read':
      return `mmio-read 0x${event.address.toString(16)} size ${event.size} = 0x${event.value.toString(16)}`;
    case 'timer':
      return `timer ${event.id}`;
    case 'port-block': {
      const { port, image, offset, length } = event;
      const where = `port-block 0x${port.toString(16)}`;
      return length === 0 ? `${where} no more` : `${where} ${length} bytes of image ${image} at ${offset}`;
    }
    case 'signal':
      return `signal ${event.pin}`;
    case 'a20':
      return `a20 ${event.enabled ? 'on' : 'off'}`;
    case 'dma-write': {
      const { content } = event;
      const where = `dma-write 0x${event.address.toString(16)}`;
      return 'bytes' in content
        ? `${where} ${content.bytes.length} bytes`
        : `${where} ${content.length} bytes of image ${content.image} at ${content.offset}`;
    }
    case 'map': {
      const { page, count, to, memoryPage } = event;
      const [first, last] = [page, page + count - 1].map((each) => `0x${each.toString(16).padStart(5, '0')}`);
      const where = to === 'memory' || to === 'rom' ? ` from page 0x${memoryPage.toString(16)} on` : '';
      return `map pages ${first} to ${last} lead to ${to}${where}`;
    }
    case 'reveal':
      return `reveal page 0x${event.memoryPage.toString(16)} of memory`;
    case 'state-hash':
      return `state-hash ${event.hash.root}`;
    case 'digest':
      return `digest of ${event.count} checks ${event.digest}`;
  }
}

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function printable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return JSON.stringify(text);
}
