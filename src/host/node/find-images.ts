// The images of a log, looked for in this order: in the log, among the files that the user gives, where this user's
// recordings had them (image-index.ts), beside the log under any name, in the folder LOG.images. A log is untrusted:
// no path that stands in one is opened, and whatever is found counts only when its SHA-256 is the one in the manifest
// (core/log/find-images.ts sees to that). Size, and where the index has it the date, only decide what is hashed first.

import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { findImages as findLogImages } from '../../core/log/find-images.ts';
import { digestOf, type ImageContent } from '../../core/board/image.ts';
import type { LogReader } from '../../core/log/log.ts';
import { LogError } from '../../core/log/log-error.ts';
import type { ImageRecord } from '../../core/log/manifest.ts';
import type { Images } from '../../core/session/session.ts';
import { isDriveImage } from '../../core/devices/disk/roles.ts';
import { DRIVE_OPTIONS, openDisk } from './disks.ts';
import { CommandError } from './errors.ts';
import { notePlace, placesOf } from './image-index.ts';
import { readGivenFile, sha256, whyUnreadable } from './images.ts';

export interface GivenImages {
  /** Files named by option: `--kernel F` and so on. */
  readonly files: readonly { readonly option: string; readonly path: string }[];
  /** `--image`: files or directories to look in. */
  readonly places: readonly string[];
  /** `--backing`: the same for what lies below a disk image. */
  readonly backing?: readonly string[];
}

export interface ImageSearch {
  readonly log: LogReader;
  /** Of the log. */
  readonly path: string;
  readonly given: GivenImages;
  /** Says what a person should know though the images were found. */
  readonly warn: (text: string) => void;
}

/** The folder of a log's own images. */
export function sidecarOf(logPath: string): string {
  return `${logPath}.images`;
}

/** The bytes of every image in the manifest of the log, by role. Throws CommandError. */
export function findImages(search: ImageSearch): Images {
  return locateImages(search).images;
}

/** The same, and where those lie that are files. */
export function locateImages(search: ImageSearch): { images: Images; paths: ReadonlyMap<string, string> } {
  const finder = new Finder(search);
  try {
    const images = findLogImages(search.log, finder);
    finder.found(images);
    return { images, paths: finder.pathsOf(images) };
  } catch (error) {
    if (error instanceof LogError && error.kind === 'image') throw new CommandError(error.message);
    throw error;
  }
}

class Finder {
  private readonly search: ImageSearch;
  /** Where bytes came from. */
  private readonly origins = new Map<ImageContent, string>();
  private readonly read = new Map<string, ImageContent>();
  private givenFiles: readonly ImageContent[] | null = null;
  private givenPlaces: readonly string[] | null = null;
  readonly sha256 = sha256;

  constructor(search: ImageSearch) {
    this.search = search;
  }

  *candidates(record: ImageRecord): Generator<ImageContent> {
    yield* this.files();
    yield* this.sized(this.places(), record);
    yield* this.sized(this.indexed(record), record);
    for (const folder of this.folders()) yield* this.sized(filesIn(folder, record.name), record);
  }

  /** The files that options name; one that cannot be read is an error whatever else there is. */
  private files(): readonly ImageContent[] {
    this.givenFiles ??= this.search.given.files.map(({ option, path }) => {
      const how = `give the right file with ${option} or --image`;
      const isDrive = DRIVE_OPTIONS.includes(option);
      const bytes = isDrive
        ? openDisk(path, `${option} image`, how, this.search.given.backing)
        : readGivenFile(path, 'image', how);
      this.origins.set(bytes, resolve(path));
      return bytes;
    });
    return this.givenFiles;
  }

  private places(): readonly string[] {
    this.givenPlaces ??= this.search.given.places.flatMap((place) => {
      try {
        return statSync(place).isDirectory() ? readdirSync(place).map((name) => join(place, name)) : [place];
      } catch (error) {
        throw new CommandError(`--image ${place} cannot be used, ${whyUnreadable(error)}: give a file or a directory.`);
      }
    });
    return this.givenPlaces;
  }

  /** Places that the index knows, those first whose file looks as it did. */
  private indexed(record: ImageRecord): string[] {
    const { places, problem } = placesOf(record.sha256);
    if (problem !== null) this.search.warn(problem);
    const looksTheSame = places.filter(({ path, sizeBytes, modifiedMs }) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat?.size === sizeBytes && stat.mtimeMs === modifiedMs;
    });
    const others = places.filter((place) => !looksTheSame.includes(place));
    return [...looksTheSame, ...others].map(({ path }) => path);
  }

  private folders(): string[] {
    const { path } = this.search;
    return [dirname(path), sidecarOf(path)];
  }

  /** The files that have the size of the image, one after the other. What cannot be read is not it. */
  private *sized(paths: readonly string[], { role, sizeBytes }: ImageRecord): Generator<ImageContent> {
    for (const path of paths) {
      const place = resolve(path);
      const bytes = this.read.get(place) ?? this.readAs(role, place, sizeBytes);
      if (bytes === null) continue;
      this.read.set(place, bytes);
      this.origins.set(bytes, place);
      yield bytes;
    }
  }

  private readAs(role: string, place: string, sizeBytes: number): ImageContent | null {
    if (!isDriveImage(role)) return readIfSized(place, sizeBytes);
    return diskIfSized(place, sizeBytes, this.search.given.backing);
  }

  /** All are there: the index learns where the given ones lie, and given files that were not wanted are named. */
  found(images: Images): void {
    const { log, given, warn } = this.search;
    const givenPaths = new Set(
      [...given.files.map(({ path }) => path), ...(this.givenPlaces ?? [])].map((p) => resolve(p)),
    );
    for (const { role, sha256: digest } of log.header.machine.images) {
      const bytes = images.get(role);
      const origin = bytes === undefined ? undefined : this.origins.get(bytes);
      if (origin !== undefined && givenPaths.has(origin)) noteImage(digest, origin);
    }
    const taken = new Set(images.values());
    given.files.forEach(({ option, path }, i) => {
      const bytes = this.givenFiles?.[i];
      const digest = bytes === undefined || taken.has(bytes) ? null : digestOf(bytes, sha256);
      if (digest === null || log.header.machine.images.some((record) => record.sha256 === digest)) return;
      warn(`${option} ${path} is no image of this log (its SHA-256 is ${digest}), which has others of its own`);
    });
  }

  pathsOf(images: Images): Map<string, string> {
    const paths = new Map<string, string>();
    for (const [role, content] of images) {
      const path = this.origins.get(content);
      if (path !== undefined) paths.set(role, path);
    }
    return paths;
  }

  tried(missing: readonly ImageRecord[]): string {
    const { given, path } = this.search;
    const all = missing.length > 1 ? 'them' : 'it';
    const looked: string[] = [];
    if (given.files.length + given.places.length > 0) looked.push(`no file that was given is ${all}`);
    for (const { sha256: digest } of missing) {
      // An image that has moved about has many places, and mostly one reason.
      const pathsByReason = new Map<string, string[]>();
      for (const place of placesOf(digest).places) {
        const why = whyNot(place.path);
        pathsByReason.set(why, [...(pathsByReason.get(why) ?? []), place.path]);
      }
      for (const [why, paths] of pathsByReason) looked.push(`${paths.join(' and ')}, where it was, ${why}`);
    }
    const folder = dirname(resolve(path));
    looked.push(`${folder} and ${basename(sidecarOf(path))} in it do not have ${all}`);
    return `${looked.join('; ')}: name the file or its directory with --image PATH`;
  }
}

/** Why the file in a place that the index knows is not the image. */
function whyNot(path: string): string {
  try {
    return statSync(path).isFile() ? 'holds something else now' : 'is no file any more';
  } catch (error) {
    return `cannot be used (${whyUnreadable(error)})`;
  }
}

/** Paths in a folder, the one of this name first; none when the folder cannot be read. */
function filesIn(folder: string, name: string): string[] {
  try {
    const names = readdirSync(folder);
    return [...names.filter((one) => one === name), ...names.filter((one) => one !== name)].map((one) =>
      join(folder, one),
    );
  } catch {
    return [];
  }
}

function readIfSized(path: string, sizeBytes: number): Uint8Array | null {
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size === sizeBytes ? readFileSync(path) : null;
  } catch {
    return null;
  }
}

/** The same for what need not fit into memory. */
function diskIfSized(path: string, sizeBytes: number, backing: readonly string[] = []): ImageContent | null {
  try {
    const disk = openDisk(path, 'image', 'name another', backing);
    return disk.sizeBytes === sizeBytes ? disk : null;
  } catch {
    return null;
  }
}

/** Tells the index where an image lies; why it could not, or null. */
export function noteImage(digest: string, path: string): string | null {
  try {
    return notePlace(digest, realpathSync(path));
  } catch (error) {
    return `${path} cannot be noted in the index of images, ${whyUnreadable(error)}`;
  }
}
