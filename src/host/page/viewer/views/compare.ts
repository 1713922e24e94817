// Two recordings or two engines side by side: the other one runs in a worker of its own and follows, aligned by
// tick or by the same event of a lane. Registers that differ are marked; the first difference is found by halving
// the run.

import type { Client } from '../client.ts';
import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

const BY_TICK = 'tick';

export const COMPARE: View = {
  id: 'compare',
  title: 'Side by side',
  pane: 'events',
  make: (app) => {
    const engine = h(
      'select',
      { 'aria-label': 'Engine of the other run' },
      ...app.state.engines.map((name) => h('option', { value: name }, name)),
    );
    const file = h('input', { type: 'file', id: 'compare-file', class: 'file', 'aria-label': 'Another recording' });
    const align = h('select', { 'aria-label': 'Aligned by' }, h('option', { value: BY_TICK }, 'by tick'));
    const first = h('button', { type: 'button', disabled: true }, 'First difference');
    const told = h('p', { class: 'told', role: 'status' });
    const table = h('table', { class: 'mono', 'aria-label': 'Both runs' });
    let other: Client | null = null;
    let name = '';
    let otherEnd = 0;

    const open = async (log: File | null): Promise<void> => {
      other?.close();
      other = null;
      told.textContent = 'Opening…';
      try {
        const beside = await app.openBeside(engine.value, log);
        other = beside.client;
        otherEnd = beside.facts.endTick;
        name = log === null ? `on ${engine.value}` : `${log.name} on ${engine.value}`;
        told.textContent = '';
        first.disabled = false;
        await show();
      } catch (error) {
        told.textContent = error instanceof Error ? error.message : String(error);
      }
    };
    const begin = h('button', { type: 'button', onclick: () => void open(null) }, 'Same recording');
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (chosen !== undefined) void open(chosen);
    });

    const otherTick = async (client: Client, tick: number): Promise<number> => {
      if (align.value === BY_TICK) return tick;
      const rank = await app.client.ask('laneRank', { key: align.value, tick });
      if (rank === null) return tick;
      const found = await client.ask('laneTick', { key: align.value, index: rank });
      return found ?? tick;
    };

    const show = async (): Promise<void> => {
      const { moment } = app.state;
      const client = other;
      if (client === null || moment === null) return;
      await listLanes();
      const tick = await otherTick(client, moment.tick);
      const there = await client.move('seek', { tick, seq: align.value === BY_TICK ? moment.seq : 0 });
      const [ours, theirs] = await Promise.all([
        app.client.ask('registers', { withUnits: false }),
        client.ask('registers', { withUnits: false }),
      ]);
      const rows = Object.keys(ours.values)
        .filter((register) => !register.includes('.'))
        .map((register) => {
          const [mine, its] = [ours.values[register], theirs.values[register]];
          const isSame = mine === its;
          return h(
            'tr',
            {},
            h('th', { scope: 'row' }, register),
            h('td', {}, hex(mine)),
            h('td', isSame ? {} : { class: 'changed' }, hex(its)),
            h('td', {}, isSame ? '' : '≠'),
          );
        });
      const head = h(
        'tr',
        {},
        h('td'),
        h('th', { scope: 'col' }, `here, ${count(moment.tick)}`),
        h('th', { scope: 'col' }, `${name}, ${count(there.tick)}`),
        h('td'),
      );
      replace(table, h('thead', {}, head), h('tbody', {}, ...rows));
    };

    const listLanes = async (): Promise<void> => {
      if (align.childElementCount > 1 || !app.state.pass.isDone) return;
      const answer = await app.ask('lanes', { from: 0, to: 1, buckets: 1 });
      for (const lane of answer?.lanes ?? []) align.append(h('option', { value: lane.key }, `by ${lane.name}`));
    };
    align.addEventListener('change', () => void show());

    /** States that differ stay different, so the run can be halved. */
    const findFirst = async (): Promise<void> => {
      const client = other;
      const { facts } = app.state;
      if (client === null || facts === null) return;
      const isSame = async (tick: number): Promise<boolean> => {
        await Promise.all([app.client.move('seek', { tick }), client.move('seek', { tick })]);
        const [mine, its] = await Promise.all([app.client.ask('digest', null), client.ask('digest', null)]);
        return mine.hash === its.hash;
      };
      let low = 0;
      let high = Math.min(facts.endTick, otherEnd);
      first.disabled = true;
      try {
        if (await isSame(high)) {
          told.textContent = `No difference up to tick ${count(high)}.`;
          await app.seek(high);
          return;
        }
        while (low < high) {
          const middle = Math.floor((low + high) / 2);
          told.textContent = `Between ticks ${count(low)} and ${count(high)}…`;
          if (await isSame(middle)) low = middle + 1;
          else high = middle;
        }
        told.textContent = `The first difference is at tick ${count(high)}.`;
        await app.seek(high);
      } catch (error) {
        told.textContent = error instanceof Error ? error.message : String(error);
      } finally {
        first.disabled = false;
      }
    };
    first.addEventListener('click', () => void findFirst());
    const reset = (): void => {
      other?.close();
      other = null;
      first.disabled = true;
      replace(table);
      replace(align, h('option', { value: BY_TICK }, 'by tick'));
    };
    const bar = h(
      'div',
      { class: 'bar' },
      engine,
      begin,
      h('label', { for: 'compare-file', class: 'button' }, 'Another file…'),
      file,
      align,
      first,
    );
    return { element: h('div', {}, bar, told, table), show, reset };
  },
};
