/**
 * A device that uses everything a device context gives, in one file: a PCI function with bulk memory behind one base
 * address, ports behind another and registers behind a third, a bank of the bulk memory at A0000h, bus mastering, ISA
 * DMA, an image, a timer, an interrupt pin, host inputs, a field table. It is no real chip: it is the shape of a video
 * card, a disk and a network card at once, and the test beside it adds it to the machine table by one line.
 *
 * Ports (dwords): 0 command, 4 memory address, 8 byte count, Ch offset into bulk memory, 10h status (writing clears its
 * bits), 14h bank, 18h latency in nanoseconds, 1Ch next byte of the last packet (read; FFFFFFFFh when there is none).
 */
import { bits, byteQueue, integer, unsigned, word32 } from '../../src/core/base/field-kinds.ts';
import { fields, withFields } from '../../src/core/base/fields.ts';
import type { Aperture, Bulk, DeviceContext, DeviceEntry, DeviceImage, PciPort } from '../../src/core/board/context.ts';
import type { Device, Timer } from '../../src/core/board/device.ts';

export const BULK_BYTES = 0x100000;
const MEMORY = 'scratch.memory';
const BANK_BYTES = 0x10000;
const BANK_ADDRESS = 0xa0000;
const TRANSFER_BYTES_MAX = 0x10000;
/** Number of the device in `packet` inputs. */
const PACKET_DEVICE = 7;
const ISA_CHANNEL = 1;

/** Commands; the first four end with the timer. */
const TO_MEMORY = 1;
const FROM_MEMORY = 2;
const IMAGE_TO_MEMORY = 3;
const ISA_TO_MEMORY = 4;
const FILL = 5;
const TO_MEMORY_AT_ONCE = 6;

/** Status. */
const DONE = 1;
const PACKET = 2;
const REFUSED = 4;

const FIELDS = fields({
  command: unsigned(TO_MEMORY_AT_ONCE),
  address: word32(),
  count: integer(0, TRANSFER_BYTES_MAX),
  offset: integer(0, BULK_BYTES - 1),
  status: bits(DONE | PACKET | REFUSED),
  bank: unsigned(BULK_BYTES / BANK_BYTES),
  latency: word32(16_384),
  packet: byteQueue(),
  /** How often its registers in memory were read. */
  reads: word32(),
  entropy: word32(),
});

export class ScratchDevice extends withFields(FIELDS) implements Device {
  readonly name = 'scratch';
  readonly version = 1;
  readonly fields = FIELDS.of(this, {
    problem: ({ command }, { due }) =>
      (command >= TO_MEMORY && command <= ISA_TO_MEMORY) === (due('scratch') !== Infinity)
        ? null
        : `command is ${command}, with its timer due at ${due('scratch')}`,
    loaded: () => this.#showBank(),
  });
  readonly #context: DeviceContext;
  readonly #memory: Bulk;
  readonly #image: DeviceImage | null;
  readonly #timer: Timer;
  readonly #pci: PciPort;
  readonly #bank: Aperture;

  constructor(context: DeviceContext) {
    super();
    this.#context = context;
    this.#memory = context.bulk(MEMORY);
    this.#image = context.image('kernel');
    this.#timer = context.clock.timer('scratch', () => this.#finish());
    this.#bank = context.aperture(BANK_BYTES, { bulk: this.#memory });
    this.#pci = context.pci({
      name: 'scratch',
      slot: 4 << 3,
      vendor: 0x1234,
      device: 0x5c7a,
      classCode: 0xff0000,
      revision: 1,
      subsystem: { vendor: 0x1234, device: 0x0001 },
      interruptPin: 1,
      bars: [
        { kind: 'memory', sizeBytes: BULK_BYTES, content: { bulk: this.#memory }, isPrefetchable: true },
        {
          kind: 'ports',
          count: 32,
          handler: {
            maxSize: 4,
            read: (offset, size) => (size === 4 ? this.#read(offset & 0x1c) : 0xffffffff),
            write: (offset, size, value) => {
              if (size === 4) this.#write(offset & 0x1c, value);
            },
          },
        },
        {
          kind: 'memory',
          sizeBytes: 0x1000,
          content: {
            read: (offset) => {
              if (offset === 0) this.reads = (this.reads + 1) >>> 0;
              return offset === 0 ? this.reads : offset === 4 ? this.entropy : offset;
            },
            write: (offset, _size, value) => {
              if (offset === 0) this.reads = value >>> 0;
            },
          },
        },
      ],
    });
    context.input('packet', ({ device, bytes }) => {
      if (device !== PACKET_DEVICE) return;
      this.packet.clear();
      this.packet.push(bytes);
      this.#raise(PACKET);
    });
    context.input('entropy', ({ bytes }) => {
      for (const byte of bytes) this.entropy = (Math.imul(this.entropy, 31) + byte) >>> 0;
    });
  }

  #raise(bit: number): void {
    this.status |= bit;
    this.#pci.interrupt.set(this.status !== 0);
  }

  /** Bank 0 hides the aperture, bank n shows the n-th 64 KiB of the bulk memory. */
  #showBank(): void {
    if (this.bank > 0) this.#bank.show({ bulk: this.#memory, offset: (this.bank - 1) * BANK_BYTES });
    this.#bank.place(this.bank > 0 ? BANK_ADDRESS : -1);
  }

  #read(register: number): number {
    switch (register) {
      case 0x00:
        return this.command;
      case 0x04:
        return this.address;
      case 0x08:
        return this.count;
      case 0x0c:
        return this.offset;
      case 0x10:
        return this.status;
      case 0x14:
        return this.bank;
      case 0x18:
        return this.latency;
      default:
        return this.packet.shift() ?? 0xffffffff;
    }
  }

  #write(register: number, value: number): void {
    switch (register) {
      case 0x00:
        this.#start(value);
        break;
      case 0x04:
        this.address = value;
        break;
      case 0x08:
        this.count = Math.min(value, TRANSFER_BYTES_MAX);
        break;
      case 0x0c:
        this.offset = value % BULK_BYTES;
        break;
      case 0x10:
        this.status &= ~value;
        this.#pci.interrupt.set(this.status !== 0);
        break;
      case 0x14:
        this.bank = value % (BULK_BYTES / BANK_BYTES + 1);
        this.#showBank();
        break;
      case 0x18:
        this.latency = value;
    }
  }

  #start(command: number): void {
    if (this.command !== 0 || command > TO_MEMORY_AT_ONCE) return;
    if (command === FILL) this.#memory.fill(this.offset, this.#length, this.address & 0xff);
    else if (command === TO_MEMORY_AT_ONCE) this.#toMemory();
    else if (command !== 0) {
      const { clock } = this.#context;
      this.command = command;
      this.#timer.arm(clock.now() + Math.max(1, Math.ceil(this.latency / clock.nsPerTick)));
    }
  }

  /** Bytes of the transfer that lie in the bulk memory. */
  get #length(): number {
    return Math.min(this.count, BULK_BYTES - this.offset);
  }

  #toMemory(): void {
    this.#pci.dma.write(this.address, this.#memory.bytes.slice(this.offset, this.offset + this.#length));
  }

  #finish(): void {
    const { command } = this;
    this.command = 0;
    if (!this.#pci.isBusMaster && command !== ISA_TO_MEMORY) this.status |= REFUSED;
    if (command === TO_MEMORY) this.#toMemory();
    else if (command === FROM_MEMORY) {
      const bytes = new Uint8Array(this.#length);
      this.#pci.dma.read(this.address, bytes);
      this.#memory.write(this.offset, bytes);
    } else if (command === IMAGE_TO_MEMORY && this.#image !== null) {
      const length = Math.min(this.count, Math.max(0, this.#image.sizeBytes - this.offset));
      this.#pci.dma.writeImage(this.address, this.#image, this.offset, length);
    } else if (command === ISA_TO_MEMORY) {
      const bytes = this.#memory.bytes.slice(this.offset, this.offset + this.#length);
      this.count -= this.#context.services.isaDma?.toMemory(ISA_CHANNEL, bytes) ?? 0;
    }
    this.#raise(DONE);
  }

  reset(): void {
    FIELDS.clear(this);
    this.#timer.disarm();
    this.#pci.interrupt.set(false);
    this.#showBank();
  }
}

/** The line of the table. */
export const scratch: DeviceEntry = {
  bulk: () => ({ [MEMORY]: BULK_BYTES }),
  create: (context) => new ScratchDevice(context),
};
