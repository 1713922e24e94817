/**
 * What ends a recording by itself: a text on a serial line, an exception, an interrupt, an NMI or a reset, as positions
 * spell them (positions.ts). The run ends at the first tick after it at which nothing has happened yet, so that
 * any engine ends at the same one and the log replays to it.
 */
import type { OutputPort } from '../board/device.ts';
import type { Machine } from '../machine/machine.ts';
import { parsePosition, PositionError, type PositionQuery } from './positions.ts';
import { UsageError } from '../base/usage-error.ts';
import { StreamMatcher } from '../session/input-script.ts';

type Condition = Extract<PositionQuery, { kind: 'serial' | 'delivery' }>;

function parseCondition(text: string): Condition {
  const wanted = 'serial:"TEXT", fault:N, irq:N, nmi or reset';
  try {
    const query = parsePosition(text);
    if (query.kind === 'serial' || query.kind === 'delivery') return query;
  } catch (error) {
    if (!(error instanceof PositionError)) throw error;
  }
  throw new UsageError(`A run stops on ${wanted}, not on "${text}": give one of them.`);
}

/** Characters below 256 are bytes, as in a position; others are UTF-8. */
function bytesOf(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) bytes.push(code);
    else bytes.push(...new TextEncoder().encode(character));
  }
  return Uint8Array.from(bytes);
}

interface Awaited {
  /** As it was asked for. */
  readonly text: string;
  readonly condition: Condition;
  readonly matcher: StreamMatcher | null;
  /** So many times it has still to come. */
  missing: number;
}

/** Any of several conditions. */
export class StopOn {
  /** Where the run ends, once one of them has come. */
  tick: number | null = null;
  /** Which one that was, as it was asked for. */
  cameText: string | null = null;
  private readonly awaited: readonly Awaited[];
  private machine: Machine | null = null;

  /** Throws UsageError for what is no such condition. */
  constructor(texts: readonly string[]) {
    this.awaited = texts.map((text) => {
      const condition = parseCondition(text);
      const isText = condition.kind === 'serial';
      const matcher = isText ? new StreamMatcher(bytesOf(condition.text)) : null;
      return { text, condition, matcher, missing: isText ? condition.occurrence : 1 };
    });
  }

  /** What the guest sends passes through here. */
  listen(output: OutputPort): OutputPort {
    return {
      serial: (line, byte) => {
        output.serial(line, byte);
        for (const one of this.awaited) {
          if (one.condition.kind !== 'serial' || one.condition.line !== line) continue;
          if (one.matcher?.feed(byte) === true) this.come(one);
        }
      },
      debugConsole: (byte) => output.debugConsole(byte),
      parallel: (byte) => output.parallel(byte),
      debugExit: (value) => output.debugExit(value),
      powerOff: () => output.powerOff(),
    };
  }

  attach(machine: Machine): void {
    this.machine = machine;
    const deliveries = this.awaited.filter(({ condition }) => condition.kind === 'delivery');
    if (deliveries.length === 0) return;
    const before = machine.watcher;
    machine.watcher = {
      delivered: (kind, vector) => {
        before?.delivered(kind, vector);
        for (const one of deliveries) {
          const { condition } = one;
          if (condition.kind !== 'delivery' || condition.what !== kind) continue;
          if (condition.vector === null || condition.vector === vector) this.come(one);
        }
      },
    };
  }

  private come(one: Awaited): void {
    if (this.machine === null || this.tick !== null || --one.missing > 0) return;
    this.tick = this.machine.cpu.now() + 1;
    this.cameText = one.text;
    this.machine.breakIn();
  }
}
