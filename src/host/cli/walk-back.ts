// The end of `npm start`: from the symptom of the race guest (guests/race.asm) back to its cause, by commands of
// `reprise debug` alone, each made from the answers to those before. What a person would do at the terminal: back from
// the message to the store that lost a deposit, from there to the load that read the stale value, then on to the
// interrupts that came in between. Knows the guest's names, not its addresses, ticks or tasks.

import type { LogReader } from '../../core/log/log.ts';
import type { Images } from '../../core/session/session.ts';
import { Timeline } from '../../core/timeline/timeline.ts';
import { COMMANDS } from '../debugger/commands.ts';
import { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { loadNodeListing } from '../node/listing.ts';
import { symbolsOfImages } from '../symbols/symbol-files.ts';
import { DEFAULT_ENGINE, loadEngine } from '../../engines.ts';

export interface Moment {
  readonly tick: number;
  readonly eip: number;
  /** `deposit+0x5` */
  readonly symbol: string;
}

export interface Interruption extends Moment {
  readonly vector: number;
}

export interface Cause {
  /** Where the guest says that something is wrong. */
  readonly symptom: Moment;
  /** The store of a sum that was made from a stale value. */
  readonly store: Moment;
  /** The load of that value. */
  readonly load: Moment;
  readonly staleValue: number;
  readonly lostValue: number;
  /** What came between the two, in order; the first one interrupted the deposit. */
  readonly interruptions: readonly Interruption[];
  /** The commands, as one can type them. */
  readonly script: readonly string[];
}

interface Answer {
  readonly kind: string;
  readonly tick: number;
  readonly eip: number;
  readonly symbol: string;
}

export class RaceWalk {
  private readonly debug: Debugger;
  private readonly script: string[] = [];

  constructor(debug: Debugger) {
    this.debug = debug;
  }

  private async ask(line: string): Promise<unknown> {
    this.script.push(line);
    return (await this.debug.execute(line)).data;
  }

  private async go(line: string, kind: string): Promise<Answer> {
    const answer = (await this.ask(line)) as Answer;
    if (answer.kind !== kind) throw new Error(`"${line}" came to the ${answer.kind} at tick ${answer.tick}`);
    return answer;
  }

  private async number(expression: string): Promise<number> {
    return (await this.ask(`print ${expression}`)) as number;
  }

  /** Null when none is left: the guest may lose its deposit after the last one of the run. */
  private async nextInterrupt(): Promise<Answer | null> {
    try {
      return await this.go('seek irq', 'delivery');
    } catch (error) {
      if (error instanceof DebuggerError) return null;
      throw error;
    }
  }

  async run(): Promise<Cause> {
    await this.ask('seek serial:"LOST UPDATE"');
    await this.ask('break audit_wrong');
    const symptom = await this.go('reverse-continue', 'breakpoint');
    await this.ask('delete all');
    // EAX is the sum and EBX the amount: had it been made from what the balance is now, they would fit.
    await this.ask('watch balance 4 w if [balance] + ebx != eax');
    const store = await this.go('reverse-continue', 'watchpoint');
    const lostValue = await this.number('[balance]');
    const staleValue = await this.number('eax - ebx');
    const stack = await this.number('esp');
    await this.ask('delete all');
    // The same task: it stands at the same depth of its own stack.
    await this.ask(`watch balance 4 r if esp == ${stack}`);
    const load = await this.go('reverse-continue', 'watchpoint');
    await this.ask('delete all');
    const interruptions: Interruption[] = [];
    for (;;) {
      const next = await this.nextInterrupt();
      if (next === null || next.tick > store.tick) break;
      const { tick, eip, symbol } = next;
      const events = (await this.ask('events 5')) as readonly { kind: string; vector?: number }[];
      const vector = events.find(({ kind }) => kind === 'interrupt')?.vector ?? -1;
      interruptions.push({ tick, eip, symbol, vector });
    }
    await this.ask(`seek ${load.tick}`);
    return { symptom, store, load, staleValue, lostValue, interruptions, script: this.script };
  }
}

/** Walks through a recording of the race guest in which a deposit was lost. */
export async function walkBack(log: LogReader, images: Images): Promise<Cause> {
  const makeEngine = await loadEngine(DEFAULT_ENGINE);
  const debug = new Debugger({
    timeline: new Timeline({ log, images, makeEngine }),
    commands: COMMANDS,
    symbols: symbolsOfImages(images),
    disassemble: await loadNodeListing(),
    logName: 'race.rlog',
    images,
    makeEngine,
    appendFrame: null,
  });
  return await new RaceWalk(debug).run();
}
