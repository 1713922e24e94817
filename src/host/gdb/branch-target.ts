// `monitor branch FILE` under gdb: the recording is left at its present tick, and from there the guest is live, with
// registers and memory to write, recorded in a log of its own. `monitor leave`, or a client that goes, ends the branch
// and leads back to the recording, which stands where it stood. The debugger's own `branch FILE TICKS` needs no gdb.

import { closeSync, rmSync, writeSync } from 'node:fs';
import { beginBranch } from '../../core/timeline/branch.ts';
import { type Session, SessionError } from '../../core/session/session.ts';
import { createLog } from '../debugger/branch.ts';
import type { Debugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/debugger-error.ts';
import { drive } from '../node/drive.ts';
import { loadEngine, stepperName } from '../../engines.ts';
import { GuestOutput } from '../node/guest-output.ts';
import { CREATOR } from '../../version.ts';
import { LiveTarget } from './live-target.ts';
import type { GdbTarget, MonitorAnswer } from './target.ts';

export async function openBranch(debug: Debugger, path: string, recording: GdbTarget): Promise<MonitorAnswer> {
  const { timeline, images, makeEngine, logName } = debug;
  const { tick } = timeline.position;
  const file = createLog(path);
  const start = {
    parent: timeline.log,
    parentName: logName,
    creator: CREATOR,
    images,
    makeEngine,
    tick,
    inputs: [],
    sink: (frame: Uint8Array) => void writeSync(file, frame),
  };
  let session: Session;
  try {
    session = await debug.walk(beginBranch(start));
  } catch (error) {
    closeSync(file);
    rmSync(path, { force: true });
    if (error instanceof SessionError) throw new DebuggerError(error.message);
    throw error;
  }
  const { machine } = session;
  const leave = async (): Promise<MonitorAnswer> => {
    target.leave(true);
    const text = await ended;
    return { text, target: recording };
  };
  const makeStepper = await loadEngine(stepperName());
  const commands = { leave: { summary: 'end the branch, back to the recording', run: leave } };
  const target = new LiveTarget({
    machine,
    isRecorded: true,
    endsWithClient: true,
    makeStepper,
    commands,
    images: debug.images,
    symbols: debug.guest.table,
  });
  const output = new GuestOutput({ serial: ['none'], debugConsole: 'none' });
  const run = async (): Promise<string> => {
    try {
      const { reason } = await drive({ session, output, control: target });
      const end = session.end(reason);
      target.end(0);
      return `${path}: branched off at tick ${tick}, ended at tick ${end.tick}: ${end.reason}; back in the recording`;
    } finally {
      closeSync(file);
    }
  };
  const ended = run();
  return {
    text:
      `${path}: live from tick ${tick} on; registers and memory can be written. monitor leave ends the branch and ` +
      'leads back to the recording.',
    target,
  };
}
