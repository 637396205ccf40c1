// Asks a task and shows its answer as it comes, then where it came from.

import { get, lines, send } from './api.js';
import { h, update } from './dom.js';
import { count, number, percent, seconds } from './format.js';
import { colour } from './tasks.js';

export class PlaygroundView {
  name = 'playground';
  title = 'Playground';
  #running = null;
  #models = null;
  #signature = '';

  constructor(app) {
    this.app = app;
    this.key = app.can('inference') ? null : h('input', { type: 'password', name: 'inference-key', autocomplete: 'off', spellcheck: 'false' });
    this.task = h('select', { name: 'task', required: true });
    this.version = h('select', { name: 'version' });
    this.way = h('select', { name: 'way' }, h('option', { value: 'completions' }, 'as it is'), h('option', { value: 'chat/completions' }, 'as a chat message'));
    this.prompt = h('textarea', { name: 'prompt', rows: '6', spellcheck: 'false' });
    this.temperature = h('input', { type: 'number', name: 'temperature', min: '0', max: '2', step: '0.1', value: '0' });
    this.tokens = h('input', { type: 'number', name: 'tokens', min: '1', step: '1', value: '128' });
    this.seed = h('input', { type: 'number', name: 'seed', step: '1', placeholder: 'random' });
    this.shape = h('select', { name: 'shape' }, [['', 'free text'], ['choice', 'one of choices'], ['json_schema', 'JSON by schema']].map(([value, text]) => h('option', { value }, text)));
    this.constraint = h('textarea', { name: 'constraint', rows: '4', spellcheck: 'false' });
    this.constraintName = h('span');
    this.constraintField = h('label', { class: 'field', hidden: true }, this.constraintName, this.constraint);
    this.go = h('button', { class: 'primary' }, 'Generate');
    this.stop = h('button', { type: 'button', disabled: true }, 'Stop');
    this.problem = h('p', { class: 'problem', role: 'alert' });
    this.answer = h('pre', { class: 'answer', tabindex: '0', 'aria-label': 'Answer' });
    this.state = h('p', { role: 'status', class: 'muted' }, 'Nothing was asked yet.');
    this.provenance = h('div');
    const labelled = (text, input) => h('label', { class: 'field' }, h('span', null, text), input);
    const form = h('form', { class: 'card', novalidate: true },
      this.key && labelled('Key with the role inference (yours has it not; kept until this page is left)', this.key),
      labelled('Task', this.task),
      h('div', { class: 'columns' }, labelled('Version', this.version), labelled('Prompt is sent', this.way)),
      labelled('Prompt', this.prompt),
      h('div', { class: 'columns' }, labelled('Temperature', this.temperature), labelled('Most tokens', this.tokens), labelled('Seed', this.seed), labelled('Answer', this.shape)),
      this.constraintField, this.problem,
      h('div', { class: 'buttons' }, this.go, this.stop));
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.#ask();
    });
    this.key?.addEventListener('change', () => this.#read());
    this.stop.addEventListener('click', () => this.#running?.abort());
    this.task.addEventListener('change', () => this.#versions());
    this.shape.addEventListener('change', () => this.#shape());
    this.root = h('section', { 'aria-labelledby': 'playground-title', hidden: true },
      h('h1', { id: 'playground-title' }, 'Playground'),
      h('div', { class: 'split' }, form, h('article', { class: 'card' }, h('h2', null, 'Answer'), this.answer, this.state, this.provenance)));
  }

  show() {
    if (this.#models === null) this.#read();
  }

  /** Versions that can be asked change as they are loaded and retired. */
  render() {
    if (!this.#models) return;
    const known = this.#known();
    const signature = known.map(entry => `${entry.model}${entry.state}`).join(' ');
    if (signature === this.#signature) return;
    this.#signature = signature;
    const tasks = [...new Map(known.map(entry => [entry.task, entry.label]))];
    const chosen = this.task.value;
    update(this.task, tasks.length === 0 ? h('option', { value: '' }, 'none yet') : tasks.map(([value, label]) => h('option', { value }, label)));
    if (tasks.some(([value]) => value === chosen)) this.task.value = chosen;
    this.go.disabled = tasks.length === 0;
    if (tasks.length === 0) update(this.state, 'No task can answer yet. Publish and activate a version first.');
    this.#versions();
  }

  async #read() {
    if (this.key && !this.key.value) return update(this.task, h('option', { value: '' }, 'enter a key first'));
    try {
      this.#models = (await get('admin/v1/playground/models', this.#as())).data;
      this.problem.textContent = '';
      this.render();
    } catch (error) {
      this.problem.textContent = error.message;
    }
  }

  #as = () => this.key?.value ? { as: this.key.value } : {};

  /** What can be asked: the tasks that the key sees, and of those the versions that are loaded, where the caller may know. */
  #known() {
    const states = new Map((this.app.live.overview?.versions ?? []).map(version => [`${version.bank}@${version.version}`, version.state]));
    const active = this.#models.map(model => {
      const task = model.bank ? `${model.bank}/${model.id}` : model.id;
      return { task, label: task, model: task, version: '', state: model.version ? `active (${model.version})` : '' };
    });
    const seen = new Set(active.map(entry => entry.task));
    const loaded = (this.app.live.overview?.tasks ?? []).map(task => ({
      task: `${task.bank}/${task.name}`, label: `${task.bank}/${task.name}`, model: `${task.bank}/${task.name}@${task.version}`, version: task.version,
      state: `${task.version} (${states.get(`${task.bank}@${task.version}`) ?? 'loaded'})`,
    }));
    return [...active, ...loaded.filter(entry => seen.has(entry.task) || !this.#models.some(model => model.bank))];
  }

  #versions() {
    const chosen = this.version.value;
    const known = this.#known().filter(entry => entry.task === this.task.value);
    update(this.version, known.map(entry => h('option', { value: entry.version }, entry.state || 'the only one')));
    if (known.some(entry => entry.version === chosen)) this.version.value = chosen;
  }

  #shape() {
    const kind = this.shape.value;
    this.constraintField.hidden = kind === '';
    this.constraintName.textContent = kind === 'choice' ? 'Choices, one on each line' : 'JSON schema';
    if (kind === 'json_schema' && !this.constraint.value.trim()) this.constraint.value = '{"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}';
  }

  /** The request's body; throws an error with what is wrong. */
  #body() {
    const version = this.version.value;
    const chat = this.way.value === 'chat/completions';
    const body = { model: version ? `${this.task.value}@${version}` : this.task.value, stream: true, stream_options: { include_usage: true } };
    if (chat) body.messages = [{ role: 'user', content: this.prompt.value }];
    else body.prompt = this.prompt.value;
    if (this.temperature.value !== '') body.temperature = Number(this.temperature.value);
    if (this.tokens.value !== '') body[chat ? 'max_completion_tokens' : 'max_tokens'] = Number(this.tokens.value);
    if (this.seed.value !== '') body.seed = Number(this.seed.value);
    if (this.shape.value === 'choice') body.response_format = { type: 'choice', choices: this.constraint.value.split('\n').map(line => line.trim()).filter(Boolean) };
    if (this.shape.value === 'json_schema') {
      try {
        body.response_format = { type: 'json_schema', json_schema: { name: 'answer', schema: JSON.parse(this.constraint.value) } };
      } catch (error) {
        throw new Error(`The JSON schema is no JSON: ${error.message}`);
      }
    }
    return body;
  }

  async #ask() {
    if (this.#running) return;
    const aborter = this.#running = new AbortController();
    const began = performance.now();
    let first = null;
    let last = null;
    this.problem.textContent = '';
    this.answer.textContent = '';
    update(this.provenance);
    this.go.disabled = true;
    this.stop.disabled = false;
    update(this.state, 'Waiting for the first token…');
    try {
      const body = this.#body();
      const response = await send(`admin/v1/playground/${this.way.value}`, { method: 'POST', body, signal: aborter.signal, ...this.#as() });
      let done = false;
      for await (const line of lines(response)) {
        if (!line.startsWith('data: ')) continue;
        if (line === 'data: [DONE]') {
          done = true;
          continue;
        }
        const event = JSON.parse(line.slice(6));
        if (event.error) throw new Error(event.error.message);
        const text = event.choices?.[0]?.text ?? event.choices?.[0]?.delta?.content ?? '';
        if (text) {
          if (first === null) {
            first = performance.now();
            update(this.state, 'Answering…');
          }
          this.answer.append(text); // as text, never as markup
        }
        last = { ...last, ...(event.provenance && { provenance: event.provenance }), ...(event.usage && { usage: event.usage }), reason: event.choices?.[0]?.finish_reason ?? last?.reason };
      }
      if (!done) throw new Error('The answer broke off: the node closed the connection.');
      update(this.state, summary(began, first, last));
      update(this.provenance, last?.provenance && origin(last.provenance));
    } catch (error) {
      if (error.name === 'AbortError') update(this.state, 'Stopped. What is shown is not a complete answer.');
      else {
        this.problem.textContent = error.message;
        update(this.state, this.answer.textContent ? 'What is shown is not a complete answer.' : 'There is no answer.');
      }
    }
    this.#running = null;
    this.go.disabled = false;
    this.stop.disabled = true;
  }
}

function summary(began, first, last) {
  const usage = last?.usage;
  const decode = first === null ? 0 : (performance.now() - first) / 1000;
  return [
    last?.reason && `Ended by ${last.reason}.`, ' ',
    usage && `${count(usage.prompt_tokens)} tokens read, ${count(usage.completion_tokens)} generated. `,
    first !== null && `First token after ${seconds((first - began) / 1000)}`, usage?.completion_tokens > 1 && decode > 0 && `, then ${number((usage.completion_tokens - 1) / decode)} tokens/s`, first !== null && '.',
  ];
}

function origin(made) {
  const weights = made.gate_weights.length === 1 ? weightList(made.gate_weights[0]) : made.gate_weights.length > 1 ? `${made.gate_weights.length} gates` : null;
  const rows = [
    ['Task', [made.task, made.task_id !== null && `id ${made.task_id}`].filter(Boolean).join(', ')], ['Version', made.bank && `${made.bank}@${made.version}`],
    ['Served', `${made.mode}, ${made.weights_format}`], ['Expert weights', weights], ['Seed', made.seed], ['Node', made.node], ['Device', made.device],
    ['Bundle', code(made.adapter_hash)], ['Base model', code(made.base_model_hash)],
  ];
  return [h('h3', null, 'Provenance'), h('dl', { class: 'origin' },
    rows.filter(([, value]) => value !== null && value !== '').map(([name, value]) => h('div', null, h('dt', null, name), h('dd', { class: 'name' }, value))))];
}

const code = text => text && h('code', null, text);

const weightList = weights => [
  h('div', { class: 'bar', 'aria-hidden': 'true' }, weights.map((weight, i) => h('span', { class: `segment ${colour(i)}`, style: { 'flex-grow': String(weight) } }, h('b', null, i + 1)))),
  h('small', null, weights.map((weight, i) => `${i + 1}:\u00a0${percent(weight)}`).join(' · '))];
