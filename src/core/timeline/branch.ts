/**
 * A branch leaves a recording at a tick: the guest goes live from there, with edited registers and memory and inputs
 * of its own, and what happens is a log of its own. That log is whole: it holds the parent's run up to the tick, made
 * again from its inputs, then the edits as inputs, then what followed. So it replays without the parent, and a branch
 * of a branch is nothing special. A frame that readers may skip names the parent.
 */
import { SILENT_OUTPUT } from '../board/silent.ts';
import { hashBytesHex } from '../base/hash.ts';
import { RecordingPort } from '../session/recording-port.ts';
import type { InputEvent } from '../log/events.ts';
import { FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND, readPayload } from '../log/frames.ts';
import { embedAll, hasImage } from '../log/log-images.ts';
import { LogError } from '../log/log-error.ts';
import { LogWriter } from '../log/log.ts';
import type { LogReader, LogSink } from '../log/log.ts';
import { Session, SessionError } from '../session/session.ts';
import type { EndReason, EngineFactory, Images, SessionEnd } from '../session/session.ts';
import type { Packed } from '../log/payload.ts';
import { CHUNK_TICKS } from './distances.ts';
import type { Way } from './timeline.ts';

export interface BranchStart {
  readonly parent: LogReader;
  /** What the parent is called, for people. */
  readonly parentName: string;
  readonly creator: string;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  /** The branch has the parent's run up to here, and nothing of what was due at this tick. */
  readonly tick: number;
  /** Edits and inputs, in order; `tick` at or after the branch. */
  readonly inputs: readonly { readonly tick: number; readonly event: InputEvent }[];
  readonly sink: LogSink;
}

export interface BranchSettings extends BranchStart {
  /** Ticks that the branch lives at most. */
  readonly lifeTicks: number;
}

export interface BranchParent {
  readonly name: string;
  readonly tick: number;
  /** Digest of the parent's header frame: images, machine, epoch. */
  readonly header: string;
}

/** Digest that tells whether a log is the parent that a branch names. */
export function logIdentity(log: LogReader): string {
  const [header] = log.frames;
  return hashBytesHex(log.file.subarray(header.offset, header.offset + FRAME_HEADER_BYTES + header.payloadBytes));
}

/** The parent of a log that is a branch, or null. */
export function readBranchParent(log: LogReader): BranchParent | null {
  const frame = log.frames.find(({ kind }) => kind === FRAME_KIND.branchParent);
  if (frame === undefined) return null;
  let payload: Packed;
  try {
    payload = readPayload(log.file, frame);
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
  if (!Array.isArray(payload)) return null;
  const [name, header] = payload as readonly Packed[];
  return typeof name === 'string' && typeof header === 'string' ? { name, header, tick: frame.firstTick } : null;
}

/** The parent's run once more, up to the branch: a live machine that records, with nothing done at `tick` yet. */
export function* beginBranch(settings: BranchStart): Way<Session> {
  const { parent, images, makeEngine, tick, sink } = settings;
  const { machine: manifest, profile } = parent.header;
  const writer = new LogWriter(sink, { ...parent.header, creator: settings.creator, profile });
  if (hasImage(parent, 0)) {
    embedAll(writer, manifest, images);
  }
  const identity = [settings.parentName, logIdentity(parent)];
  writer.writeFrame(FRAME_KIND.branchParent, FRAME_FLAG.maySkip, tick, identity);
  const port = new RecordingPort(writer);
  const inherited = parent.inputs();
  for (let input = inherited.next(); input !== null && input.tick < tick; input = inherited.next()) {
    port.push(input.event, input.tick);
  }
  for (const { tick: at, event } of settings.inputs) port.push(event, Math.max(at, tick));
  const session = new Session({ manifest, images, makeEngine, port, output: SILENT_OUTPUT });
  while (session.tick < tick) {
    const reason = session.advance(Math.min(tick, session.tick + CHUNK_TICKS));
    if (reason !== 'tick' && session.tick < tick) {
      throw new SessionError(`The recorded run ends before tick ${tick}: branch off before its end.`);
    }
    yield undefined;
  }
  return session;
}

/** Records the branch; its log has gone to the sink when this ends. */
export function* recordBranch(settings: BranchSettings): Way<SessionEnd> {
  const session = yield* beginBranch(settings);
  const endTick = settings.tick + settings.lifeTicks;
  let reason: EndReason = 'tick';
  while (reason === 'tick' && session.tick < endTick) {
    reason = session.advance(Math.min(endTick, session.tick + CHUNK_TICKS));
    yield undefined;
  }
  return session.end(reason === 'tick' ? 'max-ticks' : reason);
}
