// A recording as a debuggee of the Debug Adapter Protocol: moves go through the debugger's commands (debugger/), so
// that an editor steps exactly as the terminal does, backwards too. Requests are done one after another; `pause` alone
// gets in between. The client's words are looked at in arguments.ts; nothing that it sends ends the process.

import {
  DebugSession,
  Event,
  InitializedEvent,
  OutputEvent,
  StoppedEvent,
  TerminatedEvent,
  Thread,
} from '@vscode/debugadapter';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { LogError } from '../../core/log/log-error.ts';
import { UsageError } from '../../core/base/usage-error.ts';
import * as vectors from '../../core/base/vectors.ts';
import { peekBytes } from '../../core/memory/peek.ts';
import { CR0, CR0_PG, CR3, MODE_CS32, MODE_KEY, SHUTDOWN } from '../../core/state/layout.ts';
import { ExpressionError, mistakeText } from '../../core/timeline/expression.ts';
import { comparePositions } from '../../core/timeline/lookout.ts';
import { PositionError } from '../../core/timeline/positions.ts';
import type { Stop, Way } from '../../core/timeline/timeline.ts';
import type { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { DwarfError } from '../dwarf/cursor.ts';
import { CommandError } from '../node/errors.ts';
import { address, integer, list, optionalText, record, RequestError, text } from './arguments.ts';
import { Frames } from './frames.ts';
import { modulesOf } from './modules.ts';
import { SourcePaths } from './source-paths.ts';
import { EXCEPTION_FILTERS, isFilterSet, reference, Stopping, wantedDeliveries } from './stopping.ts';
import { Targets } from './targets.ts';

/** What a launch request asks for, beside the recording. */
export interface LaunchSettings {
  readonly log: string | null;
  readonly symbols: readonly string[];
  readonly images: readonly string[];
}

/** Opens the recording; throws CommandError or UsageError. `finish` is called at the end of the session. */
export type OpenRecording = (settings: LaunchSettings) => Promise<{ debug: Debugger; finish: () => Promise<void> }>;

const THREAD = 1;
const MEMORY_BYTES_MAX = 1 << 20;
const INSTRUCTIONS_MAX = 4096;
/** No instruction is longer: so far before an address a listing begins. */
const INSTRUCTION_BYTES = 15;
/** Requests that wait, and their length together; a client that sends more without listening is turned away. */
const WAITING_MAX = 1000;
const WAITING_CHARACTERS_MAX = 1 << 25;

const texts = (value: unknown): string[] => list(value).filter((each): each is string => typeof each === 'string');

export class RecordingSession extends DebugSession {
  private readonly open: OpenRecording;
  private readonly ended: () => void;
  private debug: Debugger | null = null;
  private finishOpened: () => Promise<void> = async () => {};
  private frames: Frames | null = null;
  private stopping: Stopping | null = null;
  private paths = new SourcePaths({}, []);
  private targets = new Targets([]);
  /** What the last stop on an exception was. */
  private exception: { kind: string; vector: number } | null = null;
  /** Requests that the client does not want any more. */
  private readonly cancelled = new Set<number>();
  private showsProgress = false;
  private deliveries: ReturnType<typeof wantedDeliveries> = null;
  private stopsOnEntry = true;
  private stopsAtDivergence = true;
  private waiting: Promise<void> = Promise.resolve();
  private waitingCount = 0;
  private waitingCharacters = 0;
  private isOver = false;

  constructor(open: OpenRecording, ended: () => void) {
    super();
    this.open = open;
    this.ended = ended;
    this.setDebuggerLinesStartAt1(true);
    // The process is not ours to end.
    this.setRunAsServer(true);
  }

  override shutdown(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.debug !== null) this.debug.isInterrupted = true;
    void this.waiting.then(() => this.finishOpened()).then(this.ended, this.ended);
  }

  /** Every request: one after another, and what goes wrong is an answer. */
  protected override dispatchRequest(request: DebugProtocol.Request): void {
    const { command } = request;
    const response: DebugProtocol.Response = {
      seq: 0,
      type: 'response',
      request_seq: request.seq,
      command: String(command),
      success: true,
    };
    if (command === 'pause' || command === 'cancel') {
      if (command === 'cancel') this.cancel(request.arguments);
      else if (this.debug !== null && this.isMoving) this.debug.isInterrupted = true;
      this.sendResponse(response);
      return;
    }
    const characters = JSON.stringify(request.arguments ?? null).length;
    if (this.waitingCount >= WAITING_MAX || this.waitingCharacters + characters > WAITING_CHARACTERS_MAX) {
      this.refuse(response, 'Too many requests are waiting: wait for answers.');
      return;
    }
    this.waitingCount++;
    this.waitingCharacters += characters;
    this.waiting = this.waiting.then(async () => {
      this.waitingCount--;
      this.waitingCharacters -= characters;
      if (this.isOver) return;
      if (this.cancelled.delete(request.seq)) {
        this.refuse(response, 'cancelled');
        return;
      }
      this.answering = request.seq;
      await this.answer(String(command), request.arguments, response);
      this.answering = -1;
    });
  }

  /** A request that waits is not begun, one that is being answered and every long move are given up. */
  private cancel(args: unknown): void {
    const { requestId, progressId } = record(args);
    const isInHand = requestId === this.answering || typeof progressId === 'string';
    if (isInHand && this.debug !== null && this.isMoving) this.debug.isInterrupted = true;
    else if (typeof requestId === 'number' && requestId > this.answering && this.cancelled.size < WAITING_MAX) {
      this.cancelled.add(requestId);
    }
  }

  /** Number of the request in hand. */
  private answering = -1;

  private isMoving = false;

  private async answer(command: string, args: unknown, response: DebugProtocol.Response): Promise<void> {
    try {
      const after = await this.handle(command, args, response);
      this.sendResponse(response);
      await after?.();
    } catch (error) {
      const isKnown =
        error instanceof RequestError ||
        error instanceof DebuggerError ||
        error instanceof PositionError ||
        error instanceof ExpressionError ||
        error instanceof DwarfError ||
        error instanceof LogError ||
        error instanceof CommandError ||
        error instanceof UsageError;
      const isTyped = error instanceof PositionError || error instanceof ExpressionError;
      const known = isTyped ? mistakeText(error) : isKnown ? error.message : null;
      const message = known ?? `This is a bug of Reprise: ${String(error)}`;
      if (!isKnown) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      if (response.seq === 0) this.refuse(response, message);
      else this.sendEvent(new OutputEvent(`${message}\n`, 'important'));
    }
  }

  private refuse(response: DebugProtocol.Response, message: string): void {
    response.success = false;
    response.message = message;
    response.body = { error: { id: 1, format: message.replaceAll('{', '('), showUser: true } };
    this.sendResponse(response);
  }

  /** What is to be done behind the answer, when there is something. */
  private async handle(
    command: string,
    args: unknown,
    response: DebugProtocol.Response,
  ): Promise<(() => Promise<void>) | undefined> {
    switch (command) {
      case 'initialize':
        response.body = CAPABILITIES;
        this.showsProgress = record(args).supportsProgressReporting === true;
        return undefined;
      case 'launch':
      case 'attach':
        await this.launch(args);
        return async () => this.sendEvent(new InitializedEvent());
      case 'disconnect':
      case 'terminate':
        return async () => {
          if (command === 'terminate') this.sendEvent(new TerminatedEvent());
          this.shutdown();
        };
      case 'threads':
        response.body = { threads: [new Thread(THREAD, this.processorName())] };
        return undefined;
      default:
        return await this.handleOpen(command, args, response, this.opened());
    }
  }

  /** With the address space that it is in, where there is more than one. */
  private processorName(): string {
    const { m32 } = this.debug?.timeline.machine.cpu ?? { m32: null };
    const isPaging = m32 !== null && (m32[CR0] & CR0_PG) !== 0;
    return isPaging ? `processor, address space ${reference(m32[CR3])}` : 'processor';
  }

  private opened(): Debugger {
    if (this.debug === null) throw new RequestError('No recording is open: send a launch request with "log" first.');
    return this.debug;
  }

  private async handleOpen(
    command: string,
    args: unknown,
    response: DebugProtocol.Response,
    debug: Debugger,
  ): Promise<(() => Promise<void>) | undefined> {
    const { stopping, frames } = this;
    if (stopping === null || frames === null) return undefined;
    switch (command) {
      case 'configurationDone':
        return async () => {
          if (this.stopsOnEntry) this.stopped('entry', debug);
          else await this.proceed(debug, false);
        };
      case 'setBreakpoints': {
        const path = optionalText(record(args).source, 'path') ?? optionalText(record(args).source, 'name') ?? '';
        const lines = list(record(args).breakpoints);
        response.body = {
          breakpoints: await this.placed(debug, () => stopping.source(this.paths.toGuest(path), lines)),
        };
        return undefined;
      }
      case 'setFunctionBreakpoints':
        response.body = {
          breakpoints: await this.placed(debug, () => stopping.functions(list(record(args).breakpoints))),
        };
        return undefined;
      case 'setInstructionBreakpoints':
        response.body = { breakpoints: stopping.instructions(list(record(args).breakpoints)) };
        return undefined;
      case 'setDataBreakpoints':
        response.body = { breakpoints: stopping.data(list(record(args).breakpoints)) };
        return undefined;
      case 'dataBreakpointInfo':
        response.body = this.dataInfo(debug, args);
        return undefined;
      case 'setExceptionBreakpoints':
        this.deliveries = wantedDeliveries(args);
        this.stopsAtDivergence = isFilterSet(args, 'divergence');
        response.body = { breakpoints: [] };
        return undefined;
      case 'stackTrace':
        response.body = frames.stack(
          integer(args, 'startFrame', 0, 1_000_000, 0),
          integer(args, 'levels', 0, 1_000_000, 0),
        );
        return undefined;
      case 'scopes':
        response.body = { scopes: frames.scopes(integer(args, 'frameId', 1, 1_000_000)) };
        return undefined;
      case 'variables':
        response.body = { variables: frames.variables(integer(args, 'variablesReference', 1, 10_000_000)) };
        return undefined;
      case 'evaluate':
        return await this.evaluate(debug, args, response);
      case 'readMemory':
        response.body = this.readMemory(debug, args);
        return undefined;
      case 'disassemble':
        response.body = { instructions: this.disassembled(debug, args) };
        return undefined;
      case 'gotoTargets': {
        const path = optionalText(record(args).source, 'path') ?? optionalText(record(args).source, 'name') ?? '';
        const line = integer(args, 'line', 0, 10_000_000, 1);
        response.body = { targets: this.targets.of(debug, this.paths.toGuest(path), line) };
        return undefined;
      }
      case 'modules':
        response.body = modulesOf(
          debug,
          integer(args, 'startModule', 0, 1_000_000, 0),
          integer(args, 'moduleCount', 0, 1_000_000, 0),
        );
        return undefined;
      case 'exceptionInfo':
        response.body = this.exceptionInfo();
        return undefined;
      default:
        return await this.handleMove(command, args, response, debug);
    }
  }

  private async handleMove(
    command: string,
    args: unknown,
    response: DebugProtocol.Response,
    debug: Debugger,
  ): Promise<(() => Promise<void>) | undefined> {
    const isByInstruction = record(args).granularity === 'instruction';
    const steps: Readonly<Record<string, readonly [byLine: string, byInstruction: string]>> = {
      next: ['next', 'nexti'],
      stepIn: ['step', 'stepi'],
      stepOut: ['finish', 'finish'],
      stepBack: ['reverse-next', 'reverse-nexti'],
    };
    if (Object.hasOwn(steps, command)) {
      const line = steps[command][isByInstruction ? 1 : 0];
      return () => this.move(debug, () => this.walked(debug, line, 'step'));
    }
    switch (command) {
      case 'continue':
        response.body = { allThreadsContinued: true };
        return () => this.proceed(debug, false);
      case 'reverseContinue':
        return () => this.proceed(debug, true);
      case 'restart':
        this.stopping?.forgetHits();
        return () => this.move(debug, () => this.walked(debug, 'seek start', 'entry'));
      case 'goto': {
        const command = this.targets.command(integer(args, 'targetId', 0, Number.MAX_SAFE_INTEGER));
        return () => this.move(debug, () => this.walked(debug, command, 'goto'));
      }
      default:
        throw new RequestError(`This adapter does not know the request "${command}".`);
    }
  }

  /** Sets breakpoints; what a kernel, a module or a program will have once it lies somewhere is looked for ahead. */
  private async placed(debug: Debugger, set: () => DebugProtocol.Breakpoint[]): Promise<DebugProtocol.Breakpoint[]> {
    const { guest, timeline } = debug;
    const found = set();
    if (found.every(({ verified }) => verified) || !(guest.isUnplaced || guest.hasAbsent)) return found;
    this.isMoving = true;
    const endProgress = this.progress(debug);
    try {
      await debug.walk(guest.locate(timeline));
    } catch (error) {
      // Given up, it stays as it is.
      if (!(error instanceof DebuggerError)) throw error;
    } finally {
      this.isMoving = false;
      debug.isInterrupted = false;
      endProgress();
    }
    return set();
  }

  private async launch(args: unknown): Promise<void> {
    if (this.debug !== null) throw new RequestError('A recording is open already: one session has one.');
    const wanted = record(args);
    const settings = { log: optionalText(args, 'log'), symbols: texts(wanted.symbols), images: texts(wanted.images) };
    const { debug, finish } = await this.open(settings);
    this.debug = debug;
    this.finishOpened = finish;
    this.stopsOnEntry = wanted.stopOnEntry !== false;
    this.paths = new SourcePaths(record(wanted.sourceMap), settings.symbols);
    this.targets = new Targets(wanted.gotoTargets);
    this.frames = new Frames(debug, this.paths);
    this.stopping = new Stopping(debug);
    for (const problem of debug.source.problems) this.sendEvent(new OutputEvent(`${problem}\n`, 'important'));
  }

  // --- Moves -------------------------------------------------------------------------------------------------------

  /** A move, and the stop that it ends with; given up by `pause` it stops where it began. */
  private async move(debug: Debugger, way: () => Promise<string>): Promise<void> {
    this.isMoving = true;
    const ticker = this.progress(debug);
    try {
      this.stopped(await way(), debug);
    } catch (error) {
      if (!(error instanceof DebuggerError || error instanceof PositionError)) throw error;
      const said = error instanceof PositionError ? mistakeText(error) : error.message;
      this.sendEvent(new OutputEvent(`${said}\n`, 'console'));
      this.stopped('pause', debug);
    } finally {
      this.isMoving = false;
      debug.isInterrupted = false;
      ticker();
    }
  }

  /** A command that moves; why it stopped. */
  private async walked(debug: Debugger, line: string, otherwise: string): Promise<string> {
    const { data } = await debug.execute(line);
    return this.reasonOf(debug, String(record(data).kind), otherwise);
  }

  private async proceed(debug: Debugger, isBack: boolean): Promise<void> {
    await this.move(debug, async () => {
      const stop = await debug.walk(isBack ? debug.timeline.continueBackward() : this.forward(debug), 'stay');
      debug.moved(stop);
      return this.reasonOf(debug, stop.kind, 'breakpoint');
    });
  }

  /** On to a breakpoint whose hits are enough, or to an exception or reset that is wanted, whatever comes first. */
  private *forward(debug: Debugger): Way<Stop> {
    const { timeline } = debug;
    const from = timeline.position;
    let stop = yield* timeline.continueForward();
    while (this.stopping?.isWanted(stop.breakpoint?.id ?? stop.watchpoint?.id ?? 0) === false) {
      stop = yield* timeline.continueForward();
    }
    if (this.deliveries === null) return stop;
    const { position } = stop;
    yield* timeline.seek(from);
    const { deliveries } = this;
    const { cpu } = timeline.machine;
    const delivery = yield* timeline.continueToDelivery((kind, vector) => {
      const isTriple = kind === 'reset' && cpu.m32[SHUTDOWN] !== 0;
      if (!deliveries(isTriple ? 'triple-fault' : kind, vector)) return false;
      this.exception = { kind: isTriple ? 'triple-fault' : kind, vector };
      return true;
    });
    if (delivery.kind === 'delivery' && comparePositions(delivery.position, position) < 0) return delivery;
    yield* timeline.seek(position);
    return stop;
  }

  private exceptionInfo(): DebugProtocol.ExceptionInfoResponse['body'] {
    if (this.exception === null) throw new RequestError('The run does not stand at an exception.');
    const { kind, vector } = this.exception;
    const known = Object.entries(vectors).find(([, number]) => number === vector);
    const name = kind !== 'fault' || known === undefined ? '' : known[0].replace('VECTOR_', '');
    const texts: Readonly<Record<string, string>> = {
      fault: `exception ${vector}${name === '' ? '' : `, #${name}`}, before it is delivered`,
      'triple-fault': 'a triple fault: an exception came while a double fault was delivered',
      reset: 'a reset',
      divergence: 'the replay leaves the recorded run here',
    };
    return {
      exceptionId: kind === 'fault' ? `fault ${vector}` : kind,
      description: texts[kind] ?? kind,
      breakMode: 'always',
    };
  }

  private reasonOf(debug: Debugger, kind: string, otherwise: string): string {
    switch (kind) {
      case 'breakpoint':
        return 'breakpoint';
      case 'watchpoint':
        return 'data breakpoint';
      case 'divergence':
        this.exception = { kind: 'divergence', vector: -1 };
        return this.stopsAtDivergence ? 'exception' : 'pause';
      case 'delivery':
        return 'exception';
      case 'start':
        return 'entry';
      case 'end':
        this.sendEvent(
          new OutputEvent(`${debug.here()}\nThe end of the recording: reverse-continue leads back.\n`, 'console'),
        );
        return 'pause';
      default:
        return otherwise;
    }
  }

  private stopped(reason: string, debug: Debugger): void {
    this.frames?.forget();
    debug.guest.refresh(debug.timeline.machine.cpu);
    for (const each of debug.guest.takeTold()) this.sendEvent(new OutputEvent(`${each}\n`, 'important'));
    if (reason !== 'exception') this.exception = null;
    const event = new StoppedEvent(reason, THREAD);
    const where = debug.describe(debug.timeline.position);
    const body = event.body as DebugProtocol.StoppedEvent['body'];
    body.allThreadsStopped = true;
    body.text = where;
    body.description = `${reason} at ${where}`;
    this.sendEvent(event);
  }

  /** Progress events of a long move; the end of them is what is given back. */
  private progress(debug: Debugger): () => void {
    const id = `move-${Date.now()}`;
    let isShown = false;
    const timer = setInterval(() => {
      const { progress } = debug.timeline;
      if (progress === null || progress.total <= 0 || !this.showsProgress) return;
      const percentage = Math.min(100, Math.floor((progress.done * 100) / progress.total));
      const body = isShown
        ? { progressId: id, percentage }
        : { progressId: id, title: 'Replaying', cancellable: true, percentage };
      this.sendEvent(withBody(isShown ? 'progressUpdate' : 'progressStart', body));
      isShown = true;
    }, 500);
    return () => {
      clearInterval(timer);
      if (isShown) this.sendEvent(withBody('progressEnd', { progressId: id }));
    };
  }

  // --- Questions ---------------------------------------------------------------------------------------------------

  /** At the prompt a command of the debugger; elsewhere a variable or an expression. */
  private async evaluate(
    debug: Debugger,
    args: unknown,
    response: DebugProtocol.Response,
  ): Promise<(() => Promise<void>) | undefined> {
    const expression = text(args, 'expression');
    if (optionalText(args, 'context') === 'repl') {
      const before = debug.timeline.position;
      this.isMoving = true;
      try {
        const { text: said } = await debug.execute(expression);
        response.body = { result: said, variablesReference: 0 };
      } finally {
        this.isMoving = false;
        debug.isInterrupted = false;
      }
      const hasMoved = comparePositions(before, debug.timeline.position) !== 0;
      return hasMoved ? async () => this.stopped('goto', debug) : undefined;
    }
    const frame = this.frames?.frame(integer(args, 'frameId', 1, 1_000_000, 1));
    const printed = frame === undefined ? null : debug.source.print(debug.timeline.machine.cpu, frame, expression);
    if (printed !== null) {
      const { text: result, type, value } = printed;
      const memory = value === null ? {} : { memoryReference: reference(value) };
      response.body = { result, type, variablesReference: 0, ...memory };
      return undefined;
    }
    const value = debug.evaluate(expression);
    response.body = { result: reference(value), variablesReference: 0, memoryReference: reference(value) };
    return undefined;
  }

  private dataInfo(debug: Debugger, args: unknown): DebugProtocol.DataBreakpointInfoResponse['body'] {
    const name = text(args, 'name');
    const sizeBytes = integer(args, 'bytes', 1, 4096, 4);
    if (/^0x[0-9a-f]{1,8}$/i.test(name)) return this.stoppingOf().dataInfo(Number(name), sizeBytes);
    const frame = this.frames?.frame(integer(args, 'frameId', 1, 1_000_000, 1));
    const cpu = debug.timeline.machine.cpu;
    const at = frame === undefined ? null : debug.source.print(cpu, frame, `&${name}`);
    const linear = at?.value ?? debug.symbols.address(name) ?? null;
    if (linear === null) return { dataId: null, description: `${name} has no address` };
    return this.stoppingOf().dataInfo(linear, sizeBytes);
  }

  private stoppingOf(): Stopping {
    if (this.stopping === null) throw new RequestError('No recording is open.');
    return this.stopping;
  }

  private readMemory(debug: Debugger, args: unknown): DebugProtocol.ReadMemoryResponse['body'] {
    const from = (address(args, 'memoryReference') + integer(args, 'offset', -(2 ** 31), 2 ** 31, 0)) >>> 0;
    const count = integer(args, 'count', 0, MEMORY_BYTES_MAX);
    const bytes = new Uint8Array(count);
    const read = count === 0 ? 0 : peekBytes(debug.timeline.machine.cpu, from, bytes);
    return {
      address: reference(from),
      data: Buffer.from(bytes.subarray(0, read)).toString('base64'),
      unreadableBytes: count - read,
    };
  }

  private disassembled(debug: Debugger, args: unknown): DebugProtocol.DisassembledInstruction[] {
    const base = (address(args, 'memoryReference') + integer(args, 'offset', -(2 ** 31), 2 ** 31, 0)) >>> 0;
    const count = integer(args, 'instructionCount', 0, INSTRUCTIONS_MAX);
    const skip = integer(args, 'instructionOffset', -INSTRUCTIONS_MAX, INSTRUCTIONS_MAX, 0);
    // Backwards there is no sure way: begin so far before that the listing falls into step.
    const start = skip < 0 ? (base + skip * INSTRUCTION_BYTES) >>> 0 : base;
    const listed: DebugProtocol.DisassembledInstruction[] = [];
    let baseIndex = -1;
    for (let at = start; listed.length < INSTRUCTIONS_MAX * 4; ) {
      if (at === base) baseIndex = listed.length;
      const one = this.instructionAt(debug, at);
      const wanted = baseIndex < 0 ? 0 : baseIndex + skip + count;
      if (baseIndex >= 0 && listed.length >= wanted) break;
      // Into step with the address asked for.
      const length = at < base && at + one.length > base ? base - at : one.length;
      listed.push(one.shown);
      at = (at + length) >>> 0;
    }
    const first = baseIndex + skip;
    const padding = Math.max(0, -first);
    const missing = Array.from({ length: Math.min(padding, count) }, () => ({
      address: reference(start),
      instruction: '??',
      presentationHint: 'invalid' as const,
    }));
    return [...missing, ...listed.slice(Math.max(0, first), Math.max(0, first + count))];
  }

  private instructionAt(debug: Debugger, at: number) {
    const { cpu } = debug.timeline.machine;
    const bytes = new Uint8Array(INSTRUCTION_BYTES);
    const read = peekBytes(cpu, at, bytes);
    const bits = (cpu.m32[MODE_KEY] & MODE_CS32) !== 0 ? 32 : 16;
    if (read === 0) {
      return {
        length: 1,
        shown: { address: reference(at), instruction: '(not mapped)', presentationHint: 'invalid' as const },
      };
    }
    const { text: instruction, length } = debug.disassemble(bytes.slice(0, read), at, bits);
    const place = debug.source.placeAt(at);
    const symbol = debug.symbols.describe(at);
    const shown: DebugProtocol.DisassembledInstruction = {
      address: reference(at),
      instruction,
      instructionBytes: [...bytes.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      ...(symbol === '' ? {} : { symbol }),
      ...(place === null || place.from !== at
        ? {}
        : { line: place.line, location: { path: this.paths.toClient(place.file) } }),
    };
    return { length, shown };
  }
}

function withBody(name: string, body: unknown): Event {
  const event: DebugProtocol.Event = new Event(name);
  event.body = body;
  return event as Event;
}

const CAPABILITIES: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsInstructionBreakpoints: true,
  supportsDataBreakpoints: true,
  supportsDataBreakpointBytes: true,
  supportsEvaluateForHovers: true,
  supportsStepBack: true,
  supportsSteppingGranularity: true,
  supportsRestartRequest: true,
  supportsGotoTargetsRequest: true,
  supportsExceptionInfoRequest: true,
  supportsModulesRequest: true,
  supportsReadMemoryRequest: true,
  supportsDisassembleRequest: true,
  supportsTerminateRequest: true,
  supportsCancelRequest: true,
  supportsExceptionFilterOptions: true,
  exceptionBreakpointFilters: [...EXCEPTION_FILTERS],
};
