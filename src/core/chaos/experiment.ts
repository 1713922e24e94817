/**
 * One machine that is brought back to a moment again and again and goes on from there with other inputs: what chaos,
 * shrink, explore and doom are made of. The moment is the end of booting, or a tick of a recording; to go back costs
 * the pages that the run before has written, and compiled code stays. A run ends with its first failure, by itself, or
 * at the horizon. Trials are deterministic: the same inputs give the same outcome, whatever ran before.
 */
import { hashBytesHex } from '../base/hash.ts';
import type { OutputPort } from '../board/device.ts';
import { SILENT_OUTPUT } from '../board/silent.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { MachineManifest } from '../log/manifest.ts';
import type { DeliveryWatcher, Machine } from '../machine/machine.ts';
import { PageStore, type Snapshot } from '../machine/snapshot.ts';
import { ScriptPlayer, type ScriptStep } from '../session/input-script.ts';
import { LivePort } from '../session/live-port.ts';
import { type EndReason, type EngineFactory, type Images, Session, SessionError } from '../session/session.ts';
import type { Cpu } from '../state/cpu.ts';
import { EIP, MODE_CPL3, MODE_KEY } from '../state/layout.ts';
import { StopOn } from '../timeline/stop-on.ts';
import { branchWords, hottestBranch } from './branch-words.ts';
import { type CrashSite, crashSite, siteName } from './crash-site.ts';
import { type MachineVariant, variantManifest } from './machine-variant.ts';
import { Novelties } from './novelties.ts';
import { type Failure, failureEvents, isFailure, type RunEnd } from './predicate.ts';

export interface ExperimentSetup {
  readonly manifest: MachineManifest;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  /** Inputs of the recorded run: those before a moment bring the machine there; none for a boot. */
  readonly recorded: readonly TimedInput[];
  /** Plays in every trial; only from tick 0. */
  readonly script: readonly ScriptStep[];
  readonly failures: readonly Failure[];
  /** Events that end a run, and end it well, as StopOn takes them. */
  readonly endings?: readonly string[];
}

/** An interrupt, and where it found the guest. */
export interface Arrival {
  readonly tick: number;
  readonly vector: number;
  readonly eip: number;
}

export interface Outcome {
  readonly fails: boolean;
  /** Why the run ended, as the machine says it, or `event`. */
  readonly reason: string;
  readonly tick: number;
  readonly debugExit: number | null;
  /** Digest of what the guest sent meanwhile. */
  readonly sent: string;
  /** Places at which interrupts arrived: vector and EIP, mixed to one word each. */
  readonly places: readonly number[];
  /** What else a run may show that no run has shown: pairs of such places in turn, faults, lines that were sent. */
  readonly novelties: readonly number[];
  /** Ticks at which interrupts arrived, the first `INTERRUPTS_MAX` of them. */
  readonly interruptTicks: readonly number[];
  /** The first `ARRIVALS_MAX` of them. */
  readonly arrivals: readonly Arrival[];
  /** Vectors of the faults that came, ascending. */
  readonly faults: readonly number[];
  /** Of an engine that counts branches: what the run showed of the program (branch-words.ts). */
  readonly branches: Uint32Array;
  /** With such an engine, of a run that fails: its site (crash-site.ts); else empty. */
  readonly site: string;
  /** Hash of the machine where the run ended, if that was asked for; else empty. */
  readonly state: string;
  /** It came to a state that is known, and was not run to its end. */
  readonly isMerged: boolean;
}

/** Where runs that have come to the same state are taken for one: what is known of states at these ticks. */
export interface Merging {
  readonly ticks: readonly number[];
  /** By tick, state and what was sent so far. */
  readonly known: Map<string, Outcome>;
}

const INTERRUPTS_MAX = 1 << 14;
const ARRIVALS_MAX = 4;
/** What is remembered of what a trial sent. */
const SENT_BYTES_MAX = 1 << 20;
/** What the guest had said before a moment is remembered so far back. */
const SAID_BYTES_MAX = 1 << 10;
/** Moments that are remembered; they share the pages that have not changed between them. */
const MOMENTS_MAX = 64;

/** Where trials begin. */
interface Moment {
  readonly tick: number;
  readonly snapshot: Snapshot;
  /** What the guest had sent shortly before, as line * 256 + byte. */
  readonly said: readonly number[];
}

export class Experiment {
  private readonly setup: ExperimentSetup;
  private readonly session: Session;
  private readonly port = new LivePort();
  private readonly store: PageStore;
  /** In the order of their ticks; the first one is the end of booting. */
  private readonly moments: Moment[];
  /** What a failure of the trials to come is. */
  failures: readonly Failure[];
  /** What the run without a change has shown (Outcome): programs of an operating system do not crash by its faults. */
  plainNovelties: ReadonlySet<number> = new Set();
  private start: Moment;
  private heard: OutputPort = SILENT_OUTPUT;
  private player: ScriptPlayer | null = null;
  private sent: number[] = [];
  private novelties = new Novelties();
  private other: { readonly name: string; readonly experiment: Experiment } | null = null;
  /** The machine is as it was at the moment. */
  private isFresh = true;

  /** Boots: that is the first moment. Throws as Session does. */
  constructor(setup: ExperimentSetup) {
    this.setup = setup;
    this.failures = setup.failures;
    const { manifest, images, makeEngine } = setup;
    const { port } = this;
    const output: OutputPort = {
      serial: (line, byte) => {
        if (this.sent.length < SENT_BYTES_MAX) this.sent.push(line * 256 + byte);
        this.novelties.sent(byte);
        this.player?.serialOutput(this.session.machine.cpu.now(), line, byte);
        this.heard.serial(line, byte);
      },
      debugConsole: (byte) => this.heard.debugConsole(byte),
      parallel: (byte) => this.heard.parallel(byte),
      debugExit: (value) => this.heard.debugExit(value),
      powerOff: () => this.heard.powerOff(),
    };
    this.session = new Session({ manifest, images, makeEngine, port, output });
    this.store = new PageStore(this.session.machine);
    this.start = this.momentHere([]);
    this.moments = [this.start];
  }

  /**
   * Trials go on from this tick of the recorded run, or from where it begins when that is later. Throws SessionError
   * when it does not come so far.
   */
  stand(wantedTick: number): void {
    const { session, port, moments } = this;
    const tick = Math.max(wantedTick, moments[0].tick);
    if (this.start.tick === tick) return;
    let at = moments.length - 1;
    while (moments[at].tick > tick) at--;
    this.start = moments[at];
    this.store.restore(this.start.snapshot, true);
    this.isFresh = true;
    if (this.start.tick === tick) return;
    port.clear();
    for (const { tick: due, event } of this.setup.recorded) {
      if (due >= this.start.tick && due < tick) port.push(event, due);
    }
    this.player = null;
    const said = [...this.start.said];
    const say = (line: number, byte: number): void => {
      said.push(line * 256 + byte);
      if (said.length > 2 * SAID_BYTES_MAX) said.splice(0, SAID_BYTES_MAX);
    };
    this.heard = { ...SILENT_OUTPUT, serial: say };
    session.machine.watcher = null;
    const reason = session.advance(tick);
    this.isFresh = false;
    if (reason !== 'tick') throw new SessionError(`The run ends before tick ${tick}: begin earlier.`);
    this.start = this.momentHere(said.slice(-SAID_BYTES_MAX));
    this.isFresh = true;
    if (moments.length < MOMENTS_MAX) moments.splice(at + 1, 0, this.start);
    else moments.splice(1, moments.length - 1, this.start);
  }

  private momentHere(said: readonly number[]): Moment {
    const snapshot = this.store.take();
    return { tick: snapshot.tick, snapshot, said };
  }

  /**
   * From the moment on, to the horizon at most, with `inputs` in the order of their ticks, none before it. With
   * `merging` a run that comes to a state which is known, with the same inputs still to come, ends as that one did; its
   * places and interrupts then end there. `isHashed`: the outcome says the state in which it ended.
   */
  run(inputs: readonly TimedInput[], horizonTick: number, merging: Merging | null = null, isHashed = false): Outcome {
    const { session, failures } = this;
    const { machine } = session;
    const counts = machine.engine.branchCounts ?? null;
    counts?.words.fill(0);
    const stopOn = this.begin(inputs);
    const places: number[] = [];
    const { novelties } = this;
    const interruptTicks: number[] = [];
    const arrivals: Arrival[] = [];
    const faults = new Set<number>();
    let crashed: Crashed | null = null;
    let program: Crashed | null = null;
    const watcher: DeliveryWatcher = {
      delivered: (kind, vector) => {
        if (kind === 'fault') {
          faults.add(vector);
          const word = novelties.fault(vector, machine.cpu.m32[EIP]);
          // Faults of one tick are those of a delivery that itself fails: the first one is the reason.
          const tick = machine.cpu.now();
          if (counts !== null && crashed?.tick !== tick) crashed = { tick, vector, site: crashSite(machine.cpu) };
          const isOfProgram = (machine.cpu.m32[MODE_KEY] & MODE_CPL3) !== 0 && !this.plainNovelties.has(word);
          if (isOfProgram) program ??= crashed;
        }
        if (kind !== 'interrupt' || interruptTicks.length >= INTERRUPTS_MAX) return;
        interruptTicks.push(machine.tick);
        const eip = machine.cpu.m32[EIP];
        if (arrivals.length < ARRIVALS_MAX) arrivals.push({ tick: machine.tick, vector, eip: eip >>> 0 });
        const place = (Math.imul(eip, 0x9e3779b1) ^ Math.imul(vector, 0x85ebca6b)) >>> 0;
        novelties.pair(places.at(-1) ?? 0, place);
        places.push(place);
      },
    };
    machine.watcher = watcher;
    machine.debugExitValue = -1;
    stopOn.attach(machine);
    const keys: string[] = [];
    let ended: string | null = null;
    for (const tick of merging?.ticks ?? []) {
      if (tick <= session.tick || tick >= horizonTick) continue;
      ended = goOn(session, stopOn, tick);
      if (ended !== null) break;
      const key = `${tick} ${machine.hash().root} ${this.sentDigest}`;
      const known = merging?.known.get(key);
      if (known !== undefined && merging !== null) {
        machine.watcher = null;
        const own = { places, novelties: novelties.words, interruptTicks, arrivals };
        return { ...known, ...own, isMerged: true };
      }
      keys.push(key);
    }
    ended ??= goOn(session, stopOn, horizonTick) ?? 'tick';
    machine.watcher = null;
    const end = endOf(session, stopOn, ended);
    const fails = isFailure(failures, end, machine.cpu);
    const outcome = {
      fails,
      reason: end.reason,
      tick: machine.tick,
      debugExit: end.debugExit,
      sent: this.sentDigest,
      places,
      novelties: novelties.words,
      interruptTicks,
      arrivals,
      faults: [...faults].sort((a, b) => a - b),
      branches: branchWords(counts),
      site: fails && counts !== null ? siteOf(machine.cpu, end, { crashed, program }, hottestBranch(counts)) : '',
      state: isHashed ? `${machine.hash().root}` : '',
      isMerged: false,
    };
    for (const key of keys) merging?.known.set(key, outcome);
    return outcome;
  }

  /** Back to the moment, with these inputs to come. */
  private begin(inputs: readonly TimedInput[]): StopOn {
    const { port, setup } = this;
    if (!this.isFresh) this.store.restore(this.start.snapshot, true);
    this.isFresh = false;
    port.clear();
    for (const { tick, event } of inputs) port.push(event, tick);
    this.sent = [];
    this.novelties = new Novelties();
    this.player = setup.script.length === 0 ? null : new ScriptPlayer(setup.script, port);
    const stopOn = new StopOn([...failureEvents(this.failures), ...(setup.endings ?? [])]);
    this.heard = stopOn.listen(SILENT_OUTPUT);
    // A text that is waited for may have begun before the moment.
    for (const word of this.start.said) this.heard.serial(word >>> 8, word & 0xff);
    return stopOn;
  }

  /**
   * What a run with these inputs has come to at a tick, as a digest of its state and of what it sent; null when it is
   * over by then. The bytes at the physical addresses `dead` are left out.
   */
  stateAt(inputs: readonly TimedInput[], tick: number, dead: Iterable<number>): string | null {
    const { session } = this;
    const { machine } = session;
    const stopOn = this.begin(inputs);
    machine.watcher = null;
    stopOn.attach(machine);
    const ended = goOn(session, stopOn, tick);
    machine.watcher = null;
    if (ended !== null || stopOn.tick !== null) return null;
    for (const at of dead) machine.space.writeBytes(at, Uint8Array.of(0));
    return `${machine.hash().root} ${this.sentDigest}`;
  }

  /**
   * From the moment on with `inputs`, one instruction after the other; `look` sees the machine before each, and ends it
   * by false. So does `delivered`, which sees it behind each interrupt and exception, before the next instruction.
   */
  walk(
    inputs: readonly TimedInput[],
    untilTick: number,
    look: (cpu: Cpu, tick: number) => boolean,
    delivered: (...words: Parameters<DeliveryWatcher['delivered']>) => boolean = () => true,
  ): void {
    const { session } = this;
    const { machine } = session;
    this.begin(inputs);
    this.player = null;
    this.heard = SILENT_OUTPUT;
    let last: Parameters<DeliveryWatcher['delivered']> = ['interrupt', 0];
    machine.watcher = {
      delivered: (...words) => {
        last = words;
      },
    };
    const step = (): boolean => {
      const untilNext = session.tick + 1;
      for (let count = 1; ; count++) {
        machine.stopAfterDeliveries = count;
        const reason = session.advance(untilNext);
        if (reason !== 'break') return reason === 'tick';
        if (!delivered(...last)) return false;
      }
    };
    while (session.tick < untilTick && look(machine.cpu, session.tick) && step());
    machine.stopAfterDeliveries = 0;
    machine.watcher = null;
  }

  /** The same guest on another machine; the last one asked for is kept. */
  onMachine(variant: MachineVariant): Experiment {
    const name = JSON.stringify(variant);
    if (this.other?.name === name) return this.other.experiment;
    const manifest = variantManifest(this.setup.manifest, variant);
    const experiment = new Experiment({ ...this.setup, manifest });
    this.other = { name, experiment };
    return experiment;
  }

  /** For looking: as it is at the moment, or where the last run ended. */
  get machine(): Machine {
    return this.session.machine;
  }

  private get sentDigest(): string {
    return hashBytesHex(Uint8Array.from(this.sent, (each) => each & 0xff));
  }
}

/** A fault, and where the guest was. */
interface Crashed {
  readonly tick: number;
  readonly vector: number;
  readonly site: CrashSite;
}

interface Crashes {
  /** The last one. */
  readonly crashed: Crashed | null;
  /** The first one of a program in ring 3 that the run without a change has not. */
  readonly program: Crashed | null;
}

function siteOf(cpu: Cpu, { reason, cameText }: RunEnd, { crashed, program }: Crashes, hottest: number): string {
  if (crashed !== null && (reason === 'shutdown' || cameText?.startsWith('fault') === true)) {
    return siteName(`${reason === 'shutdown' ? 'triple-fault' : 'fault'} ${crashed.vector}`, crashed.site);
  }
  // A text by which the system tells of a crash: it is said elsewhere.
  if (cameText !== null && program !== null) return siteName(`${cameText}, fault ${program.vector}`, program.site);
  const site = crashSite(cpu);
  if (cameText !== null) return siteName(cameText, site);
  if (reason === 'idle') return 'hang, idle';
  if (reason !== 'tick') return siteName(reason, site);
  // In memory that nobody has written it may run for long without any fault.
  return site.isWild ? siteName('run', site) : `hang in loop ${hottest.toString(16)}`;
}

/**
 * On to `untilTick`: null when the run came there, else why it ended. An event ends it as RunLoop does, at the next
 * tick at which nothing has happened yet.
 */
export function goOn(session: Session, stopOn: StopOn, untilTick: number): EndReason | null {
  const reason = session.advance(untilTick);
  if (stopOn.tick !== null && (reason === 'break' || reason === 'tick')) return session.advance(stopOn.tick);
  return reason === 'tick' ? null : reason;
}

export function endOf({ machine }: Session, { cameText }: StopOn, reason: string): RunEnd {
  const debugExit = machine.debugExitValue < 0 ? null : machine.debugExitValue;
  // The run goes on to the tick at which it is ended for it, which is no horizon.
  return { reason: cameText === null ? reason : 'event', debugExit, cameText };
}
