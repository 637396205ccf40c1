import { h } from './dom.js';

const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const count = value => plain.format(value);

/** Three significant digits or so, never an exponent. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return size >= 100 || Number.isInteger(value) ? plain.format(value) : value.toFixed(size >= 10 ? 1 : 2);
}

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function seconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return value < 1 ? `${number(1000 * value)} ms` : `${number(value)} s`;
}

/** How long ago, in one unit; times ahead read `in …`. */
export function ago(time, now = Date.now()) {
  const distance = (now - new Date(time).getTime()) / 1000;
  const size = Math.abs(distance);
  if (size < 2) return 'now';
  const [amount, unit] = size < 90 ? [size, 's'] : size < 5400 ? [size / 60, 'min'] : size < 129600 ? [size / 3600, 'h'] : [size / 86400, 'd'];
  const text = `${Math.round(amount)} ${unit}`;
  return distance < 0 ? `in ${text}` : `${text} ago`;
}

const two = value => String(value).padStart(2, '0');

/** Local time as 2026-11-22 12:00:03. */
export function clock(time) {
  const at = new Date(time);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A time as people ask for it and as logs have it. */
export const when = time => time
  ? h('time', { datetime: time, title: time }, h('span', null, ago(time)), ' ', h('small', null, clock(time)))
  : h('span', { class: 'muted' }, 'never');

/** A hash, shortened for the eye and whole for the pointer. */
export const hash = text => text ? h('code', { title: text }, text.replace('sha256:', '').slice(0, 12)) : h('span', { class: 'muted' }, '–');
