// The corpus of `reprise fuzz` on disk, a folder: `queue` has the inputs that are kept, each under the number of the
// run that showed it and a digest, `crashes` and `hangs` a log and the input of each finding, `fuzz.json` how far it
// is. So a campaign that was ended goes on where it was. Files in `queue` with other names are inputs to begin with.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding, Kept } from '../../core/chaos/fuzz.ts';
import { CommandError } from './errors.ts';
import { sha256 } from './images.ts';
import { whyUnwritable } from './new-file.ts';

const FORMAT = 1;
const RUN_DIGITS = 9;
const NAME = /^(\d{9,})-[0-9a-f]{8}$/;

export interface StoredFinding {
  readonly kind: Finding['kind'];
  readonly site: string;
  readonly run: number;
  /** Path of the log. */
  readonly log: string;
}

/** What must be the same for a campaign to be gone on with. */
export type CampaignFacts = Readonly<Record<string, string | number>>;

interface StoredState {
  readonly format: number;
  readonly facts: CampaignFacts;
  readonly runs: number;
  readonly findings: readonly StoredFinding[];
}

export class FuzzCorpus {
  readonly folder: string;
  private readonly facts: CampaignFacts;
  runs = 0;
  readonly findings: StoredFinding[] = [];
  /** It was there before. */
  readonly isResumed: boolean;

  /** Makes the folder, or reads it. Throws CommandError when it is another campaign's. */
  constructor(folder: string, facts: CampaignFacts) {
    this.folder = folder;
    this.facts = facts;
    this.isResumed = existsSync(this.statePath);
    if (!this.isResumed) {
      this.guarded(() => {
        for (const name of ['queue', 'crashes', 'hangs']) mkdirSync(join(folder, name), { recursive: true });
      });
      return;
    }
    const state = this.readState();
    for (const [name, value] of Object.entries(facts)) {
      if (state.facts[name] === value) continue;
      const was = state.facts[name] ?? 'none';
      throw new CommandError(
        `${folder} is of another campaign, with ${name} ${was}, not ${value}: give the same, or another --corpus.`,
      );
    }
    this.runs = state.runs;
    this.findings.push(...state.findings);
  }

  private get statePath(): string {
    return join(this.folder, 'fuzz.json');
  }

  private readState(): StoredState {
    try {
      const state = JSON.parse(readFileSync(this.statePath, 'utf8')) as StoredState;
      if (state.format === FORMAT && Number.isSafeInteger(state.runs) && Array.isArray(state.findings)) return state;
    } catch {
      // Said below.
    }
    throw new CommandError(`${this.statePath} cannot be read: remove it, or give another --corpus.`);
  }

  private guarded(write: () => void): void {
    try {
      write();
    } catch (error) {
      const why = whyUnwritable(error);
      throw new CommandError(
        `The corpus ${this.folder} cannot be written, ${why}; what was found before is kept: make room and go on.`,
      );
    }
  }

  /** A file appears whole or not at all. */
  private put(path: string, content: Uint8Array | string): void {
    this.guarded(() => {
      const part = `${path}.part`;
      try {
        writeFileSync(part, content);
        renameSync(part, path);
      } catch (error) {
        rmSync(part, { force: true });
        throw error;
      }
    });
  }

  /** Inputs that are kept: those that people put there first, then by the run that showed them. */
  kept(): Kept[] {
    const folder = join(this.folder, 'queue');
    const found = readdirSync(folder)
      .filter((name) => !name.endsWith('.part') && !name.startsWith('.'))
      .sort()
      .map((name) => {
        const run = NAME.exec(name)?.[1];
        return { run: run === undefined ? -1 : Number(run), bytes: new Uint8Array(readFileSync(join(folder, name))) };
      });
    return [...found.filter(({ run }) => run < 0), ...found.filter(({ run }) => run >= 0)];
  }

  keep({ run, bytes }: Kept): void {
    const name = `${String(run).padStart(RUN_DIGITS, '0')}-${sha256(bytes).slice(0, 8)}`;
    this.put(join(this.folder, 'queue', name), bytes);
  }

  /** Where the log of a finding goes; its input lies beside it. */
  logPath({ kind, run, bytes }: Finding): string {
    const name = `${run < 0 ? 'example' : run}-${sha256(bytes).slice(0, 8)}.rlog`;
    return join(this.folder, kind === 'crash' ? 'crashes' : 'hangs', name);
  }

  /** The log is written. */
  note({ kind, site, run, bytes }: Finding, log: string): void {
    this.put(log.replace(/\.rlog$/, '.input'), bytes);
    this.findings.push({ kind, site, run, log });
    this.save();
  }

  save(): void {
    const { facts, runs, findings } = this;
    const state: StoredState = { format: FORMAT, facts, runs, findings };
    this.put(this.statePath, `${JSON.stringify(state, null, 2)}\n`);
  }
}
