/**
 * One machine that is brought back to one moment again and again and goes on from there with other inputs: what
 * chaos, shrink and explore are made of. The moment is the end of booting, or a tick of a recording; to go back costs
 * the pages that the run before has written, and compiled code stays. A run ends with its first failure, by itself, or
 * at the horizon. Trials are deterministic: the same inputs give the same outcome, whatever ran before.
 */
import { hashBytesHex } from '../base/hash.ts';
import type { OutputPort } from '../board/device.ts';
import { SILENT_OUTPUT } from '../board/silent.ts';
import type { TimedInput } from '../log/timed-input.ts';
import type { LogSink } from '../log/log.ts';
import { LogWriter } from '../log/log.ts';
import type { MachineManifest } from '../log/manifest.ts';
import type { DeliveryWatcher } from '../machine/machine.ts';
import { PageStore, type Snapshot } from '../machine/snapshot.ts';
import { ScriptPlayer, type ScriptStep } from '../session/input-script.ts';
import { LivePort } from '../session/live-port.ts';
import { RecordingPort } from '../session/recording-port.ts';
import { type EndReason, type EngineFactory, type Images, Session, SessionError } from '../session/session.ts';
import { EIP } from '../state/layout.ts';
import { StopOn } from '../timeline/stop-on.ts';
import { type Failure, failureEvents, isFailure, type RunEnd } from './predicate.ts';

export interface ExperimentSetup {
  readonly manifest: MachineManifest;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  /** Inputs before the moment from which every trial goes on: the beginning of a recording; none for a boot. */
  readonly before: readonly TimedInput[];
  /** The moment; 0: the guest has just been loaded. */
  readonly fromTick: number;
  /** No trial goes on beyond. */
  readonly horizonTick: number;
  /** Plays in every trial; only from tick 0. */
  readonly script: readonly ScriptStep[];
  readonly failures: readonly Failure[];
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
  /** Ticks at which interrupts arrived, the first `INTERRUPTS_MAX` of them. */
  readonly interruptTicks: readonly number[];
}

/** Where runs that have come to the same state are taken for one: what is known of states at these ticks. */
export interface Merging {
  readonly ticks: readonly number[];
  /** By tick, state and what was sent so far. */
  readonly known: Map<string, Outcome>;
  merged: number;
}

const INTERRUPTS_MAX = 1 << 14;
/** What is remembered of what a trial sent. */
const SENT_BYTES_MAX = 1 << 20;

export class Experiment {
  private readonly setup: ExperimentSetup;
  private readonly session: Session;
  private readonly port = new LivePort();
  private readonly store: PageStore;
  private readonly start: Snapshot;
  private heard: OutputPort = SILENT_OUTPUT;
  private player: ScriptPlayer | null = null;
  private sent: number[] = [];
  count = 0;

  /** Boots and goes to the moment. Throws as Session does, SessionError when the run does not come so far. */
  constructor(setup: ExperimentSetup) {
    this.setup = setup;
    const { manifest, images, makeEngine, before, fromTick } = setup;
    const { port } = this;
    const output: OutputPort = {
      serial: (line, byte) => {
        if (this.sent.length < SENT_BYTES_MAX) this.sent.push(line * 256 + byte);
        this.player?.serialOutput(this.session.machine.cpu.now(), line, byte);
        this.heard.serial(line, byte);
      },
      debugConsole: (byte) => this.heard.debugConsole(byte),
      debugExit: (value) => this.heard.debugExit(value),
      powerOff: () => this.heard.powerOff(),
    };
    for (const { tick, event } of before) port.push(event, tick);
    this.session = new Session({ manifest, images, makeEngine, port, output });
    this.store = new PageStore(this.session.machine);
    if (fromTick > 0) {
      const reason = this.session.advance(fromTick);
      if (reason !== 'tick') throw new SessionError(`The run ends before tick ${fromTick}: begin earlier.`);
    }
    this.start = this.store.take();
  }

  /**
   * `inputs` in the order of their ticks, none before the moment. With `merging` a run that comes to a state which is
   * known, with the same inputs still to come, ends as that one did; its places and interrupts then end there.
   */
  run(inputs: readonly TimedInput[], merging: Merging | null = null): Outcome {
    const { session, port, setup } = this;
    const { machine } = session;
    if (this.count++ > 0) this.store.restore(this.start, true);
    port.clear();
    for (const { tick, event } of inputs) port.push(event, tick);
    this.sent = [];
    this.player = setup.script.length === 0 ? null : new ScriptPlayer(setup.script, port);
    const stopOn = new StopOn(failureEvents(setup.failures));
    this.heard = stopOn.listen(SILENT_OUTPUT);
    const places: number[] = [];
    const interruptTicks: number[] = [];
    const watcher: DeliveryWatcher = {
      delivered: (kind, vector) => {
        if (kind !== 'interrupt' || interruptTicks.length >= INTERRUPTS_MAX) return;
        interruptTicks.push(machine.tick);
        places.push((Math.imul(machine.cpu.m32[EIP], 0x9e3779b1) ^ Math.imul(vector, 0x85ebca6b)) >>> 0);
      },
    };
    machine.watcher = watcher;
    machine.debugExitValue = -1;
    stopOn.attach(machine);
    const keys: string[] = [];
    let ended: string | null = null;
    for (const tick of merging?.ticks ?? []) {
      if (tick <= session.tick) continue;
      ended = goOn(session, stopOn, tick);
      if (ended !== null) break;
      const key = `${tick} ${machine.hash().root} ${this.sentDigest}`;
      const known = merging?.known.get(key);
      if (known !== undefined && merging !== null) {
        machine.watcher = null;
        merging.merged++;
        return { ...known, places, interruptTicks };
      }
      keys.push(key);
    }
    ended ??= goOn(session, stopOn, setup.horizonTick) ?? 'tick';
    machine.watcher = null;
    const end = endOf(session, stopOn, ended);
    const outcome = {
      fails: isFailure(setup.failures, end, machine.cpu),
      reason: end.cameText === null ? ended : 'event',
      tick: machine.tick,
      debugExit: end.debugExit,
      sent: this.sentDigest,
      places,
      interruptTicks,
    };
    for (const key of keys) merging?.known.set(key, outcome);
    return outcome;
  }

  private get sentDigest(): string {
    return hashBytesHex(Uint8Array.from(this.sent, (each) => each & 0xff));
  }
}

/**
 * On to `untilTick`: null when the run came there, else why it ended. An event ends it as RunLoop does, at the next
 * tick at which nothing has happened yet.
 */
function goOn(session: Session, stopOn: StopOn, untilTick: number): EndReason | null {
  const reason = session.advance(untilTick);
  if (stopOn.tick !== null && (reason === 'break' || reason === 'tick')) return session.advance(stopOn.tick);
  return reason === 'tick' ? null : reason;
}

function endOf({ machine }: Session, { cameText }: StopOn, reason: string): RunEnd {
  return { reason, debugExit: machine.debugExitValue < 0 ? null : machine.debugExitValue, cameText };
}

export interface TrialLog {
  readonly manifest: MachineManifest;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  readonly script: readonly ScriptStep[];
  readonly failures: readonly Failure[];
  readonly horizonTick: number;
  /** From tick 0 on. */
  readonly inputs: readonly TimedInput[];
  readonly creator: string;
  readonly sink: LogSink;
}

/** The whole run of a trial once more, from its boot, as a log that ends where the trial ended. Whether it fails. */
export function recordTrial(trial: TrialLog): boolean {
  const { manifest, images, makeEngine, failures, creator, sink } = trial;
  const writer = new LogWriter(sink, { creator, profile: 'full', machine: manifest });
  const port = new RecordingPort(writer);
  for (const { tick, event } of trial.inputs) port.push(event, tick);
  const player = trial.script.length === 0 ? null : new ScriptPlayer(trial.script, port);
  const stopOn = new StopOn(failureEvents(failures));
  const heard = stopOn.listen(SILENT_OUTPUT);
  const output: OutputPort = {
    ...heard,
    serial: (line, byte) => {
      player?.serialOutput(session.machine.cpu.now(), line, byte);
      heard.serial(line, byte);
    },
  };
  const session = new Session({ manifest, images, makeEngine, port, output });
  stopOn.attach(session.machine);
  const reason = goOn(session, stopOn, trial.horizonTick);
  const end = endOf(session, stopOn, reason ?? 'tick');
  const fails = isFailure(failures, end, session.machine.cpu);
  session.end(end.cameText === null ? (reason ?? 'max-ticks') : 'stopped');
  return fails;
}
