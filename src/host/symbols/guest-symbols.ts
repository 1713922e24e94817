// The symbols of a guest as it runs: the table, and what is read out of the machine. A kernel that was given a file of
// names may have moved (slide.ts); a Linux that was given none carries its own (kallsyms.ts); either loads modules
// (modules.ts). `refresh` looks at one moment and is cheap when there is nothing to learn; `locate` goes on in a
// recording until the kernel is there, and comes back. What is not known is said by `problem`. Tells nothing of a
// terminal.

import type { Cpu } from '../../core/state/cpu.ts';
import type { Images } from '../../core/session/session.ts';
import type { Timeline, Way } from '../../core/timeline/timeline.ts';
import { type BuildId, buildIdInMemory, buildIdOf, overlap } from './build-id.ts';
import { guestRam } from './guest-memory.ts';
import { findKallsyms, isSettled, isStillThere, type Kallsyms } from './kallsyms.ts';
import { findTasks, type FoundTasks, namesOfTasks } from './linux-shapes.ts';
import { findModuleList, listModules, type Module, moduleSymbols } from './modules.ts';
import { isCurrent, type ProcessName } from './process.ts';
import { isPlaced, linkedText, mayMove, slideByAnchors, slideByBanner } from './slide.ts';
import { SymbolSource, type SymbolTable } from './symbol-table.ts';

export const KALLSYMS_LABEL = "the guest's kallsyms";
export const MODULES_LABEL = "the guest's modules";
export const TASKS_LABEL = "the guest's tasks";
/** So far from where a search of all memory found nothing it is not tried again. */
const SEARCH_AGAIN_TICKS = 1 << 22;

/** The further a search has come, the longer are its strides. */
const LOOKS_PER_DOUBLING = 8;

export interface MovedSource {
  readonly label: string;
  /** Null: not known yet. */
  readonly slide: number | null;
}

/** Where a kernel keeps its names; the same in every session that looks at the run. */
export interface FoundPlaces {
  /** Of kallsyms, in RAM. */
  readonly digitsAt: number;
  /** Linear address of the head of the list of modules; null: none has been seen. */
  readonly moduleList: number | null;
  /** Null: not found, or not looked for. */
  readonly tasks: FoundTasks | null;
}

export class GuestSymbols {
  readonly table: SymbolTable;
  /** What has been found out and is to be told once, as sentences: whoever tells it takes it. */
  private told: string[] = [];
  /** Sources of which it is known whether the guest runs their build. */
  private readonly compared = new WeakSet<SymbolSource>();
  private readonly kernelId: BuildId | null;
  /** Sources whose slide is looked for. */
  private readonly moving = new Set<SymbolSource>();
  /** Sources that are known already. */
  private readonly seen = new WeakSet<SymbolSource>();
  /** The image that was booted, where there is one. */
  private readonly kernel: Uint8Array | null;
  private kallsyms: Kallsyms | null = null;
  /** Found in a kernel that is unpacked and not yet moved to where it will run: its addresses are to change. */
  private unsettled: Kallsyms | null = null;
  /** What somebody has found before: searches begin there. */
  likely: FoundPlaces | null = null;
  private moduleList: number | null = null;
  private tasks: FoundTasks | null = null;
  /** Loaded, as the last look saw them; newest first. */
  modules: readonly Module[] = [];
  /** Which modules the table has. */
  private modulesShown = '';
  /** Where the sections of files of modules lie, by label. */
  private readonly placedModules = new Map<string, string>();
  /** Where a look or a search has found nothing: not to do it twice. */
  private lookedTick = -1;
  private searchedTicks = new Map<string, number>();
  /** The run has been gone through to its end, and does not tell. */
  private isHopeless = false;

  constructor(table: SymbolTable, images: Images | null = null) {
    this.table = table;
    const kernel = images?.get('kernel');
    this.kernel = kernel instanceof Uint8Array ? kernel : null;
    this.kernelId = this.kernel === null ? null : buildIdOf(this.kernel);
    this.takeNew();
  }

  /** Sources that have been added since: a kernel's is unplaced until it is found. */
  private takeNew(): void {
    for (const source of this.table.sources) {
      if (this.seen.has(source)) continue;
      this.seen.add(source);
      this.lookedTick = -1;
      this.isHopeless = false;
      if (source.slide === null && source.moduleFile === null && source.program === null) this.moving.add(source);
    }
  }

  /** A Linux, whose own tables can be read. */
  private get isLinux(): boolean {
    return this.moving.size > 0 || (this.kernel !== null && linkedText(this.kernel) !== null);
  }

  /** Looks at the machine as it stands; whether anything has been learnt. */
  refresh(cpu: Cpu): boolean {
    this.takeNew();
    const tick = cpu.now();
    if (tick === this.lookedTick) return false;
    this.lookedTick = tick;
    let isChanged = false;
    if (this.isLinux) {
      const [isPlacedNow, hasTable] = [this.placeSources(cpu), this.readKallsyms(cpu)];
      isChanged = this.readModules(cpu) || isPlacedNow || hasTable;
      isChanged = this.readTasks(cpu) || isChanged;
    }
    isChanged = this.placeModuleFiles() || isChanged;
    for (const source of this.table.sources) {
      if (source.process !== null) this.placeProgram(cpu, source, source.process);
      this.compareBuild(cpu, source);
    }
    return isChanged;
  }

  /** Files of modules get their names where the guest has loaded them, and keep them until it loads them elsewhere. */
  private placeModuleFiles(): boolean {
    let isChanged = false;
    const guests = this.table.sources.find(({ label }) => label === MODULES_LABEL)?.symbols ?? [];
    for (const { label, moduleFile } of [...this.table.sources]) {
      const places = moduleFile?.place(guests) ?? null;
      if (moduleFile === null || places === null) continue;
      const shown = [...places.sections].join(' ');
      if (this.placedModules.get(label) === shown) continue;
      this.placedModules.set(label, shown);
      this.table.add(moduleFile.placed(label, places));
      this.takeNew();
      isChanged = true;
      if (places.isOtherBuild) this.told.push(otherBuild(label, 'its symbols lie otherwise than those in memory'));
    }
    return isChanged;
  }

  /** Of a program that lies wherever it is loaded, where that is in the address space at hand. */
  private placeProgram(cpu: Cpu, source: SymbolSource, process: ProcessName): void {
    const { program } = source;
    const isItsOwn = process.kind === 'program' || isCurrent(cpu, process, this.table);
    const base = isItsOwn ? (program?.find(cpu) ?? null) : null;
    if (base !== null) this.table.setSlide(source, base);
    this.table.setCurrent(source, program === null ? isItsOwn : base !== null);
  }

  private get absent(): SymbolSource[] {
    return this.table.sources.filter(
      ({ moduleFile, program, slide }) => slide === null && (moduleFile !== null || program !== null),
    );
  }

  /** Files of modules and programs whose names have no address yet. */
  get hasAbsent(): boolean {
    return this.absent.length > 0;
  }

  /** Sentences that nobody has heard yet. */
  takeTold(): string[] {
    return this.told.splice(0);
  }

  /** All that is wrong with the names at this moment, for whoever says it once. */
  problems(): string[] {
    return [this.problem, ...this.takeTold()].filter((text) => text !== '');
  }

  /**
   * Once: by what stands in memory where the file has its note or, of a file that lies where the kernel does, by the
   * image that was booted. Nothing there says nothing, it may not be loaded yet; nor does something else, but where a
   * kernel lies that says of itself that it is there.
   */
  private compareBuild(cpu: Cpu, source: SymbolSource): void {
    const { buildId, isCurrent, label, slide } = source;
    if (buildId === null || slide === null || !isCurrent || this.compared.has(source)) return;
    const { address, id } = buildId;
    const inMemory = address === null ? null : buildIdInMemory(cpu, address + slide);
    const isKernels = source.process === null && this.kernelId !== null && overlap(buildId, this.kernelId);
    const isMute = inMemory === null || (inMemory === '' && !this.moving.has(source));
    const found = !isMute ? inMemory : isKernels ? (this.kernelId?.id ?? '') : null;
    if (found === null) return;
    this.compared.add(source);
    if (found === id) return;
    this.table.setOtherBuild(source);
    const guests = found === '' ? 'which the guest does not have in its place' : `and the guest's is ${found}`;
    this.told.push(otherBuild(label, `its build ID is ${id}, ${guests}`));
  }

  private placeSources(cpu: Cpu): boolean {
    let isChanged = false;
    for (const source of this.moving) {
      // Another boot has another place.
      if (source.slide !== null && isPlaced(cpu, source)) continue;
      const slide = slideByBanner(cpu, source);
      if (slide === null || slide === source.slide) continue;
      this.table.setSlide(source, slide);
      isChanged = true;
    }
    return isChanged;
  }

  /** The kernel's own table, where no file of it has been given or its place is not known. */
  private readKallsyms(cpu: Cpu): boolean {
    const isWanted = this.moving.size === 0 || [...this.moving].some(({ slide }) => slide === null);
    if (!isWanted) return false;
    const ram = guestRam(cpu);
    if (this.kallsyms !== null && isStillThere(this.kallsyms, ram)) return false;
    // At the boot it lies packed in its image.
    if (cpu.now() === 0) return false;
    if (this.unsettled !== null && isStillThere(this.unsettled, ram) && !isSettled(cpu, this.unsettled)) return false;
    const found = this.searching('kallsyms', cpu, () =>
      findKallsyms(ram, this.likely?.digitsAt, (page) => cpu.memory.isFresh(page)),
    );
    if (found === null) return false;
    if (!isSettled(cpu, found)) {
      this.unsettled = found;
      return false;
    }
    this.unsettled = null;
    this.kallsyms = found;
    this.moduleList = null;
    this.modulesShown = '';
    this.table.remove(TASKS_LABEL);
    const source = new SymbolSource(KALLSYMS_LABEL, found.symbols);
    this.table.add(source);
    for (const each of this.moving) if (each.slide === null) this.table.setSlide(each, slideByAnchors(each, source));
    this.takeNew();
    return true;
  }

  private readModules(cpu: Cpu): boolean {
    const isKnown = this.kallsyms !== null || [...this.moving].some(({ slide }) => slide !== null);
    if (!isKnown) return false;
    const named = this.table.address('modules');
    this.moduleList ??= named ?? this.searching('modules', cpu, () => findModuleList(cpu, this.likely?.moduleList));
    if (this.moduleList === null) return false;
    const modules = listModules(cpu, this.moduleList);
    this.modules = modules;
    const shown = modules.map(({ name, address }) => `${name}:${address}`).join(' ');
    if (modules.length === 0 || shown === this.modulesShown) return false;
    this.modulesShown = shown;
    const symbols = modules.flatMap((module) => moduleSymbols(cpu, module));
    this.table.add(new SymbolSource(MODULES_LABEL, symbols));
    this.takeNew();
    return true;
  }

  /** Where a kernel that names only its code has its tasks. */
  private readTasks(cpu: Cpu): boolean {
    const { kallsyms, table } = this;
    if (kallsyms === null || table.address('init_task') !== undefined) return false;
    const [from, to] = [table.address('_stext'), table.address('_etext')];
    if (from === undefined || to === undefined) return false;
    const found = this.searching('tasks', cpu, () => findTasks(cpu, { from, to }, this.likely?.tasks));
    if (found === null) return false;
    this.tasks = found;
    table.add(new SymbolSource(TASKS_LABEL, namesOfTasks(found)));
    this.takeNew();
    return true;
  }

  /** Looks through all memory, but not at every moment. */
  private searching<T>(what: string, cpu: Cpu, search: () => T | null): T | null {
    const [tick, last] = [cpu.now(), this.searchedTicks.get(what)];
    if (last !== undefined && Math.abs(tick - last) < SEARCH_AGAIN_TICKS) return null;
    const found = search();
    if (found === null) this.searchedTicks.set(what, tick);
    else this.searchedTicks.delete(what);
    return found;
  }

  /** What has been found, for `likely` of others; null: nothing. */
  get found(): FoundPlaces | null {
    const { kallsyms, moduleList, tasks } = this;
    return kallsyms === null ? null : { digitsAt: kallsyms.digitsAt, moduleList, tasks };
  }

  /** Names exist whose addresses are not known yet. */
  get isUnplaced(): boolean {
    this.takeNew();
    if (this.moving.size > 0) return [...this.moving].some(({ slide }) => slide === null);
    return this.isLinux && this.kallsyms === null;
  }

  /** Kernels that may have moved, and how far they have. */
  get moved(): readonly MovedSource[] {
    this.takeNew();
    const files = [...this.moving].map(({ label, slide }) => ({ label, slide }));
    if (files.length > 0 || !this.isLinux) return files;
    return [{ label: 'vmlinux', slide: this.ownSlide }];
  }

  /** How far the kernel that names itself is from where its image says; null: not known. */
  private get ownSlide(): number | null {
    const linked = this.kernel === null ? null : linkedText(this.kernel);
    const text = this.kallsyms?.symbols.find(({ name }) => name === '_text')?.address;
    return text === undefined || linked === null ? null : (text - linked) | 0;
  }

  /** Where the text of a kernel that has moved begins; null when none has. */
  get textSegment(): number | null {
    this.takeNew();
    for (const { slide, symbols } of this.moving) {
      if (slide === null || slide === 0) continue;
      const code = symbols.filter(({ kind }) => kind === 'code');
      const first = code.reduce((least, { address }) => Math.min(least, address), 2 ** 32);
      const text = symbols.find(({ name }) => name === '_text')?.address ?? first;
      if (text < 2 ** 32) return (text + slide) >>> 0;
    }
    const isMoved = this.moving.size === 0 && (this.ownSlide ?? 0) !== 0;
    return isMoved ? (this.kallsyms?.symbols.find(({ name }) => name === '_text')?.address ?? null) : null;
  }

  /** Why names have no addresses here, as a sentence; '' when all is well. */
  get problem(): string {
    if (!this.isUnplaced) return this.absentProblem;
    const open = [...this.moving].filter(({ slide }) => slide === null).map(({ label }) => label);
    if (open.length === 0) {
      return 'The kernel has no names yet, its own table of them is not in memory: seek a moment at which it runs.';
    }
    return (
      `Where the kernel of ${open.join(', ')} has placed itself is not known yet (it may do so at random), so its ` +
      'names have no addresses here: seek a moment at which it runs; if it runs, they are the names of another kernel.'
    );
  }

  private get absentProblem(): string {
    if (!this.hasAbsent) return '';
    const labels = this.absent.map(({ label }) => label).join(', ');
    return `The guest has not loaded ${labels} by this moment, so its names have no addresses: seek a later one.`;
  }

  /** Goes on until every name has its address, and comes back; false when the run does not tell. */
  *locate(timeline: Timeline): Way<boolean> {
    const from = timeline.position;
    try {
      return yield* this.find(timeline);
    } finally {
      for (const back = timeline.seek(from); back.next().done !== true; ) {
        // Always back, whatever happened.
      }
    }
  }

  /** The same without coming back: stands where the kernel has its names, or somewhere. */
  *find(timeline: Timeline): Way<boolean> {
    this.refresh(timeline.machine.cpu);
    const isOpen = (): boolean => this.isUnplaced || this.hasAbsent;
    if (!isOpen()) return true;
    if (this.isHopeless) return false;
    const { intervalTicks } = timeline;
    while (isOpen() && timeline.position.tick < timeline.endTick) {
      // A look at all of memory costs as much as running for an interval or two.
      const wantedTick = timeline.position.tick + Math.max(intervalTicks, timeline.position.tick / LOOKS_PER_DOUBLING);
      const next = Math.floor(wantedTick / intervalTicks) * intervalTicks;
      const { position } = yield* timeline.seek({ tick: next, seq: 0 });
      this.refresh(timeline.machine.cpu);
      if (position.tick < Math.min(next, timeline.endTick)) break;
      yield undefined;
    }
    this.isHopeless = isOpen();
    return !this.isHopeless;
  }
}

const otherBuild = (label: string, why: string): string =>
  `${label} is of another build than the guest runs (${why}), so its names and lines are not used: give the file of ` +
  'that build; addresses go on.';

/** Whether symbols from this source are to be looked for in the guest. */
export const slideOfFile = (source: SymbolSource, offset: number | null): number | null =>
  offset ?? (mayMove(source) ? null : 0);
