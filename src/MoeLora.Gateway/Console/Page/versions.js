// Versions of banks: where each is in its life, what can be done with it, and what happened.

import { get, part, post, send } from './api.js';
import { ask, field, notice } from './dialog.js';
import { h, onActions, update } from './dom.js';
import { bytes, count, hash, percent, when } from './format.js';

const Kinds = { active: 'good', canary: 'accent', loading: 'busy', draining: 'busy', failed: 'bad' };

export class VersionsView {
  name = 'versions';
  title = 'Versions';
  #open = ''; // the bank whose history is shown
  #changes = null;
  #reads = 0;
  #seen = ''; // revisions that the history was asked for at

  constructor(app) {
    this.app = app;
    this.live = app.live;
    this.banks = h('div');
    this.root = h('section', { 'aria-labelledby': 'versions-title', hidden: true },
      h('div', { class: 'heading' }, h('h1', { id: 'versions-title' }, 'Versions'), h('button', { class: 'primary', 'data-do': 'publish' }, 'Publish a bundle')),
      this.banks);
    onActions(this.root, {
      publish: () => this.#publish(),
      load: data => this.#load(data),
      activate: data => this.#activate(data),
      canary: data => this.#canary(data),
      shadow: data => this.#shadow(data),
      retire: data => this.#retire(data),
      rollback: data => this.#rollBack(data),
      end: data => this.#end(data),
    });
  }

  show(bank) {
    if (bank !== this.#open) this.#changes = null;
    this.#open = bank;
    this.#seen = '';
  }

  render() {
    const overview = this.live.overview;
    if (!overview) return update(this.banks, h('p', { class: 'muted' }, 'Loading…'));
    const banks = Map.groupBy(overview.versions, version => version.bank);
    if (banks.size === 0) return update(this.banks, h('p', { class: 'empty' }, 'No bundle is published yet. Publish one here, or with moelora publish; then activate it.'));
    update(this.banks, [...banks].map(([bank, versions]) => this.#bank(bank, versions)));
    const revisions = (banks.get(this.#open) ?? []).map(version => version.revision).join(' ');
    if (this.#open && revisions !== this.#seen) this.#read(revisions);
  }

  #bank(bank, versions) {
    const open = bank === this.#open;
    const tasks = Math.max(...versions.map(version => Object.keys(version.tasks).length));
    return h('article', { class: 'card', 'data-key': bank },
      h('header', null,
        h('h2', { class: 'name' }, bank),
        h('span', { class: 'muted' }, `${many(versions.length, 'version')}, up to ${many(tasks, 'task')}`),
        h('span', { class: 'buttons' },
          h('a', { class: 'button', href: open ? '#versions' : `#versions/${part(bank)}`, 'aria-expanded': String(open) }, open ? 'Hide history' : 'History'),
          h('button', { 'data-do': 'rollback', 'data-bank': bank }, 'Roll back'))),
      h('table', { class: 'stack' },
        h('caption', { class: 'hidden' }, `Versions of ${bank}`),
        h('thead', null, h('tr', null, ['Version', 'State', 'Requests', 'Running', 'Since', 'Published', 'Actions'].map((text, i) => h('th', { scope: 'col', class: i === 3 && 'figure' }, text)))),
        h('tbody', null, versions.map(version => this.#version(version, versions.some(other => other.canary))))),
      open && this.#history(bank));
  }

  #version(version, canaried) {
    const { bank, state, canary, shadow, problem } = version;
    const idle = ['published', 'retired', 'failed'].includes(state);
    const able = {
      load: idle,
      activate: state !== 'active' && state !== 'loading',
      canary: state !== 'active' && state !== 'loading' && state !== 'draining',
      shadow: !['active', 'canary', 'loading', 'draining'].includes(state),
      retire: !['active', 'retired', 'draining', 'loading'].includes(state),
    };
    const button = (verb, label) => able[verb] && h('button', { 'data-do': verb, 'data-bank': bank, 'data-version': version.version, 'data-key': verb, 'aria-label': `${label} ${bank}@${version.version}` }, label);
    return h('tr', { 'data-key': version.version },
      h('th', { scope: 'row' }, h('a', { class: 'name', href: `#tasks/${part(`${bank}@${version.version}`)}`, title: 'Its tasks' }, version.version), ' ', h('small', null, hash(version.bundle_hash))),
      h('td', { 'data-label': 'State' }, h('span', { class: `chip ${Kinds[state] ?? ''}` }, state), problem && h('p', { class: 'problem' }, problem)),
      h('td', { 'data-label': 'Requests' }, requests(version, canaried)),
      h('td', { 'data-label': 'Running', class: 'figure' }, count(version.running_sequences)),
      h('td', { 'data-label': 'Since' }, when(version.since)),
      h('td', { 'data-label': 'Published' }, when(version.published)),
      h('td', null, h('div', { class: 'actions' },
        button('load', 'Load'), button('activate', 'Activate'),
        canary ? h('button', { 'data-do': 'end', 'data-what': 'canary', 'data-bank': bank, 'data-version': version.version, 'data-key': 'end-canary', 'aria-label': `End canary ${bank}@${version.version}` }, 'End canary') : button('canary', 'Canary'),
        shadow ? h('button', { 'data-do': 'end', 'data-what': 'shadow', 'data-bank': bank, 'data-version': version.version, 'data-key': 'end-shadow', 'aria-label': `End shadow ${bank}@${version.version}` }, 'End shadow') : button('shadow', 'Shadow'),
        button('retire', 'Retire'))));
  }

  #history(bank) {
    const id = 'history-title';
    if (this.#changes instanceof Error) return h('p', { class: 'problem', role: 'alert' }, this.#changes.message);
    return h('section', { class: 'history', 'aria-labelledby': id, 'data-key': 'history' },
      h('h3', { id }, 'What happened, newest first'),
      this.#changes === null ? h('p', { class: 'muted' }, 'Loading…')
        : this.#changes.length === 0 ? h('p', { class: 'empty' }, 'Nothing happened to this bank yet.')
          : h('table', { class: 'stack' },
            h('caption', { class: 'hidden' }, `Changes of ${bank}`),
            h('thead', null, h('tr', null, ['Version', 'When', 'Change', 'By', 'Why'].map(text => h('th', { scope: 'col' }, text)))),
            h('tbody', null, this.#changes.map(change => h('tr', null,
              h('th', { scope: 'row', class: 'name' }, change.version),
              h('td', { 'data-label': 'When' }, when(change.at)),
              h('td', { 'data-label': 'Change' }, change.from && change.from !== change.to ? `${change.from} → ` : '', h('b', null, change.to)),
              h('td', { 'data-label': 'By', class: 'name' }, change.by),
              h('td', { 'data-label': 'Why' }, change.reason ?? ''))))));
  }

  async #read(revisions) {
    const bank = this.#open;
    this.#seen = revisions;
    const read = ++this.#reads;
    const changes = await get(`admin/v1/banks/${part(bank)}/history?limit=100`).then(list => list.data, error => error);
    if (read !== this.#reads || bank !== this.#open) return; // a later one knows what was changed meanwhile
    this.#changes = changes;
    this.render();
  }

  #active = bank => this.live.overview.versions.find(version => version.bank === bank && version.state === 'active')?.version;

  /** Asks, sends the command, and shows the state after it. */
  async #command({ path, body = () => ({}), done, ...question }) {
    const changed = await ask({ ...question, act: (data, signal) => post(path, body(data), { signal }) });
    await this.live.refresh();
    if (changed) notice(`${changed.bank}@${changed.version} is ${changed.state}.`);
  }

  #path = ({ bank, version }, verb) => `admin/v1/banks/${part(bank)}/versions/${part(version)}/${verb}`;

  #load = data => this.#command({
    path: this.#path(data, 'load'), title: `Load ${data.bank}@${data.version}?`, confirm: 'Load',
    text: 'It is loaded next to what runs and must prove itself: its own check prompts have to give its own check logits. Afterwards only requests that name this version get it.',
  });

  #activate(data) {
    const active = this.#active(data.bank);
    return this.#command({
      path: this.#path(data, 'activate'), title: `Activate ${data.bank}@${data.version}?`, confirm: 'Activate',
      text: active
        ? [`New requests of ${data.bank} will be answered by ${data.version} instead of ${active}, as soon as it is loaded and proven. Should that fail, ${active} goes on answering.`, `Answers that run now finish on ${active}. Roll back makes ${active} active again.`]
        : `New requests of ${data.bank} will be answered by ${data.version}, as soon as it is loaded and proven. No version is active now.`,
    });
  }

  #rollBack({ bank }) {
    const active = this.#active(bank);
    return this.#command({
      path: `admin/v1/banks/${part(bank)}/rollback`, title: `Roll ${bank} back?`, confirm: 'Roll back', danger: true,
      text: `New requests of ${bank} will be answered by the version that was active before${active ? ` ${active}` : ''}, and a canary ends. Running answers finish on their version. A second rollback flips back.`,
    });
  }

  #canary(data) {
    const share = h('input', { type: 'number', name: 'share', min: '0', max: '100', step: 'any', value: '5', required: true });
    const tenants = h('input', { name: 'tenants', autocomplete: 'off' });
    return this.#command({
      path: this.#path(data, 'canary'), title: `Make ${data.bank}@${data.version} a canary?`, confirm: 'Start canary',
      text: `A share of the new requests of ${data.bank}, and all of the named tenants, will be answered by ${data.version}; the others by ${this.#active(data.bank) ?? 'the active version'} as before. Another canary of this bank ends.`,
      fields: [field('Share of new requests, percent', share), field('Tenants', tenants, 'Names, with commas between; may be empty.')],
      body: form => ({ share: Number(form.get('share')) / 100, tenants: names(form.get('tenants')) }),
    });
  }

  #shadow(data) {
    const share = h('input', { type: 'number', name: 'share', min: '0.1', max: '100', step: 'any', value: '10', required: true });
    return this.#command({
      path: this.#path(data, 'shadow'), title: `Shadow with ${data.bank}@${data.version}?`, confirm: 'Start shadow',
      text: `Requests of ${data.bank} are copied to ${data.version}, its answers compared with those that are given, and thrown away. No caller sees them; the engine does the work twice for this share.`,
      fields: [field('Share of requests, percent', share)],
      body: form => ({ share: Number(form.get('share')) / 100 }),
    });
  }

  #end = data => this.#command({
    path: this.#path(data, data.what), title: `End the ${data.what} ${data.bank}@${data.version}?`, confirm: `End ${data.what}`,
    text: data.what === 'canary' ? 'Its share of new requests goes to the active version again. It stays loaded.' : 'No more requests are copied to it. It stays loaded.',
    body: () => data.what === 'canary' ? { share: 0, tenants: [] } : { share: 0 },
  });

  #retire(data) {
    const deadline = h('input', { type: 'number', name: 'deadline', min: '0', max: '86400' });
    return this.#command({
      path: this.#path(data, 'retire'), title: `Retire ${data.bank}@${data.version}?`, confirm: 'Retire', danger: true,
      text: 'It takes no new requests, also not those that name it, and leaves memory when its running answers are done. Its bundle is kept: it can be loaded again.',
      fields: [field('Deadline, seconds', deadline, 'After it, running answers are ended with an error. Empty: the node’s own.')],
      body: form => form.get('deadline') === '' ? {} : { deadline_seconds: Number(form.get('deadline')) },
    });
  }

  async #publish() {
    const file = h('input', { type: 'file', name: 'bundle', accept: '.zip,application/zip', required: true });
    const size = h('p', { class: 'muted' });
    file.addEventListener('change', () => { size.textContent = file.files[0] ? bytes(file.files[0].size) : ''; });
    const published = await ask({
      title: 'Publish a bundle', confirm: 'Publish', fields: [field('Bundle, a ZIP archive', file), size],
      text: 'The bundle is stored as a new version of the bank that its manifest names. Nothing answers with it until it is activated.',
      act: async (data, signal) => (await send('admin/v1/bundles', { method: 'POST', body: data.get('bundle'), signal })).json(),
    });
    await this.live.refresh();
    if (published) notice(`${published.bank}@${published.version} is ${published.state}.`);
  }
}

export const names = text => text.split(',').map(name => name.trim()).filter(Boolean);

const many = (amount, noun) => `${count(amount)} ${noun}${amount === 1 ? '' : 's'}`;

/** Which requests a version gets. */
function requests({ state, canary, shadow }, canaried) {
  if (canary) {
    return [h('span', null, `${percent(canary.share)} of new ones`), canary.tenants.length > 0 && h('small', null, ` and all of ${canary.tenants.join(', ')}`),
      h('span', { class: 'track', 'aria-hidden': 'true' }, h('i', { style: { width: `${100 * canary.share}%` } }))];
  }
  if (shadow) {
    return [`copies of ${percent(shadow.share)}`, ' ', h('small', null, shadow.compared === 0 ? 'none compared yet'
      : `${percent(shadow.equal / shadow.compared)} of ${count(shadow.compared)} equal${shadow.dropped > 0 ? `, ${count(shadow.dropped)} left out` : ''}`)];
  }
  return { active: canaried ? 'all other new ones' : 'all new ones', verified: 'those that name it', draining: 'none new' }[state] ?? h('span', { class: 'muted' }, 'none');
}
