// The audit trail: whether its chain is whole, and its latest records. Reading it is itself recorded, so it is read only when asked for.

import { get, lines, part, send } from './api.js';
import { h, onActions, update } from './dom.js';
import { count, hash, when } from './format.js';

const Kept = 200;
const Actions = ['generate', 'rollout', 'tenancy', 'access', 'audit', 'node'];

export class AuditView {
  name = 'audit';
  title = 'Audit';
  #reading = null;

  constructor() {
    const option = ([value, text]) => h('option', { value }, text);
    this.window = h('select', { name: 'window' }, [[15, '15 minutes'], [60, 'hour'], [1440, 'day'], [10080, 'week']].map(option));
    this.action = h('select', { name: 'action' }, option(['', 'everything']), Actions.map(action => option([action, action])));
    this.tenant = h('input', { name: 'tenant', placeholder: 'all', autocomplete: 'off' });
    this.verdict = h('p', { role: 'status' }, h('span', { class: 'muted' }, 'Verify computes the whole chain again and says whether any record was changed or removed.'));
    this.state = h('p', { role: 'status', class: 'muted' });
    this.table = h('div');
    const form = h('form', { class: 'filters' },
      h('label', null, 'Of the last ', this.window), h('label', null, 'Action ', this.action), h('label', null, 'Tenant ', this.tenant),
      h('button', { class: 'primary' }, 'Show records'));
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.#read();
    });
    this.root = h('section', { 'aria-labelledby': 'audit-title', hidden: true },
      h('h1', { id: 'audit-title' }, 'Audit trail'),
      h('article', { class: 'card verify' }, h('button', { 'data-do': 'verify' }, 'Verify the chain'), this.verdict),
      form, this.state, this.table);
    onActions(this.root, { verify: (_, button) => this.#verify(button) });
    update(this.table, h('p', { class: 'empty' }, 'Choose what to look for and show its records. Each reading is written to the trail, too.'));
  }

  render() {}

  async #verify(button) {
    button.disabled = true;
    update(this.verdict, 'Computing…');
    try {
      const { records, broken_at: brokenAt, problem, last_hash: last } = await get('admin/v1/audit/verify');
      update(this.verdict, brokenAt === null
        ? [h('span', { class: 'chip good' }, 'whole'), ` ${count(records)} records; the last one's hash is `, hash(last), '.']
        : [h('span', { class: 'chip bad' }, 'broken'), ` at record ${count(brokenAt)}: ${problem}`]);
    } catch (error) {
      update(this.verdict, h('span', { class: 'problem' }, error.message));
    }
    button.disabled = false;
  }

  async #read() {
    this.#reading?.abort();
    const reading = this.#reading = new AbortController();
    const query = [`from=${part(new Date(Date.now() - 60_000 * this.window.value).toISOString())}`];
    if (this.action.value) query.push(`action=${this.action.value}`);
    if (this.tenant.value.trim()) query.push(`tenant=${part(this.tenant.value.trim())}`);
    update(this.state, 'Reading…');
    try {
      let records = [];
      let all = 0;
      for await (const line of lines(await send(`admin/v1/audit?${query.join('&')}`, { signal: reading.signal }))) {
        if (!line) continue;
        all++;
        records.push(JSON.parse(line));
        if (records.length >= 2 * Kept) records = records.slice(-Kept);
      }
      const latest = records.slice(-Kept).reverse();
      update(this.state, all > latest.length ? `The latest ${count(latest.length)} of ${count(all)} records, newest first.` : `${count(all)} records, newest first.`);
      update(this.table, latest.length === 0 ? h('p', { class: 'empty' }, 'No record matches. Look further back, or for everything.') : recordTable(latest));
    } catch (error) {
      if (error.name !== 'AbortError') update(this.state, h('span', { class: 'problem' }, error.message));
    }
  }
}

const recordTable = records => h('table', { class: 'stack card' },
  h('caption', { class: 'hidden' }, 'Audit records'),
  h('thead', null, h('tr', null, ['Record', 'When', 'Who', 'What', 'About', 'Tokens', 'Node'].map((text, i) => h('th', { scope: 'col', class: (i === 0 || i === 5) && 'figure' }, text)))),
  h('tbody', null, records.map(({ sequence, at, node, entry, hash: own }) => h('tr', { 'data-key': sequence },
    h('th', { scope: 'row', class: 'figure', 'data-label': 'Record', title: own }, count(sequence)),
    h('td', { 'data-label': 'When' }, when(at)),
    h('td', { 'data-label': 'Who', class: 'name' }, h('span', null, entry.tenant ?? h('span', { class: 'muted' }, 'nobody proven'), ' ', h('small', null, entry.subject))),
    h('td', { 'data-label': 'What' }, h('span', null, h('span', { class: `chip ${entry.succeeded ? '' : 'bad'}` }, entry.succeeded ? entry.action : `${entry.action}, failed`), ` ${entry.detail}`, entry.count > 1 && ` × ${count(entry.count)}`)),
    h('td', { 'data-label': 'About', class: 'name' }, [entry.bank && `${entry.bank}${entry.version ? `@${entry.version}` : ''}`, entry.task_name, entry.target].filter(Boolean).join(' · ')),
    h('td', { 'data-label': 'Tokens', class: 'figure' }, entry.prompt_tokens === null ? '' : `${count(entry.prompt_tokens)} + ${count(entry.completion_tokens ?? 0)}`),
    h('td', { 'data-label': 'Node', class: 'name' }, node)))));
