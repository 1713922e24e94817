/**
 * The engines on the built-in compute guests: identical work, checked by the hash of the whole state at its end.
 * Engines take turns in slices of the same ticks in one process, so that a busy machine disturbs all alike; the
 * first quarter is shown apart (warm-up). `--guest=NAME`, `--engines=a,b`, `--scale=N` (thousandths of the default).
 */
import { buildGuest, listGuests } from '../src/host/node/guest-images.ts';
import { setV8Flags } from '../src/host/node/v8-flags.ts';
import { type BootedMachine, createMachine } from '../src/library.ts';
import { benchArguments } from './bench-options.ts';

const args = benchArguments();

// A policy is written with + between its parts: js:threshold=1+region=4.
setV8Flags();
const engines = (args.text('engines') ?? 'interp,js,tiered').split(',').map((name) => name.replaceAll('+', ','));
const scale = (args.number('scale') ?? 1000) / 1000;
const names = (args.text('guest') ?? '').split(',').filter((name) => name !== '');
const guests = listGuests().filter((guest) =>
  names.length > 0 ? names.includes(guest.name) : guest.kind === 'benchmark',
);
const SLICES = 32;

/** CPU time of all threads of the process in ms: what others do on the machine shows less than in wall time. */
const now = (): number => {
  const usage = process.cpuUsage();
  return (usage.user + usage.system) / 1000;
};
const geometric = new Map<string, number[]>();
console.log(
  `${'guest'.padEnd(12)}${engines.map((name) => name.padStart(26)).join('')}   ` +
    `(ms whole, M/s last three quarters, ratio)`,
);
for (const guest of guests) {
  const count = Math.max(1, Math.round((guest.defaultCount ?? 1) * scale));
  const machines: BootedMachine[] = [];
  const ended = engines.map(() => false);
  for (const engine of engines) {
    const images = { kernel: buildGuest(guest.name) };
    machines.push(await createMachine({ images, append: `${count}`, memoryMegabytes: 8, hashEveryTicks: 0, engine }));
  }
  const whole = engines.map(() => 0);
  const late = engines.map(() => 0);
  const lateTicks = engines.map(() => 0);
  const step = Math.ceil((guest.ticks * scale) / SLICES);
  for (let slice = 0; slice < SLICES * 2; slice++) {
    for (let i = 0; i < machines.length; i++) {
      const machine = machines[i];
      if (ended[i]) continue;
      const before = machine.tick;
      const start = now();
      ended[i] = machine.run(before + step) !== 'tick';
      const spent = now() - start;
      whole[i] += spent;
      if (slice >= SLICES / 4) {
        late[i] += spent;
        lateTicks[i] += machine.tick - before;
      }
    }
  }
  const hashes = new Set(machines.map((machine) => machine.hash()));
  const speeds = engines.map((_, i) => lateTicks[i] / late[i] / 1000);
  const cells = engines.map((engine, i) => {
    const ratio = whole[0] / whole[i];
    const steady = speeds[i] / speeds[0];
    geometric.set(engine, [...(geometric.get(engine) ?? []), steady]);
    return `${whole[i].toFixed(0)} ${speeds[i].toFixed(0)} ${ratio.toFixed(2)}x/${steady.toFixed(2)}x`.padStart(26);
  });
  console.log(`${guest.name.padEnd(12)}${cells.join('')}   ${hashes.size === 1 ? 'equal' : 'THE STATES DIFFER'}`);
  if (hashes.size !== 1) process.exitCode = 1;
}
for (const [engine, ratios] of geometric) {
  const product = ratios.reduce((sum, ratio) => sum * ratio, 1);
  console.log(`${engine}: geometric mean of the steady ratios ${(product ** (1 / ratios.length)).toFixed(2)}x`);
}
