// Calls of this node's own administration listener. The key is kept in memory and, until the tab is closed, in its session storage; it is
// sent in a header and is never part of an address.

const Stored = 'moelora.key';

let key = sessionStorage.getItem(Stored);

export const hasKey = () => key !== null;

export function useKey(text) {
  key = text;
  if (text === null) sessionStorage.removeItem(Stored);
  else sessionStorage.setItem(Stored, text);
}

/** A refusal in the API's own words. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Sends a request to a path such as `admin/v1/overview` and returns the response, once it is known to be a good one.
 * `body` is sent as JSON unless it is a File. `as` is a key to use instead of the one that was signed in with.
 */
export async function send(path, { method = 'GET', body, signal, as } = {}) {
  const headers = {};
  const secret = as ?? key;
  if (secret !== null) headers.Authorization = `Bearer ${secret}`;
  if (body !== undefined) headers['Content-Type'] = body instanceof Blob ? 'application/zip' : 'application/json';
  let response;
  try {
    response = await fetch(`../${path}`, {
      method, headers, signal, cache: 'no-store', credentials: 'same-origin', redirect: 'error',
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The node cannot be reached.');
  }
  if (response.ok) return response;
  const error = await response.json().then(json => json.error, () => null);
  throw new ApiError(response.status, error?.code, error?.message ?? `The node answered with status ${response.status}.`);
}

export const get = async (path, options) => (await send(path, options)).json();

export const post = (path, body, options) => get(path, { ...options, method: 'POST', body });

/** A part of a path. */
export const part = encodeURIComponent;

/** The lines of a response as they come, the last one too where it does not end. */
export async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    yield* parts;
  }
  if (rest) yield rest;
}
