/**
 * Scripts of `--input FILE`: interactive runs that can be repeated. One action a line, `#` begins a comment.
 *
 *   at TICK ACTION              when the run reaches that tick
 * when "TEXT" ACTION          when the guest has written TEXT to its first serial line; `when serial1 "TEXT" …` for
 * another
 *   ACTION: serial "TEXT" · serial1 "TEXT" · serial break · key NAME [down|up] · mouse DX DY [BUTTONS] · power ·
 *           reset · nmi · end · DRIVE eject · DRIVE insert FILE · DRIVE error read|write SECTOR..SECTOR ·
 *           irq LINE high|low · hold TICKS · flip ADDRESS BIT
 *   TEXT escapes: \n \r \t \e \\ \" \xHH; other characters as UTF-8. TICK may hold underscores.
 *
 * The `when` lines fire in their order, each once; the next one looks only at what is written after the last fired.
 * Its input is due one tick after the write of the text's last byte, on every engine: same script, same log.
 */
import type { Inputs } from '../machine/door.ts';
import type { InputEvent } from '../log/events.ts';
import { driveAction, isDriveName } from './media-script.ts';
import { isKeyName } from '../base/key-names.ts';

export type ScriptStep =
  | { readonly kind: 'at'; readonly line: number; readonly tick: number; readonly inputs: readonly InputEvent[] }
  | {
      readonly kind: 'when';
      readonly line: number;
      readonly serialPort: number;
      readonly text: Uint8Array;
      readonly inputs: readonly InputEvent[];
    };

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
    return { kind: 'at', line, tick, inputs: parseAction(rest, line, media) };
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
      inputs: parseAction(action, line, media),
    };
  }
  throw expected(line, '`at TICK …` or `when "TEXT" …`', first);
}

function parseAction(tokens: readonly Token[], line: number, media: string[]): InputEvent[] {
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
      if (name === undefined || !isKeyName(name.value))
        throw expected(line, 'the name of a key, such as enter or a', name);
      if (direction === undefined) {
        return [
          { kind: 'key', key: name.value, down: true },
          { kind: 'key', key: name.value, down: false },
        ];
      }
      if (!isWord(direction, 'down') && !isWord(direction, 'up'))
        throw expected(line, '`down`, `up` or nothing', direction);
      return [{ kind: 'key', key: name.value, down: direction.value === 'down' }];
    }
    case 'mouse': {
      most(3);
      const dx = parseNumber(operands[0], -255, 255, 'a movement from -255 to 255 to the right', line);
      const dy = parseNumber(operands[1], -255, 255, 'a movement from -255 to 255 upwards', line);
      const buttons = operands[2] === undefined ? 0 : parseNumber(operands[2], 0, 7, 'buttons from 0 to 7', line);
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
      throw expected(line, 'one of serial, key, mouse, power, reset, nmi, irq, hold, flip, end', verb);
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

/** Plays a script into a live or recording port. The machine feeds it every byte that the guest sends. */
export class ScriptPlayer {
  private readonly port: Inputs;
  private readonly waiting: Extract<ScriptStep, { kind: 'when' }>[] = [];
  private matcher: StreamMatcher | null = null;

  constructor(steps: readonly ScriptStep[], port: Inputs) {
    this.port = port;
    for (const step of steps) {
      if (step.kind === 'when') this.waiting.push(step);
      else for (const input of step.inputs) port.push(input, step.tick);
    }
    this.arm();
  }

  /** Lines that still wait for their text. */
  get waitingSteps(): readonly ScriptStep[] {
    return this.waiting;
  }

  /** `tick` is that of the guest's write, `now()` of the access. */
  serialOutput(tick: number, serialPort: number, byte: number): void {
    if (this.matcher === null || this.waiting[0].serialPort !== serialPort || !this.matcher.feed(byte)) return;
    const step = this.waiting.shift();
    for (const input of step?.inputs ?? []) this.port.push(input, tick + 1);
    this.arm();
  }

  private arm(): void {
    this.matcher = this.waiting.length === 0 ? null : new StreamMatcher(this.waiting[0].text);
  }
}
