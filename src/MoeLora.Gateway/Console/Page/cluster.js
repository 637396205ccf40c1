// The silos of the grid: what each is and holds, which versions of a bank it has, and where each task lives.

import { h, update } from './dom.js';
import { ago, bytes, count, when } from './format.js';

const MostRows = 200;

export class ClusterView {
  name = 'cluster';
  title = 'Cluster';

  constructor(app) {
    this.live = app.live;
    this.facts = h('dl', { class: 'facts' });
    this.silos = h('div');
    this.banks = h('div');
    this.tasks = h('div');
    this.filter = h('input', { type: 'search', name: 'task', placeholder: 'Task or bank', autocomplete: 'off' });
    this.silo = h('select', { name: 'silo' });
    const form = h('form', { class: 'filters', role: 'search' }, h('label', null, 'Find ', this.filter), h('label', null, 'On ', this.silo));
    form.addEventListener('submit', event => event.preventDefault());
    for (const input of [this.filter, this.silo]) input.addEventListener('input', () => this.render());
    this.root = h('section', { 'aria-labelledby': 'cluster-title', hidden: true },
      h('h1', { id: 'cluster-title' }, 'Cluster'), this.facts,
      h('h2', null, 'Silos'), this.silos,
      h('h2', null, 'Versions on each silo'), this.banks,
      h('h2', null, 'Where tasks live'), form, this.tasks);
  }

  render() {
    const silos = this.live.silos;
    if (!silos) return update(this.silos, h('p', { class: 'muted' }, this.live.error ? 'Nothing is known yet.' : 'Loading…'));
    const problems = silos.flatMap(silo => silo.banks).filter(bank => bank.problem).length;
    update(this.facts,
      fact('Silos ready', `${silos.filter(isReady).length} of ${silos.length}`, silos.some(silo => !isReady(silo)) && 'bad'),
      fact('Tasks', count(silos.reduce((sum, silo) => sum + silo.task_count, 0))),
      fact('Requests in tasks', count(silos.flatMap(silo => silo.tasks).reduce((sum, task) => sum + task.depth, 0))),
      fact('Sequences waiting', count(silos.reduce((sum, silo) => sum + silo.waiting, 0))),
      fact('Memory free', bytes(silos.reduce((sum, silo) => sum + silo.free_bytes, 0))),
      fact('Banks not followed', count(problems), problems > 0 && 'bad'));
    update(this.silos, silos.length === 0 ? h('p', { class: 'empty' }, 'No silo has reported yet. Start one with moelora-silo.') : siloTable(silos));
    update(this.banks, bankTable(silos));
    update(this.silo, h('option', { value: '' }, 'all silos'), silos.map(silo => h('option', { value: keyOf(silo) }, silo.name)));
    this.#renderTasks(silos);
  }

  #renderTasks(silos) {
    const sought = this.filter.value.trim().toLowerCase();
    const tasks = new Map();
    for (const silo of silos) {
      for (const task of silo.tasks) {
        const key = `${task.bank}/${task.task}`;
        if (sought !== '' && !key.toLowerCase().includes(sought)) continue;
        if (!tasks.has(key)) tasks.set(key, { key, task: task.task, bank: task.bank, places: [] });
        tasks.get(key).places.push({ silo, task });
      }
    }
    const rows = [...tasks.values()]
      .filter(row => this.silo.value === '' || row.places.some(place => keyOf(place.silo) === this.silo.value))
      .sort((a, b) => a.key < b.key ? -1 : 1);
    const unnamed = silos.filter(silo => silo.task_count > silo.tasks.length);
    update(this.tasks,
      rows.length === 0 ? h('p', { class: 'empty' }, empty(silos)) : h('table', { class: 'stack card', 'data-key': 'tasks' },
        h('caption', { class: 'hidden' }, 'Where tasks live'),
        h('thead', null, h('tr', null, ['Task', 'Bank', 'Lives on', 'Served', 'Requests'].map((text, i) => h('th', { scope: 'col', class: i === 4 && 'figure' }, text)))),
        h('tbody', null, rows.slice(0, MostRows).map(taskRow))),
      rows.length > MostRows && h('p', { class: 'muted', 'data-key': 'more' }, `${count(rows.length - MostRows)} more tasks; a search finds them.`),
      unnamed.map(silo => h('p', { class: 'muted', 'data-key': `busiest ${keyOf(silo)}` }, `${silo.name} names its ${count(silo.tasks.length)} busiest of ${count(silo.task_count)} tasks.`)));
  }
}

const keyOf = silo => silo.address ?? silo.name;
const isReady = silo => silo.phase === 'ready' && !silo.is_silent;
const fact = (name, value, kind) => h('div', null, h('dt', null, name), h('dd', { class: kind }, value));
const since = seconds => ago(Date.now() - 1000 * seconds);

const siloTable = silos => h('table', { class: 'stack card' },
  h('caption', { class: 'hidden' }, 'Silos'),
  h('thead', null, h('tr', null, ['Silo', 'Device', 'Memory free', 'Running', 'Waiting', 'Tasks', 'Started', 'Last report'].map((text, i) => h('th', { scope: 'col', class: i > 2 && i < 6 && 'figure' }, text)))),
  h('tbody', null, silos.map(siloRow)));

function siloRow(silo) {
  const used = silo.memory_bytes > 0 ? 1 - silo.free_bytes / silo.memory_bytes : 0;
  return h('tr', { 'data-key': keyOf(silo) },
    h('th', { scope: 'row' }, h('span', { class: 'name' }, silo.name), ' ', phase(silo), ' ', h('small', { class: 'address', title: silo.address }, silo.address ? silo.address.split('@')[0] : 'a node alone')),
    h('td', { 'data-label': 'Device' }, h('span', { class: 'chip' }, silo.device_kind || 'none yet'), ' ', h('small', null, silo.devices.join(', '))),
    h('td', { 'data-label': 'Memory free' }, h('span', null, `${bytes(silo.free_bytes)} of ${bytes(silo.memory_bytes)}`),
      h('span', { class: `track${used > 0.95 ? ' full' : ''}`, 'aria-hidden': 'true' }, h('i', { style: { width: `${(100 * used).toFixed(1)}%` } }))),
    h('td', { 'data-label': 'Running', class: 'figure' }, count(silo.running)),
    h('td', { 'data-label': 'Waiting', class: 'figure' }, count(silo.waiting)),
    h('td', { 'data-label': 'Tasks', class: 'figure' }, count(silo.task_count)),
    h('td', { 'data-label': 'Started' }, when(silo.started)),
    h('td', { 'data-label': 'Last report', class: silo.is_silent && 'problem' }, since(silo.report_age_seconds)));
}

const phase = silo => silo.is_silent
  ? h('span', { class: 'chip bad' }, 'silent')
  : h('span', { class: `chip ${silo.phase === 'ready' ? 'good' : silo.phase === 'failed' ? 'bad' : 'busy'}` }, silo.phase);

/** A group for each bank, a row for each silo: which version answers there, which others are in memory, and why it does not follow. */
function bankTable(silos) {
  const names = [...new Set(silos.flatMap(silo => silo.banks.map(bank => bank.bank)))].sort();
  if (names.length === 0) return h('p', { class: 'empty' }, 'No silo has a bank yet. Publish a bundle under Versions, then activate it.');
  return h('table', { class: 'stack card groups' },
    h('caption', { class: 'hidden' }, 'Versions on each silo'),
    h('thead', null, h('tr', null, ['Silo', 'Answers', 'Also in memory', 'Problem'].map(text => h('th', { scope: 'col' }, text)))),
    names.map(name => h('tbody', { 'data-key': name },
      h('tr', { 'data-key': '' }, h('th', { scope: 'rowgroup', colspan: '4' }, h('span', { class: 'name' }, name))),
      silos.map(silo => bankRow(silo, silo.banks.find(bank => bank.bank === name))))));
}

const bankRow = (silo, bank) => h('tr', { 'data-key': keyOf(silo) },
  h('th', { scope: 'row' }, silo.name),
  h('td', { 'data-label': 'Answers' }, bank?.active ? h('span', { class: `chip ${bank.problem ? 'bad' : 'good'}` }, bank.active) : h('span', { class: 'muted' }, 'none')),
  h('td', { 'data-label': 'Also in memory' }, bank?.loaded.filter(version => version !== bank.active).map(version => [h('span', { class: 'chip' }, version), ' '])),
  h('td', { 'data-label': 'Problem', class: bank?.problem && 'problem' }, bank ? bank.problem : h('span', { class: 'muted' }, 'It has not heard of this bank yet.')));

/** Replicas of a task are lines of one row. */
function taskRow({ key, task, bank, places }) {
  places.sort((a, b) => a.task.replica - b.task.replica);
  const lines = (label, of, kind) => h('td', { 'data-label': label, class: kind }, h('ul', { class: 'places' }, places.map(place => h('li', null, of(place)))));
  return h('tr', { 'data-key': key },
    h('th', { scope: 'row', class: 'name' }, task, places.length > 1 && [' ', h('small', null, `${places.length} replicas`)]),
    h('td', { 'data-label': 'Bank' }, bank),
    lines('Lives on', place => place.silo.name),
    lines('Served', place => place.task.merged_bytes > 0 ? [h('span', { class: 'chip accent' }, 'merged'), ' ', h('small', null, bytes(place.task.merged_bytes))] : h('span', { class: 'chip' }, 'shared')),
    lines('Requests', place => count(place.task.depth), 'figure'));
}

function empty(silos) {
  if (silos.some(silo => silo.task_count > 0)) return 'No task matches. Clear the search, or choose all silos.';
  return 'No task lives anywhere yet: in a cluster a task moves in with its first request.';
}
