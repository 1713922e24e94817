// Who listens while the first pass goes by, and fills the lanes: interrupts, faults, system calls, address spaces, what
// the processor asks of devices, serial text, the screen, what the engine compiles. Listens only; nothing of it can be
// seen by the guest. Takes its ears away in `leave`.

import { vectorName } from '../../../../core/machine/reset-cause.ts';
import type { Machine } from '../../../../library.ts';
import { screenText } from '../../../../core/devices/display/screen.ts';
import { vgaOf } from '../../../../core/devices/display/vga.ts';
import { CR3 } from '../../../../core/state/layout.ts';
import type { Lanes } from './lanes.ts';
import { portDevice } from './port-names.ts';

const NAMED_FAULTS = 20;
/** Words of the screen's memory that are looked at in graphics modes. */
const SAMPLED_WORDS = 4096;
const VECTOR_LINUX_CALL = 0x80;

/** What was on the screen when it was looked at last; kept from one part of the pass to the next. */
export interface ScreenSeen {
  digest: number;
}

export class Listener {
  private readonly machine: Machine;
  private readonly lanes: Lanes;
  /** Before this tick somebody has listened already. */
  private readonly fromTick: number;
  private readonly restore: () => void;
  private readonly seen: ScreenSeen;
  /** The name of the current task; null: not known. */
  private readonly taskName: () => string | null;
  /** The name of the space that the processor is in has been looked for. */
  private isNamed = false;

  constructor(machine: Machine, lanes: Lanes, fromTick: number, seen: ScreenSeen, taskName: () => string | null) {
    this.machine = machine;
    this.lanes = lanes;
    this.fromTick = fromTick;
    this.taskName = taskName;
    this.seen = seen;
    if (fromTick === 0) seen.digest = this.digestOfScreen();
    const undo = this.listenToDevices();
    machine.watcher = { delivered: (kind, vector) => this.delivered(kind, vector) };
    machine.cpu.systemWatcher = {
      called: (vector) => this.called(vector),
      spaceChanged: (directory) => {
        this.isNamed = false;
        this.note('spaces', 'spaces', 'address space', directory >>> 0);
      },
    };
    const { engine } = machine;
    engine.onUnit = (what) => this.note('engine', `engine:${what}`, what, 0);
    if (fromTick === 0) this.note('spaces', 'spaces', 'address space', machine.cpu.m32[CR3] >>> 0);
    this.restore = () => {
      undo();
      machine.watcher = null;
      machine.cpu.systemWatcher = null;
      engine.onUnit = null;
    };
  }

  leave(): void {
    this.restore();
  }

  private note(group: Parameters<Lanes['add']>[0], key: string, name: string, value: number): void {
    const tick = this.machine.cpu.now();
    if (tick >= this.fromTick) this.lanes.add(group, key, name, tick, value);
  }

  private delivered(kind: string, vector: number): void {
    if (kind === 'reset') this.note('resets', 'reset', 'reset', 0);
    else if (kind === 'interrupt') this.note('interrupts', `irq:${vector}`, `vector ${hexByte(vector)}`, vector);
    else if (kind === 'nmi') this.note('interrupts', 'nmi', 'NMI', 2);
    else this.note('faults', `fault:${vector}`, vector < NAMED_FAULTS ? vectorName(vector) : hexByte(vector), vector);
  }

  private called(vector: number): void {
    const { cpu } = this.machine;
    this.nameSpace();
    if (vector < 0) this.note('calls', 'sysenter', 'SYSENTER', cpu.m32[0] >>> 0);
    else if (vector === VECTOR_LINUX_CALL) this.note('calls', 'int:80', 'INT 80h', cpu.m32[0] >>> 0);
    else this.note('calls', `int:${vector}`, `INT ${hexByte(vector)}`, vector);
  }

  /** Who calls the system is the task whose space this is; between a change of spaces and that it may be another. */
  private nameSpace(): void {
    if (this.isNamed) return;
    this.isNamed = true;
    const name = this.taskName();
    if (name !== null) this.lanes.spaceNames.set(this.machine.cpu.m32[CR3] >>> 0, name);
  }

  heard(line: number, _byte: number, tick: number): void {
    if (tick >= this.fromTick) this.lanes.add('serial', `serial:${line}`, SERIAL_NAMES[line] ?? `line ${line}`, tick);
  }

  /** At the same ticks in each pass. */
  look(): void {
    const digest = this.digestOfScreen();
    if (digest === this.seen.digest) return;
    this.seen.digest = digest;
    this.note('screen', 'screen', 'screen changes', 0);
  }

  private digestOfScreen(): number {
    const vga = vgaOf(this.machine.board);
    if (vga === null) return 0;
    const picture = vga.picture();
    const text = screenText(picture);
    let digest = 17;
    if (text !== null) {
      for (const row of text) for (let i = 0; i < row.length; i++) digest = (digest * 31 + row.charCodeAt(i)) | 0;
      return digest;
    }
    const { memory } = picture;
    const step = Math.max(1, Math.floor(memory.length / SAMPLED_WORDS)) | 1;
    for (let i = 0; i < memory.length; i += step) digest = (digest * 31 + memory[i]) | 0;
    return digest;
  }

  /** Puts itself between processor and devices; the result takes it away again. */
  private listenToDevices(): () => void {
    const { cpu, space } = this.machine;
    const { ports } = cpu;
    const { onMmioRead, onMmioWrite } = space;
    const port = (at: number): void => {
      const name = portDevice(at);
      this.note('devices', `io:${name}`, name, at);
    };
    const memory = (physical: number): void => this.note('devices', 'mmio', 'memory-mapped', physical);
    cpu.ports = {
      read: (at, size) => {
        port(at);
        return ports.read(at, size);
      },
      write: (at, size, value) => {
        port(at);
        ports.write(at, size, value);
      },
    };
    space.onMmioRead = (physical, size, value) => {
      onMmioRead(physical, size, value);
      memory(physical);
    };
    space.onMmioWrite = (physical, size, value) => {
      onMmioWrite(physical, size, value);
      memory(physical);
    };
    return () => {
      cpu.ports = ports;
      space.onMmioRead = onMmioRead;
      space.onMmioWrite = onMmioWrite;
    };
  }
}

const SERIAL_NAMES = ['COM1 text', 'COM2 text', 'COM3 text', 'COM4 text', 'console text'];
const hexByte = (value: number): string => `${value.toString(16).toUpperCase().padStart(2, '0')}h`;
