/**
 * A whole run without any I/O: from a manifest and the bytes of its images to a booted machine, and from there to its
 * end. `run`, `record` and `replay` differ in the port that they hand in, nowhere else (law 2). The host decides when
 * to go on and what to do with the bytes that come out; it opens files, reads clocks and sleeps.
 */
import type { OutputPort } from '../board/device.ts';
import { placeAcpi } from '../machine/boot/acpi.ts';
import { bootBios, checkBiosImage, mapBios } from '../machine/boot/bios.ts';
import { handOver, handOverBare } from '../machine/boot/hand-over.ts';
import { bootLinux } from '../machine/boot/linux.ts';
import { bootMultiboot } from '../machine/boot/multiboot.ts';
import { blankSource, type ImageContent, sourceOf, wholeImage } from '../board/image.ts';
import { firmwareOptions } from '../machine/boot/firmware.ts';
import type { BoardOptions, Wakers } from '../board/board.ts';
import { surveyBoard } from '../board/survey.ts';
import { planBulk } from '../board/table.ts';
import { HOST_BYTES_MAX, hostBytesOf } from '../memory/memory.ts';
import type { Engine } from '../machine/engine.ts';
import { DevicelessPort } from './deviceless-port.ts';
import { ReplayingPort } from './replaying-port.ts';
import type { InputPort } from '../machine/door.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions, StopReason } from '../machine/machine.ts';
import type { Cpu } from '../state/cpu.ts';
import { EFLAGS, HALTED, IF } from '../state/layout.ts';
import {
  BOOT_ORDER_DEFAULT,
  HASH_EVERY_TICKS_DEFAULT,
  isBootOrder,
  isNsPerTick,
  isWriteCache,
  MEMORY_MEGABYTES_MAX,
  NS_PER_TICK_WANTED,
} from '../base/defaults.ts';
import type { Divergence } from './divergence.ts';
import { beginsAtSnapshot, isSnapshotFile, loadSnapshot } from './snapshot-file.ts';
import type { LogReader } from '../log/log.ts';
import { type DeviceRecord, type MachineManifest, SNAPSHOT_ROLE } from '../log/manifest.ts';
import { isQuirk, type QuirkName } from '../log/quirks.ts';

/** The processor that the machine has; in the manifest, so that a log of another one is told apart. */
export const CPU_MODEL = 'p6';

/** By role: `kernel`, `initrd`, `module0` …, `bios`, `hda` … */
export type Images = ReadonlyMap<string, ImageContent>;
const NO_IMAGES: Images = new Map();

export type EngineFactory = (cpu: Cpu) => Engine;

/** A manifest or log that this version cannot run, in one sentence. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  /** A replay without devices may still do. */
  readonly mayDoWithoutDevices: boolean;

  constructor(message: string, mayDoWithoutDevices = false) {
    super(message);
    this.mayDoWithoutDevices = mayDoWithoutDevices;
  }
}

export interface SessionSetup {
  readonly manifest: MachineManifest;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  readonly port: InputPort;
  readonly output: OutputPort;
}

/** Why a run ended: what the machine says, or what the host decided. */
export type EndReason = StopReason | 'max-ticks' | 'stopped';

export interface SessionEnd {
  readonly tick: number;
  /** Where the session began. */
  readonly startTick: number;
  readonly reason: string;
  /** Digest of the whole state at `tick`. */
  readonly hash: string;
  /** Value that the guest wrote to the debug-exit port, or null. */
  readonly debugExit: number | null;
  readonly divergence: Divergence | null;
  /** Ticks that passed while the guest was halted. */
  readonly idleTicks: number;
}

export class Session {
  readonly machine: Machine;
  readonly port: InputPort;
  /** Where it began: 0, or where its snapshot was taken. */
  readonly startTick: number;
  /** Of a replay: how the recorded run ended, null when its log was cut off. */
  private readonly log: LogReader | null;

  /** Builds the machine and boots the guest. Throws `BootError` for images that cannot be booted. */
  constructor(setup: SessionSetup, log: LogReader | null = null) {
    const { manifest, images, port } = setup;
    this.port = port;
    this.log = log;
    this.machine = new Machine(machineOptions(manifest, images), port, setup.output, setup.makeEngine);
    this.machine.cpu.reducesByExactPi = hasQuirk(manifest, 'exact-pi');
    if (beginsAtSnapshot(manifest)) {
      const snapshot = imageOf(images, SNAPSHOT_ROLE);
      const isDeviceless = port.deliveries !== null;
      // The boot that the snapshot had is no part of this run.
      const { space } = this.machine;
      const { onMapped } = space;
      space.onMapped = () => {};
      bootImages(this.machine, manifest, images);
      space.onMapped = onMapped;
      loadSnapshot(this.machine, snapshot, isDeviceless);
    } else bootImages(this.machine, manifest, images);
    this.startTick = this.machine.tick;
  }

  get tick(): number {
    return this.machine.tick;
  }

  /** Goes on to `untilTick` at most; `tick` means that it got there. */
  advance(untilTick: number): StopReason {
    return this.machine.run(untilTick);
  }

  /** Who can wake the guest, which is halted or frozen at an x87 error; nobody: but for an NMI or a reset. */
  get wakers(): Wakers {
    const { cpu, isFrozen, board } = this.machine;
    if (cpu.m32[HALTED] === 0 && !isFrozen) return 'anything';
    return (cpu.m32[EFLAGS] & IF) === 0 ? 'nobody' : board.wakers;
  }

  /** Ends the run here. A replay that came to the end of its log ends as the log says. */
  end(reason: EndReason): SessionEnd {
    const { machine, log } = this;
    let ending: string = reason;
    if (log !== null && reason === 'log-end')
      ending = log.end === null ? 'log-end' : this.recordedReason(log.end.reason);
    const hash = machine.finish(ending);
    return {
      tick: machine.tick,
      startTick: this.startTick,
      reason: ending,
      hash: hash.root,
      debugExit: machine.debugExitValue < 0 ? null : machine.debugExitValue,
      divergence: this.port.divergence,
      idleTicks: machine.idleTicks,
    };
  }

  /** A host's decision cannot be made again and is taken from the log; what a device does must happen again. */
  private recordedReason(reason: string): string {
    const isDeed = reason === 'power-off' || reason === 'debug-exit' || reason === 'shutdown';
    return isDeed && this.port.deliveries === null ? 'log-end' : reason;
  }
}

export interface ReplaySetup {
  readonly log: LogReader;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  readonly output: OutputPort;
  /** `log`: no device runs, reads and interrupts come from the log. */
  readonly devices?: 'model' | 'log';
  /** Another port than the usual one, such as one that also counts. */
  readonly port?: InputPort;
}

/** A session that replays `log`. Throws `SessionError` when this version has no such machine. */
export function createReplay(setup: ReplaySetup): Session {
  const { log, images, makeEngine, output, devices = 'model' } = setup;
  const { machine: manifest, profile } = log.header;
  if (isSnapshotFile(log)) {
    throw new SessionError('This is a snapshot, which has no run of its own: go on from it with `reprise run --from`.');
  }
  checkManifest(manifest, devices);
  if (devices === 'log' && profile !== 'full') {
    throw new SessionError(
      `A replay without devices needs a log of profile full, this one is of profile ${profile}: replay it with the ` +
        'devices, or record it again with profile full.',
    );
  }
  const port = setup.port ?? (devices === 'log' ? new DevicelessPort(log) : new ReplayingPort(log));
  return new Session({ manifest, images, makeEngine, port, output }, log);
}

/** Whether this version has the machine of the manifest. */
export function checkManifest(
  manifest: MachineManifest,
  devices: 'model' | 'log' = 'model',
  what: 'log' | 'snapshot' = 'log',
): void {
  if (manifest.cpu !== CPU_MODEL) {
    throw new SessionError(
      `The ${what} was recorded on a processor "${manifest.cpu}", this version of Reprise has "${CPU_MODEL}": ` +
        'replay it with the version that recorded it.',
    );
  }
  if (manifest.memoryMegabytes > MEMORY_MEGABYTES_MAX) {
    throw new SessionError(
      `The ${what} wants a machine with ${manifest.memoryMegabytes} MB of memory, at most ` +
        `${MEMORY_MEGABYTES_MAX} can be had: replay it with the version that recorded it.`,
    );
  }
  const problem = memoryProblem(manifest);
  if (problem !== null) throw new SessionError(`The log wants ${problem}.`);
  if (!isNsPerTick(manifest.nsPerTick)) {
    throw new SessionError(
      `The ${what} wants a machine with ${manifest.nsPerTick} ns per tick, ${NS_PER_TICK_WANTED} can be had: ` +
        'replay it with the version that recorded it.',
    );
  }
  checkOptions(manifest.options, what);
  const unknown = manifest.quirks.find((name) => !isQuirk(name));
  if (unknown !== undefined) {
    throw new SessionError(
      `The ${what} needs the behaviour "${unknown}", which this version of Reprise does not have: use a newer version.`,
    );
  }
  if (devices === 'log') return;
  const ours = deviceRecords(manifest);
  const theirs = new Map(manifest.devices.map(({ name, version }) => [name, version]));
  for (const { name, version } of ours) {
    const recorded = theirs.get(name);
    if (recorded === version) continue;
    const had = recorded === undefined ? `no device ${name}` : `version ${recorded} of the device ${name}`;
    throw new SessionError(
      `The ${what} was recorded on a machine with ${had}, this one has version ${version}: try it without devices, ` +
        'or replay it with the version that recorded it.',
      true,
    );
  }
  for (const name of theirs.keys()) {
    if (ours.some((device) => device.name === name)) continue;
    throw new SessionError(
      `The ${what} was recorded on a machine with a device ${name}, which this version of Reprise does not ` +
        'have: try it without devices, or replay it with the version that recorded it.',
      true,
    );
  }
}

/** Each of them changes what the guest sees: one that is not understood cannot be left out. */
function checkOptions(options: MachineManifest['options'], what: string): void {
  for (const [name, value] of Object.entries(options)) {
    const isFine =
      (name === 'disk-room' && Number.isSafeInteger(value) && Number(value) > 0) ||
      (name === 'write-cache' && isWriteCache(value)) ||
      (name === 'boot-menu' && typeof value === 'boolean') ||
      (name === 'boot-order' && typeof value === 'string' && isBootOrder(value)) ||
      (name === 'reboot' && typeof value === 'boolean') ||
      (name === 'serial-timing' && (value === 'instant' || value === 'baud')) ||
      (name === 'vga' && value === 'std') ||
      (name === 'hpet' && value === true) ||
      (name === 'parallel' && value === true) ||
      (name === 'hash-every' && Number.isSafeInteger(value) && Number(value) >= 0) ||
      (/^module\d+$/.test(name) && typeof value === 'string');
    if (isFine) continue;
    throw new SessionError(
      `The ${what} wants a machine with the option ${JSON.stringify(name)} as ${JSON.stringify(value)}, which this ` +
        'version of Reprise does not have: use the version that recorded it.',
    );
  }
}

/** RAM, screen, firmware and the room of drives share one space: how many MB it lacks for such a machine, or 0. */
export function excessMegabytes(settings: Settings): number {
  const { memoryMegabytes } = settings;
  const bulks = planBulk(boardOptions(settings));
  const bulkBytes = bulks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const romBytes = settings.images.find(({ role }) => role === 'bios')?.sizeBytes ?? 0;
  const excessBytes = hostBytesOf(memoryMegabytes * 2 ** 20, romBytes, bulkBytes, 1) - HOST_BYTES_MAX;
  return Math.max(0, Math.ceil(excessBytes / 2 ** 20));
}

/** Why there is no such machine; null: there is. */
export function memoryProblem(settings: Settings): string | null {
  const { memoryMegabytes } = settings;
  const excess = excessMegabytes(settings);
  if (excess === 0) return null;
  const most = memoryMegabytes - excess;
  return (
    `a machine with ${memoryMegabytes} MB of memory, and beside its screen, firmware and room for disks ${most} MB ` +
    'can be had'
  );
}

type Settings = Pick<MachineManifest, 'memoryMegabytes' | 'options' | 'images' | 'quirks'>;

/** Names and versions of the devices that a machine of this manifest has. */
export function deviceRecords(settings: Settings): DeviceRecord[] {
  return [...surveyBoard(boardOptions(settings)).devices];
}

function boardOptions(settings: Settings): BoardOptions {
  const { memoryMegabytes, options } = settings;
  return {
    memoryBytes: memoryMegabytes << 20,
    serialTiming: serialTimingOf(options),
    quirks: settings.quirks,
    ...extrasOf(options),
    ...imageOptions(settings, NO_IMAGES),
  };
}

type DrivesAndFirmware = Pick<MachineOptions, 'images' | 'firmware' | 'diskRoomMegabytes' | 'writeCacheKilobytes'>;

/** Images and firmware as a board is told of them; bytes that are not at hand are zeros. */
function imageOptions(settings: Settings, images: Images): DrivesAndFirmware {
  const { memoryMegabytes, options } = settings;
  const boardImages = settings.images.map(({ role, sizeBytes }) => {
    const content = images.get(role);
    return { role, source: content === undefined ? blankSource(sizeBytes) : sourceOf(content) };
  });
  const room = options['disk-room'];
  const cache = options['write-cache'];
  const drives = {
    images: boardImages,
    ...(typeof room === 'number' ? { diskRoomMegabytes: room } : {}),
    ...(typeof cache === 'number' ? { writeCacheKilobytes: cache } : {}),
  };
  const bios = settings.images.find(({ role }) => role === 'bios');
  if (bios === undefined || hasQuirk(settings, 'plain-firmware')) return drives;
  const firmware = firmwareOptions({
    ramSize: memoryMegabytes << 20,
    romBytes: bios.sizeBytes,
    hasApic: true,
    hasHpet: options.hpet === true,
    hasScreen: options.vga === 'std' && settings.images.some(({ role }) => role === 'vgabios'),
    hasBootMenu: options['boot-menu'] === true,
    bootOrder: typeof options['boot-order'] === 'string' ? options['boot-order'] : BOOT_ORDER_DEFAULT,
    roles: hasQuirk(settings, 'no-bootorder') ? null : new Set(settings.images.map(({ role }) => role)),
  });
  return { ...drives, firmware };
}

function hasQuirk(manifest: Pick<MachineManifest, 'quirks'>, quirk: QuirkName): boolean {
  return manifest.quirks.includes(quirk);
}

function serialTimingOf(options: MachineManifest['options']): 'instant' | 'baud' {
  return options['serial-timing'] === 'baud' ? 'baud' : 'instant';
}

/** What a machine has only where its manifest says so: those of old logs say nothing. */
function extrasOf(options: MachineManifest['options']): Pick<MachineOptions, 'vga' | 'hpet' | 'parallel'> {
  const { vga, hpet, parallel } = options;
  return {
    ...(vga === 'std' ? { vga } : {}),
    ...(hpet === true ? { hpet } : {}),
    ...(parallel === true ? { parallel } : {}),
  };
}

function machineOptions(manifest: MachineManifest, images: Images): MachineOptions {
  const { options, memoryMegabytes, nsPerTick, epochSeconds } = manifest;
  const hashEvery = options['hash-every'];
  return {
    memoryMegabytes,
    nsPerTick,
    epochSeconds,
    reboot: options.reboot !== false,
    serialTiming: serialTimingOf(options),
    ...extrasOf(options),
    quirks: manifest.quirks,
    ...imageOptions(manifest, images),
    hashEveryTicks: typeof hashEvery === 'number' ? hashEvery : HASH_EVERY_TICKS_DEFAULT,
  };
}

function imageOf(images: Images, role: string): Uint8Array {
  const content = images.get(role);
  if (content === undefined) throw new SessionError(`The machine needs a ${role} image and none was given: give one.`);
  return wholeImage(content);
}

function bootImages(machine: Machine, manifest: MachineManifest, images: Images): void {
  const { cpu, space } = machine;
  const { method, commandLine } = manifest.boot;
  // What the ACPI tables say is what CPUID and the board say.
  const hasHpet = manifest.options.hpet === true;
  const platform = { hasApic: machine.board.hasApic, hasPci: true, hasVga: false, hasHpet };
  const image = (role: string): Uint8Array => imageOf(images, role);
  const { ports, hasApic } = machine.board;
  const leaveFirmware = (): void => {
    if (hasQuirk(manifest, 'bare-hand-over')) handOverBare(space, ports);
    else handOver({ space, ports, hasApic, epochSeconds: manifest.epochSeconds });
  };
  switch (method) {
    case 'bios': {
      const bios = image('bios');
      checkBiosImage(bios);
      mapBios(space, bios);
      machine.boot(() => bootBios(cpu, space, bios, hasQuirk(manifest, 'plain-firmware')));
      break;
    }
    case 'linux': {
      const initrd = images.has('initrd') ? image('initrd') : undefined;
      const options = { kernel: image('kernel'), initrd, commandLine, hasTextScreen: false };
      machine.boot(() => {
        leaveFirmware();
        bootLinux(cpu, space, { ...options, acpiRsdpAddress: placeAcpi(space, platform) });
      });
      break;
    }
    case 'multiboot': {
      const modules = manifest.images
        .filter(({ role }) => /^module\d+$/.test(role))
        .map(({ role, name }) => ({ data: image(role), commandLine: String(manifest.options[role] ?? name) }));
      const options = { kernel: image('kernel'), modules, commandLine };
      machine.boot(() => {
        leaveFirmware();
        placeAcpi(space, platform);
        bootMultiboot(cpu, space, options);
      });
      break;
    }
  }
}
