// A process that runs one job (child-run.ts), seen from outside: started on one processor where the system can pin it,
// let on piece by piece when its job is done in turns, and asked for its result. What it writes to standard output is
// lines: an empty one when it waits for its turn, and last its result as JSON.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChildResult, Job } from './child-run.ts';

export class Stopped extends Error {}

/** A process whose clock stands for so long has nothing left to do; one that goes on for ever is not waited for. */
const QUIET_MS = 200;
const QUIET_WAITS_MAX = 25;

/** How often is looked whether the user has had enough, in ms. */
const ASKS_EVERY_MS = 100;

/**
 * The command that pins another to one processor: the last that this process may use. V8 compiles and collects in other
 * threads; what they do on a processor that shares its core with that of the main thread slows that one by as much as a
 * half. Empty where the system has no such command.
 */
function pinning(): string[] {
  if (spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status !== 0) return [];
  const allowed = /^Cpus_allowed_list:\s*(?:.*[,-])?(\d+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return allowed === undefined ? [] : ['taskset', '--cpu-list', allowed];
}

let pin: string[] | undefined;

export class Child {
  /** Rejects with the last line that the process said, or with Stopped. */
  readonly result: Promise<ChildResult>;
  private readonly process: ChildProcess;
  private isOver = false;
  /** Turns that it has asked for and not been given yet. */
  private asked = 0;
  private heard: () => void = () => {};

  constructor(script: string, job: Job, isStopped: () => boolean) {
    pin ??= pinning();
    const [command, ...words] = [...pin, process.execPath, script, JSON.stringify(job)];
    const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.process = child;
    let stdout = '';
    let stderr = '';
    // One that has ended takes no turn any more.
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const turns = /^\n*/.exec(stdout === '' ? text : '')?.[0].length ?? 0;
      this.asked += turns;
      stdout += text.slice(turns);
      this.heard();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const timer = setInterval(() => {
      if (isStopped()) child.kill('SIGTERM');
    }, ASKS_EVERY_MS);
    this.result = new Promise((resolve, reject) => {
      child.on('error', (error) => reject(error));
      child.on('close', (status, signal) => {
        if (isStopped()) reject(new Stopped());
        else if (status === 0) resolve(JSON.parse(stdout) as ChildResult);
        else {
          const said = stderr.trimEnd().split('\n').at(-1) ?? '';
          reject(new Error(said !== '' ? said : `its process ended with ${signal ?? `status ${status}`}`));
        }
      });
    });
    // Whoever waits for turns only has its failure to hear of later.
    this.result.catch(() => {});
    const end = (): void => {
      clearInterval(timer);
      this.isOver = true;
      this.heard();
    };
    child.on('error', end);
    child.on('close', end);
  }

  /** True: it waits for its turn. False: it is over. */
  async waits(): Promise<boolean> {
    while (this.asked === 0 && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.heard = resolve;
      });
    }
    return this.asked > 0;
  }

  /** When it waits and V8 has compiled in its other threads what it was compiling: what was asked for while loading. */
  async settles(): Promise<void> {
    let used = '';
    for (let waits = 0; waits < QUIET_WAITS_MAX && (await this.waits()); waits++) {
      const before = used;
      used = this.processorTime();
      if (used === before) return;
      await delay(QUIET_MS);
    }
  }

  /** Of all its threads; the same for ever where the system does not say. */
  private processorTime(): string {
    try {
      const text = readFileSync(`/proc/${this.process.pid}/stat`, 'latin1');
      // utime and stime, counted behind the name, which may have blanks (proc(5)).
      return text.slice(text.lastIndexOf(')')).split(' ').slice(12, 14).join(' ');
    } catch {
      return 'unknown';
    }
  }

  /** Lets it run on to where it waits again, or to its end. */
  async turn(): Promise<boolean> {
    this.asked--;
    this.process.stdin?.write('\n');
    return this.waits();
  }
}
