// Nodes and devices, and plots of what they do.

import { h, update } from './dom.js';
import { bytes, count, hash, number, percent, seconds, when } from './format.js';
import { Plot } from './plot.js';

const orDash = format => value => value === null ? '–' : format(value);

export class OverviewView {
  name = 'overview';
  title = 'Overview';

  constructor(app) {
    this.live = app.live;
    this.plots = [
      new Plot({ title: 'Throughput, tokens/s', format: number, lines: [{ name: 'generated', value: point => point.generated }, { name: 'prompt', value: point => point.prompt }] }),
      new Plot({ title: 'Sequences', format: number, lines: [{ name: 'running', value: point => point.running }, { name: 'waiting', value: point => point.waiting }] }),
      new Plot({ title: 'Time to first token, 30 s window', format: seconds, lines: [{ name: 'p50', value: point => point.first50 }, { name: 'p95', value: point => point.first95 }] }),
      new Plot({ title: 'Time per token, 30 s window', format: seconds, lines: [{ name: 'p50', value: point => point.token50 }, { name: 'p95', value: point => point.token95 }] }),
      new Plot({ title: 'Time in the queue, 30 s window', format: seconds, lines: [{ name: 'p50', value: point => point.queue50 }, { name: 'p95', value: point => point.queue95 }] }),
      new Plot({ title: 'Key/value blocks in use', format: orDash(value => percent(value)), ceiling: 1, lines: [{ name: 'used', value: point => point.kv }] }),
    ];
    this.facts = h('dl', { class: 'facts' });
    this.nodes = h('div');
    this.root = h('section', { 'aria-labelledby': 'overview-title', hidden: true },
      h('h1', { id: 'overview-title' }, 'Overview'), this.facts,
      h('div', { class: 'charts' }, this.plots.map(plot => plot.root)),
      h('h2', null, 'Nodes and devices'), this.nodes);
  }

  render() {
    for (const plot of this.plots) plot.render(this.live.points);
    const overview = this.live.overview;
    if (!overview) return update(this.nodes, h('p', { class: 'muted' }, this.live.error ? 'Nothing is known yet.' : 'Loading…'));
    const active = overview.versions.filter(version => version.state === 'active').length;
    const canaries = overview.versions.filter(version => version.state === 'canary').length;
    const failed = overview.versions.filter(version => version.state === 'failed').length;
    const tasks = new Set(overview.tasks.map(task => `${task.bank}/${task.task_id}`)).size;
    update(this.facts,
      fact('Nodes ready', `${overview.nodes.filter(node => node.status.phase === 'ready').length} of ${overview.nodes.length}`),
      fact('Tasks', count(tasks)),
      fact('Active versions', count(active)),
      fact('Canaries', count(canaries)),
      fact('Failed versions', count(failed), failed > 0 && 'bad'),
      fact('Answers running', count(overview.nodes.flatMap(node => node.engines).reduce((sum, engine) => sum + engine.running, 0))));
    update(this.nodes, overview.nodes.length === 0 ? h('p', { class: 'empty' }, 'No node has joined. Start one with moelora serve.') : overview.nodes.map(node => this.#node(node)));
  }

  #node(node) {
    return h('article', { class: 'card', 'data-key': node.name },
      h('header', null,
        h('h3', { class: 'name' }, node.name),
        h('span', { class: `chip ${node.status.phase === 'ready' ? 'good' : node.status.phase === 'failed' ? 'bad' : 'busy'}` }, node.status.phase),
        node.status.phase !== 'ready' && h('span', null, node.status.detail),
        h('span', { class: 'muted' }, 'started ', when(node.started), ` · holds ${bytes(node.process_bytes)}`)),
      node.engines.length === 0
        ? h('p', { class: 'empty' }, 'No base model is loaded on it.')
        : h('table', { class: 'stack' },
          h('caption', { class: 'hidden' }, `Devices of ${node.name}`),
          h('thead', null, h('tr', null, ['Base model', 'Device', 'Weights', 'Running', 'Waiting', 'KV blocks', 'Generated', 'Preempted'].map((text, i) => h('th', { scope: 'col', class: i > 2 && 'figure' }, text)))),
          h('tbody', null, node.engines.map(engine => this.#engine(node, engine)))));
  }

  #engine(node, engine) {
    const rate = this.live.engineRates.get(`${node.name} ${engine.base_model} ${engine.device}`);
    return h('tr', { 'data-key': `${engine.base_model} ${engine.device}` },
      h('th', { scope: 'row' }, h('span', { class: 'name' }, engine.base_model), ' ', h('small', null, hash(engine.base_model_hash))),
      h('td', { 'data-label': 'Device' }, engine.device),
      h('td', { 'data-label': 'Weights' }, `${engine.weights_format}, ${bytes(engine.weight_bytes)}`),
      h('td', { 'data-label': 'Running', class: 'figure' }, count(engine.running)),
      h('td', { 'data-label': 'Waiting', class: 'figure' }, count(engine.waiting)),
      h('td', { 'data-label': 'KV blocks', class: 'figure' }, `${count(engine.kv_blocks_used)} of ${count(engine.kv_blocks)}`),
      h('td', { 'data-label': 'Generated', class: 'figure' }, `${number(rate ?? null)} /s`, ' ', h('small', null, `${count(engine.generated_tokens)} in all`)),
      h('td', { 'data-label': 'Preempted', class: 'figure' }, count(engine.preemptions)));
  }
}

const fact = (name, value, kind) => h('div', null, h('dt', null, name), h('dd', { class: kind }, value));
