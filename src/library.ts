/**
 * Reprise as a library: the verbs of the command line over bytes in memory. Nothing here opens a file, looks at a
 * clock, waits or knows its host: a machine is a value, a log is a Uint8Array. It runs in a browser's worker as it does
 * in Node; what a host can do better (SHA-256, another's disassembly) it hands in.
 *
 *     const recorded = await record({ images: { kernel }, inputs: [{ tick: 5_000_000, event: serialText('ls\n') }] });
 *     const again = await replay(recorded.log, { images: { kernel } });
 *     again.divergence === null && again.hash === recorded.hash
 */
import { concatenate } from './core/base/bytes.ts';
import { sha256, type Sha256 } from './core/base/sha256.ts';
import { UsageError } from './core/base/usage-error.ts';
import type { ImageContent } from './core/board/image.ts';
import { mediumRole } from './core/devices/disk/roles.ts';
import type { InputEvent, SerialInput } from './core/log/events.ts';
import { SILENT_OUTPUT } from './core/board/silent.ts';
import { screenText } from './core/devices/display/screen.ts';
import { vgaOf } from './core/devices/display/vga.ts';
import { findImages } from './core/log/find-images.ts';
import { LogWriter, openLog } from './core/log/log.ts';
import type { LogReader } from './core/log/log.ts';
import { embedAll } from './core/log/log-images.ts';
import type { TimedInput } from './core/log/timed-input.ts';
import type { LogProfile, MachineManifest } from './core/log/manifest.ts';
import type { Machine } from './core/machine/machine.ts';
import {
  type BootImages,
  describeMachine,
  type GuestOptions,
  type MachineSetup,
  type NamedImage,
} from './core/session/describe-machine.ts';
import { LivePort } from './core/session/live-port.ts';
import { LogPort } from './core/session/log-port.ts';
import { RecordingPort } from './core/session/recording-port.ts';
import { checkDrives } from './core/session/media-script.ts';
import { parseInputScript, ScriptPlayer } from './core/session/input-script.ts';
import { RunLoop, LEG_TICKS } from './core/session/run-loop.ts';
import { TICK_LIMIT } from './core/base/defaults.ts';
import { createReplay, Session } from './core/session/session.ts';
import { describeFromSnapshot, mediaCountOf } from './core/session/describe-snapshot.ts';
import { openSnapshot } from './core/session/snapshot-file.ts';
import { StopOn } from './core/timeline/stop-on.ts';
import type { EndReason, Images, SessionEnd } from './core/session/session.ts';
import { CheckpointRecorder } from './core/timeline/stored-checkpoints.ts';
import { Timeline } from './core/timeline/timeline.ts';
import type { Disassemble } from './core/verify/verify-report.ts';
import { DEFAULT_ENGINE, loadEngine } from './engines.ts';
import { RecordedRun, type RecordedRunOptions } from './recorded.ts';
import { type Verified, verifyLog } from './verification.ts';
import { CREATOR } from './version.ts';
import { loadContestants } from './contestants.ts';

export { describeDivergence } from './core/session/divergence.ts';
export type { Divergence } from './core/session/divergence.ts';
export { eventToJson, eventToText } from './core/log/events.ts';
export type { CheckEvent, InputEvent, LoggedEvent } from './core/log/events.ts';
export { LogError } from './core/log/log-error.ts';
export { logEvents, openLog } from './core/log/log.ts';
export type { TimedInput } from './core/log/timed-input.ts';
export type { EventFilter, LogReader } from './core/log/log.ts';
export { summarizeLog } from './core/log/log-summary.ts';
export type { LogSummary } from './core/log/log-summary.ts';
export type { LogProfile, MachineManifest } from './core/log/manifest.ts';
export type { Breakpoint, Position, Watchpoint, WatchKind } from './core/timeline/lookout.ts';
export { PositionError } from './core/timeline/positions.ts';
export { ExpressionError } from './core/timeline/expression.ts';
export { type Stop, Timeline } from './core/timeline/timeline.ts';
export type { Chain, ChainOptions, Choice, Stale } from './core/timeline/provenance/chain.ts';
export type { Change } from './core/timeline/provenance/changes.ts';
export type { OriginGraph } from './core/timeline/provenance/graph.ts';
export type { Origin } from './core/timeline/provenance/origin.ts';
export type { Turning, WhyNot } from './core/timeline/provenance/why-not.ts';
export { QueryError } from './core/query/query-error.ts';
export type { BreakOptions, FoundBytes, QueryRow, RecordedRun, RecordedRunOptions, WatchOptions } from './recorded.ts';
export { SessionError } from './core/session/session.ts';
export type { SessionEnd } from './core/session/session.ts';
export type { Machine } from './core/machine/machine.ts';
export { BootError } from './core/machine/boot/boot-error.ts';
export { UsageError } from './core/base/usage-error.ts';
export type { GuestOptions, NamedImage } from './core/session/describe-machine.ts';
export { DEFAULT_ENGINE, EngineError, engineNames } from './engines.ts';
export type { Verified } from './verification.ts';
export { VERSION } from './version.ts';

export interface ImageBytes {
  /** A Linux bzImage or a multiboot 1 kernel. */
  readonly kernel?: Uint8Array;
  /** Initial RAM disk of Linux. */
  readonly initrd?: Uint8Array;
  /** Multiboot modules, in order; the guest sees `commandLine`, or the name without one. */
  readonly modules?: readonly (NamedImage & { readonly commandLine?: string })[];
  /** Firmware, started from the reset vector; excludes a kernel. */
  readonly bios?: Uint8Array;
  /** BIOS of the screen, for firmware to find. */
  readonly vgaBios?: Uint8Array;
  /** What is in the drives, by role (hda to hdd): bytes, or a source that is asked for parts of them. Never written. */
  readonly drives?: Readonly<Record<string, ImageContent>>;
  /** A snapshot to go on from, which has the machine and its options; the other images are those that it needs. */
  readonly snapshot?: Uint8Array;
  /** What an input script puts into drives, by the names that it has there. */
  readonly media?: Readonly<Record<string, ImageContent>>;
}

/** What the host does better than the library. */
export interface HostSettings {
  /** Digest of images; its own takes a second for 200 MB. */
  readonly sha256?: Sha256;
}

/** Every byte that the guest sends, as it is sent. */
export interface OutputSettings {
  readonly onSerial?: (line: number, byte: number, tick: number) => void;
  /** To the debug console, ports E9h and 402h. */
  readonly onDebugConsole?: (byte: number) => void;
  /** What is printed at the parallel port. */
  readonly onParallel?: (byte: number) => void;
}

export interface MachineSettings extends GuestOptions, HostSettings, OutputSettings {
  readonly images: ImageBytes;
  /** Name of the engine, with a tier policy behind a colon; default `tiered`. */
  readonly engine?: string;
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
  const { manifest, images } = setupOf(settings);
  const port = new LivePort();
  let running: Session | null = null;
  const output = outputOf(settings, () => running);
  const session = new Session({ manifest, images, makeEngine, port, output });
  running = session;
  return {
    machine: session.machine,
    manifest,
    get tick() {
      return session.tick;
    },
    run: (untilTick) => session.advance(Math.min(untilTick, TICK_LIMIT)),
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
  /** The run ends by itself at the first of these, as --stop-on takes them: `serial:"BUG"`, `fault:14`, `reset`. */
  readonly stopOn?: readonly string[];
  /** A checkpoint is stored in the log about every so many ticks. */
  readonly checkpointEveryTicks?: number;
}

export interface Recording extends SessionEnd {
  readonly log: Uint8Array;
  readonly manifest: MachineManifest;
  /** What the guest sent on its first serial line. */
  readonly serial: Uint8Array;
}

const MAX_TICKS_DEFAULT = 2 ** 32;

/** Runs a guest until it ends, idles for ever or reaches `maxTicks`, and records the run. */
export async function record(settings: RecordSettings): Promise<Recording> {
  const makeEngine = await loadEngine(settings.engine ?? DEFAULT_ENGINE);
  const { snapshot } = settings.images;
  const mediaCount = snapshot === undefined ? 0 : mediaCountOf(openSnapshot(snapshot));
  const media = new Array<string>(mediaCount).fill('');
  const steps = settings.script === undefined ? null : parseInputScript(settings.script, media);
  const { manifest, images } = setupOf(settings, media.slice(mediaCount));
  checkDrives(steps?.flatMap(({ inputs }) => inputs) ?? [], (role) => images.has(role));
  const frames: Uint8Array[] = [];
  const header = { creator: CREATOR, profile: settings.profile ?? 'full', machine: manifest };
  const writer = new LogWriter((frame) => frames.push(frame), header);
  if (settings.embed === true) {
    embedAll(writer, manifest, images);
  }
  const port = new RecordingPort(writer);
  const serial: number[] = [];
  for (const { tick, event } of settings.inputs ?? []) port.push(event, tick);
  const player = steps === null ? null : new ScriptPlayer(steps, port);
  let session: Session | null = null;
  const onSerial = (line: number, byte: number): void => {
    if (line === 0) serial.push(byte);
    const tick = tickOf(session);
    player?.serialOutput(tick, line, byte);
    settings.onSerial?.(line, byte, tick);
  };
  const output = outputOf({ ...settings, onSerial }, () => session);
  const every = settings.checkpointEveryTicks;
  const recorder = every === undefined ? null : new CheckpointRecorder(writer, every);
  const stopOn = settings.stopOn === undefined ? null : new StopOn(settings.stopOn);
  const heard = recorder?.listen(output) ?? output;
  session = new Session({ manifest, images, makeEngine, port, output: stopOn?.listen(heard) ?? heard });
  const { machine } = session;
  recorder?.attach(session.machine);
  stopOn?.attach(session.machine);
  const loop = new RunLoop({
    session,
    maxTick: settings.maxTicks ?? MAX_TICKS_DEFAULT,
    legTicks: Math.min(every ?? LEG_TICKS, LEG_TICKS),
    passed: () => recorder?.passed(),
    look: (tick) => {
      const vga = player?.awaitsScreen === true ? vgaOf(machine.board) : null;
      if (vga !== null) player?.screenShown(tick, screenText(vga.picture()));
    },
    ...(stopOn === null ? {} : { stopOn }),
  });
  const end = session.end(loop.run());
  return { ...end, log: concatenate(frames), manifest, serial: Uint8Array.from(serial) };
}

/** A recording in the making: a machine that somebody talks to. */
export interface LiveRecording extends BootedMachine {
  /** Ends the run here; its log is whole. */
  finish(reason?: EndReason): Recording;
}

export interface LiveSettings extends MachineSettings {
  /** Default `full`. */
  readonly profile?: LogProfile;
  /** Store the images in the log. */
  readonly embed?: boolean;
}

/** Boots a guest and records it from now on, for as long as the caller drives it. */
export async function startRecording(settings: LiveSettings): Promise<LiveRecording> {
  const makeEngine = await loadEngine(settings.engine ?? DEFAULT_ENGINE);
  const { manifest, images } = setupOf(settings);
  const frames: Uint8Array[] = [];
  const header = { creator: CREATOR, profile: settings.profile ?? 'full', machine: manifest };
  const writer = new LogWriter((frame) => frames.push(frame), header);
  if (settings.embed === true) embedAll(writer, manifest, images);
  const port = new RecordingPort(writer);
  const serial: number[] = [];
  const onSerial: OutputSettings['onSerial'] = (line, byte, tick) => {
    if (line === 0) serial.push(byte);
    settings.onSerial?.(line, byte, tick);
  };
  let running: Session | null = null;
  const output = outputOf({ ...settings, onSerial }, () => running);
  const session = new Session({ manifest, images, makeEngine, port, output });
  running = session;
  return {
    machine: session.machine,
    manifest,
    get tick() {
      return session.tick;
    },
    run: (untilTick) => session.advance(Math.min(untilTick, TICK_LIMIT)),
    push: (event, tick) => port.push(event, tick),
    hash: () => session.machine.hash().root,
    finish: (reason = 'stopped') => {
      const end = session.end(reason);
      return { ...end, log: concatenate(frames), manifest, serial: Uint8Array.from(serial) };
    },
  };
}

export interface ReplaySettings extends HostSettings, OutputSettings {
  /** Not needed for what the log embeds. */
  readonly images?: ImageBytes;
  readonly engine?: string;
  /** `log`: no device runs; what devices did comes from the log, which must be of profile `full`. */
  readonly devices?: 'model' | 'log';
  /** Called between legs of about this many ticks with the machine, for those who look or meddle. */
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
  const images = imagesFor(reader, settings);
  const serial: number[] = [];
  const onSerial: OutputSettings['onSerial'] = (line, byte, tick) => {
    if (line === 0) serial.push(byte);
    settings.onSerial?.(line, byte, tick);
  };
  let running: Session | null = null;
  const output = outputOf({ ...settings, onSerial }, () => running);
  const session = createReplay({ log: reader, images, makeEngine, output, devices: settings.devices ?? 'model' });
  running = session;
  const { inspect } = settings;
  const loop = new RunLoop({
    session,
    legTicks: inspect?.everyTicks ?? Number.POSITIVE_INFINITY,
    passed: () => inspect?.look(session.machine),
  });
  const end = session.end(loop.run());
  const checks = session.port instanceof LogPort ? session.port.agreedChecks : 0;
  return { ...end, checks, serial: Uint8Array.from(serial) };
}

export interface WalkSettings extends HostSettings, RecordedRunOptions {
  /** Not needed for what the log embeds. */
  readonly images?: ImageBytes;
  readonly engine?: string;
  /** `log`: no device runs; what devices did comes from the log, which must be of profile `full`. */
  readonly devices?: 'model' | 'log';
  /** Memory for checkpoints, in bytes. */
  readonly checkpointBytesMax?: number;
  /** Between two checkpoints, while there is memory for them; chosen by the length of the run where it is not given. */
  readonly intervalTicks?: number;
}

/** Opens a recorded run to walk in, forwards and backwards. It stands at its start. */
export async function openRun(log: Uint8Array | LogReader, settings: WalkSettings = {}): Promise<RecordedRun> {
  const reader = log instanceof Uint8Array ? openLog(log) : log;
  const { images: _images, sha256: _sha256, engine = DEFAULT_ENGINE, pause, symbolOf, ...options } = settings;
  const images = imagesFor(reader, settings);
  const timeline = new Timeline({
    log: reader,
    images,
    makeEngine: await loadEngine(engine),
    makeStepper: await loadEngine(DEFAULT_ENGINE),
    ...options,
  });
  return new RecordedRun(timeline, images, {
    ...(pause === undefined ? {} : { pause }),
    ...(symbolOf === undefined ? {} : { symbolOf }),
  });
}

export interface VerifySettings extends HostSettings {
  /** Not needed for what the log embeds. */
  readonly images?: ImageBytes;
  /** Names of engines; the first is the reference. */
  readonly engines: readonly string[];
  readonly intervalTicks?: number;
  /** Runs under random schedules, after all engines have run together. */
  readonly schedules?: number;
  readonly seed?: number;
  /** Another's words for guest instructions in the report, loaded when there is one to write. */
  readonly loadDisassembler?: () => Promise<Disassemble>;
}

/** Runs a log on several engines in lockstep. `difference` is null when all did the same. */
export async function verify(log: Uint8Array | LogReader, settings: VerifySettings): Promise<Verified> {
  const reader = log instanceof Uint8Array ? openLog(log) : log;
  const { engines, images: _images, sha256: _sha256, ...options } = settings;
  return verifyLog({
    log: reader,
    images: imagesFor(reader, settings),
    contestants: await loadContestants(engines),
    ...options,
  });
}

function setupOf(settings: MachineSettings, media: readonly string[] = []): MachineSetup {
  const { snapshot } = settings.images;
  if (snapshot !== undefined) {
    checkBytes('images.snapshot', snapshot);
    const log = openSnapshot(snapshot);
    const named = media.map((name) => ({ name, data: mediumOf(settings.images, name) }));
    const digest = settings.sha256 ?? sha256;
    return describeFromSnapshot({
      ...{ log, name: 'snapshot', images: imagesFor(log, settings), media: named },
      sha256: digest,
    });
  }
  const { kernel, initrd, modules = [], bios, vgaBios, drives = {} } = settings.images;
  for (const [name, data] of Object.entries({ kernel, initrd, bios, vgaBios })) checkBytes(`images.${name}`, data);
  modules.forEach(({ data }, i) => checkBytes(`images.modules[${i}].data`, data));
  const boot: BootImages = {
    ...(kernel === undefined ? {} : { kernel: { name: 'kernel', data: kernel } }),
    ...(initrd === undefined ? {} : { initrd: { name: 'initrd', data: initrd } }),
    ...(bios === undefined ? {} : { bios: { name: 'bios', data: bios } }),
    ...(vgaBios === undefined ? {} : { vgaBios: { name: 'vgabios', data: vgaBios } }),
    drives: Object.fromEntries([...Object.entries(drives), ...mediaByRole(settings.images, media)].map(named)),
    modules: modules.map((module) => ({ ...module, commandLine: module.commandLine ?? module.name })),
  };
  return describeMachine(boot, settings, settings.sha256 ?? sha256);
}

function named([role, data]: readonly [string, ImageContent]) {
  return [role, { name: role, data }] as const;
}

/** What a script names, under the roles of its numbers. */
function mediaByRole(images: ImageBytes, names: readonly string[]): (readonly [string, ImageContent])[] {
  return names.map((name, index) => [mediumRole('', index + 1), mediumOf(images, name)]);
}

function mediumOf(images: ImageBytes, name: string): ImageContent {
  const content = images.media?.[name];
  if (content === undefined) throw new UsageError(`The script puts ${name} into a drive: give it in images.media.`);
  return content;
}

function checkBytes(name: string, data: unknown): void {
  if (data === undefined || data instanceof Uint8Array) return;
  throw new UsageError(`${name} wants the bytes of a file (a Uint8Array), not ${typeof data}: read the file first.`);
}

function imagesFor(log: LogReader, settings: HostSettings & { readonly images?: ImageBytes }): Images {
  const { kernel, initrd, bios, vgaBios, snapshot, modules = [], drives = {} } = settings.images ?? {};
  const all = [kernel, initrd, bios, vgaBios, snapshot, ...modules.map(({ data }) => data), ...Object.values(drives)];
  all.push(...Object.values(settings.images?.media ?? {}));
  const given = all.filter((bytes) => bytes !== undefined);
  return findImages(log, {
    sha256: settings.sha256 ?? sha256,
    candidates: () => given,
    tried: () => `${given.length > 0 ? 'nothing that was given is it' : 'none was given'}: give its bytes in images`,
  });
}

/** Where the machine is; 0 while it is being made. */
const tickOf = (session: Session | null): number => (session === null ? 0 : session.machine.cpu.now());

/** `session` is asked when something comes out. */
function outputOf({ onSerial, onDebugConsole, onParallel }: OutputSettings, session: () => Session | null) {
  return {
    ...SILENT_OUTPUT,
    serial: (line: number, byte: number) => onSerial?.(line, byte, tickOf(session())),
    debugConsole: (byte: number) => onDebugConsole?.(byte),
    parallel: (byte: number) => onParallel?.(byte),
  };
}
