/**
 * Live runs that a debugger holds: recorded as `record --gdb` does, with the driver, the live target and the stub of
 * the real thing, only the socket left out.
 */
import { SILENT_OUTPUT } from '../../src/core/board/silent.ts';
import { LivePort } from '../../src/core/session/live-port.ts';
import { RecordingPort } from '../../src/core/session/recording-port.ts';
import { LogWriter } from '../../src/core/log/log.ts';
import { Session, type EngineFactory, type SessionEnd } from '../../src/core/session/session.ts';
import { drive } from '../../src/host/node/drive.ts';
import { LiveTarget } from '../../src/host/gdb/live-target.ts';
import { GdbStub } from '../../src/host/gdb/stub.ts';
import { GuestOutput } from '../../src/host/node/guest-output.ts';
import type { Recorded } from './fixture.ts';
import { makeEngine } from './fixture.ts';

export interface LiveRun {
  readonly end: SessionEnd;
  readonly log: Uint8Array;
}

export interface LiveSettings {
  readonly makeEngine?: EngineFactory;
  readonly maxTick?: number;
  readonly frameTicks?: number;
  /** Without: `run`, whose log is empty. */
  readonly isRecorded?: boolean;
}

/** What a client of the stub does until it leaves; null: nobody looks. */
export type Client = (stub: GdbStub, target: LiveTarget) => Promise<void>;

/** The machine and the inputs of a recorded run, live once more. */
export async function liveRun(
  recorded: Recorded,
  client: Client | null,
  settings: LiveSettings = {},
): Promise<LiveRun> {
  const { log: original, images } = recorded;
  const manifest = original.header.machine;
  const frames: Uint8Array[] = [];
  const { isRecorded = true, frameTicks = 2 ** 25 } = settings;
  const header = { creator: 'test', profile: 'full', machine: manifest } as const;
  const writer = new LogWriter((frame) => frames.push(frame), header, { frameTicks });
  const port = isRecorded ? new RecordingPort(writer) : new LivePort();
  const inputs = original.inputs();
  for (let input = inputs.next(); input !== null; input = inputs.next()) port.push(input.event, input.tick);
  const setup = { manifest, images, makeEngine: settings.makeEngine ?? makeEngine, port, output: SILENT_OUTPUT };
  const session = new Session(setup);
  const output = new GuestOutput({ serial: ['none'], debugConsole: 'none' });
  const target = new LiveTarget({ machine: session.machine, isRecorded, makeStepper: makeEngine });
  const stub = client === null ? null : new GdbStub(target, { console: () => {} });
  const { maxTick = original.lastTick } = settings;
  const driven = drive({ session, output, maxTick, control: stub === null ? null : target });
  if (client === null || stub === null) return { end: session.end((await driven).reason), log: Buffer.concat(frames) };
  const ended = driven.then(({ reason }) => {
    const end = session.end(reason);
    target.end(0);
    return end;
  });
  await client(stub, target);
  stub.close();
  const end = await ended;
  return { end, log: Buffer.concat(frames) };
}
