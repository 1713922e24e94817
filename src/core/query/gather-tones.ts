/**
 * What the PC speaker sounds: it is driven by OUT of counter 2 of the 8254 while port 61h has its gate and its data bit
 * set. Noted whenever a write to one of the ports that decide it has changed the divisor, 0 for silence.
 */
import { Pit } from '../devices/timers/pit.ts';
import type { PortBus } from '../state/cpu.ts';
import { type Gatherer, type Gathering, record } from './gatherer.ts';

export const TONE = { divisor: 4 } as const;

export interface TonesJob {
  readonly table: 'tones';
}

/** Port 61h, bits 0 and 1: gate of the counter, and the speaker takes what comes out of it. */
const SOUNDS = 3;
const COUNTER_PORT = 0x42;
const CONTROL_PORT = 0x61;

export class TonesGatherer implements Gatherer {
  private readonly gathering: Gathering;
  /** What stands between two windows; others may listen too. */
  private bus: PortBus;
  private readonly pit: Pit | undefined;
  private told = -1;

  constructor(gathering: Gathering) {
    this.gathering = gathering;
    this.bus = gathering.machine.cpu.ports;
    this.pit = gathering.machine.board.devices.find((device) => device instanceof Pit);
  }

  begin(): void {
    const { cpu } = this.gathering.machine;
    const bus = cpu.ports;
    this.bus = bus;
    this.told = -1;
    this.note();
    cpu.ports = {
      read: (port, size) => bus.read(port, size),
      write: (port, size, value) => {
        bus.write(port, size, value);
        if (port <= CONTROL_PORT && port + size > COUNTER_PORT) this.note();
      },
    };
  }

  end(): void {
    this.gathering.machine.cpu.ports = this.bus;
  }

  release(): void {}

  /** Modes that repeat give a tone; a single edge is a click. */
  private get divisor(): number {
    if (this.pit === undefined) return 0;
    const { controlB, counter2 } = this.pit;
    const repeats = counter2.mode === 2 || counter2.mode === 3;
    return (controlB & SOUNDS) === SOUNDS && repeats && counter2.armed ? counter2.count : 0;
  }

  private note(): void {
    const { divisor } = this;
    if (divisor === this.told) return;
    this.told = divisor;
    const at = record(this.gathering);
    this.gathering.batch.set(at + TONE.divisor, divisor);
  }
}
