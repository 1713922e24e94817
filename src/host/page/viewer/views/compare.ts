// Two recordings or two engines side by side: which, how they are aligned, the registers of both with those marked that
// differ, and the way to the first difference, which both timelines then show. The other run itself is beside.ts.

import { BY_TICK, Beside } from '../beside.ts';
import { count, h, hex, replace } from '../dom.ts';
import type { View } from './view.ts';

/** `views`: of what the other run shows its own. */
export const compareView = (views: () => readonly View[]): View => ({
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
    const end = h('button', { type: 'button', hidden: true }, 'Close the other run');
    const told = h('p', { class: 'told', role: 'status' });
    const table = h('table', { class: 'mono', 'aria-label': 'Both runs' });
    let other: Beside | null = null;

    const close = (): void => {
      other?.close();
      other = null;
      first.disabled = true;
      end.hidden = true;
      app.set({ differenceTick: null });
      app.showBeside(null);
      replace(table);
    };

    const open = async (log: File | null): Promise<void> => {
      close();
      told.textContent = 'Opening…';
      try {
        other = await Beside.open(app, engine.value, log, views());
        other.alignment = align.value;
        told.textContent = '';
        first.disabled = false;
        end.hidden = false;
        app.showBeside(other.bench.element);
        await show();
      } catch (error) {
        told.textContent = error instanceof Error ? error.message : String(error);
      }
    };
    const begin = h(
      'button',
      { type: 'button', onclick: () => void app.client.during(() => open(null)) },
      'Same recording',
    );
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (chosen !== undefined) void app.client.during(() => open(chosen));
    });
    end.addEventListener('click', close);

    const show = async (): Promise<void> => {
      const { moment } = app.state;
      const beside = other;
      if (beside === null || moment === null) return;
      await listLanes();
      await beside.follow();
      const [ours, theirs] = await Promise.all([
        app.client.ask('registers', { withUnits: false }),
        beside.app.client.ask('registers', { withUnits: false }),
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
        h('th', { scope: 'col' }, `${beside.name}, ${count(beside.app.state.moment?.tick ?? 0)}`),
        h('td'),
      );
      replace(table, h('thead', {}, head), h('tbody', {}, ...rows));
    };

    const listLanes = async (): Promise<void> => {
      if (align.childElementCount > 1 || !app.state.pass.isDone) return;
      const answer = await app.ask('lanes', { from: 0, to: 1, buckets: 1 });
      for (const lane of answer?.lanes ?? []) align.append(h('option', { value: lane.key }, `by ${lane.name}`));
    };
    align.addEventListener('change', () => {
      if (other !== null) other.alignment = align.value;
      void app.client.during(show);
    });

    const findFirst = async (): Promise<void> => {
      const beside = other;
      if (beside === null) return;
      first.disabled = true;
      try {
        const found = await beside.firstDifference((low, high) => {
          told.textContent = `Between ticks ${count(low)} and ${count(high)}…`;
        });
        app.set({ differenceTick: found?.ours ?? null });
        beside.app.set({ differenceTick: found?.theirs ?? null });
        const there = found !== null && found.theirs !== found.ours ? `, there ${count(found.theirs)}` : '';
        told.textContent =
          found === null
            ? `No difference up to tick ${count(app.state.moment?.tick ?? 0)}.`
            : `The first difference is at tick ${count(found.ours)}${there}.`;
      } catch (error) {
        told.textContent = error instanceof Error ? error.message : String(error);
      } finally {
        first.disabled = false;
      }
    };
    first.addEventListener('click', () => void app.client.during(findFirst));
    const reset = (): void => {
      close();
      told.textContent = '';
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
      end,
    );
    return { element: h('div', {}, bar, told, table), show, reset };
  },
});
