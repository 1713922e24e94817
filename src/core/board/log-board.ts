/**
 * The board of a log (`--devices log`): no device runs. What the guest reads, interrupts, DMA writes, A20 and resets
 * come from the log; what the guest writes is looked at for two things that follow from the writes alone, serial
 * text (serial-tap.ts) and the mask of the NMI in bit 7 of port 70h (MC146818A and PC/AT Technical Reference).
 */
import type { QuirkName } from '../log/quirks.ts';
import type { InputEvent } from '../log/events.ts';
import type { Delivery, Deliveries } from '../machine/door.ts';
import type { PortBus } from '../state/cpu.ts';
import type { MappedRun, Shown } from '../memory/address-space.ts';
import type { BulkMemory } from '../memory/bulk.ts';
import type { Board, BoardContext, BoardOptions, BoardState, FollowingSpace, SavedStates } from './board.ts';
import { ERROR_PORT, ERROR_PORT_COUNT } from './board.ts';
import type { IrqLine, KnownBlock, MmioHandler } from './device.ts';
import { flag, integer, list, oneOf, unsigned } from '../base/field-kinds.ts';
import { fields, type StateError } from '../base/fields.ts';
import { PAGES_MAX } from '../base/pages.ts';
import { loadParts, type Part, partsProblem, saveParts } from './parts.ts';
import { ParallelTap } from '../devices/parallel/parallel.ts';
import { SerialTap } from './serial-tap.ts';
import { surveyBoard } from './survey.ts';

const NMI_MASK_PORT = 0x70;
const NMI_MASK = 0x80;

const NMI = fields({ isNmiMasked: flag() });

/** Parts of images that are read from data ports: one for each channel of a disk controller. */
const PORT_BLOCKS_MAX = 4;
const BLOCK = fields({
  port: unsigned(0xffff),
  image: unsigned(0xff),
  offset: integer(0, Number.MAX_SAFE_INTEGER),
  length: unsigned(0xffff_ffff),
});
const BLOCKS = fields({ blocks: list(BLOCK, PORT_BLOCKS_MAX) });

const RUN = fields({
  page: unsigned(PAGES_MAX - 1),
  count: integer(1, PAGES_MAX, 1),
  to: oneOf<MappedRun['to']>(['nothing', 'device', 'memory', 'rom'], 'nothing, device, memory or rom', 'nothing'),
  memoryPage: unsigned(PAGES_MAX),
});
/** Where the log has said that addresses lead. */
const MAP = fields({ runs: list(RUN, PAGES_MAX) });

type FollowingContext = BoardContext & { readonly space: FollowingSpace };

function isInAccess(event: Delivery): boolean {
  return 'isInAccess' in event && event.isInAccess === true;
}

export interface LogBoardOptions extends BoardOptions {
  /** False: a reset ends the run, and no log has one. */
  readonly reboot: boolean;
}

export class LogBoard implements Board {
  readonly ports: PortBus;
  readonly errorLine: IrqLine = { set: () => {} };
  readonly hasApic: boolean;
  readonly devices = [];
  readonly intr = false;
  readonly wakers = 'anything';
  private readonly context: FollowingContext;
  private readonly deliveries: Deliveries;
  private readonly options: LogBoardOptions;
  private readonly tap: SerialTap;
  private readonly printed: ParallelTap | null;
  private readonly nmiMask = NMI.initial();
  /** What data ports give next. */
  private readonly next = BLOCKS.initial();
  /** Answers for every device at once, by address. */
  private readonly everywhere: MmioHandler;
  private readonly parts: readonly Part[];

  constructor(context: FollowingContext, deliveries: Deliveries, options: LogBoardOptions) {
    const { clock } = context;
    this.context = context;
    this.deliveries = deliveries;
    this.options = options;
    this.tap = new SerialTap(context.output);
    this.printed = options.parallel === true ? new ParallelTap(context.output) : null;
    this.everywhere = this.answering(() => 0);
    this.parts = [
      this.tap,
      { name: 'nmi-mask', fields: NMI.of(this.nmiMask) },
      { name: 'port-blocks', fields: BLOCKS.of(this.next) },
      this.mapPart(),
      ...(this.printed === null ? [] : [this.printed]),
    ];
    this.ports = {
      read: (port, size) => {
        this.takeAccessed();
        const block = size < 2 ? undefined : this.next.blocks.find((each) => each.port === port);
        return block === undefined ? deliveries.portRead(clock.now(), port, size) : this.readBlock(block, size);
      },
      write: (port, size, value) => this.write(port, size, value),
    };
    this.hasApic = this.layOut();
  }

  /** What devices lay over the address space when they are made; true when there is a local APIC. */
  private layOut(): boolean {
    const { space } = this.context;
    const { hasApic, apertures, bulks } = surveyBoard(this.options);
    for (const [name, { closed, bytes, writtenEnd }] of bulks) {
      const own = space.bulks.get(name);
      if (own === undefined) continue;
      own.wrap = (aperture) => this.answering(() => aperture.address);
      own.write(0, bytes.subarray(0, writtenEnd));
      own.closed.set(closed);
      own.opensByItself = false;
    }
    for (const { sizeBytes, priority, address, shown } of apertures) {
      if (address < 0) continue;
      space.aperture(sizeBytes, priority, this.shown(shown, address)).place(address);
    }
    return hasApic;
  }

  private shown(surveyed: Shown, address: number): Shown {
    if ('handler' in surveyed) return { handler: this.answering(() => address) };
    if ('host' in surveyed) return surveyed;
    const own = [...this.context.space.bulks.values()].find(({ name }) => name === (surveyed.bulk as BulkMemory).name);
    return own === undefined ? { handler: this.answering(() => address) } : { ...surveyed, bulk: own };
  }

  /** Registers in memory: the log knows what is read from them. */
  private answering(address: () => number): MmioHandler {
    const { context, deliveries } = this;
    return {
      read: (offset, size) => {
        this.takeAccessed();
        return deliveries.mmioRead(context.clock.now(), address() + offset, size);
      },
      write: (offset, size, value) => {
        this.takeAccessed();
        // Where the access has opened a page of bulk memory, it goes there; registers are nobody's business.
        const bytes = Uint8Array.from({ length: size }, (_, i) => value >>> (i * 8));
        context.dma.write(address() + offset, bytes);
      },
    };
  }

  /** What the log has said of the address space, as a part of the state. */
  private mapPart(): Part {
    const { space } = this.context;
    const { everywhere } = this;
    const values = {
      get runs(): MappedRun[] {
        return space.followed();
      },
      set runs(runs: MappedRun[]) {
        space.unfollow();
        for (const run of runs) space.follow(run, everywhere);
      },
    };
    const problem = ({ runs }: { runs: MappedRun[] }): string | null => {
      const at = runs.findIndex((run) => !space.canFollow(run));
      return at < 0 ? null : `runs[${at}] leads to memory that is not there`;
    };
    return { name: 'map', fields: MAP.of(values, { problem }) };
  }

  /** What an access of the instruction in hand has done to memory: it is in the log before what is read. */
  private takeAccessed(): void {
    const { deliveries } = this;
    const now = this.context.clock.now();
    for (let next = deliveries.nextDelivery(); next !== null; next = deliveries.nextDelivery()) {
      if (next.tick > now || !isInAccess(next.event)) return;
      const event = deliveries.takeDelivery(now);
      if (event === null) return;
      this.deliver(event);
    }
  }

  private write(port: number, size: number, value: number): void {
    if (port + size > ERROR_PORT && port < ERROR_PORT + ERROR_PORT_COUNT) this.context.acknowledgeError();
    if (port <= NMI_MASK_PORT && port + size > NMI_MASK_PORT) {
      this.nmiMask.isNmiMasked = ((value >>> ((NMI_MASK_PORT - port) * 8)) & NMI_MASK) !== 0;
    }
    this.tap.write(port, size, value);
    this.printed?.write(port, size, value);
    this.takeAccessed();
  }

  nextDue(): number {
    const next = this.deliveries.nextDelivery();
    return next === null ? Number.POSITIVE_INFINITY : next.tick;
  }

  runDue(tick: number): boolean {
    const { deliveries } = this;
    let isAny = false;
    for (let next = deliveries.nextDelivery(); next !== null; next = deliveries.nextDelivery()) {
      // The loop takes an interrupt where the CPU can be interrupted; one that it could not take in time has failed.
      if (next.event.kind === 'interrupt' && next.tick >= tick) break;
      if (isInAccess(next.event) && next.tick >= tick) break;
      const event = deliveries.takeDelivery(tick);
      if (event === null) break;
      isAny = true;
      this.deliver(event);
    }
    return isAny;
  }

  private deliver(event: Delivery): void {
    const { context } = this;
    if (event.kind === 'a20') context.setA20(event.enabled);
    else if (event.kind === 'guest-reset') context.requestReset('what the log says');
    else if (event.kind === 'signal') {
      if (event.pin === 'nmi') context.nmi();
      else context.init();
    } else if (event.kind === 'map') context.space.follow(event, this.everywhere);
    else if (event.kind === 'port-block') {
      const { port, image, offset, length } = event;
      const others = this.next.blocks.filter((each) => each.port !== port).slice(1 - PORT_BLOCKS_MAX);
      this.next.blocks = length === 0 ? others : [...others, { port, image, offset, length }];
    } else if (event.kind === 'reveal') context.space.putBulkPage(event.memoryPage, event.bytes);
    else if (event.kind === 'dma-write') {
      const { content } = event;
      context.dma.write(event.address, 'bytes' in content ? content.bytes : this.imagePart(content));
    }
  }

  /** The next bytes of the block; behind its end there are zeros. */
  private readBlock(block: KnownBlock, size: number): number {
    const length = Math.min(size, block.length);
    const bytes = this.imagePart({ ...block, length });
    this.next.blocks = this.next.blocks.flatMap((each) => {
      if (each !== block) return [each];
      const rest = { ...block, offset: block.offset + length, length: block.length - length };
      return rest.length === 0 ? [] : [rest];
    });
    return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  private imagePart({ image, offset, length }: { image: number; offset: number; length: number }): Uint8Array {
    const found = this.options.images?.[image];
    const sizeBytes = found?.source.sizeBytes ?? 0;
    if (found === undefined || offset + length > sizeBytes) {
      const what = found === undefined ? 'there is no such image' : `the ${found.role} has ${sizeBytes} bytes`;
      throw new Error(`bytes ${offset} to ${offset + length} of image ${image} were delivered: ${what}`);
    }
    const bytes = new Uint8Array(length);
    found.source.read(offset, bytes);
    return bytes;
  }

  input(event: InputEvent): void {
    if (event.kind === 'nmi') {
      if (!this.nmiMask.isNmiMasked || this.options.quirks?.includes('unmasked-nmi' satisfies QuirkName) === true)
        this.context.nmi();
    } else if (event.kind === 'reset' && !this.options.reboot) this.context.requestReset('an input');
    // Of a machine that starts again the log has the reset itself.
  }

  takeInterrupt(tick: number): number {
    if (this.deliveries.nextDelivery()?.event.kind !== 'interrupt') return -1;
    const event = this.deliveries.takeDelivery(tick);
    return event !== null && event.kind === 'interrupt' ? event.vector : -1;
  }

  setApicBase(_base: number, isLoaded: boolean): void {
    if (!isLoaded) this.takeAccessed();
  }

  reset(): void {
    this.tap.reset();
    this.printed?.reset();
    this.nmiMask.isNmiMasked = false;
    this.next.blocks = [];
    // What the reset of the devices does to the address space, before the guest is started again.
    const now = this.context.clock.now();
    const isOfReset = (kind: Delivery['kind'] | undefined): boolean => kind === 'map' || kind === 'port-block';
    for (
      let next = this.deliveries.nextDelivery();
      isOfReset(next?.event.kind);
      next = this.deliveries.nextDelivery()
    ) {
      if (next === null) return;
      if (next.tick > now || isInAccess(next.event)) return;
      const event = this.deliveries.takeDelivery(now);
      if (event === null) return;
      this.deliver(event);
    }
  }

  hashParts(): null {
    return null;
  }

  save(): BoardState {
    return saveParts(this.parts);
  }

  saveAsLogged(): BoardState {
    return this.save();
  }

  problem(states: SavedStates, tick: number): StateError | null {
    return partsProblem(this.parts, states, { tick, due: () => Number.POSITIVE_INFINITY });
  }

  load(states: BoardState): void {
    loadParts(this.parts, states);
  }
}
