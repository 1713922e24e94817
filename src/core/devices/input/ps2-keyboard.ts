/**
 * The keyboard at the other end of the 8042's wire (IBM PS/2 Hardware Interface Technical Reference, "Keyboard"): scan
 * code sets 1 to 3, LEDs, typematic repeat, every command of the reference. A test after reset takes no time.
 *
 * Keys that the host presses faster than the 16-byte buffer empties wait outside, so that none is lost; keys pressed
 * while scanning is off are, as on the real one.
 */
import { ACK, answersMax, pushAnswers, RESEND, TEST_PASSED } from './ps2-answers.ts';
import { isKeyName, KEY_NAMES, type KeyName } from '../../base/key-names.ts';
import type { Clock, Timer } from '../../board/device.ts';
import { byte, flag, list, oneOf, setOf, unsigned } from '../../base/field-kinds.ts';
import { fields, type Kind, withFields } from '../../base/fields.ts';
import { scanCodes } from '../../base/keymap.ts';

const bufferBytes = 16;
const longestSequence = 8;

/** A key made or broken, or raw bytes, waiting for room. */
type Waiting = { readonly key: KeyName; readonly down: boolean } | { readonly bytes: readonly number[] };

const KEY_NAME = oneOf(KEY_NAMES, 'the name of a key', 'a');
const KEY = fields({ key: KEY_NAME, down: flag() });
const RAW = list(byte(), longestSequence);

/** Saved as a key with `down`, or as a list of bytes. */
const WAITING: Kind<Waiting> = {
  initial: () => ({ bytes: [] }),
  save: (waiting) => ('bytes' in waiting ? [...waiting.bytes] : { ...waiting }),
  problem: (saved, path) => (Array.isArray(saved) ? RAW.problem(saved, path) : KEY.problem(saved, path)),
  load: (saved) => (Array.isArray(saved) ? { bytes: RAW.load(saved, []) } : KEY.load(saved, KEY.initial())),
  show: (waiting) =>
    'bytes' in waiting ? RAW.show([...waiting.bytes]) : `${waiting.key} ${waiting.down ? 'down' : 'up'}`,
};

export const KEYBOARD = fields({
  leds: unsigned(7),
  set: oneOf<number>([1, 2, 3], '1, 2 or 3', 2),
  scanning: flag(true),
  /** Bits 6–5 the delay, 4–0 the rate. */
  typematic: unsigned(0x7f, 0x2b),
  /** Answers to commands: they go before scan codes. */
  answers: list(byte(), answersMax),
  buffer: list(byte(), bufferBytes),
  waiting: list(WAITING, Number.POSITIVE_INFINITY),
  /** The command whose parameter is awaited, 0 for none. */
  command: oneOf<number>([0, 0xed, 0xf0, 0xf3, 0xfb, 0xfc, 0xfd], 'a command with a parameter', 0),
  lastSent: byte(),
  held: setOf(KEY_NAME, 'insertion'),
  repeating: oneOf(['', ...KEY_NAMES], 'the name of a key or nothing', ''),
  /** Set 3: codes that give no break code, and codes that do not repeat. */
  breakless: setOf(byte(), 'ascending'),
  repeatless: setOf(byte(), 'ascending'),
});

export class Ps2Keyboard extends withFields(KEYBOARD) {
  readonly #clock: Clock;
  readonly #ready: () => void;
  readonly #repeatTimer: Timer;

  /** `ready` is called whenever a byte may have become available. */
  constructor(clock: Clock, ready: () => void) {
    super();
    this.#clock = clock;
    this.#ready = ready;
    this.#repeatTimer = clock.timer('keyboard-repeat', () => this.#repeat());
  }

  /** Names that no key has are ignored: a log may come from a newer keyboard. */
  press(name: string, down: boolean): void {
    if (!isKeyName(name)) return;
    this.waiting.push({ key: name, down });
    this.#fill();
  }

  scan(bytes: Uint8Array): void {
    for (const byte of bytes) this.waiting.push({ bytes: [byte] });
    this.#fill();
  }

  #fill(): void {
    while (this.waiting.length > 0 && this.buffer.length + longestSequence <= bufferBytes) {
      const waiting = this.waiting.shift() as Waiting;
      if ('bytes' in waiting) {
        if (this.scanning) this.buffer.push(...waiting.bytes);
      } else this.#strike(waiting.key, waiting.down);
    }
    this.#ready();
  }

  #strike(key: KeyName, down: boolean): void {
    if (down && this.held.has(key)) return; // the host's own repetition
    if (this.scanning) this.#emit(key, down);
    if (down) {
      this.held.add(key);
      const repeats =
        key !== 'pause' && !(this.set === 3 && this.repeatless.has(scanCodes(key, true, 3, this.held)[0]));
      this.repeating = repeats ? key : '';
      const delayMilliseconds = 250 * (1 + ((this.typematic >> 5) & 3));
      if (repeats) this.#repeatTimer.arm(this.#clock.now() + this.#ticks(delayMilliseconds * 1_000_000));
    } else {
      this.held.delete(key);
      if (key !== this.repeating) return;
      this.repeating = '';
      this.#repeatTimer.disarm();
    }
  }

  #emit(key: KeyName, down: boolean): void {
    const codes = scanCodes(key, down, this.set, this.held);
    if (this.set === 3 && !down && this.breakless.has(codes[1])) return;
    this.buffer.push(...codes);
  }

  /** Typematic: period (8 + A) · 2^B · 4.17 ms. A full buffer makes the repetition wait. */
  #repeat(): void {
    if (this.repeating === '' || !this.scanning) return;
    if (this.buffer.length === 0) this.#emit(this.repeating, true);
    const period = (8 + (this.typematic & 7)) * (1 << ((this.typematic >> 3) & 3)) * 4_170_000;
    this.#repeatTimer.arm(this.#clock.now() + this.#ticks(period));
    this.#ready();
  }

  #ticks(nanoseconds: number): number {
    return Math.max(1, Math.ceil(nanoseconds / this.#clock.nsPerTick));
  }

  hasByte(): boolean {
    return this.answers.length > 0 || this.buffer.length > 0;
  }

  takeByte(): number {
    this.lastSent = (this.answers.length > 0 ? this.answers.shift() : this.buffer.shift()) as number;
    if (this.waiting.length > 0) this.#fill();
    return this.lastSent;
  }

  /** A byte from the host. */
  write(byte: number): void {
    const command = this.command;
    this.command = 0;
    // A command in place of a parameter takes its place; FBh–FDh take scan codes until a command comes.
    if (command !== 0 && byte < 0xed) this.#parameter(command, byte);
    else this.#execute(byte);
    this.#ready();
  }

  #parameter(command: number, byte: number): void {
    pushAnswers(this.answers, ACK);
    switch (command) {
      case 0xed:
        this.leds = byte & 7;
        break;
      case 0xf0:
        if (byte === 0) pushAnswers(this.answers, this.set);
        else if (byte <= 3) {
          this.set = byte;
          this.buffer = [];
        }
        break;
      case 0xf3:
        this.typematic = byte & 0x7f;
        break;
      default:
        this.#setKeyType(command, byte);
        this.command = command;
    }
  }

  /** FBh typematic, FCh make and break, FDh make only. */
  #setKeyType(command: number, code: number): void {
    if (command === 0xfc) this.breakless.delete(code);
    else this.breakless.add(code);
    if (command === 0xfb) this.repeatless.delete(code);
    else this.repeatless.add(code);
  }

  #execute(byte: number): void {
    switch (byte) {
      case 0xed:
      case 0xf0:
      case 0xf3:
      case 0xfb:
      case 0xfc:
      case 0xfd:
        this.command = byte;
        pushAnswers(this.answers, ACK);
        break;
      case 0xee:
        pushAnswers(this.answers, 0xee);
        break;
      case 0xf2:
        pushAnswers(this.answers, ACK, 0xab, 0x83);
        break;
      case 0xf4:
        this.buffer = [];
        this.scanning = true;
        pushAnswers(this.answers, ACK);
        break;
      case 0xf5:
        this.#setDefaults();
        this.scanning = false;
        pushAnswers(this.answers, ACK);
        break;
      case 0xf6:
        this.#setDefaults();
        pushAnswers(this.answers, ACK);
        break;
      case 0xf7:
      case 0xf8:
      case 0xf9:
      case 0xfa:
        this.#setAllKeyTypes(byte);
        pushAnswers(this.answers, ACK);
        break;
      case 0xfe:
        pushAnswers(this.answers, this.lastSent);
        break;
      case 0xff:
        this.reset();
        pushAnswers(this.answers, ACK, TEST_PASSED);
        break;
      default:
        pushAnswers(this.answers, RESEND);
    }
  }

  /** F7h all typematic, F8h all make and break, F9h all make only, FAh all three. */
  #setAllKeyTypes(command: number): void {
    this.breakless.clear();
    this.repeatless.clear();
    for (let code = 0; code < 0x100; code++) {
      if (command === 0xf7 || command === 0xf9) this.breakless.add(code);
      if (command === 0xf8 || command === 0xf9) this.repeatless.add(code);
    }
  }

  #setDefaults(): void {
    this.set = 2;
    this.typematic = 0x2b;
    this.breakless.clear();
    this.repeatless.clear();
    this.buffer = [];
    this.repeating = '';
    this.#repeatTimer.disarm();
  }

  reset(): void {
    this.#setDefaults();
    this.scanning = true;
    this.answers = [];
    this.command = 0;
    this.lastSent = 0;
    this.leds = 0;
  }
}
