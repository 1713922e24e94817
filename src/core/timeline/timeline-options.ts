/**
 * What a timeline is made from: a log with its images and engines, and what it may spend on memory. Declared apart
 * because everybody who opens one hands it on.
 */
import type { LogReader } from '../log/log.ts';
import type { EngineFactory, Images } from '../session/session.ts';

export interface TimelineOptions {
  readonly log: LogReader;
  readonly images: Images;
  readonly makeEngine: EngineFactory;
  /** The engine that honours breakpoints (the interpreter); default `makeEngine`. */
  readonly makeStepper?: EngineFactory;
  readonly devices?: 'model' | 'log';
  /** Memory for checkpoints, in bytes. */
  readonly checkpointBytesMax?: number;
  /** Memory for what the guest has sent; beyond it the run is heard again where that is asked for. */
  readonly serialBytesMax?: number;
  /** Ticks of an interval, which begins with a checkpoint while there is memory for it. */
  readonly intervalTicks?: number;
  /** What is wrong with checkpoints of the log, in sentences. */
  readonly warn?: (text: string) => void;
  /**
   * False: the run is only passed through, with checkpoints of others; no checkpoint is left where intervals begin.
   */
  readonly leavesCheckpoints?: boolean;
  /** False: what intervals do to pages is known already, and is not noted. */
  readonly notesPages?: boolean;
  /** On shorter ways than this nothing is compiled. */
  readonly holdTicks?: number;
}
