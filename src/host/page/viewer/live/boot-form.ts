// What to boot: a built-in guest that stands in the page, or files. Which files belong together the core says;
// here they are only asked for.

import type { App } from '../app.ts';
import type { GivenNames } from '../../attachments.ts';
import { h } from '../dom.ts';
import type { GivenFile } from '../worker/opened.ts';
import type { LivePage } from './live-page.ts';

/** A built-in guest, as the bundle puts it into the page. */
interface BuiltIn {
  readonly name: string;
  readonly description: string;
  /** Base 64. */
  readonly image: string;
  readonly symbols: GivenNames['symbols'];
}

const MEGABYTES_DEFAULT = 64;
const MEGABYTES_MAX = 1024;

function builtIns(): BuiltIn[] {
  return JSON.parse(document.getElementById('guests')?.textContent || '[]') as BuiltIn[];
}

export function makeBootForm(app: App, live: LivePage, engine: () => string): HTMLElement {
  const guests = builtIns();
  const guest = h(
    'select',
    { 'aria-label': 'Built-in guest' },
    ...guests.map(({ name, description }) => h('option', { value: name }, `${name}: ${description}`)),
  );
  const memory = h('input', {
    type: 'number',
    min: 1,
    max: MEGABYTES_MAX,
    value: MEGABYTES_DEFAULT,
    'aria-label': 'Memory in MiB',
  });
  const screen = h('input', { type: 'checkbox', id: 'boot-screen' });
  const append = h('input', { type: 'text', size: 40, 'aria-label': 'Command line', placeholder: 'command line' });
  const nothing = { initrd: null, bios: null, vgaBios: null, drives: [] };
  const common = () => ({
    append: append.value.trim(),
    memoryMegabytes: Number(memory.value),
    hasScreen: screen.checked,
    engine: engine(),
  });
  const bootBuiltIn = async (): Promise<void> => {
    const found = guests.find(({ name }) => name === guest.value);
    if (found === undefined) return;
    const bytes = Uint8Array.from(atob(found.image), (letter) => letter.charCodeAt(0));
    const kernel = { name: found.name, bytes };
    const names = [{ label: `guests/${found.name}`, symbols: found.symbols }];
    await live.boot(found.name, { ...nothing, ...common(), kernel }, names);
  };
  const fileField = (id: string, label: string): { element: HTMLElement; file: () => Promise<GivenFile | null> } => {
    const input = h('input', { type: 'file', id: `boot-${id}` });
    const file = async (): Promise<GivenFile | null> => {
      const [given] = input.files ?? [];
      return given === undefined ? null : { name: given.name, bytes: new Uint8Array(await given.arrayBuffer()) };
    };
    return { element: h('label', { for: `boot-${id}` }, label, input), file };
  };
  const [kernel, initrd, bios, vgaBios, hda, cdrom] = [
    fileField('kernel', 'Kernel'),
    fileField('initrd', 'Initial RAM disk'),
    fileField('bios', 'Firmware'),
    fileField('vgabios', 'Screen BIOS'),
    fileField('hda', 'Hard disk'),
    fileField('cdrom', 'CD'),
  ];
  const bootFiles = async (): Promise<void> => {
    const drives: { role: string; bytes: Uint8Array }[] = [];
    for (const [role, field] of [
      ['hda', hda],
      ['cdrom', cdrom],
    ] as const) {
      const file = await field.file();
      if (file !== null) drives.push({ role, bytes: file.bytes });
    }
    const files = {
      kernel: await kernel.file(),
      initrd: await initrd.file(),
      bios: await bios.file(),
      vgaBios: await vgaBios.file(),
      drives,
    };
    const settings = common();
    // Firmware starts with a screen.
    const hasScreen = settings.hasScreen || files.bios !== null;
    await live.boot(files.kernel?.name ?? 'guest', { ...files, ...settings, hasScreen }, []);
  };
  const go = (work: () => Promise<void>) => (): void => void work().catch((error) => app.tell(error));
  return h(
    'section',
    { class: 'boot', 'aria-label': 'Boot a guest' },
    h('h3', {}, 'Or boot a guest, and record it'),
    h('div', { class: 'bar' }, guest, h('button', { type: 'button', onclick: go(bootBuiltIn) }, 'Boot')),
    h(
      'details',
      {},
      h('summary', {}, 'From files'),
      h('div', { class: 'files' }, ...[kernel, initrd, bios, vgaBios, hda, cdrom].map(({ element }) => element)),
      h('div', { class: 'bar' }, append),
      h(
        'div',
        { class: 'bar' },
        h('label', {}, 'Memory in MiB ', memory),
        h('label', { for: 'boot-screen' }, screen, ' screen'),
        h('button', { type: 'button', onclick: go(bootFiles) }, 'Boot these files'),
      ),
    ),
  );
}
