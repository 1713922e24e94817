// What gdb's packets mean (gdb manual, appendix E) for a recording: one thread, one processor, read only, in both
// directions. Takes packet texts, gives packet texts; sockets are the server's. Unknown packets get the empty answer,
// wrong ones an error, and nothing that a client sends can throw or change the recording.

import { peekBytes, peekPhysical, peekPhysicalBytes } from '../../core/memory/peek.ts';
import { CS, EIP, SEG_BASE } from '../../core/state/layout.ts';
import type { Stop, WatchKind, Way } from '../../core/replay/timeline.ts';
import type { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { PACKET_BYTES_MAX, toHex } from './packets.ts';
import { readRegister, REGISTERS, TARGET_XML } from './registers.ts';

const READ_ONLY = 'a recording cannot be changed: what has happened has happened';
const MEMORY_BYTES_MAX = PACKET_BYTES_MAX / 2 - 16;
const CONSOLE_BYTES = PACKET_BYTES_MAX / 2 - 16;
const LIFTED_MAX = 4096;
const SIGINT = '02';
const SIGTRAP = '05';

const WATCH_KINDS: Readonly<Record<string, WatchKind>> = { '2': 'write', '3': 'read', '4': 'access' };
const WATCH_NAMES: Readonly<Record<WatchKind, string>> = { write: 'watch', read: 'rwatch', access: 'awatch' };

export interface StubOutput {
  /** Sends a packet that is no answer: text for gdb's console while a monitor command runs. */
  readonly console: (packet: string) => void;
}

export class GdbStub {
  /** The client has asked to do without + and −. */
  isQuiet = false;
  /** The client has gone: `D` or `k`. */
  isDetached = false;
  private readonly debug: Debugger;
  private readonly output: StubOutput;
  private hasSwbreak = false;
  private hasHwbreak = false;
  private isPhysical = false;
  /** The stop that `?` tells again. */
  private lastStop = `T${SIGTRAP}thread:01;`;
  /** Ids in the timeline by the text of the Z packet. */
  private readonly points = new Map<string, { id: number; type: string; address: number }>();
  /** Where the client took breakpoints away and has none now: gdb does so at every stop. */
  private readonly lifted = new Set<number>();

  constructor(debug: Debugger, output: StubOutput) {
    this.debug = debug;
    this.output = output;
  }

  /** The client is gone: its breakpoints too. */
  close(): void {
    for (const { id } of this.points.values()) this.debug.timeline.remove(id);
    this.points.clear();
  }

  /** Answers one packet; null: no answer is due. */
  async answer(packet: string): Promise<string | null> {
    try {
      return await this.dispatch(packet);
    } catch (error) {
      if (error instanceof DebuggerError) return `E.${error.message}`;
      throw error;
    }
  }

  private async dispatch(packet: string): Promise<string | null> {
    const rest = packet.slice(1);
    switch (packet[0]) {
      case '?':
        return this.lastStop;
      case 'g':
        return REGISTERS.map((register) => toHex(readRegister(this.cpu, register))).join('');
      case 'p': {
        const register = REGISTERS[Number.parseInt(rest, 16)];
        return register === undefined ? 'E01' : toHex(readRegister(this.cpu, register));
      }
      case 'G':
      case 'P':
      case 'M':
      case 'X':
        return `E.${READ_ONLY}`;
      case 'm':
        return this.readMemory(rest);
      case 'c':
      case 'C':
        return await this.resume(this.debug.timeline.continueForward(), 'stay');
      case 's':
      case 'S':
        return this.stepped(await this.resume(this.debug.timeline.stepInstruction()));
      case 'b':
        if (rest === 's') return this.stepped(await this.resume(this.debug.timeline.stepInstructionBack()));
        if (rest === 'c') return await this.resume(this.debug.timeline.continueBackward());
        return '';
      case 'Z':
        return this.insert(rest);
      case 'z':
        return this.remove(rest);
      case 'H':
      case 'T':
        return 'OK';
      case 'D':
        this.isDetached = true;
        return 'OK';
      case 'k':
        this.isDetached = true;
        return null;
      case 'v':
        return await this.verbose(packet);
      case 'q':
        return await this.query(packet);
      case 'Q':
        if (packet === 'QStartNoAckMode') {
          this.isQuiet = true;
          return 'OK';
        }
        if (packet.startsWith('Qqemu.PhyMemMode:')) {
          this.isPhysical = packet.endsWith('1');
          return 'OK';
        }
        return '';
      default:
        return '';
    }
  }

  private get cpu() {
    return this.debug.timeline.machine.cpu;
  }

  private readMemory(rest: string): string {
    const match = /^([0-9a-f]{1,16}),([0-9a-f]{1,8})$/i.exec(rest);
    if (match === null) return 'E22';
    const address = Number.parseInt(match[1], 16);
    const bytes = new Uint8Array(Math.min(Number.parseInt(match[2], 16), MEMORY_BYTES_MAX));
    if (bytes.length === 0) return '';
    const got = this.isPhysical
      ? peekPhysicalBytes(this.cpu, address, bytes)
      : peekBytes(this.cpu, address >>> 0, bytes);
    return got === 0 ? 'E14' : toHex(bytes.subarray(0, got));
  }

  private insert(rest: string): string {
    const match = /^([0-4]),([0-9a-f]{1,8}),([0-9a-f]{1,4})/i.exec(rest);
    if (match === null) return /^[0-4],/.test(rest) ? 'E22' : '';
    const [key] = match;
    if (this.points.has(key)) return 'OK';
    const address = Number.parseInt(match[2], 16);
    const { timeline } = this.debug;
    if (match[1] === '0' || match[1] === '1') {
      this.lifted.delete(address);
      this.points.set(key, { id: timeline.addBreakpoint(address).id, type: match[1], address });
      return 'OK';
    }
    const size = Number.parseInt(match[3], 16);
    const physical = peekPhysical(this.cpu, address);
    if (size === 0 || (address & 0xfff) + size > 4096) return 'E22';
    if (physical < 0 || timeline.machine.space.hostPage(physical) < 0) return 'E14';
    this.points.set(key, {
      id: timeline.addWatchpoint(physical, size, WATCH_KINDS[match[1]]).id,
      type: match[1],
      address,
    });
    return 'OK';
  }

  private remove(rest: string): string {
    const match = /^([0-4]),([0-9a-f]{1,8}),([0-9a-f]{1,4})/i.exec(rest);
    if (match === null) return /^[0-4],/.test(rest) ? 'E22' : '';
    const point = this.points.get(match[0]);
    if (point !== undefined) {
      this.debug.timeline.remove(point.id);
      if (point.type === '0' || point.type === '1') this.lifted.add(point.address);
      if (this.lifted.size > LIFTED_MAX) this.lifted.clear();
    }
    this.points.delete(match[0]);
    return 'OK';
  }

  private async resume(way: Way<Stop>, whenInterrupted: 'return' | 'stay' = 'return'): Promise<string> {
    try {
      const stop = await this.debug.walk(way, whenInterrupted);
      this.debug.visit();
      this.lastStop = this.stopReply(stop);
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      this.lastStop = `T${SIGINT}thread:01;`;
    }
    return this.lastStop;
  }

  /**
   * gdb (13) steps over a breakpoint at the program counter before it continues, and when that step runs out of history
   * it never takes the step for done: the next command waits for ever. Such a step ends plainly, where it began.
   */
  private stepped(reply: string): string {
    const eip = (this.cpu.m32[EIP] + this.cpu.m32[SEG_BASE + CS]) >>> 0;
    return reply.includes('replaylog') && this.lifted.has(eip) ? `T${SIGTRAP}thread:01;` : reply;
  }

  private stopReply(stop: Stop): string {
    const head = `T${SIGTRAP}thread:01;`;
    switch (stop.kind) {
      case 'start':
        return `${head}replaylog:begin;`;
      case 'end':
      case 'divergence':
        return `${head}replaylog:end;`;
      case 'breakpoint': {
        const point = this.pointOf(stop.breakpoint?.id);
        if (point?.type === '1') return this.hasHwbreak ? `${head}hwbreak:;` : head;
        return this.hasSwbreak ? `${head}swbreak:;` : head;
      }
      case 'watchpoint': {
        const point = this.pointOf(stop.watchpoint?.id);
        if (point === undefined || stop.watchpoint === null) return head;
        return `${head}${WATCH_NAMES[stop.watchpoint.kind]}:${point.address.toString(16)};`;
      }
      default:
        return head;
    }
  }

  private pointOf(id: number | undefined) {
    return [...this.points.values()].find((point) => point.id === id);
  }

  private async verbose(packet: string): Promise<string> {
    if (packet === 'vCont?') return 'vCont;c;C;s;S';
    if (packet.startsWith('vCont;')) {
      const action = packet[6];
      if (action === 'c' || action === 'C') return await this.resume(this.debug.timeline.continueForward(), 'stay');
      if (action === 's' || action === 'S')
        return this.stepped(await this.resume(this.debug.timeline.stepInstruction()));
      return 'E22';
    }
    if (packet.startsWith('vKill')) {
      this.isDetached = true;
      return 'OK';
    }
    return '';
  }

  private async query(packet: string): Promise<string | null> {
    if (packet.startsWith('qSupported')) {
      const wants = packet.slice(11).split(';');
      this.hasSwbreak = wants.includes('swbreak+');
      this.hasHwbreak = wants.includes('hwbreak+');
      return [
        `PacketSize=${PACKET_BYTES_MAX.toString(16)}`,
        'QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+;ReverseStep+;ReverseContinue+',
      ].join(';');
    }
    if (packet.startsWith('qXfer:features:read:')) return this.transfer(packet);
    if (packet.startsWith('qRcmd,')) return await this.monitor(packet.slice(6));
    if (packet === 'qC') return 'QC1';
    if (packet === 'qfThreadInfo') return 'm1';
    if (packet === 'qsThreadInfo') return 'l';
    if (packet.startsWith('qAttached')) return '1';
    if (packet.startsWith('qSymbol')) return 'OK';
    if (packet === 'qqemu.PhyMemMode') return this.isPhysical ? '1' : '0';
    if (packet.startsWith('qThreadExtraInfo')) return toHex(Buffer.from('the processor'));
    return '';
  }

  private transfer(packet: string): string {
    const match = /^qXfer:features:read:([^:]*):([0-9a-f]{1,8}),([0-9a-f]{1,8})$/i.exec(packet);
    if (match === null) return 'E22';
    if (match[1] !== 'target.xml') return 'E00';
    const offset = Number.parseInt(match[2], 16);
    const length = Math.min(Number.parseInt(match[3], 16), MEMORY_BYTES_MAX);
    const part = TARGET_XML.slice(offset, offset + length);
    return `${offset + length >= TARGET_XML.length ? 'l' : 'm'}${part}`;
  }

  private async monitor(hex: string): Promise<string> {
    if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) return 'E22';
    const line = Buffer.from(hex, 'hex').toString('latin1');
    let text: string;
    try {
      text = (await this.debug.execute(line)).text;
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      text = error.message;
    }
    const bytes = Buffer.from(`${text}\n`);
    for (let at = 0; at < bytes.length; at += CONSOLE_BYTES) {
      this.output.console(`O${bytes.subarray(at, at + CONSOLE_BYTES).toString('hex')}`);
    }
    return 'OK';
  }
}
