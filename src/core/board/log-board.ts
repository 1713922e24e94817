/**
 * The board of a log (`--devices log`): no device runs. What the guest reads, interrupts, DMA writes, A20 and resets
 * come from the log; what the guest writes is looked at for two things that follow from the writes alone, serial
 * text (serial-tap.ts) and the mask of the NMI in bit 7 of port 70h (MC146818A and PC/AT Technical Reference).
 */
import type { QuirkName } from '../log/quirks.ts';
import type { InputEvent } from '../log/events.ts';
import type { Delivery, Deliveries } from '../machine/door.ts';
import type { PortBus } from '../state/cpu.ts';
import type { Board, BoardContext, BoardOptions, BoardState, SavedStates } from './board.ts';
import { ERROR_PORT, ERROR_PORT_COUNT } from './board.ts';
import type { IrqLine } from './device.ts';
import { flag } from '../base/field-kinds.ts';
import { fields, type StateError } from '../base/fields.ts';
import { loadParts, type Part, partsProblem, saveParts } from './parts.ts';
import { SerialTap } from './serial-tap.ts';
import { surveyBoard } from './survey.ts';

const NMI_MASK_PORT = 0x70;
const NMI_MASK = 0x80;

const NMI = fields({ isNmiMasked: flag() });

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
  private readonly context: BoardContext;
  private readonly deliveries: Deliveries;
  private readonly options: LogBoardOptions;
  private readonly tap: SerialTap;
  private readonly nmiMask = NMI.initial();
  private readonly parts: readonly Part[];

  constructor(context: BoardContext, deliveries: Deliveries, options: LogBoardOptions) {
    const { clock } = context;
    this.context = context;
    this.deliveries = deliveries;
    this.options = options;
    this.tap = new SerialTap(context.output);
    this.parts = [this.tap, { name: 'nmi-mask', fields: NMI.of(this.nmiMask) }];
    this.ports = {
      read: (port, size) => deliveries.portRead(clock.now(), port, size),
      write: (port, size, value) => this.write(port, size, value),
    };
    const { hasApic, regions } = surveyBoard(options);
    this.hasApic = hasApic;
    for (const { address, size } of regions) {
      context.mmio(address, size, {
        read: (offset, width) => deliveries.mmioRead(clock.now(), address + offset, width),
        write: () => {},
      });
    }
  }

  private write(port: number, size: number, value: number): void {
    if (port + size > ERROR_PORT && port < ERROR_PORT + ERROR_PORT_COUNT) this.context.acknowledgeError();
    if (port <= NMI_MASK_PORT && port + size > NMI_MASK_PORT) {
      this.nmiMask.isNmiMasked = ((value >>> ((NMI_MASK_PORT - port) * 8)) & NMI_MASK) !== 0;
    }
    this.tap.write(port, size, value);
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
    else if (event.kind === 'guest-reset') context.requestReset();
    else if (event.kind === 'dma-write') {
      const { content } = event;
      context.dma.write(event.address, 'bytes' in content ? content.bytes : this.imagePart(content));
    }
  }

  private imagePart({ image, offset, length }: { image: number; offset: number; length: number }): Uint8Array {
    const found = this.options.images?.[image];
    if (found === undefined || offset + length > found.bytes.length) {
      const what = found === undefined ? 'there is no such image' : `the ${found.role} has ${found.bytes.length} bytes`;
      throw new Error(`the log has a DMA write of image ${image}, bytes ${offset} to ${offset + length}: ${what}`);
    }
    return found.bytes.subarray(offset, offset + length);
  }

  input(event: InputEvent): void {
    if (event.kind === 'nmi') {
      if (!this.nmiMask.isNmiMasked || this.options.quirks?.includes('unmasked-nmi' satisfies QuirkName) === true)
        this.context.nmi();
    } else if (event.kind === 'reset' && !this.options.reboot) this.context.requestReset();
    // Of a machine that starts again the log has the reset itself.
  }

  takeInterrupt(tick: number): number {
    if (this.deliveries.nextDelivery()?.event.kind !== 'interrupt') return -1;
    const event = this.deliveries.takeDelivery(tick);
    return event !== null && event.kind === 'interrupt' ? event.vector : -1;
  }

  setApicBase(): void {}

  reset(): void {
    this.tap.reset();
    this.nmiMask.isNmiMasked = false;
  }

  hashParts(): null {
    return null;
  }

  save(): BoardState {
    return saveParts(this.parts);
  }

  problem(states: SavedStates, tick: number): StateError | null {
    return partsProblem(this.parts, states, { tick, due: () => Number.POSITIVE_INFINITY });
  }

  load(states: BoardState): void {
    loadParts(this.parts, states);
  }
}
