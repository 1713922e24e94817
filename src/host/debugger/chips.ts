// Interrupt controllers and timers in words a person reads, from what the chips remember (their field tables, whose
// names the data sheets' registers have in devices/): who asks, who is served, what is masked, when a timer is due. The
// fields themselves are shown by `devices NAME`.

import { pitHertz } from '../../core/devices/timers/pit.ts';
import { apicTimerHertz } from '../../core/devices/interrupts/apic.ts';
import {
  DELIVER_EXTINT,
  DELIVER_FIXED,
  DELIVER_LOWEST,
  DELIVER_NMI,
  deliveryOf,
  MASKED,
} from '../../core/devices/interrupts/entry.ts';
import type { DeviceState } from '../../core/board/device.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { DebuggerError } from './debugger-error.ts';
import { hex, hexValue } from './views.ts';

/** What is wired to the lines of a PC/AT. */
const IRQ_NAMES = [
  'timer',
  'keyboard',
  'cascade',
  'COM2',
  'COM1',
  'LPT2',
  'floppy',
  'LPT1',
  'clock',
  '',
  '',
  '',
  'mouse',
  'FPU error',
  'disk',
  'disk 2',
];

type Saved = Readonly<Record<string, unknown>>;

/** What a device remembers; throws DebuggerError where the machine has no models. */
function stateOf(machine: Machine, name: string): DeviceState {
  const device = machine.board.devices.find((each) => each.name === name);
  if (device !== undefined) return device.fields.save();
  throw new DebuggerError(`This machine has no model of the ${name}: debug the log without --devices log.`);
}

const part = (state: Saved, name: string): Saved => state[name] as Saved;
const number = (state: Saved, name: string): number => Number(state[name]);

function lines(bits: number, first: number): string {
  const names: string[] = [];
  for (let line = 0; line < 8; line++) {
    if (((bits >>> line) & 1) === 0) continue;
    const name = IRQ_NAMES[first + line];
    names.push(`IRQ ${first + line}${name === '' ? '' : ` (${name})`}`);
  }
  return names.length === 0 ? 'none' : names.join(', ');
}

function chipLines(title: string, chip: Saved, first: number): string[] {
  const base = number(chip, 'vectorBase');
  if (number(chip, 'icw1') === 0) return [`${title}: not programmed yet, it passes nothing on`];
  const masked = number(chip, 'masked');
  const requests = number(chip, 'requests');
  const waiting = requests & ~masked;
  return [
    `${title}: IRQ ${first} to ${first + 7} are vectors ${hexValue(base)} to ${hexValue(base + 7)}`,
    `  requested   ${lines(requests, first)}`,
    `  in service  ${lines(number(chip, 'inService'), first)}`,
    `  open        ${lines(~masked & 0xff, first)}`,
    `  level       ${lines(number(chip, 'levelTriggered'), first)}`,
    ...(waiting === 0 ? [] : [`  waits for the processor: ${lines(waiting, first)}`]),
    ...(chip.specialMask === true ? ['  special mask mode'] : []),
    ...((number(chip, 'icw4') & 2) !== 0 ? ['  ends interrupts by itself (AEOI)'] : []),
  ];
}

export function picLines(machine: Machine): string {
  const state = stateOf(machine, 'pic');
  return [
    ...chipLines('master 8259A', part(state, 'master'), 0),
    ...chipLines('slave 8259A', part(state, 'slave'), 8),
    `INTR is ${state.output === true ? 'high' : 'low'}`,
  ].join('\n');
}

const PIT_MODES = [
  'interrupt on terminal count',
  'one-shot',
  'rate generator',
  'square wave',
  'software strobe',
  'hardware strobe',
];
const PIT_USES = ['IRQ 0', 'memory refresh', 'speaker'];

function counterLine(counter: Saved, index: number, cycle: number): string {
  const control = number(counter, 'control');
  const raw = (control >> 1) & 7;
  const mode = raw > 5 ? raw & 3 : raw;
  const name = `counter ${index} (${PIT_USES[index]})`;
  const what = `mode ${mode}, ${PIT_MODES[mode]}${(control & 1) !== 0 ? ', BCD' : ''}`;
  const count = number(counter, 'count');
  const isPeriodic = mode === 2 || mode === 3;
  const hertz = pitHertz / count;
  const rate = isPeriodic ? `${hertz.toFixed(hertz < 100 ? 2 : 0)} Hz` : `${((count * 1e6) / pitHertz).toFixed(1)} µs`;
  const gate = counter.gate === true ? '' : ', gate low';
  if (counter.armed !== true) return `${name}: ${what}, no count written yet${gate}`;
  const loadAt = number(counter, 'loadAt');
  // The chip takes a count over when it is looked at next.
  const isLoading = loadAt >= 0 && loadAt <= cycle;
  if (counter.running !== true && !isLoading) {
    return `${name}: ${what}, count ${count} (${rate}), has not begun to count${gate}`;
  }
  const stopped = isLoading ? -1 : number(counter, 'stopped');
  const loaded = isLoading ? count : number(counter, 'loaded');
  const elapsed = stopped >= 0 ? stopped : cycle - (isLoading ? loadAt : number(counter, 'start'));
  const isOver = !isPeriodic && elapsed >= loaded;
  const left = isPeriodic ? loaded - (elapsed % loaded) : loaded - elapsed;
  const now = isOver ? 'has run out' : `${left} clocks to go`;
  return `${name}: ${what}, count ${count} (${rate}), ${stopped >= 0 ? 'stopped, ' : ''}${now}${gate}`;
}

export function pitLines(machine: Machine): string {
  const state = stateOf(machine, 'pit');
  const cycle = machine.clock.cycles(machine.tick, pitHertz);
  const counters = [0, 1, 2].map((i) => counterLine(part(state, `counter${i}`), i, cycle));
  const speaker = (number(state, 'controlB') & 2) !== 0 ? 'on' : 'off';
  return [
    ...counters,
    `speaker data ${speaker}, OUT of counter 0 is ${state.outDriven === true ? 'high' : 'low'}`,
  ].join('\n');
}

const LOCAL_NAMES = ['timer', 'thermal', 'performance', 'LINT0', 'LINT1', 'error'];

function deliveryText(entry: number): string {
  const mode = deliveryOf(entry);
  const vector = `vector ${hexValue(entry & 0xff)}`;
  if (mode === DELIVER_FIXED || mode === DELIVER_LOWEST) return vector;
  if (mode === DELIVER_NMI) return 'NMI';
  return mode === DELIVER_EXTINT ? 'ExtINT (the 8259 says the vector)' : `delivery mode ${mode}, ${vector}`;
}

function vectorsOf(words: readonly number[]): string {
  const vectors: string[] = [];
  words.forEach((word, i) => {
    for (let bit = 0; bit < 32; bit++) if (((word >>> bit) & 1) !== 0) vectors.push(hexValue(i * 32 + bit));
  });
  return vectors.length === 0 ? 'none' : vectors.join(', ');
}

function timerText(machine: Machine, state: Saved, isPeriodic: boolean): string {
  const count = number(state, 'timerCount');
  if (count === 0) return 'stands still';
  const code = (number(state, 'divideConfiguration') & 3) | ((number(state, 'divideConfiguration') >> 1) & 4);
  const divider = code === 7 ? 1 : 2 << code;
  const cycle = machine.clock.cycles(machine.tick, apicTimerHertz);
  const left = count - Math.floor((cycle - number(state, 'timerStart')) / divider);
  const periodNs = number(state, 'initialCount') * divider * (1e9 / apicTimerHertz);
  const how = isPeriodic ? `every ${(periodNs / 1e3).toFixed(1)} µs` : 'once';
  return `${how}, ${left} of ${number(state, 'initialCount')} to go, clock divided by ${divider}`;
}

export function apicLines(machine: Machine): string {
  const state = stateOf(machine, 'apic');
  if (state.enabled !== true) return 'the local APIC is off (IA32_APIC_BASE): the 8259 reaches the processor directly';
  const spurious = number(state, 'spurious');
  const vectors = state.localVectors as readonly number[];
  const isOn = (spurious & 0x100) !== 0;
  return [
    `local APIC ${number(state, 'id')}: ${isOn ? 'enabled' : 'disabled by software'}, ` +
      `spurious vector ${hexValue(spurious & 0xff)}`,
    `  task priority ${hexValue(number(state, 'taskPriority'))}, ` +
      `logical id ${hex(number(state, 'logicalDestination'))}`,
    `  requested   ${vectorsOf(state.requests as readonly number[])}`,
    `  in service  ${vectorsOf(state.inService as readonly number[])}`,
    ...LOCAL_NAMES.map((name, i) => {
      const entry = vectors[i];
      const more = i === 0 ? `, ${timerText(machine, state, (entry & 0x20000) !== 0)}` : '';
      return `  ${name.padEnd(11)} ${(entry & MASKED) !== 0 ? 'masked, ' : ''}${deliveryText(entry)}${more}`;
    }),
    `  errors      ${hexValue(number(state, 'errors'))}`,
  ].join('\n');
}
