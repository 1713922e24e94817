/**
 * The tables of what happens to memory, to devices and to the processor: accesses, interrupts, faults, ports, device
 * memory, switches, serial lines, the speaker, resets. Each says its arguments and columns, and what is gathered.
 */
import type { ColumnType, Row } from './compile.ts';
import type { TableArguments } from './arguments.ts';
import { type Fold, type MakeRow, plainFold, momentColumns, numberOrNull } from './fold.ts';
import { SerialFold } from './fold-serial.ts';
import { TonesFold } from './fold-tones.ts';
import { DELIVERY, DELIVERY_KINDS, RESET, SERIAL } from './gather-deliveries.ts';
import { DEVICE } from './gather-devices.ts';
import { ACCESS, ACCESS_KINDS } from './gather-places.ts';
import { SWITCH, SWITCH_KINDS } from './gather-switches.ts';
import { TONE } from './gather-tones.ts';
import type { TableJob } from './jobs.ts';
import { PAGE_BYTES } from '../base/pages.ts';
import type { AskedPages } from '../timeline/page-records.ts';
import { MOMENT_COLUMNS, showAll, type Table, type TablePlan } from './table.ts';

/** A watched range is kept by its pages. */
const ACCESS_BYTES_MAX = 1 << 24;
const SERIAL_LINES_MAX = 4;

const column = (name: string, type: ColumnType['type']): ColumnType => ({ name, type });

interface Simple {
  readonly columns: readonly ColumnType[];
  readonly fields: number;
  readonly job: TableJob;
  readonly make: MakeRow;
  readonly pages?: AskedPages | null;
  readonly hidden?: readonly string[];
}

/** A table of which each record is a row. */
function simple({ columns: own, fields, job, make, pages = null, hidden = [] }: Simple): TablePlan {
  const columns = [...MOMENT_COLUMNS, ...own];
  const withMoment: MakeRow = (numbers, at, texts) => [
    ...momentColumns(numbers, at, texts),
    ...make(numbers, at, texts),
  ];
  return {
    columns,
    shown: showAll(columns).filter((index) => !hidden.includes(columns[index].name)),
    fields,
    pages,
    job: () => job,
    fold: (_used, emit: (row: Row) => void): Fold => plainFold(fields, withMoment)(emit),
  };
}

const ACCESSES: Table = {
  name: 'accesses',
  usage: 'ADDRESS|physical(ADDRESS) [, BYTES [, rwx]]',
  summary: 'accesses to memory, by instructions and by devices: reads, writes, execution',
  columns: ['physical', 'bytes', 'kind', 'value', 'old', 'eip', 'privilege'],
  example: 'accesses(physical(0x9fc00), 4, w) where value > 0x1000 first 10',
  plan: (args) => {
    const physical = args.physical(0, 'an address');
    const bytes = args.number(1, 'bytes', [1, ACCESS_BYTES_MAX]) ?? 4;
    const kinds = args.word(2, 'rwx', ['r', 'w', 'x', 'rw', 'rx', 'wx', 'rwx']) ?? 'rw';
    args.finish(`accesses(${ACCESSES.usage})`);
    const first = Math.floor(physical / PAGE_BYTES);
    const last = Math.floor((physical + bytes - 1) / PAGE_BYTES);
    const written = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    return simple({
      columns: [
        column('physical', 'hex'),
        column('bytes', 'number'),
        column('kind', 'text'),
        column('value', 'hex'),
        column('old', 'hex'),
        column('eip', 'address'),
        column('privilege', 'number'),
      ],
      fields: ACCESS.privilege + 1,
      job: { table: 'accesses', physical, bytes, kinds },
      pages: { executed: [], written, touched: kinds === 'w' ? [] : written },
      hidden: ['old', 'privilege'],
      make: (numbers, at) => [
        numbers[at + ACCESS.physical],
        numbers[at + ACCESS.bytes],
        ACCESS_KINDS[numbers[at + ACCESS.kind]],
        numberOrNull(numbers[at + ACCESS.value]),
        numberOrNull(numbers[at + ACCESS.old]),
        numbers[at + ACCESS.eip],
        numbers[at + ACCESS.privilege],
      ],
    });
  },
};

function deliveries(table: 'interrupts' | 'faults', args: TableArguments, usage: string): TablePlan {
  const given = args.rest(0).map((each) => {
    const vector = args.value(each);
    return Number.isInteger(vector) && vector >= 0 && vector <= 255
      ? vector
      : args.fail(each.at, 'A vector is a whole number from 0 to 255');
  });
  args.finish(`${table}(${usage})`);
  return simple({
    columns: [
      column('vector', 'number'),
      column('kind', 'text'),
      column('error', 'hex'),
      column('address', 'hex'),
      column('eip', 'address'),
      column('privilege', 'number'),
    ],
    fields: DELIVERY.privilege + 1,
    job: { table, vectors: given.length === 0 ? null : given },
    hidden: table === 'interrupts' ? ['kind', 'error', 'address'] : [],
    make: (numbers, at) => [
      numbers[at + DELIVERY.vector],
      DELIVERY_KINDS[numbers[at + DELIVERY.kind]],
      numberOrNull(numbers[at + DELIVERY.error]),
      numberOrNull(numbers[at + DELIVERY.address]),
      numbers[at + DELIVERY.eip],
      numbers[at + DELIVERY.privilege],
    ],
  });
}

const INTERRUPTS: Table = {
  name: 'interrupts',
  usage: '[VECTOR, …]',
  summary: 'hardware interrupts as the processor took them, and what they interrupted',
  columns: ['vector', 'kind', 'error', 'address', 'eip', 'privilege'],
  example: 'interrupts(20h) where privilege == 3 count',
  plan: (args) => deliveries('interrupts', args, INTERRUPTS.usage),
};

const FAULTS: Table = {
  name: 'faults',
  usage: '[VECTOR, …]',
  summary: 'exceptions, debug traps and NMIs: vector, error code, address of page faults',
  columns: ['vector', 'kind', 'error', 'address', 'eip', 'privilege'],
  example: 'faults(14) where error & 4 == 0 group by symbol(eip)',
  plan: (args) => deliveries('faults', args, FAULTS.usage),
};

function devices(table: 'io' | 'mmio', args: TableArguments, usage: string): TablePlan {
  const max = table === 'io' ? 0xffff : 2 ** 32 - 1;
  const first = args.number(0, table === 'io' ? 'port' : 'address', [0, max]);
  const bytes = args.number(1, 'bytes', [1, max + 1]) ?? 1;
  args.finish(`${table}(${usage})`);
  return simple({
    columns: [
      column(table === 'io' ? 'port' : 'physical', 'hex'),
      column('bytes', 'number'),
      column('kind', 'text'),
      column('value', 'hex'),
      column('eip', 'address'),
    ],
    fields: DEVICE.eip + 1,
    job: { table, first: first ?? 0, last: first === undefined ? max : first + bytes - 1 },
    make: (numbers, at) => [
      numbers[at + DEVICE.place],
      numbers[at + DEVICE.bytes],
      ACCESS_KINDS[numbers[at + DEVICE.kind]],
      numbers[at + DEVICE.value],
      numbers[at + DEVICE.eip],
    ],
  });
}

const IO: Table = {
  name: 'io',
  usage: '[PORT [, BYTES]]',
  summary: 'reads from I/O ports and writes to them',
  columns: ['port', 'bytes', 'kind', 'value', 'eip'],
  example: 'io(3f8h) where kind == "w" first 20',
  plan: (args) => devices('io', args, IO.usage),
};

const MMIO: Table = {
  name: 'mmio',
  usage: '[ADDRESS [, BYTES]]',
  summary: 'reads from devices in the physical address space and writes to them',
  columns: ['physical', 'bytes', 'kind', 'value', 'eip'],
  example: 'mmio(fee00000h, 1000h) group by physical',
  plan: (args) => devices('mmio', args, MMIO.usage),
};

const SWITCHES: Table = {
  name: 'switches',
  usage: '',
  summary: 'switches of address space, of the task register, and of the tasks of a Linux kernel',
  columns: ['kind', 'from', 'to', 'from_name', 'to_name', 'eip'],
  example: 'switches() where kind == "task" group by to_name order by count() desc',
  plan: (args) => {
    args.finish('switches()');
    const name = (numbers: Float64Array, at: number, texts: readonly string[]) => {
      const index = numberOrNull(numbers[at]);
      return index === null ? null : texts[Number(index)];
    };
    return simple({
      columns: [
        column('kind', 'text'),
        column('from', 'hex'),
        column('to', 'hex'),
        column('from_name', 'text'),
        column('to_name', 'text'),
        column('eip', 'address'),
      ],
      fields: SWITCH.eip + 1,
      job: { table: 'switches', tasks: args.guest.tasks },
      make: (numbers, at, texts) => [
        SWITCH_KINDS[numbers[at + SWITCH.kind]],
        numbers[at + SWITCH.from],
        numbers[at + SWITCH.to],
        name(numbers, at + SWITCH.fromName, texts),
        name(numbers, at + SWITCH.toName, texts),
        numbers[at + SWITCH.eip],
      ],
    });
  },
};

const SERIAL_TABLE: Table = {
  name: 'serial',
  usage: '[LINE]',
  summary: 'what the guest sent on its serial lines, line by line',
  columns: ['line', 'text', 'bytes', 'ended'],
  example: 'serial() where text ~ "BUG"',
  plan: (args) => {
    const line = args.number(0, 'line', [0, SERIAL_LINES_MAX - 1]);
    args.finish(`serial(${SERIAL_TABLE.usage})`);
    const fields = SERIAL.byte + 1;
    const own = [
      column('line', 'number'),
      column('text', 'text'),
      column('bytes', 'number'),
      column('ended', 'number'),
    ];
    const columns = [...MOMENT_COLUMNS, ...own];
    return {
      columns,
      shown: showAll(columns).slice(0, 3),
      fields,
      pages: null,
      job: () => ({ table: 'serial', lines: line === undefined ? null : [line] }),
      fold: (_used, emit) => new SerialFold(fields, emit),
    };
  },
};

const TONES: Table = {
  name: 'tones',
  usage: '',
  summary: 'what the PC speaker sounds: frequency, divisor of the timer, tick at which it ends',
  columns: ['hertz', 'divisor', 'ended'],
  example: 'tones() where hertz > 400',
  plan: (args) => {
    args.finish('tones()');
    const fields = TONE.divisor + 1;
    const columns = [
      ...MOMENT_COLUMNS,
      column('hertz', 'number'),
      column('divisor', 'number'),
      column('ended', 'number'),
    ];
    return {
      columns,
      shown: showAll(columns),
      fields,
      pages: null,
      job: () => ({ table: 'tones' }),
      fold: (_used, emit) => new TonesFold(fields, emit),
    };
  },
};

const RESETS: Table = {
  name: 'resets',
  usage: '',
  summary: 'resets of the machine, and what each was',
  columns: ['cause', 'eip'],
  example: 'resets() last',
  plan: (args) => {
    args.finish('resets()');
    return simple({
      columns: [column('cause', 'text'), column('eip', 'address')],
      fields: RESET.eip + 1,
      job: { table: 'resets' },
      make: (numbers, at, texts) => [texts[numbers[at + RESET.cause]], numbers[at + RESET.eip]],
    });
  },
};

export const EVENT_TABLES: readonly Table[] = [
  ACCESSES,
  INTERRUPTS,
  FAULTS,
  IO,
  MMIO,
  SWITCHES,
  SERIAL_TABLE,
  TONES,
  RESETS,
];
