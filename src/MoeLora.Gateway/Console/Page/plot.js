// Small plots of the last minutes: lines over time, the present values in the legend, any moment's values under the pointer or by arrow keys.

import { h, svg, update } from './dom.js';

const Width = 300;
const Height = 80;
const Seconds = 300;

export class Plot {
  #points = [];
  #picked = null; // seconds before now, or null

  /** `lines` are { name, value(point) }; at most three. `format` writes a value. `ceiling` fixes the top of the scale. */
  constructor({ title, lines, format, ceiling = null }) {
    this.title = title;
    this.lines = lines;
    this.format = format;
    this.ceiling = ceiling;
    this.area = h('div', { class: 'plot', tabindex: '0', role: 'img' });
    this.legend = h('figcaption', null);
    this.root = h('figure', { class: 'card chart' }, this.legend, this.area);
    this.area.addEventListener('pointermove', event => {
      const box = this.area.getBoundingClientRect();
      this.#pick(Seconds * (1 - (event.clientX - box.left) / box.width));
    });
    this.area.addEventListener('pointerleave', () => this.#pick(null));
    this.area.addEventListener('blur', () => this.#pick(null));
    this.area.addEventListener('keydown', event => {
      const step = { ArrowLeft: 2, ArrowRight: -2, PageUp: 30, PageDown: -30 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.#pick(Math.min(Seconds, Math.max(0, (this.#picked ?? 0) + step)));
    });
  }

  render(points) {
    this.#points = points;
    const now = points.at(-1)?.time ?? 0;
    const values = points.flatMap(point => this.lines.map(line => line.value(point))).filter(value => value !== null);
    const top = this.ceiling ?? niceTop(Math.max(0, ...values));
    const x = time => Width - (now - time) * Width / Seconds;
    const y = value => Height - value / top * (Height - 2) - 1;
    const picked = this.#point();
    const shown = picked ?? points.at(-1);
    const texts = this.lines.map(line => `${line.name} ${shown ? this.format(line.value(shown)) : '–'}`);
    update(this.legend,
      h('header', null, h('h3', null, this.title), h('small', null, picked ? `${Math.round(now - picked.time)} s ago` : 'now')),
      h('p', { class: 'legend', 'aria-live': this.#picked === null ? 'off' : 'polite' },
        this.lines.map((line, i) => h('span', null,
          h('i', { class: `key line-${i}` }), `${line.name} `, h('b', null, shown ? this.format(line.value(shown)) : '–')))));
    this.area.setAttribute('aria-label', `${this.title}, last five minutes. Now: ${texts.join(', ')}. Left and right arrow keys read earlier values.`);
    update(this.area,
      svg('svg', { viewBox: `0 0 ${Width} ${Height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        [0.25, 0.5, 0.75].map(part => svg('line', { class: 'grid', x1: 0, x2: Width, y1: part * Height, y2: part * Height })),
        this.lines.map((line, i) => svg('path', { class: `line line-${i}`, d: path(points, line.value, x, y) })),
        picked && svg('line', { class: 'cursor', x1: x(picked.time), x2: x(picked.time), y1: 0, y2: Height })),
      h('span', { class: 'top' }, this.format(top)),
      h('span', { class: 'left' }, '5 min ago'),
      points.length < 2 && h('span', { class: 'hint' }, 'Measuring…'));
  }

  #point() {
    if (this.#picked === null || this.#points.length === 0) return null;
    const time = this.#points.at(-1).time - this.#picked;
    return this.#points.reduce((best, point) => Math.abs(point.time - time) < Math.abs(best.time - time) ? point : best);
  }

  #pick(seconds) {
    if (seconds === this.#picked) return;
    this.#picked = seconds;
    this.render(this.#points);
  }
}

/** A line through what is known, also over missed polls; broken only where a poll knew of no value. A lone value is drawn as a dot. */
function path(points, value, x, y) {
  let text = '';
  let drawing = false;
  for (const point of points) {
    const known = value(point);
    if (known !== null) text += `${drawing ? 'L' : 'M'}${x(point.time).toFixed(1)} ${y(known).toFixed(1)}${drawing ? '' : 'h.1'}`;
    drawing = known !== null;
  }
  return text;
}

/** A round number a little above a value. */
function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15].map(step => step * power).find(step => step >= value * 1.05);
}
