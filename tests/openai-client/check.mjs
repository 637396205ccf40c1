// OpenAI's own client, unchanged, against a gateway whose grid answers by the prompt. Prints one line for each check; exits non-zero when one fails.
// Arguments: the gateway's address, a key.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const [address, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
const model = '医学-triage';
let failed = 0;

async function check(name, run) {
  try {
    await run();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${name}: ${error.stack}`);
  }
}

await check('models.list', async () => {
  const ids = [];
  for await (const entry of client.models.list()) ids.push(entry.id);
  assert.deepEqual(ids, [model, '3']);
});

await check('models.retrieve with a name that is not ASCII', async () => {
  const entry = await client.models.retrieve(model);
  assert.equal(entry.id, model);
  assert.equal(entry.object, 'model');
});

await check('completions.create', async () => {
  const { data, response } = await client.completions.create({ model, prompt: 'echo 甲亢', max_tokens: 8, temperature: 0 }).withResponse();
  assert.equal(data.object, 'text_completion');
  assert.equal(data.choices[0].text, '甲亢');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
  assert.equal(data.provenance.version, '1');
  assert.equal(data._request_id, response.headers.get('x-request-id'));
  assert.match(response.headers.get('openai-processing-ms'), /^\d+$/);
});

await check('completions.create with n and logprobs', async () => {
  const answer = await client.completions.create({ model, prompt: 'echo a', n: 2, logprobs: 1 });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  assert.deepEqual(answer.choices[0].logprobs.tokens, ['a']);
  assert.deepEqual(answer.choices[0].logprobs.text_offset, [0]);
});

await check('completions.create, streamed', async () => {
  let text = '';
  let last;
  for await (const event of await client.completions.create({ model, prompt: 'echo abc', stream: true, stream_options: { include_usage: true } })) {
    text += event.choices[0]?.text ?? '';
    last = event;
  }
  assert.equal(text, 'abc');
  assert.ok(last.usage.total_tokens > 0);
  assert.equal(last.provenance.node, 'node-1');
});

await check('chat.completions.create, then the answer sent back', async () => {
  const messages = [{ role: 'developer', content: 'd' }, { role: 'user', content: [{ type: 'text', text: 'echo ' }, { type: 'text', text: '头痛' }] }];
  const first = await client.chat.completions.create({ model, messages, max_completion_tokens: 8, logprobs: true, top_logprobs: 1 });
  assert.equal(first.choices[0].message.content, '头痛');
  assert.equal(first.choices[0].message.role, 'assistant');
  assert.equal(first.choices[0].logprobs.content.length, 2);
  assert.equal(first.usage.prompt_tokens_details.cached_tokens, 0);
  const second = await client.chat.completions.create({ model, messages: [...messages, first.choices[0].message, { role: 'user', content: 'echo b' }] });
  assert.equal(second.choices[0].message.content, 'b');
});

await check('chat.completions.create, streamed', async () => {
  const deltas = [];
  const reasons = [];
  for await (const event of await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'echo xy' }], n: 2, stream: true })) {
    for (const choice of event.choices) {
      deltas.push([choice.index, choice.delta.role ?? null, choice.delta.content ?? null]);
      if (choice.finish_reason) reasons.push(choice.finish_reason);
    }
  }
  assert.deepEqual(deltas[0], [0, 'assistant', '']);
  assert.equal(deltas.filter(([index]) => index === 1).map(([, , content]) => content ?? '').join(''), 'xy');
  assert.deepEqual(reasons, ['stop', 'stop']);
});

await check('the stream helper', async () => {
  const stream = client.chat.completions.stream({ model, messages: [{ role: 'user', content: 'echo helper' }], stream_options: { include_usage: true } });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, 'helper');
  assert.ok((await stream.totalUsage()).total_tokens > 0);
});

await check('a stream that is left', async () => {
  const stream = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'endless' }], stream: true });
  for await (const event of stream) {
    if (event.choices[0].delta.content) break; // aborts the request
  }
});

await check('response_format json_schema', async () => {
  const schema = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'], additionalProperties: false };
  const answer = await client.chat.completions.parse({
    model,
    messages: [{ role: 'user', content: 'schema' }],
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
  });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), schema); // the grid of this test answers with the schema it got
});

await check('response_format choice, which is ours', async () => {
  const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'schema' }], response_format: { type: 'choice', choices: ['是', '否'] } });
  assert.equal(answer.choices[0].message.content, '是');
});

async function refused(type, run, expected) {
  const error = await run().then(() => assert.fail('nothing was refused'), (reason) => reason);
  assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
  for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value);
  assert.ok(error.requestID);
}

const ask = (changes) => client.completions.create({ model, prompt: 'echo a', ...changes });
await check('BadRequestError', () => refused(OpenAI.BadRequestError, () => ask({ temperature: 9 }), { status: 400, code: 'invalid_value', param: 'temperature', type: 'invalid_request_error' }));
await check('BadRequestError of tools', () =>
  refused(OpenAI.BadRequestError, () => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'a' }], tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] }), {
    code: 'unsupported_parameter',
    param: 'tools',
  }));
await check('NotFoundError', () => refused(OpenAI.NotFoundError, () => ask({ prompt: 'error ModelNotFound' }), { status: 404, code: 'model_not_found', param: 'model' }));
await check('RateLimitError', () => refused(OpenAI.RateLimitError, () => ask({ prompt: 'error QueueFull' }), { status: 429, code: 'queue_full' }));
await check('InternalServerError', () => refused(OpenAI.InternalServerError, () => ask({ prompt: 'error NotReady' }), { status: 503, code: 'not_ready' }));
await check('AuthenticationError', () => refused(OpenAI.AuthenticationError, () => new OpenAI({ baseURL: `${address}/v1`, apiKey: 'wrong', maxRetries: 0 }).models.list(), { status: 401, code: 'invalid_api_key' }));
await check('PermissionDeniedError', () => refused(OpenAI.PermissionDeniedError, () => new OpenAI({ baseURL: `${address}/v1`, apiKey: 'operator', maxRetries: 0 }).models.list(), { status: 403, code: 'forbidden' }));

await check('a retry after 429, by itself', async () => {
  const patient = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 2 });
  const answer = await patient.completions.create({ model, prompt: 'busy once' });
  assert.equal(answer.choices[0].text, 'done');
});

await check('an error in the middle of a stream', async () => {
  const stream = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'breaks' }], stream: true });
  await assert.rejects(async () => {
    for await (const event of stream) assert.ok(event);
  }, OpenAI.APIError);
});

process.exit(failed === 0 ? 0 : 1);
