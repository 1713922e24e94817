/**
 * VGA (IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem") as a PCI function with a linear frame buffer
 * and Bochs' display interface: what QEMU calls its std VGA. Sequencer, graphics controller, CRT controller, attribute
 * controller and DAC by ports 3B4h–3DAh, the same and DISPI in memory behind base address 2. The window at A0000h is
 * answered by vga-planes.ts, or shown as memory where a mode has its bytes there one behind the other; it and the ports
 * are decoded whatever the command register says, as legacy addresses of a first display are.
 * Nothing is drawn here: screen.ts makes pictures of the registers and the memory. There is no retrace interrupt.
 */
import { PAGE_BYTES } from '../../base/pages.ts';
import type { Aperture, ApertureContent, Bulk, DeviceContext, DeviceEntry } from '../../board/context.ts';
import type { Clock, Device, MmioHandler, PortHandler } from '../../board/device.ts';
import { correctDispi, DISPI_REGISTERS, readDispi, writeDispi } from './dispi.ts';
import {
  isWindowPlain,
  type PlainPlanes,
  plainPlanes,
  readPlanes,
  WINDOW_ADDRESS,
  WINDOW_BYTES,
  windowOffset,
  writeCell,
  writePlain,
  writePlainQuietly,
  writePlanes,
} from './vga-planes.ts';
import {
  ATTRIBUTE_MASKS,
  CR_OVERFLOW,
  CR_VERTICAL_RETRACE_END,
  CRTC_MASKS,
  DISPI_8BIT_DAC,
  GRAPHICS_MASKS,
  isDispiLinear,
  SEQUENCER_MASKS,
  VGA_FIELDS,
  VGA_MEMORY_BYTES,
  type VgaRegisters,
} from './vga-registers.ts';
import { frameNumber, rasterOf, retraceBits } from './vga-timing.ts';
import { withFields } from '../../base/fields.ts';

const MEMORY = 'vga.memory';
const ROM = 'vga.rom';
/** Of the BIOS in the machine's images, if there is one. */
const VGA_BIOS_ROLE = 'vgabios';
const ROM_BYTES = 0x10000;
const REGISTER_BYTES = PAGE_BYTES;
const HALF_BYTES = WINDOW_BYTES / 2;

/** As QEMU's: bus 0, device 2. */
const SLOT = 2 << 3;
const DISPI_INDEX_PORT = 0x1ce;
/** In memory behind base address 2: ports 3C0h–3DFh, then DISPI's registers. */
const PORTS_OFFSET = 0x400;
const PORTS_BYTES = 0x20;
const DISPI_OFFSET = 0x500;

/** What a screen is drawn from, at a moment. */
export interface VgaPicture {
  readonly registers: VgaRegisters;
  readonly memory: Uint8Array;
  /** Frames since tick 0. */
  readonly frame: number;
}

export class Vga extends withFields(VGA_FIELDS) implements Device {
  readonly name = 'vga';
  readonly version = 1;
  readonly fields = VGA_FIELDS.of(this, {
    problem: ({ dispi }) => {
      const corrected = { ...dispi };
      correctDispi(corrected);
      const names = Object.keys(dispi) as (keyof typeof dispi)[];
      const wrong = names.find((name) => dispi[name] !== corrected[name]);
      return wrong === undefined ? null : `dispi.${wrong} is ${dispi[wrong]}, which no mode has`;
    },
    loaded: () => this.#placeWindow(),
  });
  readonly #clock: Clock;
  readonly #memory: Bulk;
  readonly #halves: readonly Aperture[];
  /** What each half shows: −1 the planes, else memory from that byte on. */
  readonly #shown = [-1, -1];
  readonly #planes: readonly MmioHandler[];
  #plain: PlainPlanes | null = null;

  constructor(context: DeviceContext) {
    super();
    this.#clock = context.clock;
    this.#memory = context.bulk(MEMORY);
    this.#planes = [this.#planesFrom(0), this.#planesFrom(HALF_BYTES)];
    this.#halves = this.#planes.map((handler, half) => {
      const aperture = context.aperture(HALF_BYTES, handler);
      aperture.place(WINDOW_ADDRESS + half * HALF_BYTES);
      return aperture;
    });
    context.pci({
      name: 'vga',
      slot: SLOT,
      vendor: 0x1234,
      device: 0x1111,
      classCode: 0x030000,
      revision: 2,
      subsystem: { vendor: 0x1af4, device: 0x1100 },
      bars: [
        { kind: 'memory', sizeBytes: VGA_MEMORY_BYTES, content: { bulk: this.#memory }, isPrefetchable: true },
        undefined,
        { kind: 'memory', sizeBytes: REGISTER_BYTES, content: this.#registerPage() },
      ],
      ...romOf(context),
    });
    const ports: PortHandler = {
      read: (port) => this.readPort(port),
      write: (port, _size, value) => this.writePort(port, value),
    };
    for (const [first, count] of [
      [0x3b4, 2],
      [0x3ba, 1],
      [0x3c0, 16],
      [0x3d4, 2],
      [0x3da, 1],
    ]) {
      context.ports(first, count, ports);
    }
    context.ports(DISPI_INDEX_PORT, 3, {
      maxSize: 2,
      read: (port, size) => {
        const value = port === DISPI_INDEX_PORT ? this.dispiIndex : readDispi(this.dispi, this.dispiIndex);
        return size === 2 ? value : value & 0xff;
      },
      write: (port, size, value) => {
        if (size !== 2) return;
        if (port === DISPI_INDEX_PORT) this.dispiIndex = value;
        else this.#writeDispi(this.dispiIndex, value);
      },
    });
  }

  /** For whoever draws the screen. */
  picture(): VgaPicture {
    const raster = rasterOf(this);
    const frame = frameNumber(raster, this.#clock.cycles(this.#clock.now(), raster.hertz));
    return { registers: this, memory: this.#memory.bytes, frame };
  }

  // -------------------------------------------------------------------------------------------------------------
  // Memory

  #planesFrom(begin: number): MmioHandler {
    const memory = this.#memory;
    return {
      read: (offset, size) => {
        let value = 0;
        for (let i = 0; i < size; i++) value |= readPlanes(this, memory, begin + offset + i) << (8 * i);
        return value >>> 0;
      },
      write: (offset, size, value) => {
        const at = begin + offset;
        const plain = this.#plain;
        if (plain !== null) {
          for (let i = 0; i < size; i++) writePlain(plain, this, memory, at + i, (value >>> (8 * i)) & 0xff);
          return;
        }
        let done = 0;
        for (; size - done >= 2; done += 2) {
          if (!writeCell(this, memory, at + done, (value >>> (8 * done)) & 0xffff)) break;
        }
        for (; done < size; done++) writePlanes(this, memory, at + done, (value >>> (8 * done)) & 0xff);
      },
      writesQuietly: (offset, size, value) => {
        const plain = this.#plain;
        return plain !== null && writePlainQuietly(plain, this, memory, begin + offset, size, value);
      },
    };
  }

  /** Which byte of the memory a half of the window shows, −1 for none. */
  #plainFrom(half: number): number {
    if (isDispiLinear(this)) return half === 0 ? this.dispi.bank * HALF_BYTES : -1;
    return isWindowPlain(this) ? windowOffset(this, half * HALF_BYTES) : -1;
  }

  /** What the registers say by now that the window shows. */
  #placeWindow(): void {
    this.#plain = plainPlanes(this);
    for (let half = 0; half < 2; half++) {
      const from = this.#plainFrom(half);
      // Half of a half, as the maps at B0000h and B8000h are, is left to the planes.
      const shown = from % HALF_BYTES === 0 && from >= 0 && this.#isWhole(half) ? from : -1;
      if (shown === this.#shown[half]) continue;
      this.#shown[half] = shown;
      const content: ApertureContent = shown < 0 ? this.#planes[half] : { bulk: this.#memory, offset: shown };
      this.#halves[half].show(content);
    }
  }

  #isWhole(half: number): boolean {
    return isDispiLinear(this) || windowOffset(this, half * HALF_BYTES + HALF_BYTES - 1) >= 0;
  }

  #registerPage(): MmioHandler {
    return {
      read: (offset, size) => {
        const at = offset - DISPI_OFFSET;
        if (at >= 0 && at < DISPI_REGISTERS * 2 && size === 2) return readDispi(this.dispi, at >> 1);
        let value = 0;
        for (let i = 0; i < size; i++) {
          const port = offset + i - PORTS_OFFSET;
          const byte = port >= 0 && port < PORTS_BYTES ? this.readPort(0x3c0 + port) : 0xff;
          value |= byte << (8 * i);
        }
        return value >>> 0;
      },
      write: (offset, size, value) => {
        const at = offset - DISPI_OFFSET;
        if (at >= 0 && at < DISPI_REGISTERS * 2 && size === 2) {
          this.#writeDispi(at >> 1, value);
          return;
        }
        for (let i = 0; i < size; i++) {
          const port = offset + i - PORTS_OFFSET;
          if (port >= 0 && port < PORTS_BYTES) this.writePort(0x3c0 + port, (value >>> (8 * i)) & 0xff);
        }
      },
    };
  }

  #writeDispi(index: number, value: number): void {
    writeDispi(this.dispi, index, value, this.#memory);
    this.#placeWindow();
  }

  // -------------------------------------------------------------------------------------------------------------
  // Ports

  /** The CRT controller is at 3B4h or 3D4h as miscellaneous output says, input status 1 at 3BAh or 3DAh. */
  #isDecoded(port: number): boolean {
    const isColor = (this.misc & 0x01) !== 0;
    if (port >= 0x3b0 && port < 0x3c0) return !isColor;
    return port < 0x3d0 || isColor;
  }

  readPort(port: number): number {
    if (!this.#isDecoded(port)) return 0xff;
    switch (port) {
      case 0x3c0:
        return this.isAttributeData ? 0 : this.attributeIndex;
      case 0x3c1: {
        const index = this.attributeIndex & 0x1f;
        return index < ATTRIBUTE_MASKS.length ? this.attribute[index] : 0;
      }
      case 0x3c2:
        return 0x70; // switches of a colour display; no retrace interrupt
      case 0x3c4:
        return this.sequencerIndex;
      case 0x3c5:
        return this.sequencerIndex < SEQUENCER_MASKS.length ? this.sequencer[this.sequencerIndex] : 0;
      case 0x3c6:
        return this.pixelMask;
      case 0x3c7:
        return this.dacState;
      case 0x3c8:
        return this.dacWriteIndex;
      case 0x3c9:
        return this.#readDac();
      case 0x3ca:
        return this.featureControl;
      case 0x3cc:
        return this.misc;
      case 0x3ce:
        return this.graphicsIndex;
      case 0x3cf:
        return this.graphicsIndex < GRAPHICS_MASKS.length ? this.graphics[this.graphicsIndex] : 0;
      case 0x3b4:
      case 0x3d4:
        return this.crtcIndex;
      case 0x3b5:
      case 0x3d5:
        return this.crtcIndex < CRTC_MASKS.length ? this.crtc[this.crtcIndex] : 0;
      case 0x3ba:
      case 0x3da: {
        this.isAttributeData = false;
        const raster = rasterOf(this);
        return retraceBits(raster, this.#clock.cycles(this.#clock.now(), raster.hertz));
      }
      default:
        return 0xff;
    }
  }

  writePort(port: number, value: number): void {
    if (!this.#isDecoded(port)) return;
    switch (port) {
      case 0x3c0:
        this.#writeAttribute(value);
        break;
      case 0x3c2:
        this.misc = value & 0xef;
        this.#placeWindow();
        break;
      case 0x3c4:
        this.sequencerIndex = value & 0x07;
        break;
      case 0x3c5:
        if (this.sequencerIndex >= SEQUENCER_MASKS.length) break;
        this.sequencer[this.sequencerIndex] = value & SEQUENCER_MASKS[this.sequencerIndex];
        this.#placeWindow();
        break;
      case 0x3c6:
        this.pixelMask = value;
        break;
      case 0x3c7:
        this.dacReadIndex = value;
        this.dacComponent = 0;
        this.dacState = 3;
        break;
      case 0x3c8:
        this.dacWriteIndex = value;
        this.dacComponent = 0;
        this.dacState = 0;
        break;
      case 0x3c9:
        this.#writeDac(value);
        break;
      case 0x3ba:
      case 0x3da:
        this.featureControl = value & 0x0b;
        break;
      case 0x3ce:
        this.graphicsIndex = value & 0x0f;
        break;
      case 0x3cf:
        if (this.graphicsIndex >= GRAPHICS_MASKS.length) break;
        this.graphics[this.graphicsIndex] = value & GRAPHICS_MASKS[this.graphicsIndex];
        this.#placeWindow();
        break;
      case 0x3b4:
      case 0x3d4:
        this.crtcIndex = value & 0x3f;
        break;
      case 0x3b5:
      case 0x3d5:
        this.#writeCrtc(value);
    }
  }

  #writeAttribute(value: number): void {
    const index = this.attributeIndex & 0x1f;
    if (!this.isAttributeData) this.attributeIndex = value & 0x3f;
    // The palette cannot be written while the display has it.
    else if (index < ATTRIBUTE_MASKS.length && (index >= 0x10 || (this.attributeIndex & 0x20) === 0)) {
      this.attribute[index] = value & ATTRIBUTE_MASKS[index];
    }
    this.isAttributeData = !this.isAttributeData;
  }

  #writeCrtc(value: number): void {
    const index = this.crtcIndex;
    if (index >= CRTC_MASKS.length) return;
    const isProtected = (this.crtc[CR_VERTICAL_RETRACE_END] & 0x80) !== 0 && index <= CR_OVERFLOW;
    if (!isProtected) this.crtc[index] = value;
    // The line compare bit is not protected.
    else if (index === CR_OVERFLOW) this.crtc[index] = (this.crtc[index] & ~0x10) | (value & 0x10);
  }

  #readDac(): number {
    const value = this.dac[this.dacReadIndex * 3 + this.dacComponent];
    this.dacComponent = (this.dacComponent + 1) % 3;
    if (this.dacComponent === 0) this.dacReadIndex = (this.dacReadIndex + 1) & 0xff;
    return value;
  }

  /** A colour changes when its third component is there. */
  #writeDac(value: number): void {
    const component = (this.dispi.enable & DISPI_8BIT_DAC) !== 0 ? value : value & 0x3f;
    if (this.dacComponent < 2) {
      this.dacPending[this.dacComponent++] = component;
      return;
    }
    this.dac.set(this.dacPending, this.dacWriteIndex * 3);
    this.dac[this.dacWriteIndex * 3 + 2] = component;
    this.dacComponent = 0;
    this.dacWriteIndex = (this.dacWriteIndex + 1) & 0xff;
  }

  /** Memory keeps what it holds. */
  reset(): void {
    VGA_FIELDS.clear(this);
    this.#placeWindow();
  }
}

/** The BIOS as the function's expansion ROM, if there is one that fits. */
function romOf(context: DeviceContext): { readonly rom?: Bulk } {
  const image = context.image(VGA_BIOS_ROLE);
  if (image === null) return {};
  const rom = context.bulk(ROM);
  const bytes = new Uint8Array(Math.min(image.sizeBytes, ROM_BYTES));
  image.read(0, bytes);
  rom.write(0, bytes);
  return { rom };
}

export const vga: DeviceEntry = {
  isPresent: ({ vga: kind }) => kind === 'std',
  bulk: ({ images = [] }) => ({
    [MEMORY]: VGA_MEMORY_BYTES,
    ...(images.some(({ role }) => role === VGA_BIOS_ROLE) ? { [ROM]: ROM_BYTES } : {}),
  }),
  create: (context) => new Vga(context),
};

/** The VGA of a board, null where there is none, or no device runs. */
export function vgaOf(board: { readonly devices: readonly Device[] }): Vga | null {
  return board.devices.find((device) => device instanceof Vga) ?? null;
}
