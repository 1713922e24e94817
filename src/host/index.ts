/**
 * Reprise as a library: the verbs of the command line over bytes in memory. Nothing here opens a file, looks at a
 * clock or waits: a machine is a value, a log is a Uint8Array.
 *
 *     const recorded = await record({ images: { kernel }, inputs: [{ tick: 5_000_000, event: serialText('ls\n') }] });
 *     const again = await replay(recorded.log, { images: { kernel } });
 *     again.divergence === null && again.hash === recorded.hash
 */
import { SILENT_OUTPUT } from '../core/board/silent.ts';
import { isLinuxImage } from '../core/machine/boot/linux.ts';
import { LivePort } from '../core/session/live-port.ts';
import { RecordingPort } from '../core/session/recording-port.ts';
import { LogPort } from '../core/session/log-port.ts';
import type { Machine } from '../core/machine/machine.ts';
import type { InputEvent, SerialInput } from '../core/log/events.ts';
import { parseInputScript, ScriptPlayer } from '../core/session/input-script.ts';
import { embedImages, hasImage, readImage } from '../core/log/log-images.ts';
import { CheckpointRecorder } from '../core/timeline/stored-checkpoints.ts';
import { LogWriter, openLog } from '../core/log/log.ts';
import type { LogReader } from '../core/log/log.ts';
import type { ImageRecord, LogProfile, MachineManifest } from '../core/log/manifest.ts';
import {
  CPU_MODEL,
  createReplay,
  deviceRecords,
  HASH_EVERY_TICKS_DEFAULT,
  NS_PER_TICK_DEFAULT,
  Session,
} from '../core/session/session.ts';
import type { EndReason, Images, SessionEnd } from '../core/session/session.ts';
import { DEFAULT_ENGINE, loadEngine } from './node/engines.ts';
import { sha256 } from './node/images.ts';
import { VERSION } from './node/version.ts';
import { type Verified, verifyLog } from './node/verify.ts';
import { loadWitnesses } from './node/witnesses.ts';

export { describeDivergence } from '../core/session/divergence.ts';
export type { Divergence } from '../core/session/divergence.ts';
export { eventToJson, eventToText } from '../core/log/events.ts';
export type { CheckEvent, InputEvent, LoggedEvent } from '../core/log/events.ts';
export { LogError } from '../core/log/log-error.ts';
export { logEvents, openLog } from '../core/log/log.ts';
export type { EventFilter, LogReader } from '../core/log/log.ts';
export { summarizeLog } from '../core/log/log-summary.ts';
export type { LogSummary } from '../core/log/log-summary.ts';
export type { LogProfile, MachineManifest } from '../core/log/manifest.ts';
export { SessionError } from '../core/session/session.ts';
export type { SessionEnd } from '../core/session/session.ts';
export type { Machine } from '../core/machine/machine.ts';
export type { Verified } from './node/verify.ts';

export interface ImageBytes {
  /** A Linux bzImage or a multiboot 1 kernel. */
  readonly kernel?: Uint8Array;
  /** Initial RAM disk of Linux. */
  readonly initrd?: Uint8Array;
  /** Multiboot modules, in order; `name` is what the guest sees as the module's string. */
  readonly modules?: readonly { readonly name: string; readonly data: Uint8Array }[];
  /** Firmware, started from the reset vector; excludes a kernel. */
  readonly bios?: Uint8Array;
}

export interface MachineSettings {
  readonly images: ImageBytes;
  /** Command line of the kernel. */
  readonly append?: string;
  /** Default 128. */
  readonly memoryMegabytes?: number;
  /** Guest nanoseconds per tick, a power of two; default 8. */
  readonly nsPerTick?: number;
  /** Wall clock of the guest at tick 0, in seconds since 1970; default 0. */
  readonly epochSeconds?: number;
  readonly seed?: number;
  /** False: a triple fault or reset ends the run. Default true. */
  readonly reboot?: boolean;
  readonly serialTiming?: 'instant' | 'baud';
  /** Ticks between state hashes in a log. */
  readonly hashEveryTicks?: number;
  /** Name of the engine; default `interp`. */
  readonly engine?: string;
  /** Every byte that the guest sends on a serial line, as it is sent. */
  readonly onSerial?: (line: number, byte: number) => void;
}

export interface TimedInput {
  readonly tick: number;
  readonly event: InputEvent;
}

/** A machine that has booted and not yet run. */
export interface BootedMachine {
  readonly machine: Machine;
  readonly manifest: MachineManifest;
  readonly tick: number;
  /** Goes on until `untilTick`, or until something ends or idles the run; `tick` means that it got there. */
  run(untilTick: number): EndReason;
  /** An input for `tick`, or for now. */
  push(event: InputEvent, tick?: number): void;
  /** Digest of the whole guest-visible state. */
  hash(): string;
}

/** Text for the first serial line, as an input. */
export function serialText(text: string, line = 0): SerialInput {
  return { kind: 'serial', port: line, bytes: new TextEncoder().encode(text) };
}

/** Builds a machine and boots it; nothing is recorded. Throws `BootError` for images that cannot be booted. */
export async function createMachine(settings: MachineSettings): Promise<BootedMachine> {
  const makeEngine = await loadEngine(settings.engine ?? DEFAULT_ENGINE);
  const { manifest, images } = describeMachine(settings);
  const port = new LivePort();
  const session = new Session({ manifest, images, makeEngine, port, output: outputOf(settings.onSerial) });
  return {
    machine: session.machine,
    manifest,
    get tick() {
      return session.tick;
    },
    run: (untilTick) => session.advance(untilTick),
    push: (event, tick) => port.push(event, tick),
    hash: () => session.machine.hash().root,
  };
}

export interface RecordSettings extends MachineSettings {
  /** Default `full`. */
  readonly profile?: LogProfile;
  /** Store the images in the log. */
  readonly embed?: boolean;
  readonly inputs?: readonly TimedInput[];
  /** An input script, as `--input` takes it. */
  readonly script?: string;
  /** The run ends at this tick at the latest; default 2^32. */
  readonly maxTicks?: number;
  /** A checkpoint is stored in the log about every so many ticks. */
  readonly checkpointEveryTicks?: number;
}

export interface Recording extends SessionEnd {
  readonly log: Uint8Array;
  readonly manifest: MachineManifest;
  /** What the guest sent on its first serial line. */
  readonly serial: Uint8Array;
}

/** Runs a guest until it ends, idles for ever or reaches `maxTicks`, and records the run. */
export async function record(settings: RecordSettings): Promise<Recording> {
  const makeEngine = await loadEngine(settings.engine ?? DEFAULT_ENGINE);
  const { manifest, images } = describeMachine(settings);
  const frames: Uint8Array[] = [];
  const header = { creator: `reprise ${VERSION}`, profile: settings.profile ?? 'full', machine: manifest };
  const writer = new LogWriter((frame) => frames.push(frame), header);
  if (settings.embed === true) {
    embedImages(
      writer,
      manifest.images.map(({ role }) => images.get(role) ?? new Uint8Array(0)),
    );
  }
  const port = new RecordingPort(writer);
  const serial: number[] = [];
  for (const { tick, event } of settings.inputs ?? []) port.push(event, tick);
  const player = settings.script === undefined ? null : new ScriptPlayer(parseInputScript(settings.script), port);
  let session: Session | null = null;
  const output = outputOf((line, byte) => {
    if (line === 0) serial.push(byte);
    player?.serialOutput(session === null ? 0 : session.machine.cpu.now(), line, byte);
    settings.onSerial?.(line, byte);
  });
  const every = settings.checkpointEveryTicks;
  const recorder = every === undefined ? null : new CheckpointRecorder(writer, every);
  session = new Session({ manifest, images, makeEngine, port, output: recorder?.listen(output) ?? output });
  recorder?.attach(session.machine);
  const lookTicks = Math.min(every ?? DEAD_LOOK_TICKS, DEAD_LOOK_TICKS);
  const end = session.end(runLive(session, settings.maxTicks ?? 2 ** 32, lookTicks, () => recorder?.passed()));
  return { ...end, log: concatenate(frames), manifest, serial: Uint8Array.from(serial) };
}

export interface ReplaySettings {
  /** Not needed for what the log embeds. */
  readonly images?: ImageBytes;
  readonly engine?: string;
  /** `log`: no device runs; what devices did comes from the log, which must be of profile `full`. */
  readonly devices?: 'model' | 'log';
  readonly onSerial?: (line: number, byte: number) => void;
  /** Called between slices of about this many ticks with the machine, for those who look or meddle. */
  readonly inspect?: { readonly everyTicks: number; readonly look: (machine: Machine) => void };
}

export interface Replayed extends SessionEnd {
  /** Checks that agreed. */
  readonly checks: number;
  readonly serial: Uint8Array;
}

/** Runs a log again and asserts it. `divergence` is null when everything agreed. */
export async function replay(log: Uint8Array | LogReader, settings: ReplaySettings = {}): Promise<Replayed> {
  const reader = log instanceof Uint8Array ? openLog(log) : log;
  const makeEngine = await loadEngine(settings.engine ?? DEFAULT_ENGINE);
  const images = imagesFor(reader, settings.images ?? {});
  const serial: number[] = [];
  const output = outputOf((line, byte) => {
    if (line === 0) serial.push(byte);
    settings.onSerial?.(line, byte);
  });
  const session = createReplay({ log: reader, images, makeEngine, output, devices: settings.devices ?? 'model' });
  const { inspect } = settings;
  let reason: EndReason = 'tick';
  while (reason === 'tick') {
    const stepTicks = inspect === undefined ? Number.POSITIVE_INFINITY : inspect.everyTicks;
    reason = session.advance(session.tick + stepTicks);
    if (reason === 'tick') inspect?.look(session.machine);
  }
  const end = session.end(reason);
  const checks = session.port instanceof LogPort ? session.port.agreedChecks : 0;
  return { ...end, checks, serial: Uint8Array.from(serial) };
}

export interface VerifySettings {
  /** Not needed for what the log embeds. */
  readonly images?: ImageBytes;
  /** Names of engines; the first is the reference. */
  readonly engines: readonly string[];
  readonly intervalTicks?: number;
  /** Runs under random schedules, after all engines have run together. */
  readonly schedules?: number;
  readonly seed?: number;
}

/** Runs a log on several engines in lockstep. `difference` is null when all did the same. */
export async function verify(log: Uint8Array | LogReader, settings: VerifySettings): Promise<Verified> {
  const reader = log instanceof Uint8Array ? openLog(log) : log;
  const { engines, images, ...options } = settings;
  return verifyLog({
    log: reader,
    images: imagesFor(reader, images ?? {}),
    witnesses: await loadWitnesses(engines),
    ...options,
  });
}

/** Ticks of guest time after which a guest that halted with interrupts off is over. */
const DEAD_NANOSECONDS = 1e9;
const DEAD_LOOK_TICKS = 1 << 19;

function runLive(session: Session, maxTicks: number, lookTicks: number, passed: () => void): EndReason {
  const patienceTicks = DEAD_NANOSECONDS / session.machine.options.nsPerTick;
  let deadTick = -1;
  while (session.tick < maxTicks) {
    const reason = session.advance(Math.min(maxTicks, session.tick + lookTicks));
    if (reason !== 'tick') return reason;
    passed();
    if (!session.isDead || session.port.nextTick() !== Number.POSITIVE_INFINITY) deadTick = -1;
    else if (deadTick < 0) deadTick = session.tick;
    else if (session.tick - deadTick >= patienceTicks) return 'idle';
  }
  return 'max-ticks';
}

function describeMachine(settings: MachineSettings): { manifest: MachineManifest; images: Images } {
  const { kernel, initrd, modules = [], bios } = settings.images;
  const images = new Map<string, Uint8Array>();
  const options: Record<string, string | number | boolean> = {
    reboot: settings.reboot ?? true,
    'serial-timing': settings.serialTiming ?? 'instant',
    'hash-every': settings.hashEveryTicks ?? HASH_EVERY_TICKS_DEFAULT,
  };
  if (bios !== undefined) images.set('bios', bios);
  else if (kernel !== undefined) images.set('kernel', kernel);
  else throw new TypeError('a machine needs an image to boot: give images.kernel or images.bios');
  const isLinux = kernel !== undefined && isLinuxImage(kernel);
  if (isLinux && initrd !== undefined) images.set('initrd', initrd);
  modules.forEach(({ name, data }, index) => {
    images.set(`module${index}`, data);
    options[`module${index}`] = name;
  });
  const records: ImageRecord[] = [...images].map(([role, bytes]) => ({
    role,
    name: role,
    sha256: sha256(bytes),
    sizeBytes: bytes.length,
  }));
  const append = settings.append ?? '';
  const method = bios !== undefined ? 'bios' : isLinux ? 'linux' : 'multiboot';
  const machine = {
    memoryMegabytes: settings.memoryMegabytes ?? 128,
    nsPerTick: settings.nsPerTick ?? NS_PER_TICK_DEFAULT,
    epochSeconds: settings.epochSeconds ?? 0,
    options,
  };
  const manifest: MachineManifest = {
    cpu: CPU_MODEL,
    ...machine,
    devices: deviceRecords(machine),
    seed: settings.seed ?? 0,
    boot: { method, commandLine: method === 'multiboot' ? `kernel ${append}`.trimEnd() : append },
    images: records,
    quirks: [],
  };
  return { manifest, images };
}

/** By digest, so that it does not matter under which name an image is given. */
function imagesFor(log: LogReader, given: ImageBytes): Images {
  const { kernel, initrd, bios, modules = [] } = given;
  const byDigest = new Map<string, Uint8Array>();
  for (const bytes of [kernel, initrd, bios, ...modules.map(({ data }) => data)]) {
    if (bytes !== undefined) byDigest.set(sha256(bytes), bytes);
  }
  const images = new Map<string, Uint8Array>();
  log.header.machine.images.forEach((record, index) => {
    const embedded = hasImage(log, index) ? readImage(log, index) : undefined;
    const bytes = embedded !== undefined && sha256(embedded) === record.sha256 ? embedded : byDigest.get(record.sha256);
    if (bytes === undefined)
      throw new TypeError(`the log needs the ${record.role} image with SHA-256 ${record.sha256}`);
    images.set(record.role, bytes);
  });
  return images;
}

function outputOf(onSerial: ((line: number, byte: number) => void) | undefined) {
  return {
    ...SILENT_OUTPUT,
    serial: (line: number, byte: number) => onSerial?.(line, byte),
  };
}

function concatenate(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}
