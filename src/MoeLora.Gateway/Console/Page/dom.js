// Building and updating elements. Text is only ever set as text: nothing that comes from the API can become markup.

const SvgNamespace = 'http://www.w3.org/2000/svg';

/** An element. Attributes that are null or false are left out; functions are listeners; `style` is an object of properties. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** The same for SVG. */
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SvgNamespace, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'style') for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...nodes(children));
  return element;
}

const nodes = children => children.flat(Infinity)
  .filter(child => child !== null && child !== undefined && child !== false)
  .map(child => child instanceof Node ? child : document.createTextNode(String(child)));

/**
 * Makes an element's content equal to the given one by changing only what differs, so that focus, scrolling and what was typed stay while
 * the page polls. Elements with the same `data-key` are the same. Listeners of the new content are not taken over: use delegation.
 */
export function update(parent, ...children) {
  const wanted = nodes(children);
  const keyed = new Map();
  for (const child of parent.children) if (child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const next of wanted) {
    const key = next.dataset?.key;
    const old = key !== undefined ? keyed.get(key) : at;
    if (!old || old.nodeName !== next.nodeName || old.dataset?.key !== key) {
      parent.insertBefore(next, at);
      continue;
    }
    if (old !== at) parent.insertBefore(old, at);
    else at = at.nextSibling;
    merge(old, next);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function merge(old, next) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name, value } of [...next.attributes]) {
    if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  if (old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
  update(old, ...next.childNodes);
}

/** Calls the listener that `data-do` of the clicked element names, with that element's data. */
export function onActions(root, actions) {
  root.addEventListener('click', event => {
    const element = event.target.closest('[data-do]');
    if (element && root.contains(element)) actions[element.dataset.do]?.(element.dataset, element);
  });
}
