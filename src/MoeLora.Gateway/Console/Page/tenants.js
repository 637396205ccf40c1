// Tenants, what they may use and do use, and their keys.

import { get, part, post, send } from './api.js';
import { ask, field, notice } from './dialog.js';
import { h, onActions, update } from './dom.js';
import { clock, count, number, when } from './format.js';
import { names } from './versions.js';

export class TenantsView {
  name = 'tenants';
  title = 'Tenants';
  #tenants = null;
  #keys = null;
  #open = '';
  #reads = 0;

  constructor(app) {
    this.live = app.live;
    this.list = h('div');
    this.keys = h('div');
    this.root = h('section', { 'aria-labelledby': 'tenants-title', hidden: true },
      h('div', { class: 'heading' }, h('h1', { id: 'tenants-title' }, 'Tenants'), h('button', { class: 'primary', 'data-do': 'add' }, 'New tenant')),
      this.list, this.keys);
    onActions(this.root, {
      add: () => this.#edit(null),
      edit: data => this.#edit(this.#tenants.find(tenant => tenant.id === data.tenant)),
      create: () => this.#create(),
      rotate: data => this.#rotate(data),
      revoke: data => this.#revoke(data),
    });
  }

  show(tenant) {
    if (tenant !== this.#open) this.#keys = null;
    this.#open = tenant;
    this.#read();
  }

  async #read() {
    const open = this.#open;
    const read = ++this.#reads;
    const list = path => get(path).then(answer => answer.data, error => error);
    const [tenants, keys] = await Promise.all([list('admin/v1/tenants'), open ? list(`admin/v1/tenants/${part(open)}/keys`) : null]);
    if (read !== this.#reads) return; // a later one knows what was changed meanwhile
    this.#tenants = tenants;
    this.#keys = keys;
    this.render();
  }

  render() {
    if (this.#tenants === null) return update(this.list, h('p', { class: 'muted' }, 'Loading…'));
    if (this.#tenants instanceof Error) return update(this.list, h('p', { class: 'problem', role: 'alert' }, this.#tenants.message));
    const usage = new Map((this.live.overview?.tenants ?? []).map(used => [used.tenant, used]));
    update(this.list, this.#tenants.length === 0
      ? h('p', { class: 'empty' }, 'There is no tenant yet. Make one, then give it a key.')
      : h('table', { class: 'stack card' },
        h('caption', { class: 'hidden' }, 'Tenants'),
        h('thead', null, h('tr', null, ['Tenant', 'Tokens / min', 'Requests / min', 'At once', 'Weight', 'Tasks', 'Actions'].map(text => h('th', { scope: 'col' }, text)))),
        h('tbody', null, this.#tenants.map(tenant => this.#tenant(tenant, usage.get(tenant.id))))));
    update(this.keys, this.#open && this.#keyList());
  }

  #tenant({ id, limits, enabled }, used) {
    const open = id === this.#open;
    const known = this.live.overview !== null;
    return h('tr', { 'data-key': id },
      h('th', { scope: 'row' }, h('span', { class: 'name' }, id), ' ', !enabled && h('span', { class: 'chip bad' }, 'disabled')),
      h('td', { 'data-label': 'Tokens / min' }, meter(known && (used?.tokens_last_minute ?? 0), limits.tokens_per_minute)),
      h('td', { 'data-label': 'Requests / min' }, meter(known && (used?.requests_last_minute ?? 0), limits.requests_per_minute)),
      h('td', { 'data-label': 'At once' }, meter(known && (used?.running ?? 0), limits.concurrent_sequences)),
      h('td', { 'data-label': 'Weight' }, number(limits.weight)),
      h('td', { 'data-label': 'Tasks' }, limits.allowed_tasks ? limits.allowed_tasks.join(', ') || 'none' : 'all'),
      h('td', null, h('div', { class: 'actions' },
        h('a', { class: 'button', href: open ? '#tenants' : `#tenants/${part(id)}`, 'aria-expanded': String(open), 'aria-label': `Keys of ${id}` }, open ? 'Hide keys' : 'Keys'),
        h('button', { 'data-do': 'edit', 'data-tenant': id, 'aria-label': `Edit ${id}` }, 'Edit'))));
  }

  #keyList() {
    if (this.#keys instanceof Error) return h('p', { class: 'problem', role: 'alert' }, this.#keys.message);
    return h('article', { class: 'card' },
      h('header', null, h('h2', null, 'Keys of ', h('span', { class: 'name' }, this.#open)), h('span', { class: 'buttons' }, h('button', { 'data-do': 'create' }, 'New key'))),
      this.#keys === null ? h('p', { class: 'muted' }, 'Loading…')
        : this.#keys.length === 0 ? h('p', { class: 'empty' }, 'No key yet. Make one; it is shown once.')
          : h('table', { class: 'stack' },
            h('caption', { class: 'hidden' }, `Keys of ${this.#open}`),
            h('thead', null, h('tr', null, ['Label', 'Roles', 'Created', 'Ends', 'Actions'].map(text => h('th', { scope: 'col' }, text)))),
            h('tbody', null, this.#keys.map(key => this.#key(key)))));
  }

  #key(key) {
    const ends = [key.expires, key.revoked].filter(Boolean).sort()[0] ?? null;
    const over = ends !== null && new Date(ends) <= new Date();
    const button = (verb, label) => !over && h('button', { 'data-do': verb, 'data-id': key.id, 'data-label': key.label, 'aria-label': `${label} ${key.label}` }, label);
    return h('tr', { 'data-key': key.id },
      h('th', { scope: 'row' }, h('span', { class: 'name' }, key.label), ' ', h('small', null, h('code', null, key.id))),
      h('td', { 'data-label': 'Roles' }, key.roles.join(', ')),
      h('td', { 'data-label': 'Created' }, when(key.created)),
      h('td', { 'data-label': 'Ends' }, over && h('span', { class: 'chip bad' }, key.revoked ? 'revoked' : 'expired'), ' ', when(ends)),
      h('td', null, h('div', { class: 'actions' }, button('rotate', 'Rotate'), button('revoke', 'Revoke'))));
  }

  async #edit(tenant) {
    const limits = tenant?.limits ?? { weight: 1 };
    const limit = (name, label) => field(label, h('input', { type: 'number', name, min: '1', step: '1', value: limits[name] ?? null }));
    const saved = await ask({
      title: tenant ? `Edit ${tenant.id}` : 'New tenant',
      text: tenant ? 'New limits hold from the next request on; running answers go on.' : 'A tenant is a hospital, a department or an application: it has limits and keys of its own. An empty limit is none.',
      confirm: tenant ? 'Save' : 'Make tenant',
      fields: [
        !tenant && field('Name', h('input', { name: 'id', required: true, pattern: '[a-z0-9][a-z0-9_\\-]{0,63}', autocomplete: 'off' }), 'a–z, 0–9, - and _; a letter or digit first.'),
        h('div', { class: 'columns' },
          limit('tokens_per_minute', 'Tokens per minute'), limit('requests_per_minute', 'Requests per minute'), limit('concurrent_sequences', 'Answers at once'),
          field('Weight', h('input', { type: 'number', name: 'weight', min: '0.001', max: '1000', step: 'any', required: true, value: limits.weight }))),
        field('Tasks', h('input', { name: 'allowed_tasks', autocomplete: 'off', value: limits.allowed_tasks?.join(', ') ?? null }), 'bank/task or bank/*, with commas between. Empty: all.'),
        h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'enabled', checked: tenant?.enabled ?? true }), ' Its keys are taken'),
      ],
      act: async (data, signal) => {
        const body = { enabled: data.has('enabled'), weight: Number(data.get('weight')) };
        for (const name of ['tokens_per_minute', 'requests_per_minute', 'concurrent_sequences']) if (data.get(name) !== '') body[name] = Number(data.get(name));
        if (data.get('allowed_tasks').trim()) body.allowed_tasks = names(data.get('allowed_tasks'));
        return (await send(`admin/v1/tenants/${part(tenant?.id ?? data.get('id'))}`, { method: 'PUT', body, signal })).json();
      },
    });
    if (saved) notice(`Tenant ${saved.id} is saved.`);
    await this.#read();
  }

  async #create() {
    const roles = ['inference', 'operator', 'admin'];
    const made = await ask({
      title: `New key for ${this.#open}`, text: 'Whoever has the key can do what its roles allow, as this tenant.', confirm: 'Make key',
      fields: [
        field('Label', h('input', { name: 'label', required: true, maxlength: '100', autocomplete: 'off' }), 'What the key is for.'),
        h('fieldset', null, h('legend', null, 'Roles'), roles.map(role => h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'roles', value: role, checked: role === 'inference' }), ` ${role}`))),
        field('Ends', h('input', { type: 'datetime-local', name: 'expires' }), 'Empty: never.'),
      ],
      act: (data, signal) => post(`admin/v1/tenants/${part(this.#open)}/keys`, { label: data.get('label'), roles: data.getAll('roles'), ...expiry(data) }, { signal }),
    });
    await this.#shown(made);
  }

  async #rotate({ id, label }) {
    const made = await ask({
      title: `Rotate ${label}?`, confirm: 'Rotate',
      text: 'A new key with the same tenant, label and roles is made and shown once. The old one is taken for a while longer, so that callers can change over.',
      fields: [
        field('The old key ends after, hours', h('input', { type: 'number', name: 'grace', min: '0', max: '720', step: 'any', value: '24', required: true })),
        field('The new key ends', h('input', { type: 'datetime-local', name: 'expires' }), 'Empty: never.'),
      ],
      act: (data, signal) => post(`admin/v1/keys/${part(id)}/rotate`, { grace_seconds: 3600 * Number(data.get('grace')), ...expiry(data) }, { signal }),
    });
    await this.#shown(made);
  }

  async #revoke({ id, label }) {
    const gone = await ask({
      title: `Revoke ${label}?`, text: 'The key is refused from now on. This cannot be undone.', confirm: 'Revoke', danger: true,
      act: async (_, signal) => (await send(`admin/v1/keys/${part(id)}`, { method: 'DELETE', signal })).json(),
    });
    if (gone) notice(`The key ${gone.label} is revoked.`);
    await this.#read();
  }

  /** Shows a new key, the only time that anybody can. */
  async #shown(made) {
    this.#read();
    if (!made) return;
    const secret = h('input', { name: 'secret', readonly: true, value: made.secret, class: 'code', 'aria-label': 'The key' });
    const copy = h('button', { type: 'button' }, 'Copy');
    copy.addEventListener('click', async () => {
      secret.select();
      // The clipboard is closed to pages that come over plain HTTP from elsewhere; the selection can be copied by hand then.
      copy.textContent = await navigator.clipboard?.writeText(made.secret).then(() => 'Copied', () => null) ?? 'Selected: press Ctrl+C';
    });
    await ask({
      title: `The key ${made.key.label}`, confirm: 'I have kept it', act: async () => true,
      text: `Copy it now: it is kept nowhere and cannot be shown again.${made.key.expires ? ` It ends on ${clock(made.key.expires)}.` : ''}`,
      fields: [h('div', { class: 'secret' }, secret, copy)],
    });
  }
}

const expiry = data => data.get('expires') ? { expires: new Date(data.get('expires')).toISOString() } : {};

/** What is used of what is allowed. */
function meter(used, limit) {
  const text = used === false ? (limit === null ? 'no limit' : `of ${count(limit)}`) : limit === null ? `${count(used)}` : `${count(used)} of ${count(limit)}`;
  return h('span', { class: 'meter' }, h('span', { class: 'figure' }, text, used !== false && limit === null && h('small', null, ' no limit')),
    limit !== null && used !== false && h('span', { class: used >= limit ? 'track full' : 'track', 'aria-hidden': 'true' }, h('i', { style: { width: `${Math.min(100, 100 * used / limit)}%` } })));
}
