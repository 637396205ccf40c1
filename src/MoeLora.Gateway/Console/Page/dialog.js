// Questions before anything is changed. The browser's own dialog keeps the focus inside and gives it back afterwards.

import { h } from './dom.js';

/**
 * Asks, then does. `fields` are elements of a form; `act(data, signal)` gets what was entered and may throw an error, whose message is shown
 * while the dialog stays open. Giving up aborts the signal. Resolves to what `act` returned, or undefined when it was called off.
 */
export function ask({ title, text, fields = [], confirm, danger = false, act }) {
  return new Promise(resolve => {
    const aborter = new AbortController();
    const problem = h('p', { class: 'problem', role: 'alert' });
    const go = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, confirm);
    const cancel = h('button', { type: 'button' }, 'Cancel');
    const form = h('form', { method: 'dialog', novalidate: true },
      h('h2', { id: 'dialog-title' }, title),
      [text].flat().map(line => h('p', null, line)),
      fields, problem,
      h('div', { class: 'buttons' }, cancel, go));
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
    let result;
    cancel.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => {
      aborter.abort();
      dialog.remove();
      resolve(result);
    });
    form.addEventListener('submit', async event => {
      event.preventDefault();
      if (go.disabled) return;
      const invalid = form.querySelector(':invalid');
      problem.textContent = invalid ? `${invalid.labels?.[0]?.firstChild?.textContent.trim() ?? 'A field'}: ${invalid.validationMessage}` : '';
      if (invalid) return invalid.focus();
      go.disabled = true;
      go.textContent = 'Working…';
      cancel.textContent = 'Give up';
      try {
        result = await act(new FormData(form), aborter.signal);
        dialog.close();
      } catch (error) {
        if (error.name === 'AbortError') return;
        problem.textContent = error.message;
        go.disabled = false;
        go.textContent = confirm;
        cancel.textContent = 'Cancel';
        go.focus();
      }
    });
    document.body.append(dialog);
    dialog.showModal();
    (form.querySelector('input, textarea, select') ?? (danger ? cancel : go)).focus();
  });
}

/** A labelled field; `hint` is read with it. */
export function field(label, input, hint) {
  if (hint) {
    const id = `hint-${input.name}`;
    input.setAttribute('aria-describedby', id);
    hint = h('small', { id }, hint);
  }
  return h('label', { class: 'field' }, h('span', null, label), input, hint);
}

let clearing = 0;

/** Says what was done, for eyes and screen readers. */
export function notice(text) {
  const element = document.getElementById('notice');
  clearTimeout(clearing);
  element.textContent = text;
  element.classList.add('shown');
  clearing = setTimeout(() => element.classList.remove('shown'), 6000);
}
