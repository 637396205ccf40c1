// Signing in, and the views: which one is shown stands in the address's hash.

import { get, hasKey, part, send, useKey } from './api.js';
import { notice } from './dialog.js';
import { h, update } from './dom.js';
import { ago } from './format.js';
import { Live } from './live.js';
import { AuditView } from './audit.js';
import { ClusterView } from './cluster.js';
import { OverviewView } from './overview.js';
import { PlaygroundView } from './playground.js';
import { TasksView } from './tasks.js';
import { TenantsView } from './tenants.js';
import { VersionsView } from './versions.js';

const main = document.getElementById('main');
const top = document.getElementById('top');
const tabs = document.getElementById('tabs');
const connection = document.getElementById('connection');

let live = null;
let views = [];
let pages = []; // of others, for administrators: { title, path }
let shown = null;

const settings = await load();
document.getElementById('skip').addEventListener('click', event => {
  event.preventDefault();
  main.focus();
});
document.getElementById('leave').addEventListener('click', async () => {
  await Promise.allSettled(pages.map(page => send(`${part(page.path)}/session`, { method: 'DELETE' })));
  useKey(null);
  location.reload();
});
tabs.addEventListener('click', openPage);
addEventListener('hashchange', show);
if (settings) await (settings.needs_key && !hasKey() ? signIn() : enter());

async function load() {
  try {
    return await get('admin/v1/console');
  } catch (error) {
    update(main, h('p', { class: 'problem', role: 'alert' }, `${error.message} Reload the page to try again.`));
    return null;
  }
}

function signIn(message = '') {
  live?.stop();
  top.hidden = true;
  const input = h('input', { id: 'key', type: 'password', name: 'key', required: true, autocomplete: 'current-password', spellcheck: 'false', 'aria-describedby': 'key-hint key-problem' });
  const problem = h('p', { id: 'key-problem', class: 'problem', role: 'alert' }, message);
  const button = h('button', { class: 'primary' }, 'Sign in');
  const form = h('form', { class: 'card sign-in' },
    h('h1', null, 'MoeLora console'),
    h('label', { class: 'field' }, h('span', null, 'API key'), input),
    h('p', { id: 'key-hint', class: 'muted' }, 'The key is kept in this tab only and forgotten when you sign out or close it. Its roles decide what you see.'),
    problem, button);
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (!input.value.trim()) {
      problem.textContent = 'Enter a key.';
      return input.focus();
    }
    button.disabled = true;
    problem.textContent = '';
    useKey(input.value.trim());
    await enter();
    button.disabled = false;
  });
  main.replaceChildren(form);
  input.focus();
}

async function enter() {
  let caller;
  try {
    caller = await get('admin/v1/caller');
  } catch (error) {
    useKey(null);
    return signIn(error.message);
  }
  const can = role => caller.roles.includes(role);
  live = new Live();
  const app = { caller, settings, can, live };
  views = [
    settings.overview && can('operator') && new OverviewView(app),
    settings.overview && settings.silos && can('operator') && new ClusterView(app),
    settings.overview && can('operator') && new TasksView(app),
    settings.rollouts && can('operator') && new VersionsView(app),
    settings.tenants && can('admin') && new TenantsView(app),
    settings.audit && can('admin') && new AuditView(app),
    new PlaygroundView(app),
  ].filter(Boolean);
  pages = can('admin') ? settings.pages : [];
  update(document.getElementById('who'), caller.tenant, h('span', null, ` · ${caller.roles.join(', ')}`));
  document.getElementById('leave').hidden = !hasKey();
  top.hidden = false;
  main.replaceChildren(...views.map(view => view.root));
  live.addEventListener('change', () => {
    if (live.error?.status === 401) {
      useKey(null);
      return signIn(live.error.message);
    }
    showConnection();
    shown?.render();
  });
  show();
  if (settings.overview && can('operator')) await live.start();
}

/** Views have one address each: `#name` or `#name/what`. */
function show() {
  if (views.length === 0 || top.hidden) return;
  const [name, ...rest] = location.hash.slice(1).split('/').map(decodeURIComponent);
  const view = views.find(candidate => candidate.name === name) ?? views[0];
  for (const other of views) other.root.hidden = other !== view;
  update(tabs,
    views.map(other => h('a', { href: `#${other.name}`, 'aria-current': other === view && 'page' }, other.title)),
    pages.map(page => h('a', { href: `../${part(page.path)}/`, class: 'elsewhere', 'data-page': page.path }, page.title, h('span', { 'aria-hidden': 'true' }, ' ↗'))));
  document.title = `${view.title} · MoeLora console`;
  shown = view;
  const asks = view.name === 'cluster' && !live.wantsSilos;
  live.wantsSilos = view.name === 'cluster';
  if (asks && live.overview) live.refresh();
  view.show?.(rest.join('/'));
  view.render();
}

/** A browser asks for pages of others by itself, without the key: it gets a ticket for them first. */
async function openPage(event) {
  const link = event.target.closest('[data-page]');
  if (!link) return;
  event.preventDefault();
  try {
    await send(`${part(link.dataset.page)}/session`, { method: 'POST' });
    open(link.href, event.ctrlKey || event.metaKey || event.shiftKey ? '_blank' : '_self');
  } catch (error) {
    notice(error.message);
  }
}

function showConnection() {
  const lost = live.error !== null;
  connection.className = lost ? 'lost' : '';
  const text = lost ? `${live.error.message} ${live.overview ? `Shown is the state of ${ago(live.overview.at)}. ` : ''}Trying again…` : '';
  if (connection.textContent !== text) connection.textContent = text;
}
