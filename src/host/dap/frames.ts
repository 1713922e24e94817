// Frames, scopes and variables of the moment, as a client asks for them, by numbers that hold until the next stop.
// Frames and variables come from symbols/ (unwind.ts, source-level.ts); registers from the processor.

import { basename } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { backtrace, type Frame } from '../symbols/unwind.ts';
import { FLAG_NAMES } from '../../core/state/flag-names.ts';
import { getFlags } from '../../core/state/flags.ts';
import { REGISTERS_32, STATE_SEGMENTS } from '../../core/base/names.ts';
import { CR0, CR2, CR3, CR4, EIP, SEG_SELECTOR } from '../../core/state/layout.ts';
import type { Debugger } from '../debugger/debugger.ts';
import type { SourcePaths } from './source-paths.ts';
import { RequestError } from './arguments.ts';
import { reference } from './stopping.ts';

const FRAMES_MAX = 200;
const SCOPES = ['locals', 'registers', 'system'] as const;

interface Shown {
  readonly frame: Frame;
  readonly name: string;
  /** '' and 0 where no line is known. */
  readonly file: string;
  readonly line: number;
}

export class Frames {
  private readonly debug: Debugger;
  private readonly paths: SourcePaths;
  private frames: readonly Frame[] | null = null;
  private shownFrames: readonly Shown[] | null = null;

  constructor(debug: Debugger, paths: SourcePaths) {
    this.debug = debug;
    this.paths = paths;
  }

  /** Another moment: what was given out holds no more. */
  forget(): void {
    this.frames = null;
    this.shownFrames = null;
  }

  private get all(): readonly Frame[] {
    const { debug } = this;
    const { cpu } = debug.timeline.machine;
    this.frames ??= backtrace(cpu, debug.symbols, debug.source.frameStep(cpu), FRAMES_MAX);
    return this.frames;
  }

  frame(id: number): Frame {
    const found = this.shown[id - 1];
    if (found === undefined) throw new RequestError(`There is no frame ${id} at this moment: ask for the stack again.`);
    return found.frame;
  }

  /** What a client sees: functions that are inlined have frames too, which share the registers of the one around. */
  private get shown(): readonly Shown[] {
    this.shownFrames ??= this.all.flatMap((frame) => this.shownOf(frame));
    return this.shownFrames;
  }

  private shownOf(frame: Frame): Shown[] {
    const { source } = this.debug;
    const { address, symbol, kind } = frame;
    const isReturn = kind === 'caller' || kind === 'guess';
    const at = isReturn ? address - 1 : address;
    const place = source.placeAt(at);
    const name = symbol === '' ? reference(address) : symbol.replace(/\+0x[0-9a-f]+/, '');
    let file = place?.file ?? '';
    let line = place?.line ?? 0;
    const found: Shown[] = [];
    for (const call of source.inlinedAt(at)) {
      found.push({ frame, name: `${call.name} (inlined)`, file, line });
      ({ file, line } = call);
    }
    const how = kind === 'guess' ? ' (a guess)' : kind === 'interrupted' ? ' (interrupted here)' : '';
    return [...found, { frame, name: `${name}${how}`, file, line }];
  }

  stack(start: number, levels: number): { stackFrames: DebugProtocol.StackFrame[]; totalFrames: number } {
    const part = this.shown.slice(start, levels === 0 ? undefined : start + levels);
    const stackFrames = part.map(({ frame, name, file, line }, i) => {
      const shown: DebugProtocol.StackFrame = {
        id: start + i + 1,
        name,
        line,
        column: file === '' ? 0 : 1,
        instructionPointerReference: reference(frame.address),
        presentationHint: frame.kind === 'guess' ? 'subtle' : 'normal',
      };
      if (file !== '') shown.source = { name: basename(file), path: this.paths.toClient(file) };
      return shown;
    });
    return { stackFrames, totalFrames: this.shown.length };
  }

  scopes(frameId: number): DebugProtocol.Scope[] {
    this.frame(frameId);
    const of = (scope: number): number => frameId * SCOPES.length + scope + 1;
    return [
      { name: 'Locals', presentationHint: 'locals', variablesReference: of(0), expensive: false },
      { name: 'Registers', presentationHint: 'registers', variablesReference: of(1), expensive: false },
      { name: 'System registers', variablesReference: of(2), expensive: true },
    ];
  }

  variables(variablesReference: number): DebugProtocol.Variable[] {
    const scope = SCOPES[(variablesReference - 1) % SCOPES.length];
    const frame = this.frame(Math.floor((variablesReference - 1) / SCOPES.length));
    const { cpu } = this.debug.timeline.machine;
    if (scope === 'locals') {
      return this.debug.source
        .locals(cpu, frame)
        .map(({ name, type, value }) => ({ name, value, type, evaluateName: name, variablesReference: 0 }));
    }
    return scope === 'registers' ? this.registers(frame) : this.system();
  }

  private registers(frame: Frame): DebugProtocol.Variable[] {
    const { cpu } = this.debug.timeline.machine;
    const one = (name: string, value: number | null): DebugProtocol.Variable => ({
      name,
      value: value === null ? 'not known in this frame' : reference(value),
      variablesReference: 0,
      ...(value === null ? {} : { memoryReference: reference(value), evaluateName: name }),
    });
    const { eip, esp, ebp, others } = frame.registers;
    if (frame.kind !== 'here') {
      // As the frame has them: all but the two that are apart.
      const names = REGISTERS_32.filter((name) => name !== 'esp' && name !== 'ebp');
      return [
        ...names.map((name, i) => one(name, others[i] ?? null)),
        one('esp', esp),
        one('ebp', ebp),
        one('eip', eip),
      ];
    }
    const flags = getFlags(cpu);
    const set = Object.entries(FLAG_NAMES).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]));
    return [
      ...REGISTERS_32.map((name, i) => one(name, cpu.m32[i])),
      one('eip', cpu.m32[EIP]),
      { name: 'eflags', value: `${reference(flags)} [${set.join(' ')}]`, variablesReference: 0 },
    ];
  }

  private system(): DebugProtocol.Variable[] {
    const { m32 } = this.debug.timeline.machine.cpu;
    const one = (name: string, value: number): DebugProtocol.Variable => ({
      name,
      value: reference(value),
      variablesReference: 0,
    });
    return [
      ...STATE_SEGMENTS.map((name, i) => one(name, m32[SEG_SELECTOR + i] & 0xffff)),
      one('cr0', m32[CR0]),
      one('cr2', m32[CR2]),
      one('cr3', m32[CR3]),
      one('cr4', m32[CR4]),
    ];
  }
}
