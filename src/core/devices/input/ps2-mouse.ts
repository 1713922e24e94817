/**
 * The mouse at the 8042's auxiliary wire (IBM PS/2 Hardware Interface Technical Reference, "Mouse"; Microsoft's
 * IntelliMouse extension, id 3): stream, remote and wrap modes, sample rate, resolution, scaling, status. Resolution
 * is kept and reported and scales nothing, since the host's movements have no unit.
 *
 * In stream mode a packet goes out at most once a sample period; what moves meanwhile adds up. A wheel turned towards
 * the user counts positive.
 */
import { ACK, answersMax, pushAnswers, RESEND, TEST_PASSED } from './ps2-answers.ts';
import type { Clock, Timer } from '../../board/device.ts';
import { byte, flag, integer, list, oneOf, unsigned } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';

/** Bytes of unread packets beyond which new movement only adds up. */
const bufferBytes = 16;
const packetBytes = 4;

/** What has moved and not been reported adds up to this at most. */
const distanceMax = 2 ** 52;
const distance = integer(-distanceMax, distanceMax);

export const MOUSE = fields({
  answers: list(byte(), answersMax),
  packets: list(byte(), bufferBytes + packetBytes),
  command: oneOf<number>([0, 0xe8, 0xf3], 'a command with a parameter', 0),
  lastSent: byte(),
  reporting: flag(),
  remote: flag(),
  wrapping: flag(),
  doubled: flag(),
  resolution: unsigned(3, 2),
  sampleRate: integer(1, 0xff, 100),
  /** The last three sample rates set, oldest in the high byte: 200, 100, 80 unlocks the wheel. */
  rates: unsigned(0xffffff),
  identity: oneOf<number>([0, 3], '0 or 3', 0),
  dx: distance,
  dy: distance,
  dz: distance,
  buttons: unsigned(7),
  /** Something has changed since the last packet. */
  changed: flag(),
});

export class Ps2Mouse extends withFields(MOUSE) {
  readonly #clock: Clock;
  readonly #ready: () => void;
  readonly #sampleTimer: Timer;

  constructor(clock: Clock, ready: () => void) {
    super();
    this.#clock = clock;
    this.#ready = ready;
    this.#sampleTimer = clock.timer('mouse-sample', () => this.#sample());
  }

  /** Movement to the right and up, wheel, buttons (bit 0 left, 1 right, 2 middle). */
  move(dx: number, dy: number, dz: number, buttons: number): void {
    this.dx = clamp(this.dx + dx, -distanceMax, distanceMax);
    this.dy = clamp(this.dy + dy, -distanceMax, distanceMax);
    this.dz = clamp(this.dz + dz, -distanceMax, distanceMax);
    this.buttons = buttons & 7;
    this.changed = true;
    if (!this.remote && !this.reporting) this.#forget();
    else if (this.#sampleTimer.dueTick === Infinity) this.#sample();
  }

  /** Stream mode: report what has changed, then be silent for a sample period. */
  #sample(): void {
    if (!this.changed || this.remote || this.wrapping || !this.reporting) return;
    if (this.packets.length < bufferBytes) {
      this.packets.push(...this.#packet());
      this.changed = this.dx !== 0 || this.dy !== 0 || this.dz !== 0;
    }
    const period = Math.floor(1_000_000_000 / this.sampleRate);
    this.#sampleTimer.arm(this.#clock.now() + Math.max(1, Math.ceil(period / this.#clock.nsPerTick)));
    this.#ready();
  }

  /** Takes as much movement as a packet holds; the rest stays for the next. */
  #packet(): number[] {
    const dx = clamp(this.dx, -255, 255);
    const dy = clamp(this.dy, -255, 255);
    this.dx -= dx;
    this.dy -= dy;
    const x = this.doubled && !this.remote ? scaled(dx) : dx;
    const y = this.doubled && !this.remote ? scaled(dy) : dy;
    const overflow = (Math.abs(x) > 255 ? 0x40 : 0) | (Math.abs(y) > 255 ? 0x80 : 0);
    const flags = 0x08 | this.buttons | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0) | overflow;
    if (this.identity === 0) {
      this.dz = 0;
      return [flags, x & 0xff, y & 0xff];
    }
    const dz = clamp(this.dz, -8, 7);
    this.dz -= dz;
    return [flags, x & 0xff, y & 0xff, dz & 0xff];
  }

  #forget(): void {
    this.dx = 0;
    this.dy = 0;
    this.dz = 0;
    this.changed = false;
  }

  hasByte(): boolean {
    return this.answers.length > 0 || this.packets.length > 0;
  }

  takeByte(): number {
    this.lastSent = (this.answers.length > 0 ? this.answers.shift() : this.packets.shift()) as number;
    return this.lastSent;
  }

  /** A byte from the host. */
  write(byte: number): void {
    if (this.wrapping && byte !== 0xec && byte !== 0xff) pushAnswers(this.answers, byte);
    else if (this.command !== 0) this.#parameter(byte);
    else this.#execute(byte);
    this.#ready();
  }

  #parameter(byte: number): void {
    const command = this.command;
    this.command = 0;
    pushAnswers(this.answers, ACK);
    if (command === 0xe8) this.resolution = byte & 3;
    else {
      this.sampleRate = Math.max(byte, 1);
      this.rates = ((this.rates << 8) | byte) & 0xffffff;
      if (this.rates === 0xc86450) this.identity = 3;
    }
  }

  #execute(byte: number): void {
    // Every command but a resend ends what was being reported.
    if (byte !== RESEND) this.packets = [];
    if (byte === 0xff) {
      this.reset();
      pushAnswers(this.answers, ACK, TEST_PASSED, 0);
      return;
    }
    if (byte === RESEND) {
      pushAnswers(this.answers, this.lastSent);
      return;
    }
    const known = this.#obey(byte);
    pushAnswers(this.answers, known ? ACK : RESEND);
    if (byte === 0xe9) pushAnswers(this.answers, this.#status(), this.resolution, this.sampleRate);
    else if (byte === 0xf2) pushAnswers(this.answers, this.identity);
    else if (byte === 0xeb) pushAnswers(this.answers, ...this.#packet());
  }

  #status(): number {
    const modes = (this.remote ? 0x40 : 0) | (this.reporting ? 0x20 : 0) | (this.doubled ? 0x10 : 0);
    const left = (this.buttons & 1) << 2;
    const middle = (this.buttons & 4) >> 1;
    const right = (this.buttons & 2) >> 1;
    return modes | left | middle | right;
  }

  #obey(byte: number): boolean {
    switch (byte) {
      case 0xe6:
      case 0xe7:
        this.doubled = byte === 0xe7;
        return true;
      case 0xe8:
      case 0xf3:
        this.command = byte;
        return true;
      case 0xe9:
      case 0xeb:
      case 0xf2:
        return true;
      case 0xea:
        this.remote = false;
        this.#forget();
        return true;
      case 0xec:
        this.wrapping = false;
        return true;
      case 0xee:
        this.wrapping = true;
        return true;
      case 0xf0:
        this.remote = true;
        this.#forget();
        return true;
      case 0xf4:
      case 0xf5:
        this.reporting = byte === 0xf4;
        this.#forget();
        return true;
      case 0xf6:
        this.#setDefaults();
        return true;
      default:
        return false;
    }
  }

  #setDefaults(): void {
    this.reporting = false;
    this.remote = false;
    this.doubled = false;
    this.resolution = 2;
    this.sampleRate = 100;
    this.#forget();
    this.#sampleTimer.disarm();
  }

  reset(): void {
    this.#setDefaults();
    this.wrapping = false;
    this.command = 0;
    this.rates = 0;
    this.identity = 0;
    this.answers = [];
    this.packets = [];
    this.lastSent = 0;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** Scaling 2:1. */
function scaled(distance: number): number {
  const table = [0, 1, 1, 3, 6, 9];
  const size = Math.abs(distance);
  const grown = size < table.length ? table[size] : size * 2;
  return distance < 0 ? -grown : grown;
}
