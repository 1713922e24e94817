// What gdb's packets mean (gdb manual, appendix E): one thread, one processor, a recording in both directions or a live
// run (target.ts). Takes packet texts, gives packet texts; sockets are the server's. Unknown packets get the empty
// answer, wrong ones an error, and nothing that a client sends can throw, or change a recording.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { EDITABLE_FLAGS, EDITABLE_REGISTERS } from '../../core/machine/edit.ts';
import { peekBytes, peekPhysical, peekPhysicalBytes } from '../../core/memory/peek.ts';
import type { InputEvent } from '../../core/log/events.ts';
import type { WatchKind } from '../../core/timeline/lookout.ts';
import { CS, EIP, SEG_BASE } from '../../core/state/layout.ts';
import { getFlags } from '../../core/state/flags.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { PACKET_BYTES_MAX, toHex } from './packets.ts';
import { readRegister, REGISTERS, TARGET_XML } from './registers.ts';
import type { GdbTarget, Motion, TargetStop } from './target.ts';

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
  /** … and wants the run to end. */
  private isKilling = false;
  private target: GdbTarget;
  private readonly output: StubOutput;
  private hasSwbreak = false;
  private hasHwbreak = false;
  private isPhysical = false;
  /** The stop that `?` tells again. */
  private lastStop = `T${SIGTRAP}thread:01;`;
  /** Ids in the timeline by the text of the Z packet. */
  private readonly points = new Map<string, { id: number; type: string; address: number; kind: WatchKind | null }>();
  /** Where the client took breakpoints away and has none now: gdb does so at every stop. */
  private readonly lifted = new Set<number>();

  constructor(target: GdbTarget, output: StubOutput) {
    this.target = target;
    this.output = output;
    target.attach();
  }

  /** The client is gone: its breakpoints too. */
  close(): void {
    for (const { id } of this.points.values()) this.target.remove(id);
    this.points.clear();
    this.target.leave(this.isKilling);
  }

  interrupt(): void {
    this.target.interrupt();
  }

  rest(): void {
    this.target.rest();
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
      // What cannot be written at all says so, whatever the packet.
      case 'G':
        this.target.write([]);
        return this.writeRegisters(rest);
      case 'P':
        this.target.write([]);
        return this.writeRegister(rest);
      case 'M':
      case 'X':
        this.target.write([]);
        return this.writeMemory(rest, packet[0] === 'X');
      case 'm':
        return this.readMemory(rest);
      case 'c':
      case 'C':
        return await this.move('continue');
      case 's':
      case 'S':
        return this.stepped(await this.move('step'));
      case 'b':
        if (rest === 's') return this.stepped(await this.move('step-back'));
        if (rest === 'c') return await this.move('continue-back');
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
        this.isKilling = true;
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
    return this.target.machine.cpu;
  }

  private writeRegisters(hex: string): string {
    const all = Buffer.from(hex, 'hex');
    const sizeBytes = REGISTERS.reduce((sum, { bits }) => sum + bits / 8, 0);
    if (hex.length !== 2 * sizeBytes || all.length !== sizeBytes) return 'E22';
    const events: InputEvent[] = [];
    let at = 0;
    for (const [index, register] of REGISTERS.entries()) {
      const bytes = all.subarray(at, at + register.bits / 8);
      at += bytes.length;
      if (!bytes.equals(readRegister(this.cpu, register))) events.push(this.editOf(index, bytes));
    }
    this.target.write(events);
    return 'OK';
  }

  private writeRegister(rest: string): string {
    const match = /^([0-9a-f]{1,4})=((?:[0-9a-f]{2}){1,16})$/i.exec(rest);
    const index = match === null ? -1 : Number.parseInt(match[1], 16);
    if (match === null || REGISTERS[index]?.bits !== match[2].length * 4) return 'E22';
    this.target.write([this.editOf(index, Buffer.from(match[2], 'hex'))]);
    return 'OK';
  }

  /** Throws DebuggerError for a register that nothing but the guest may set. */
  private editOf(index: number, bytes: Buffer): InputEvent {
    const { name } = REGISTERS[index];
    const register = EDITABLE_REGISTERS.find((each) => each === name);
    if (register === undefined) {
      throw new DebuggerError(`${name} cannot be written: ${EDITABLE_REGISTERS.join(', ')} and memory can`);
    }
    const value = bytes.readUInt32LE(0);
    if (register === 'eflags' && ((value ^ getFlags(this.cpu)) & ~EDITABLE_FLAGS) !== 0) {
      throw new DebuggerError('of eflags only CF, PF, AF, ZF, SF, OF, DF and IF can be written');
    }
    return { kind: 'edit-register', register, value };
  }

  private writeMemory(rest: string, isBinary: boolean): string {
    const match = /^([0-9a-f]{1,16}),([0-9a-f]{1,8}):(.*)$/is.exec(rest);
    if (match === null) return 'E22';
    const address = Number.parseInt(match[1], 16);
    const bytes = Buffer.from(match[3], isBinary ? 'latin1' : 'hex');
    if (bytes.length !== Number.parseInt(match[2], 16)) return 'E22';
    const events: InputEvent[] = [];
    for (let done = 0; done < bytes.length; ) {
      const at = this.isPhysical ? address + done : (address + done) >>> 0;
      const count = Math.min(bytes.length - done, PAGE_BYTES - (at & 0xfff));
      const physical = this.isPhysical ? at : peekPhysical(this.cpu, at);
      if (physical < 0 || physical + count > this.cpu.memory.ramBytes) return 'E14';
      events.push({
        kind: 'edit-memory',
        address: physical,
        bytes: Uint8Array.from(bytes.subarray(done, done + count)),
      });
      done += count;
    }
    this.target.write(events);
    return 'OK';
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
    if (match[1] === '0' || match[1] === '1') {
      this.lifted.delete(address);
      this.points.set(key, { id: this.target.addBreakpoint(address), type: match[1], address, kind: null });
      return 'OK';
    }
    const size = Number.parseInt(match[3], 16);
    const physical = peekPhysical(this.cpu, address);
    if (size === 0 || (address & 0xfff) + size > PAGE_BYTES) return 'E22';
    if (physical < 0 || this.target.machine.space.hostPage(physical) < 0) return 'E14';
    const kind = WATCH_KINDS[match[1]];
    const id = this.target.addWatchpoint(physical, size, kind);
    this.points.set(key, { id, type: match[1], address, kind });
    return 'OK';
  }

  private remove(rest: string): string {
    const match = /^([0-4]),([0-9a-f]{1,8}),([0-9a-f]{1,4})/i.exec(rest);
    if (match === null) return /^[0-4],/.test(rest) ? 'E22' : '';
    const point = this.points.get(match[0]);
    if (point !== undefined) {
      this.target.remove(point.id);
      if (point.type === '0' || point.type === '1') this.lifted.add(point.address);
      if (this.lifted.size > LIFTED_MAX) this.lifted.clear();
    }
    this.points.delete(match[0]);
    return 'OK';
  }

  private async move(motion: Motion): Promise<string> {
    this.lastStop = this.stopReply(await this.target.move(motion));
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

  private stopReply({ kind, id, status }: TargetStop): string {
    const head = `T${SIGTRAP}thread:01;`;
    const point = [...this.points.values()].find((each) => each.id === id);
    switch (kind) {
      case 'start':
        return `${head}replaylog:begin;`;
      case 'end':
        return `${head}replaylog:end;`;
      case 'interrupted':
        return `T${SIGINT}thread:01;`;
      case 'exited':
        return `W${status.toString(16).padStart(2, '0')}`;
      case 'breakpoint':
        if (point?.type === '1') return this.hasHwbreak ? `${head}hwbreak:;` : head;
        return this.hasSwbreak ? `${head}swbreak:;` : head;
      case 'watchpoint':
        if (point === undefined || point.kind === null) return head;
        return `${head}${WATCH_NAMES[point.kind]}:${point.address.toString(16)};`;
      case 'stopped':
        return head;
    }
  }

  private async verbose(packet: string): Promise<string> {
    if (packet === 'vCont?') return 'vCont;c;C;s;S';
    if (packet.startsWith('vCont;')) {
      const action = packet[6];
      if (action === 'c' || action === 'C') return await this.move('continue');
      if (action === 's' || action === 'S') return this.stepped(await this.move('step'));
      return 'E22';
    }
    if (packet.startsWith('vKill')) {
      this.isDetached = true;
      this.isKilling = true;
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
    if (packet === 'qOffsets') {
      const text = this.target.textSegment?.() ?? null;
      return text === null ? '' : `TextSeg=${text.toString(16)}`;
    }
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

  /** Another machine from here on, with the breakpoints that are in. */
  private turnTo(target: GdbTarget): void {
    const keys = [...this.points.keys()];
    for (const { id } of this.points.values()) this.target.remove(id);
    this.points.clear();
    this.target = target;
    target.attach();
    for (const key of keys) this.insert(key);
    this.lastStop = `T${SIGTRAP}thread:01;`;
  }

  private async monitor(hex: string): Promise<string> {
    if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) return 'E22';
    const line = Buffer.from(hex, 'hex').toString('latin1');
    let text: string;
    try {
      const answer = await this.target.monitor(line);
      text = answer.text;
      if (answer.target !== undefined) this.turnTo(answer.target);
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
