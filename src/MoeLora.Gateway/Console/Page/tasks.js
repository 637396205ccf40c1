// The paper's Figure 6: a bar for each task, a segment for each expert, as wide as the gate's weight.

import { h, update } from './dom.js';
import { count, number, percent } from './format.js';
import { taskKey } from './live.js';

const Colours = 8; // further experts repeat them with a pattern
const Hint = 'Point at a segment or touch it, or reach the bars with Tab and use the arrow keys.';

export class TasksView {
  name = 'tasks';
  title = 'Tasks';
  #focus = null; // { task, expert } that the tab key reaches
  #signature = '';

  constructor(app) {
    this.live = app.live;
    this.version = h('select', { name: 'version' });
    this.gate = h('select', { name: 'gate' });
    this.filter = h('input', { type: 'search', name: 'filter', placeholder: 'Name or bank', autocomplete: 'off' });
    this.figures = h('input', { type: 'checkbox', name: 'figures' });
    this.gateField = h('label', null, 'Gate ', this.gate);
    this.legend = h('div', { class: 'experts' });
    this.readout = h('p', { class: 'readout' }, Hint);
    this.chart = h('div', { class: 'bars' });
    this.root = h('section', { 'aria-labelledby': 'tasks-title', hidden: true },
      h('h1', { id: 'tasks-title' }, 'Tasks and their experts'),
      h('form', { class: 'filters', role: 'search' },
        h('label', null, 'Versions ', this.version), this.gateField, h('label', null, 'Find ', this.filter),
        h('label', { class: 'check' }, this.figures, ' Numbers')),
      h('div', { class: 'key-strip' }, this.legend, this.readout), this.chart);
    this.root.querySelector('form').addEventListener('submit', event => event.preventDefault());
    for (const input of [this.version, this.gate, this.filter, this.figures]) input.addEventListener('input', () => this.render());
    this.chart.addEventListener('keydown', event => this.#move(event));
    this.chart.addEventListener('focusin', event => this.#read(event.target));
    this.chart.addEventListener('pointerover', event => this.#read(event.target));
    this.chart.addEventListener('pointerleave', () => this.#read(document.activeElement));
  }

  show(version) {
    this.wanted = version;
  }

  render() {
    const overview = this.live.overview;
    if (!overview) return update(this.chart, h('p', { class: 'muted' }, 'Loading…'));
    this.#options(overview);
    const active = new Set(overview.versions.filter(version => version.state === 'active').map(version => `${version.bank}@${version.version}`));
    const choice = this.version.value;
    const sought = this.filter.value.trim().toLowerCase();
    const tasks = overview.tasks.filter(task =>
      (choice === '*' || (choice === '' ? active.has(`${task.bank}@${task.version}`) : choice === `${task.bank}@${task.version}`))
      && (sought === '' || `${task.bank}/${task.name} ${task.task_id}`.toLowerCase().includes(sought)));
    const rows = tasks.map(task => ({ task, weights: weightsOf(task, this.gate.value) }));
    const experts = Math.max(0, ...rows.map(row => row.weights.length));
    update(this.legend, Array.from({ length: experts }, (_, i) => h('span', null, h('i', { class: `swatch ${colour(i)}` }, i + 1), `expert ${i + 1}`)));
    if (rows.length === 0) return update(this.chart, h('p', { class: 'empty' }, empty(overview, sought)));
    if (!rows.some(row => taskKey(row.task) === this.#focus?.task)) this.#focus = { task: taskKey(rows.find(row => row.weights.length > 0)?.task ?? rows[0].task), expert: 0 };
    update(this.chart, this.figures.checked ? this.#table(rows, experts) : this.#bars(rows));
  }

  #options(overview) {
    const names = [...new Set(overview.tasks.map(task => `${task.bank}@${task.version}`))].sort();
    const gates = Math.max(1, ...overview.tasks.map(task => task.gate_weights.length));
    const signature = `${names.join(' ')} ${gates} ${this.wanted}`;
    if (signature === this.#signature) return;
    this.#signature = signature;
    update(this.version, h('option', { value: '' }, 'active ones'), h('option', { value: '*' }, 'all'), names.map(name => h('option', { value: name }, name)));
    update(this.gate, h('option', { value: '' }, `mean of ${gates}`), Array.from({ length: gates }, (_, i) => h('option', { value: i }, i + 1)));
    this.gateField.hidden = gates === 1;
    if (this.wanted && names.includes(this.wanted)) this.version.value = this.wanted;
    this.wanted = '';
  }

  #bars(rows) {
    return h('div', { role: 'grid', 'data-key': 'bars', 'aria-label': 'Expert weights by task. Arrow keys move between tasks and experts.', 'aria-rowcount': rows.length },
      rows.map(({ task, weights }) => h('div', { role: 'row', class: 'bar-row', 'data-key': taskKey(task) },
        h('div', { role: 'rowheader', class: 'bar-name', title: task.name }, h('span', { class: 'name' }, task.name), ' ', h('small', null, `${task.bank}@${task.version}`)),
        h('div', { role: 'presentation', class: 'bar' }, weights.length === 0
          ? h('span', { role: 'gridcell', class: 'muted', tabindex: this.#tab(task, 0), 'data-expert': 0 }, 'no gate')
          : weights.map((weight, i) => h('span', {
            role: 'gridcell', class: `segment ${colour(i)}`, tabindex: this.#tab(task, i), 'data-expert': i, 'data-text': `${task.bank}/${task.name}, expert ${i + 1}: ω = ${weight.toFixed(4)} (${percent(weight)})`,
            'aria-label': `expert ${i + 1}: ${percent(weight)}`, title: `expert ${i + 1}: ${weight.toFixed(4)}`, style: { 'flex-grow': String(weight) },
          }, h('b', null, i + 1), h('small', null, (100 * weight).toFixed(0), ' %')))),
        h('div', { role: 'gridcell', class: 'bar-facts' }, h('span', { class: 'chip' }, task.mode), ' ',
          h('span', { class: 'figure' }, `${count(task.requests)} answers`), ' ', h('small', { class: 'figure' }, rate(this.live.taskRates.get(taskKey(task))))))));
  }

  #table(rows, experts) {
    return h('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Expert weights as numbers', 'data-key': 'table' }, h('table', null,
      h('caption', { class: 'hidden' }, 'Expert weights ω by task'),
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Task'), h('th', { scope: 'col' }, 'Version'),
        Array.from({ length: experts }, (_, i) => h('th', { scope: 'col', class: 'figure' }, i + 1)))),
      h('tbody', null, rows.map(({ task, weights }) => h('tr', { 'data-key': taskKey(task) },
        h('th', { scope: 'row', class: 'name' }, task.name), h('td', null, `${task.bank}@${task.version}`),
        Array.from({ length: experts }, (_, i) => h('td', { class: 'figure' }, weights[i]?.toFixed(4) ?? '–')))))));
  }

  #tab = (task, expert) => this.#focus.task === taskKey(task) && this.#focus.expert === expert ? '0' : '-1';

  #move(event) {
    const cell = event.target.closest('[data-expert]');
    if (!cell) return;
    const row = cell.closest('[role=row]');
    const cells = element => [...element.querySelectorAll('[data-expert]')];
    const near = (element, i) => element && cells(element)[Math.min(i, cells(element).length - 1)];
    const at = Number(cell.dataset.expert);
    const next = {
      ArrowLeft: () => cells(row)[at - 1], ArrowRight: () => cells(row)[at + 1], Home: () => cells(row)[0], End: () => cells(row).at(-1),
      ArrowUp: () => near(row.previousElementSibling, at), ArrowDown: () => near(row.nextElementSibling, at),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    const target = next();
    if (!target) return;
    cell.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  }

  #read(element) {
    const cell = element?.closest?.('[data-expert]');
    if (cell && document.activeElement === cell) this.#focus = { task: cell.closest('[role=row]').dataset.key, expert: Number(cell.dataset.expert) };
    this.readout.textContent = cell?.dataset.text ?? Hint;
  }
}

const rate = perSecond => perSecond === undefined || perSecond === null ? '' : `${number(perSecond)} /s`;

/** An expert's colour. */
export const colour = expert => `c${expert % Colours}${expert >= Colours ? ` p${Math.floor(expert / Colours) % 3}` : ''}`;

/** One gate's weights, or the mean over all. */
function weightsOf(task, gate) {
  const rows = task.gate_weights;
  if (rows.length === 0) return [];
  if (gate !== '') return rows[Math.min(Number(gate), rows.length - 1)];
  return rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
}

function empty(overview, sought) {
  if (sought !== '') return 'No task matches. Clear the search, or choose all versions.';
  if (overview.tasks.length > 0) return 'No version is active. Choose all versions to see those that are loaded, or activate one under Versions.';
  return 'No task can answer yet. Publish a bundle under Versions, then activate it.';
}
