// The state of the grid, asked for again and again, and what the last minutes' totals say about rates and latencies.

import { get } from './api.js';

const Interval = 2000;
const LongestInterval = 10_000;
const Window = 300; // seconds that plots show
const LatencyWindow = 30; // seconds, or more after missed polls, whose answers a percentile is taken over

export class Live extends EventTarget {
  overview = null;
  silos = null; // asked for only while somebody looks at them
  wantsSilos = false;
  error = null;
  points = []; // { time (s), at, generated, prompt, running, waiting, kv, first50, first95, token50, token95, queue50, queue95 }; null where nothing is known
  taskRates = new Map();
  engineRates = new Map();

  #samples = [];
  #refreshes = 0;
  #timer = 0;
  #stopped = true;

  start() {
    this.#stopped = false;
    document.addEventListener('visibilitychange', this.#visible);
    return this.refresh();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#visible);
  }

  #visible = () => document.hidden ? clearTimeout(this.#timer) : this.refresh();

  /** Asks now, and goes on from there. */
  async refresh() {
    clearTimeout(this.#timer);
    const began = performance.now();
    const refresh = ++this.#refreshes;
    try {
      const [overview, latency, silos] = await Promise.all([get('admin/v1/overview'), get('admin/v1/latency'), this.wantsSilos ? get('admin/v1/silos') : null]);
      if (this.#stopped || refresh !== this.#refreshes) return; // a later one knows what was changed meanwhile
      this.overview = overview;
      if (silos) this.silos = silos.data;
      this.error = null;
      this.#sample(overview, latency);
    } catch (error) {
      if (this.#stopped || refresh !== this.#refreshes) return;
      this.error = error;
    }
    this.dispatchEvent(new Event('change'));
    clearTimeout(this.#timer);
    // A grid that takes long to describe itself is asked less often.
    if (!document.hidden) this.#timer = setTimeout(() => this.refresh(), Math.min(LongestInterval, Math.max(Interval, 10 * (performance.now() - began))));
  }

  #sample(overview, latency) {
    const engines = overview.nodes.flatMap(node => node.engines.map(engine => ({ id: `${node.name} ${engine.base_model} ${engine.device}`, ...engine })));
    const sample = {
      time: performance.now() / 1000,
      at: overview.at,
      engines: new Map(engines.map(engine => [engine.id, engine])),
      tasks: new Map(overview.tasks.map(task => [taskKey(task), task.requests])),
      latency,
    };
    const before = this.#samples.at(-1);
    this.#samples.push(sample);
    this.#samples = this.#samples.filter(old => sample.time - old.time <= Window + 10);
    // Totals know what happened while nobody asked: after missed polls a rate is the mean of that time.
    const elapsed = before && (new Date(sample.at) - new Date(before.at)) / 1000;
    const known = elapsed > 0;
    const rate = (name, id) => rise(before.engines.get(id)?.[name], sample.engines.get(id)[name], elapsed);
    this.engineRates = new Map(known ? engines.map(({ id }) => [id, rate('generated_tokens', id)]) : []);
    this.taskRates = new Map(known ? [...sample.tasks].map(([id, requests]) => [id, rise(before.tasks.get(id), requests, elapsed)]) : []);

    const total = name => engines.reduce((sum, engine) => sum + engine[name], 0);
    const totalRate = name => known ? engines.reduce((sum, { id }) => sum + (rate(name, id) ?? 0), 0) : null;
    const then = this.#samples.findLast(old => sample.time - old.time >= LatencyWindow) ?? this.#samples[0];
    const percentile = (name, share) => quantile(latency.bounds, then.latency[name].buckets, latency[name].buckets, share);
    const blocks = total('kv_blocks');
    this.points.push({
      time: sample.time,
      at: sample.at,
      generated: totalRate('generated_tokens'),
      prompt: totalRate('prompt_tokens'),
      running: total('running'),
      waiting: total('waiting'),
      kv: blocks > 0 ? total('kv_blocks_used') / blocks : null,
      first50: percentile('time_to_first_token', 0.5),
      first95: percentile('time_to_first_token', 0.95),
      token50: percentile('time_per_token', 0.5),
      token95: percentile('time_per_token', 0.95),
      queue50: percentile('queue_time', 0.5),
      queue95: percentile('queue_time', 0.95),
    });
    this.points = this.points.filter(point => sample.time - point.time <= Window);
  }
}

export const taskKey = task => `${task.bank}@${task.version}/${task.task_id}`;

/** What a total rose by per second; null for one that is new or began again. */
const rise = (before, after, elapsed) => before === undefined || after < before ? null : (after - before) / elapsed;

/** A share's value among those that two counts of buckets differ by, straight within a bucket; null where there are none. */
export function quantile(bounds, before, after, share) {
  const counts = after.map((value, i) => value - (before[i] ?? 0));
  const all = counts.reduce((sum, value) => sum + value, 0);
  if (all <= 0 || counts.some(value => value < 0)) return null;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    if (below + counts[i] >= share * all && counts[i] > 0) {
      const low = i === 0 ? 0 : bounds[i - 1];
      return i === bounds.length ? low : low + (bounds[i] - low) * (share * all - below) / counts[i];
    }
    below += counts[i];
  }
  return null;
}
