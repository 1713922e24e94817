/**
 * The Intel 8042 keyboard controller with an auxiliary port, ports 60h and 64h (IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard and Auxiliary Device Controller"): command byte, self tests, translation of set 2 into set 1,
 * output port with A20 and reset, IRQ 1 and 12. It accepts bytes at once (the input buffer is never full) and takes a
 * small fixed time to receive one from a device, so that each byte gives its own edge. No password, no timeouts.
 */
import type { DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Device, IrqLine, Timer } from '../../board/device.ts';
import { byte, bytes, flag, list, unsigned } from '../../base/field-kinds.ts';
import { fields, withFields } from '../../base/fields.ts';
import { translateToSet1 } from '../../base/keymap.ts';
import type { A20Gate } from '../chipset/port92.ts';
import { answersMax, pushAnswers } from './ps2-answers.ts';
import { KEYBOARD, Ps2Keyboard } from './ps2-keyboard.ts';
import { MOUSE, Ps2Mouse } from './ps2-mouse.ts';

/** From a byte being available to its being in the output buffer. */
const transferNanoseconds = 16384;

/** Status register. */
const OUTPUT_FULL = 0x01;
const SYSTEM = 0x04;
const COMMAND = 0x08;
const NOT_INHIBITED = 0x10;
const FROM_AUX = 0x20;

/** Command byte. */
const KEYBOARD_INTERRUPT = 0x01;
const AUX_INTERRUPT = 0x02;
const KEYBOARD_OFF = 0x10;
const AUX_OFF = 0x20;
const TRANSLATE = 0x40;

const FIELDS = fields({
  /** Byte 0 is the command byte. */
  ram: bytes(32),
  status: byte(NOT_INHIBITED),
  output: byte(),
  /** The controller's own answers, in order: byte, plus 100h for the auxiliary side. They need no transfer. */
  answers: list(unsigned(0x1ff), answersMax),
  /** Command that waits for a byte at port 60h, 0 for none. */
  command: byte(),
  /** Translation has seen F0h. */
  breaking: flag(),
  keyboard: KEYBOARD,
  mouse: MOUSE,
});

export class Ps2Controller extends withFields(FIELDS) implements Device {
  readonly name = 'ps2';
  readonly version = 1;
  readonly fields = FIELDS.of(this);
  declare readonly keyboard: Ps2Keyboard;
  declare readonly mouse: Ps2Mouse;
  readonly #context: DeviceContext;
  readonly #gate: A20Gate;
  readonly #keyboardIrq: IrqLine;
  readonly #auxIrq: IrqLine;
  readonly #timer: Timer;

  constructor(context: DeviceContext) {
    super();
    const { a20Gate } = context.services;
    if (a20Gate === undefined) throw new Error('the keyboard controller stands below port 92h in the table');
    this.#context = context;
    this.#gate = a20Gate;
    this.#keyboardIrq = context.irq(1);
    this.#auxIrq = context.irq(12);
    this.#timer = context.clock.timer('ps2', () => this.#transfer());
    this.keyboard = new Ps2Keyboard(context.clock, () => this.#attend());
    this.mouse = new Ps2Mouse(context.clock, () => this.#attend());
    context.input('key', ({ key, down }) => this.keyboard.press(key, down));
    context.input('scancode', ({ bytes: codes }) => this.keyboard.scan(codes));
    context.input('mouse', ({ dx, dy, dz, buttons }) => this.mouse.move(dx, dy, dz, buttons));
    context.ports(0x60, 1, {
      read: () => this.#readData(),
      write: (_port, _size, value) => this.#writeData(value),
    });
    context.ports(0x64, 1, {
      read: () => this.status,
      write: (_port, _size, value) => this.#writeCommand(value),
    });
    this.ram[0] = KEYBOARD_INTERRUPT | SYSTEM | TRANSLATE;
    this.status |= SYSTEM;
  }

  get #commandByte(): number {
    return this.ram[0];
  }

  #setCommandByte(value: number): void {
    this.ram[0] = value;
    this.status = (this.status & ~SYSTEM) | (value & SYSTEM);
    this.#settle();
    this.#attend();
  }

  get #keyboardWaits(): boolean {
    return (this.#commandByte & KEYBOARD_OFF) === 0 && this.keyboard.hasByte();
  }

  get #auxWaits(): boolean {
    return (this.#commandByte & AUX_OFF) === 0 && this.mouse.hasByte();
  }

  /** Start receiving a byte if there is one and room for it. */
  #attend(): void {
    if ((this.status & OUTPUT_FULL) !== 0 || this.#timer.dueTick !== Infinity) return;
    if (!this.#keyboardWaits && !this.#auxWaits) return;
    const { clock } = this.#context;
    this.#timer.arm(clock.now() + Math.max(1, Math.ceil(transferNanoseconds / clock.nsPerTick)));
  }

  #transfer(): void {
    if ((this.status & OUTPUT_FULL) !== 0) return;
    if (this.#keyboardWaits) {
      const byte = this.keyboard.takeByte();
      if ((this.#commandByte & TRANSLATE) === 0) this.#put(byte, false);
      else if (byte === 0xf0) this.breaking = true;
      else {
        this.#put(translateToSet1(byte) | (this.breaking ? 0x80 : 0), false);
        this.breaking = false;
      }
    } else if (this.#auxWaits) this.#put(this.mouse.takeByte(), true);
    this.#attend();
  }

  #put(byte: number, aux: boolean): void {
    this.output = byte;
    this.status = (this.status & ~FROM_AUX) | OUTPUT_FULL | (aux ? FROM_AUX : 0);
    this.#settle();
  }

  /** An answer of the controller itself; waits until the output buffer is free. */
  #answer(byte: number, aux = false): void {
    pushAnswers(this.answers, byte | (aux ? 0x100 : 0));
    this.#nextAnswer();
  }

  #nextAnswer(): void {
    if ((this.status & OUTPUT_FULL) !== 0 || this.answers.length === 0) return;
    const answer = this.answers.shift() as number;
    this.#put(answer & 0xff, answer > 0xff);
  }

  #settle(): void {
    const full = (this.status & OUTPUT_FULL) !== 0;
    const aux = (this.status & FROM_AUX) !== 0;
    this.#keyboardIrq.set(full && !aux && (this.#commandByte & KEYBOARD_INTERRUPT) !== 0);
    this.#auxIrq.set(full && aux && (this.#commandByte & AUX_INTERRUPT) !== 0);
  }

  #readData(): number {
    const value = this.output;
    this.status &= ~OUTPUT_FULL;
    this.#settle();
    this.#nextAnswer();
    this.#attend();
    return value;
  }

  #writeData(value: number): void {
    this.status &= ~COMMAND;
    const command = this.command;
    this.command = 0;
    if (command >= 0x60 && command < 0x80) {
      if (command === 0x60) this.#setCommandByte(value);
      else this.ram[command & 31] = value;
      return;
    }
    switch (command) {
      case 0xd1:
        this.#writeOutputPort(value);
        break;
      case 0xd2:
        this.#answer(value);
        break;
      case 0xd3:
        this.#answer(value, true);
        break;
      case 0xd4:
        this.mouse.write(value);
        break;
      default:
        // Speaking to the keyboard enables its clock.
        this.ram[0] &= ~KEYBOARD_OFF;
        this.keyboard.write(value);
    }
  }

  #writeCommand(value: number): void {
    this.status |= COMMAND;
    this.command = 0;
    if (value >= 0x20 && value < 0x40) this.#answer(this.ram[value & 31]);
    else if ((value >= 0x60 && value < 0x80) || (value >= 0xd1 && value <= 0xd4)) this.command = value;
    else if (value >= 0xf0) {
      // Pulses the low bits that are 0; bit 0 is the reset line.
      if ((value & 1) === 0) this.#context.requestReset('the keyboard controller');
    } else this.#obey(value);
  }

  #obey(value: number): void {
    switch (value) {
      case 0xa4:
        this.#answer(0xf1); // no password
        break;
      case 0xa7:
        this.#setCommandByte(this.#commandByte | AUX_OFF);
        break;
      case 0xa8:
        this.#setCommandByte(this.#commandByte & ~AUX_OFF);
        break;
      case 0xa9:
      case 0xab:
        this.#answer(0x00); // the wires are well
        break;
      case 0xaa:
        this.#setCommandByte(this.#commandByte | SYSTEM);
        this.#answer(0x55);
        break;
      case 0xad:
        this.#setCommandByte(this.#commandByte | KEYBOARD_OFF);
        break;
      case 0xae:
        this.#setCommandByte(this.#commandByte & ~KEYBOARD_OFF);
        break;
      case 0xc0:
        this.#answer(0xa0); // input port: not locked, colour display
        break;
      case 0xd0:
        this.#answer(this.#outputPort());
        break;
      case 0xdd:
        this.#gate.set(false);
        break;
      case 0xdf:
        this.#gate.set(true);
        break;
      case 0xe0:
        this.#answer(0x00);
        break;
    }
  }

  /** Bit 0 reset (1: running), 1 A20, 4 and 5 the interrupt pins, 6 and 7 the keyboard's wires at rest. */
  #outputPort(): number {
    const full = (this.status & OUTPUT_FULL) !== 0;
    const aux = (this.status & FROM_AUX) !== 0;
    return 0xc1 | (this.#gate.enabled ? 2 : 0) | (full && !aux ? 0x10 : 0) | (full && aux ? 0x20 : 0);
  }

  #writeOutputPort(value: number): void {
    this.#gate.set((value & 2) !== 0);
    if ((value & 1) === 0) this.#context.requestReset('the keyboard controller');
  }

  /** As firmware leaves it: both devices on, translating, keyboard interrupt enabled. */
  reset(): void {
    this.ram.fill(0);
    this.ram[0] = KEYBOARD_INTERRUPT | SYSTEM | TRANSLATE;
    this.status = NOT_INHIBITED | SYSTEM;
    this.output = 0;
    this.answers = [];
    this.command = 0;
    this.breaking = false;
    this.keyboard.reset();
    this.mouse.reset();
    this.#timer.disarm();
    this.#settle();
    this.#attend();
  }
}

export const ps2: DeviceEntry = { create: (context) => new Ps2Controller(context) };
