// A kernel module as a file: not linked (ET_REL), so that its names and lines mean something once it is known where the
// guest has put each of its sections. That is told by the symbols which the guest itself has of the module
// (modules.ts): a section lies where most of its symbols say that it begins.

import { basename } from 'node:path';
import { DebugInfo } from '../dwarf/debug-info.ts';
import { ET_REL } from '../dwarf/relocate.ts';
import { Sections } from '../dwarf/sections.ts';
import { isElf32, readElfSymbols } from './read-symbols.ts';
import { type GuestSymbol, SymbolSource } from './symbol-table.ts';

/** Of another build more symbols than this part lie elsewhere than the rest of their section says. */
const STRAY_PARTS = 8;

export interface ModulePlaces {
  /** Linear addresses by the number of a section. */
  readonly sections: ReadonlyMap<number, number>;
  /** The guest's symbols lie in another way than those of the file. */
  readonly isOtherBuild: boolean;
}

export class ModuleFile {
  /** As the kernel knows it. */
  readonly name: string;
  private readonly image: Uint8Array;

  /** Null: it is no file that a kernel would load as a module. */
  static of(path: string, image: Uint8Array): ModuleFile | null {
    if (!isElf32(image)) return null;
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    return view.getUint16(16, true) === ET_REL ? new ModuleFile(path, image) : null;
  }

  private constructor(path: string, image: Uint8Array) {
    this.image = image;
    const { bytes } = new Sections(image).tryGet('.modinfo');
    const told = /(?:^|\0)name=(\w+)\0/.exec(latin1(bytes));
    this.name = told?.[1] ?? basename(path).replace(/\..*$/, '').replaceAll('-', '_');
  }

  /** By what the guest has of all modules; null: this one is not loaded. */
  place(guests: readonly GuestSymbol[]): ModulePlaces | null {
    const addresses = new Map<string, number | null>();
    for (const { address, module, name } of guests) {
      // A name that stands for two things tells nothing.
      if (module === this.name) addresses.set(name, addresses.has(name) ? null : address);
    }
    if (addresses.size === 0) return null;
    const votes = new Map<number, Map<number, number>>();
    for (const { address, name, section } of this.symbols()) {
      const at = addresses.get(name) ?? null;
      if (at === null) continue;
      const own = votes.get(section) ?? new Map<number, number>();
      votes.set(section, own);
      const base = (at - address) >>> 0;
      own.set(base, (own.get(base) ?? 0) + 1);
    }
    const sections = new Map<number, number>();
    let [agreeing, straying] = [0, 0];
    for (const [section, bases] of votes) {
      const [[base, most], ...others] = [...bases].sort(([, a], [, b]) => b - a);
      sections.set(section, base);
      agreeing += most;
      straying += others.reduce((sum, [, count]) => sum + count, 0);
    }
    return { sections, isOtherBuild: agreeing === 0 || straying * STRAY_PARTS > agreeing };
  }

  /** Those whose names stand for one thing, by the beginning of their sections. */
  private symbols(): { name: string; address: number; section: number }[] {
    const sections: number[] = [];
    // Asked once for each symbol that has a section, in their order.
    const all = readElfSymbols(this.image, (section) => {
      sections.push(section);
      return 0;
    }).filter(({ kind }) => kind !== 'absolute');
    const counts = new Map<string, number>();
    for (const { name } of all) counts.set(name, (counts.get(name) ?? 0) + 1);
    return all
      .map(({ address, name }, i) => ({ name, address, section: sections[i] }))
      .filter(({ name }) => counts.get(name) === 1);
  }

  /** Its names and lines where it lies. */
  placed(label: string, { sections, isOtherBuild }: ModulePlaces): SymbolSource {
    const symbols = readElfSymbols(this.image, (index) => sections.get(index) ?? null);
    const source = new SymbolSource(
      label,
      symbols.map((symbol) => ({ ...symbol, module: this.name })),
    );
    source.debug = DebugInfo.of(this.image, sections);
    source.moduleFile = this;
    source.isOtherBuild = isOtherBuild;
    return source;
  }
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
