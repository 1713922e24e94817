/**
 * Scripts of `--input FILE`: interactive runs that can be repeated. One action a line, `#` begins a comment.
 *
 *   at TICK ACTION              when the run reaches that tick
 *   when "TEXT" ACTION          when the guest has written TEXT to its first serial line; `when serial1 "TEXT" …` for
 *                               another
 *   when screen "TEXT" ACTION   when TEXT stands on the screen, or stands there once more than before
 *   ACTION: serial "TEXT" · serial1 "TEXT" · serial break · type "TEXT" · key NAME [down|up] · key ctrl-alt-delete ·
 *           mouse DX DY [BUTTONS] (0 to 7, or left, right, middle, joined by +) · power · reset · nmi · end ·
 *           DRIVE eject · DRIVE insert FILE · DRIVE error read|write SECTOR..SECTOR ·
 *           irq LINE high|low · hold TICKS · flip ADDRESS BIT · tsc TICKS
 *   TEXT escapes: \n \r \t \e \\ \" \xHH; other characters as UTF-8. TICK may hold underscores.
 *
 * The `when` lines fire in their order, each once; the next one looks only at what comes after the last fired. The
 * input of a serial text is due one tick after the write of its last byte, on every engine: same script, same log. The
 * screen is looked at between legs of the run, which lie at fixed ticks. What is typed comes key by key (US layout),
 * at a pace that a BIOS follows.
 */
import type { Inputs } from '../machine/door.ts';
import type { InputEvent } from '../log/events.ts';
import { driveAction, isDriveName } from './media-script.ts';
import type { KeyName } from '../base/key-names.ts';
import { chordOf, keysOf, strokesOf } from '../base/key-text.ts';

export type ScriptStep =
  | ({ readonly kind: 'at'; readonly line: number; readonly tick: number } & Action)
  | ({ readonly kind: 'when'; readonly line: number; readonly serialPort: number; readonly text: Uint8Array } & Action)
  | ({ readonly kind: 'when-screen'; readonly line: number; readonly text: string } & Action);

interface Action {
  readonly inputs: readonly InputEvent[];
  /** From one to the next; all at once unless given. */
  readonly spacingTicks?: number;
}

type WaitingStep = Exclude<ScriptStep, { kind: 'at' }>;

/** Between the strokes of what is typed: 4 ms by default, so that a key is done before the next one comes. */
const TYPING_TICKS = 1 << 19;

/** A line that cannot be read: which, what was expected, what stands there. */
export class InputScriptError extends Error {
  override readonly name = 'InputScriptError';
  readonly line: number;

  constructor(line: number, message: string) {
    super(`Line ${line} of the input script: ${message}.`);
    this.line = line;
  }
}

type Token = { readonly kind: 'word' | 'text'; readonly value: string };

/**
 * Throws `InputScriptError` for the first line that is not one of the forms above. Files that are put into drives are
 * entered in `media`; their numbers count from 1.
 */
export function parseInputScript(source: string, media: string[] = []): ScriptStep[] {
  const steps: ScriptStep[] = [];
  source.split(/\r\n|\n|\r/).forEach((content, index) => {
    const line = index + 1;
    const tokens = tokenize(content, line);
    if (tokens.length > 0) steps.push(parseStep(tokens, line, media));
  });
  return steps;
}

function tokenize(content: string, line: number): Token[] {
  const tokens: Token[] = [];
  let rest = content.trimStart();
  while (rest !== '' && !rest.startsWith('#')) {
    const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(rest);
    const word = quoted === null ? /^[^\s"#]+/.exec(rest) : null;
    if (quoted !== null) tokens.push({ kind: 'text', value: readEscapes(quoted[1], line) });
    else if (word !== null) tokens.push({ kind: 'word', value: word[0] });
    else throw new InputScriptError(line, `expected a closing quote in ${rest}`);
    rest = rest.slice((quoted ?? word ?? [''])[0].length).trimStart();
  }
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\x1b', '\\': '\\', '"': '"' };

/** Text as one character per byte. */
function readEscapes(text: string, line: number): string {
  return text.replace(/\\x([0-9a-fA-F]{2})|\\(.)|[^\\]+/gs, (whole, byte?: string, letter?: string) => {
    if (byte !== undefined) return String.fromCharCode(Number.parseInt(byte, 16));
    if (letter === undefined)
      return Array.from(new TextEncoder().encode(whole), (code) => String.fromCharCode(code)).join('');
    const character = ESCAPES[letter];
    if (character === undefined) {
      throw new InputScriptError(line, `expected one of \\n \\r \\t \\e \\\\ \\" \\xHH, got ${whole}`);
    }
    return character;
  });
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function parseStep(tokens: readonly Token[], line: number, media: string[]): ScriptStep {
  const [first, second, ...rest] = tokens;
  if (isWord(first, 'at')) {
    const digits = second === undefined || second.kind !== 'word' ? '' : second.value.replaceAll('_', '');
    const tick = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
    if (!Number.isSafeInteger(tick)) throw expected(line, 'a tick (a whole number) after `at`', second);
    return { kind: 'at', line, tick, ...parseAction(rest, line, media) };
  }
  if (isWord(first, 'when') && second !== undefined && isWord(second, 'screen')) {
    const [text, ...action] = rest;
    if (text === undefined || text.kind !== 'text' || text.value === '') {
      throw expected(line, 'the text to wait for, in double quotes, after `screen`', text);
    }
    const shown = new TextDecoder().decode(bytesOf(text.value));
    return { kind: 'when-screen', line, text: shown, ...parseAction(action, line, media) };
  }
  if (isWord(first, 'when')) {
    const serialPort = second === undefined ? null : serialPortOf(second);
    const text = serialPort === null ? second : rest[0];
    if (text === undefined || text.kind !== 'text' || text.value === '') {
      throw expected(line, 'the text to wait for, in double quotes, after `when`', text);
    }
    const action = serialPort === null ? rest : rest.slice(1);
    return {
      kind: 'when',
      line,
      serialPort: serialPort ?? 0,
      text: bytesOf(text.value),
      ...parseAction(action, line, media),
    };
  }
  throw expected(line, '`at TICK …` or `when "TEXT" …`', first);
}

function keyInputs(keys: readonly KeyName[]): InputEvent[] {
  return strokesOf(keys).map(({ key, down }) => ({ kind: 'key', key, down }));
}

/** Strokes for a text, one character of code points after the other. */
function parseTyped(token: Token | undefined, line: number): InputEvent[] {
  if (token === undefined || token.kind !== 'text') {
    throw expected(line, 'a text in double quotes after `type`', token);
  }
  return [...new TextDecoder().decode(bytesOf(token.value))].flatMap((character) => {
    const keys = keysOf(character);
    if (keys === null) {
      throw new InputScriptError(line, `expected characters of a US keyboard, got ${JSON.stringify(character)}`);
    }
    return keyInputs(keys);
  });
}

const BUTTONS: Readonly<Record<string, number>> = { left: 1, right: 2, middle: 4 };

/** A number, or names joined by +. */
function parseButtons(token: Token | undefined, line: number): number {
  if (token === undefined) return 0;
  const wanted = 'buttons from 0 to 7, or left, right, middle joined by +';
  const names = token.kind === 'word' ? token.value.split('+') : [];
  if (names.length > 0 && names.every((name) => Object.hasOwn(BUTTONS, name))) {
    return names.reduce((bits, name) => bits | BUTTONS[name], 0);
  }
  return parseNumber(token, 0, 7, wanted, line);
}

function parseAction(tokens: readonly Token[], line: number, media: string[]): Action {
  const [verb, ...operands] = tokens;
  if (verb !== undefined && isWord(verb, 'type')) {
    if (operands.length > 1) throw expected(line, 'the end of the line', operands[1]);
    return { inputs: parseTyped(operands[0], line), spacingTicks: TYPING_TICKS };
  }
  return { inputs: parseInputs(tokens, line, media) };
}

function parseInputs(tokens: readonly Token[], line: number, media: string[]): InputEvent[] {
  const [verb, ...operands] = tokens;
  const most = (count: number): void => {
    if (operands.length > count) throw expected(line, 'the end of the line', operands[count]);
  };
  const serialPort = verb === undefined ? null : serialPortOf(verb);
  if (serialPort !== null) {
    most(1);
    const [text] = operands;
    if (text !== undefined && isWord(text, 'break')) return [{ kind: 'serial-break', port: serialPort }];
    if (text === undefined || text.kind !== 'text')
      throw expected(line, 'a text in double quotes, or `break`, after `serial`', text);
    return [{ kind: 'serial', port: serialPort, bytes: bytesOf(text.value) }];
  }
  if (verb?.kind === 'word' && isDriveName(verb.value)) {
    const action = driveAction({ drive: verb.value, operands, media });
    if ('expected' in action)
      throw expected(line, `${action.expected} after \`${verb.value}\``, operands[action.operand]);
    return [action];
  }
  switch (verb?.kind === 'word' ? verb.value : '') {
    case 'key': {
      most(2);
      const [name, direction] = operands;
      const keys = name === undefined ? null : chordOf(name.value);
      if (keys === null) throw expected(line, 'the name of a key, such as enter, a or ctrl-alt-delete', name);
      if (direction === undefined) return keyInputs(keys);
      if (!isWord(direction, 'down') && !isWord(direction, 'up'))
        throw expected(line, '`down`, `up` or nothing', direction);
      const isDown = direction.value === 'down';
      return keyInputs(keys).filter((event) => event.kind === 'key' && event.down === isDown);
    }
    case 'mouse': {
      most(3);
      const dx = parseNumber(operands[0], -255, 255, 'a movement from -255 to 255 to the right', line);
      const dy = parseNumber(operands[1], -255, 255, 'a movement from -255 to 255 upwards', line);
      const buttons = parseButtons(operands[2], line);
      return [{ kind: 'mouse', dx, dy, dz: 0, buttons }];
    }
    case 'irq': {
      most(2);
      const number = parseNumber(operands[0], 0, 15, 'the number of an interrupt line, 0 to 15', line);
      const level = operands[1];
      if (level === undefined || !(isWord(level, 'high') || isWord(level, 'low')))
        throw expected(line, '`high` or `low`', level);
      return [{ kind: 'irq-line', line: number, level: isWord(level, 'high') }];
    }
    case 'hold':
      most(1);
      return [{ kind: 'hold-interrupts', ticks: parseNumber(operands[0], 1, 2 ** 31, 'a number of ticks', line) }];
    case 'flip': {
      most(2);
      const address = parseAddress(operands[0], line);
      return [{ kind: 'flip-bit', address, bit: parseNumber(operands[1], 0, 7, 'a bit, 0 to 7', line) }];
    }
    case 'tsc':
      most(1);
      return [{ kind: 'time-stamp', ticks: parseNumber(operands[0], 1, 0xffffffff, 'a number of ticks', line) }];
    case 'power':
      most(0);
      return [{ kind: 'power-button' }];
    case 'reset':
    case 'nmi':
      most(0);
      return [{ kind: verb.value === 'nmi' ? 'nmi' : 'reset' }];
    case 'end':
      most(0);
      return [{ kind: 'end-of-input', port: 0 }];
    default:
      throw expected(line, 'one of serial, type, key, mouse, power, reset, nmi, irq, hold, flip, tsc, end', verb);
  }
}

function serialPortOf(token: Token): number | null {
  const match = token.kind === 'word' ? /^serial([0-3]?)$/.exec(token.value) : null;
  return match === null ? null : Number(match[1]);
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.value === word;
}

function parseNumber(token: Token | undefined, min: number, max: number, what: string, line: number): number {
  const value = token !== undefined && /^-?\d+$/.test(token.value) ? Number(token.value) : Number.NaN;
  if (!(value >= min && value <= max)) throw expected(line, what, token);
  return value;
}

function parseAddress(token: Token | undefined, line: number): number {
  const value = token !== undefined && /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(token.value) ? Number(token.value) : -1;
  if (value < 0 || value > 0xffffffff) throw expected(line, 'a physical address, such as 0x100000', token);
  return value;
}

function expected(line: number, what: string, got: Token | undefined): InputScriptError {
  const found =
    got === undefined ? 'the line ends' : `got ${got.kind === 'text' ? JSON.stringify(got.value) : got.value}`;
  return new InputScriptError(line, `expected ${what}, ${found}`);
}

/** Finds one text in a stream of bytes (Knuth, Morris, Pratt): a byte at a time, nothing kept. */
export class StreamMatcher {
  private readonly text: Uint8Array;
  /** For each prefix length: length of its longest proper suffix that is a prefix too. */
  private readonly fallback: Int32Array;
  private matched = 0;

  constructor(text: Uint8Array) {
    this.text = text;
    this.fallback = new Int32Array(text.length + 1);
    for (let i = 1, k = 0; i < text.length; i++) {
      while (k > 0 && text[i] !== text[k]) k = this.fallback[k];
      if (text[i] === text[k]) k++;
      this.fallback[i + 1] = k;
    }
  }

  /** True when this byte completes the text. */
  feed(byte: number): boolean {
    while (this.matched > 0 && this.text[this.matched] !== byte) this.matched = this.fallback[this.matched];
    if (this.text[this.matched] === byte) this.matched++;
    if (this.matched < this.text.length) return false;
    this.matched = 0;
    return true;
  }
}

function occurrences(lines: readonly string[], text: string): number {
  return lines.reduce((sum, line) => sum + line.split(text).length - 1, 0);
}

/**
 * Plays a script into a live or recording port. The machine feeds it every byte that the guest sends; whoever runs the
 * machine shows it the screen while it waits for one.
 */
export class ScriptPlayer {
  private readonly port: Inputs;
  private readonly waiting: WaitingStep[] = [];
  private matcher: StreamMatcher | null = null;
  /** How often the text that is waited for stood on the screen at the least, since the line before fired. */
  private stoodBefore = 0;

  constructor(steps: readonly ScriptStep[], port: Inputs) {
    this.port = port;
    for (const step of steps) {
      if (step.kind === 'at') this.play(step, step.tick);
      else this.waiting.push(step);
    }
    this.arm();
  }

  /** Lines that still wait for their text. */
  get waitingSteps(): readonly WaitingStep[] {
    return this.waiting;
  }

  /** The next line waits for something on the screen. */
  get awaitsScreen(): boolean {
    return this.waiting[0]?.kind === 'when-screen';
  }

  /** `tick` is that of the guest's write, `now()` of the access. */
  serialOutput(tick: number, serialPort: number, byte: number): void {
    const [step] = this.waiting;
    if (this.matcher === null || step.kind !== 'when' || step.serialPort !== serialPort) return;
    if (this.matcher.feed(byte)) this.fire(tick);
  }

  /** Lines of the screen at a moment between legs; null when it shows no text. */
  screenShown(tick: number, lines: readonly string[] | null): void {
    const [step] = this.waiting;
    if (step === undefined || step.kind !== 'when-screen') return;
    const stands = lines === null ? 0 : occurrences(lines, step.text);
    if (stands <= this.stoodBefore) {
      this.stoodBefore = stands;
      return;
    }
    this.fire(tick);
    const [next] = this.waiting;
    this.stoodBefore = lines === null || next?.kind !== 'when-screen' ? 0 : occurrences(lines, next.text);
  }

  private fire(tick: number): void {
    const step = this.waiting.shift();
    if (step !== undefined) this.play(step, tick + 1);
    this.stoodBefore = 0;
    this.arm();
  }

  private play({ inputs, spacingTicks = 0 }: ScriptStep, tick: number): void {
    inputs.forEach((input, i) => this.port.push(input, tick + i * spacingTicks));
  }

  private arm(): void {
    const [step] = this.waiting;
    this.matcher = step?.kind === 'when' ? new StreamMatcher(step.text) : null;
  }
}
