/**
 * The whole run of a trial once more, from its boot, as a log: what a campaign has found is a recording like any
 * other. The log ends where the trial ended, with the inputs that it had.
 */
import type { OutputPort } from '../board/device.ts';
import { SILENT_OUTPUT } from '../board/silent.ts';
import { type LogSink, LogWriter } from '../log/log.ts';
import { embedAll } from '../log/log-images.ts';
import type { MachineManifest } from '../log/manifest.ts';
import type { TimedInput } from '../log/timed-input.ts';
import { ScriptPlayer, type ScriptStep } from '../session/input-script.ts';
import { RecordingPort } from '../session/recording-port.ts';
import { type EngineFactory, type Images, Session } from '../session/session.ts';
import { StopOn } from '../timeline/stop-on.ts';
import { endOf, goOn } from './experiment.ts';
import { type Failure, failureEvents, isFailure } from './predicate.ts';

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
  /** The images lie in the log. */
  readonly embeds?: boolean;
  readonly sink: LogSink;
}

/** The log ends where the trial ended. Whether it fails. */
export function recordTrial(trial: TrialLog): boolean {
  const { manifest, images, makeEngine, failures, creator, sink } = trial;
  const writer = new LogWriter(sink, { creator, profile: 'full', machine: manifest });
  if (trial.embeds === true) embedAll(writer, manifest, images);
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
