// Debian packages of another architecture without touching the host's package system: apt-get and
// dpkg-deb are run with a state directory of our own, packages are only downloaded and unpacked, never
// installed. apt checks the archive's signatures with the host's keys. Works as root or as a plain user.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What the user can mend: one sentence, with the next step. */
export class GuestSetupError extends Error {}

export interface ArchiveOptions {
  /** Directory for apt's state and the downloaded packages. */
  readonly directory: string;
  readonly architecture: string;
  /** Release to take packages from; undefined = the host's own apt sources. */
  readonly suite?: string;
  readonly mirror?: string;
}

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runProgram(program: string, args: readonly string[], cwd?: string): Promise<Finished> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') return failed(error);
      failed(
        new GuestSetupError(
          `${program} was not found: this command needs a Debian or Ubuntu system (or a container of one) with ` +
            `apt and dpkg.`,
        ),
      );
    });
    child.on('close', (code) => done({ status: code ?? 1, stdout, stderr }));
  });
}

const lastLines = (text: string): string =>
  text
    .trim()
    .split('\n')
    .filter((line) => /^[EW]:/.test(line))
    .slice(-3)
    .join(' ');

/** A package archive seen through a private apt. */
export class Archive {
  private readonly options: ArchiveOptions;
  private readonly aptArguments: string[];

  constructor(options: ArchiveOptions) {
    this.options = options;
    const state = resolve(options.directory, 'apt');
    this.aptArguments = [
      ...['-o', `APT::Architecture=${options.architecture}`, '-o', `APT::Architectures=${options.architecture}`],
      ...['-o', `Dir::State=${join(state, 'state')}`, '-o', `Dir::State::status=${join(state, 'status')}`],
      ...['-o', `Dir::Cache=${join(state, 'cache')}`, '-o', 'APT::Sandbox::User=root', '-q'],
    ];
    if (options.suite !== undefined) {
      this.aptArguments.push(
        '-o',
        `Dir::Etc::SourceList=${join(state, 'sources.list')}`,
        '-o',
        'Dir::Etc::SourceParts=-',
      );
    }
  }

  private get packageDirectory(): string {
    return join(this.options.directory, 'packages');
  }

  /** Fetch the package lists. A broken list of some other source is no reason to stop: a missing package is. */
  async update(): Promise<void> {
    const { directory, suite, mirror } = this.options;
    const state = join(directory, 'apt');
    for (const each of ['state/lists/partial', 'cache/archives/partial'])
      mkdirSync(join(state, each), { recursive: true });
    mkdirSync(this.packageDirectory, { recursive: true });
    writeFileSync(join(state, 'status'), '');
    if (suite !== undefined) {
      const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
      const signed = existsSync(keys) ? ` [signed-by=${keys}]` : '';
      writeFileSync(
        join(state, 'sources.list'),
        `deb${signed} ${mirror ?? 'http://deb.debian.org/debian'} ${suite} main\n`,
      );
    }
    this.updateMessages = lastLines((await runProgram('apt-get', [...this.aptArguments, 'update'])).stderr);
  }

  private updateMessages = '';

  /** The package that a metapackage stands for: its first dependency; undefined when there is no such package. */
  async firstDependency(name: string): Promise<string | undefined> {
    const { stdout } = await runProgram('apt-cache', [...this.aptArguments, 'depends', name]);
    return /^\s*Depends: (\S+)/m.exec(stdout)?.[1];
  }

  /** Download the newest version of a package and return the path of the .deb. */
  async download(name: string): Promise<string> {
    const fetched = await runProgram('apt-get', [...this.aptArguments, 'download', name], this.packageDirectory);
    const found = fetched.status === 0 ? this.downloaded(name) : undefined;
    if (found === undefined) {
      throw new GuestSetupError(
        `apt could not download ${name} for ${this.options.architecture} (${lastLines(fetched.stderr) || 'no message'}${
          this.updateMessages === '' ? '' : `; while updating: ${this.updateMessages}`
        }): check the network and the apt sources, or name a release that has it: --suite bookworm.`,
      );
    }
    return found;
  }

  /** Path of a package already in the directory; the newest file by name when there are several. */
  downloaded(name: string): string | undefined {
    if (!existsSync(this.packageDirectory)) return undefined;
    const found = readdirSync(this.packageDirectory).filter(
      (file) => file.startsWith(`${name}_`) && file.endsWith('.deb'),
    );
    return found.length === 0 ? undefined : join(this.packageDirectory, found.sort().at(-1) as string);
  }
}

/** Unpack a package into a directory; nothing of it is run. */
export async function unpackPackage(packageFile: string, target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  const { status, stderr } = await runProgram('dpkg-deb', ['--extract', packageFile, target]);
  if (status !== 0) {
    throw new GuestSetupError(
      `${packageFile} cannot be unpacked (${stderr.trim().split('\n').at(-1)}): delete it and run again to ` +
        `download it anew.`,
    );
  }
}

/** Value of a control field, for example Version. */
export async function packageField(packageFile: string, field: string): Promise<string> {
  return (await runProgram('dpkg-deb', ['--field', packageFile, field])).stdout.trim();
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function sha256OfFile(path: string): string {
  return sha256(readFileSync(path));
}
