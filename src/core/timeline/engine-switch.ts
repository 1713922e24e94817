/**
 * Which engine a timeline's machine runs on. Engines that are not in use rest with what they have decoded and compiled;
 * the guest does not notice.
 */
import type { CodeInvalidator, Engine } from '../machine/engine.ts';
import type { Machine } from '../machine/machine.ts';
import type { EngineFactory } from '../session/session.ts';

export class EngineSwitch {
  private readonly machine: Machine;
  /** The factory of the engine in use. */
  private current: EngineFactory;
  /** Engines that rest, with what they want to hear of when they work. */
  private readonly resting = new Map<EngineFactory, { engine: Engine; invalidators: CodeInvalidator[] }>();

  /** `current` has made the machine's engine. */
  constructor(machine: Machine, current: EngineFactory) {
    this.machine = machine;
    this.current = current;
  }

  use(make: EngineFactory): void {
    if (make === this.current) return;
    const { machine } = this;
    const { memory } = machine;
    machine.engine.drop();
    memory.dropCode();
    const rested = this.resting.get(make);
    this.resting.delete(make);
    const invalidators = memory.exchangeInvalidators(rested?.invalidators ?? []);
    this.resting.set(this.current, { engine: machine.engine, invalidators });
    machine.engine = rested?.engine ?? make(machine.cpu);
    this.current = make;
  }
}
