// What gdb's packets mean (gdb manual, appendix E): one thread, one processor, a recording in both directions or a live
// run (target.ts). Takes packet texts, gives packet texts; sockets are the server's. Unknown packets get the empty
// answer, wrong ones an error, and nothing that a client sends can throw, or change a recording.

import { PAGE_BYTES } from '../../core/base/pages.ts';
import { EDITABLE_FLAGS, EDITABLE_REGISTERS } from '../../core/machine/edit.ts';
import { peekBytes, peekPhysical, peekPhysicalBytes } from '../../core/memory/peek.ts';
import type { InputEvent } from '../../core/log/events.ts';
import { positionAtRest, type WatchKind } from '../../core/timeline/lookout.ts';
import { CS, EIP, SEG_BASE } from '../../core/state/layout.ts';
import { getFlags } from '../../core/state/flags.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { PACKET_BYTES_MAX, toHex } from './packets.ts';
import { readRegister, REGISTERS, TARGET_XML } from './registers.ts';
import type { GdbTarget, Motion, TargetStop } from './target.ts';

const MEMORY_BYTES_MAX = PACKET_BYTES_MAX / 2 - 16;
const CONSOLE_BYTES = PACKET_BYTES_MAX / 2 - 16;
const LIFTED_MAX = 4096;
/** gdb waits two seconds for an answer before it says "Ignoring packet error". */
const KEEP_ALIVE_MS = 500;
const MOVED =
  '(gdb still shows the place before: stepi arrives here without a step; continue and reverse-continue go on ' +
  'from here)';
const CODE_16_HINT =
  'The code segment does not begin at 0: $pc counts from its base. x/i $cs_base+$pc shows the code (16-bit code ' +
  'after set architecture i8086), and so does monitor disassemble.\n';
const SIGINT = '02';
const SIGTRAP = '05';

const WATCH_KINDS: Readonly<Record<string, WatchKind>> = { '2': 'write', '3': 'read', '4': 'access' };
const WATCH_NAMES: Readonly<Record<WatchKind, string>> = { write: 'watch', read: 'rwatch', access: 'awatch' };

/** Ctrl-C while another client has the run. */
class TurnError extends DebuggerError {}

interface Point {
  /** In the target: one, or two where gdb's address can be meant in two ways. */
  readonly ids: readonly number[];
  readonly type: string;
  readonly address: number;
  readonly kind: WatchKind | null;
}

export interface StubOutput {
  /** Sends a packet that is no answer: text for gdb's console while a monitor command runs. */
  readonly console: (packet: string) => void;
  /** What the client does not show its user. */
  readonly note?: (text: string) => void;
}

export class GdbStub {
  /** The client has asked to do without + and −. */
  isQuiet = false;
  /** The client has gone: `D` or `k`. */
  isDetached = false;
  /** … and wants the run to end. */
  private isKilling = false;
  /** `target extended-remote`: the connection outlives what is debugged. */
  private isExtended = false;
  private target: GdbTarget;
  private readonly output: StubOutput;
  /** Another client is debugging: until it has gone, this one may look, but not move. */
  private turn: Promise<void> | null;
  /** What gdb believes to look at, which `monitor` can have left. */
  private shownPlace = '';
  private hasHinted = false;
  private giveUpWaiting: () => void = () => {};
  private isClosed = false;
  private hasSwbreak = false;
  private hasHwbreak = false;
  private isPhysical = false;
  /** The stop that `?` tells again. */
  private lastStop = `T${SIGTRAP}thread:01;`;
  /** Ids in the timeline by the text of the Z packet. */
  private readonly points = new Map<string, Point>();
  /** Where the client took breakpoints away and has none now: gdb does so at every stop. */
  private readonly lifted = new Set<number>();

  /** `turn` ends when another client, who has the target until then, has gone. */
  constructor(target: GdbTarget, output: StubOutput, turn: Promise<void> | null = null) {
    this.target = target;
    this.output = output;
    this.turn = turn;
    if (turn === null) target.attach();
    else void turn.then(() => this.takeTurn());
    this.shownPlace = this.place();
  }

  /** The client is gone: its breakpoints too. True: it wants the run to end. */
  close(): boolean {
    this.isClosed = true;
    this.removePoints();
    if (this.turn === null) this.target.leave(this.isKilling);
    return this.isKilling && this.turn === null;
  }

  private removePoints(): void {
    for (const id of [...this.points.values()].flatMap(({ ids }) => ids)) this.target.remove(id);
    this.points.clear();
  }

  /** Where the target stands, to tell whether it has been moved. */
  private place(): string {
    const { tick, seq } = positionAtRest(this.target.machine);
    return `${this.target.name} ${tick}/${seq}`;
  }

  private say(text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += CONSOLE_BYTES) {
      this.output.console(`O${toHex(bytes.subarray(at, at + CONSOLE_BYTES))}`);
    }
  }

  /** Until the client who was here first has gone. gdb may be told so while it waits for what this answers. */
  private async awaitTurn(): Promise<void> {
    const { turn } = this;
    if (turn === null) return;
    this.say('Another debugger has this run: yours goes on when it has gone.\n');
    const interrupted = new Promise<void>((resolve) => (this.giveUpWaiting = resolve));
    await Promise.race([turn, interrupted]);
    await Promise.resolve();
    if (this.turn !== null) throw new TurnError('Another debugger still has this run.');
  }

  private takeTurn(): void {
    if (this.turn === null || this.isClosed) return;
    this.turn = null;
    this.target.attach();
    const keys = [...this.points.keys()];
    this.points.clear();
    for (const key of keys) this.insert(key);
  }

  /** What takes long keeps gdb from giving up: empty text for its console. */
  private async keepingAlive<T>(work: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => this.output.console('O'), KEEP_ALIVE_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }

  interrupt(): void {
    if (this.turn === null) this.target.interrupt();
    else this.giveUpWaiting();
  }

  rest(): void {
    if (this.turn === null) this.target.rest();
  }

  /** Answers one packet; null: no answer is due. */
  async answer(packet: string): Promise<string | null> {
    try {
      return await this.dispatch(packet);
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      // gdb shows the text for registers; for memory (up to version 13) it says only that it cannot.
      if (/^[MXGP]/.test(packet)) this.output.note?.(`a write was refused: ${error.message}`);
      return `E.${error.message}`;
    }
  }

  private async dispatch(packet: string): Promise<string | null> {
    const rest = packet.slice(1);
    switch (packet[0]) {
      case '?':
        return this.lastStop;
      case 'g':
        // gdb has asked anew (flushregs): it knows where it is.
        this.shownPlace = this.place();
        return REGISTERS.map((register) => toHex(readRegister(this.cpu, register))).join('');
      case 'p': {
        const register = REGISTERS[Number.parseInt(rest, 16)];
        return register === undefined ? 'E01' : toHex(readRegister(this.cpu, register));
      }
      // What cannot be written at all says so, whatever the packet.
      case 'G':
        this.refuseWrites();
        return this.writeRegisters(rest);
      case 'P':
        this.refuseWrites();
        return this.writeRegister(rest);
      case 'M':
      case 'X':
        this.refuseWrites();
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
        this.isDetached = !this.isExtended;
        return 'OK';
      case 'k':
        this.kill();
        return null;
      case '!':
        this.isExtended = true;
        return 'OK';
      case 'R':
        if (!this.isExtended) return '';
        await this.restart();
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
      if (physical < 0 || physical + count > this.cpu.memory.ramBytes) {
        throw new DebuggerError(`no memory that can be written is mapped at 0x${at.toString(16)}`);
      }
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
      this.points.set(key, { ids: this.addBreakpoints(address), type: match[1], address, kind: null });
      return 'OK';
    }
    const size = Number.parseInt(match[3], 16);
    const physical = peekPhysical(this.cpu, address);
    if (size === 0 || (address & 0xfff) + size > PAGE_BYTES) return 'E22';
    if (physical < 0 || this.target.machine.space.hostPage(physical) < 0) return 'E14';
    const kind = WATCH_KINDS[match[1]];
    const ids = this.turn === null ? [this.target.addWatchpoint(physical, size, kind)] : [];
    this.points.set(key, { ids, type: match[1], address, kind });
    return 'OK';
  }

  /**
   * At a linear address; and where the code segment does not begin at 0 also at that offset of it, since gdb takes EIP
   * for an address: that is where its own breakpoints for next and finish are.
   */
  private addBreakpoints(address: number): number[] {
    if (this.turn !== null) return [];
    const linear = (address + this.cpu.m32[SEG_BASE + CS]) >>> 0;
    return [...new Set([address, linear])].map((each) => this.target.addBreakpoint(each));
  }

  private remove(rest: string): string {
    const match = /^([0-4]),([0-9a-f]{1,8}),([0-9a-f]{1,4})/i.exec(rest);
    if (match === null) return /^[0-4],/.test(rest) ? 'E22' : '';
    const point = this.points.get(match[0]);
    if (point !== undefined) {
      for (const id of point.ids) this.target.remove(id);
      if (point.type === '0' || point.type === '1') this.lifted.add(point.address);
      if (this.lifted.size > LIFTED_MAX) this.lifted.clear();
    }
    this.points.delete(match[0]);
    return 'OK';
  }

  private async move(motion: Motion): Promise<string> {
    try {
      await this.awaitTurn();
    } catch (error) {
      if (error instanceof TurnError) return `T${SIGINT}thread:01;`;
      throw error;
    }
    const isStep = motion === 'step' || motion === 'step-back';
    // `monitor seek` has led away from what gdb shows: a step arrives there, as gdb expects to arrive somewhere.
    if (isStep && this.shownPlace !== this.place()) return this.arrive();
    this.lastStop = this.stopReply(await this.target.move(motion));
    this.shownPlace = this.place();
    return this.lastStop;
  }

  /** Shows gdb where it is. */
  private arrive(): string {
    this.shownPlace = this.place();
    this.lastStop = `T${SIGTRAP}thread:01;`;
    return this.lastStop;
  }

  private refuseWrites(): void {
    if (this.turn !== null) throw new DebuggerError('another debugger has this run: wait until it has gone');
    this.target.write([]);
  }

  private kill(): void {
    if (this.isExtended) return;
    this.isDetached = true;
    this.isKilling = true;
  }

  /** `run`, or with c2 as its argument, which goes back to a numbered checkpoint. */
  private async restart(packet = ''): Promise<string> {
    const [word = ''] = packet.split(';').slice(2);
    const given = Buffer.from(word, 'hex').toString('latin1');
    const number = /^c(\d{1,9})$/.exec(given)?.[1];
    if (given !== '' && number === undefined) {
      throw new DebuggerError(`run takes no arguments but c1, c2, …: numbers of monitor checkpoint, not "${given}"`);
    }
    await this.awaitTurn();
    await this.target.restart(number === undefined ? undefined : Number(number));
    return this.arrive();
  }

  /**
   * gdb (13) steps over a breakpoint at the program counter before it continues, and when that step runs out of history
   * it never takes the step for done: the next command waits for ever. Such a step ends plainly, where it began.
   */
  private stepped(reply: string): string {
    const eip = this.cpu.m32[EIP] >>> 0;
    const linear = (eip + this.cpu.m32[SEG_BASE + CS]) >>> 0;
    const isLifted = this.lifted.has(eip) || this.lifted.has(linear);
    return reply.includes('replaylog') && isLifted ? `T${SIGTRAP}thread:01;` : reply;
  }

  private stopReply({ kind, id, status }: TargetStop): string {
    const head = `T${SIGTRAP}thread:01;`;
    const point = [...this.points.values()].find(({ ids }) => ids.includes(id));
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
        // gdb looks for its breakpoint at EIP, finds none where that is an offset, and would silently go on.
        // So it would for one of `monitor break`.
        if (point === undefined) return head;
        if (point.address !== this.cpu.m32[EIP] >>> 0) {
          this.hint();
          return head;
        }
        if (point.type === '1') return this.hasHwbreak ? `${head}hwbreak:;` : head;
        return this.hasSwbreak ? `${head}swbreak:;` : head;
      case 'watchpoint':
        if (point === undefined || point.kind === null) return head;
        return `${head}${WATCH_NAMES[point.kind]}:${point.address.toString(16)};`;
      case 'stopped':
        return head;
    }
  }

  private hint(): void {
    if (this.hasHinted) return;
    this.hasHinted = true;
    this.say(CODE_16_HINT);
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
      this.kill();
      return 'OK';
    }
    if (this.isExtended && packet.startsWith('vRun')) return await this.restart(packet);
    if (packet.startsWith('vAttach')) return this.lastStop;
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
    this.removePoints();
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
      const answer = await this.keepingAlive(async () => {
        await this.awaitTurn();
        return await this.target.monitor(line);
      });
      text = answer.text;
      if (answer.target !== undefined) this.turnTo(answer.target);
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      text = error.message;
    }
    if (this.shownPlace !== this.place()) text += `\n${MOVED}`;
    this.say(`${text}\n`);
    return 'OK';
  }
}
