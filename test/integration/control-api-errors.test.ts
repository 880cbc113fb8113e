/** Every way to ask the control API for the wrong thing, and what it says. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorViewSchema } from '../../control/api/schemas.ts';
import { assertDescribed } from '../helpers/described-answers.ts';
import { SchedulerBench, TOKEN, call, type TestControl } from './scheduler-harness.ts';

let bench: SchedulerBench;
let control: TestControl;

beforeAll(async () => {
  bench = await SchedulerBench.open();
  control = await bench.startControl();
  await call(control, 'POST', '/v1/channels', { id: 'here' });
});

afterAll(async () => {
  await control.close();
  await bench.close();
});

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Sends a request with the token; the answer must be an error in the API's form. */
async function refusal(
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Refusal & { allow: string | null }> {
  const response = await fetch(`${control.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      accept: 'application/json, text/html',
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  assertDescribed({ method, path, status: response.status, text });
  const { error } = errorViewSchema.parse(JSON.parse(text));
  expect(response.headers.get('x-request-id')).toBe(error.requestId);
  expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
  const { code, message } = error;
  return { status: response.status, code, message, allow: response.headers.get('allow') };
}

const video = (rung: object): object => ({
  ladder: { video: [rung], audio: { bitrateBps: 128_000 } },
});
const rung = { height: 360, maxBitrateBps: 800_000 };

/** A field's wrong values, and what the message says of it. */
const FIELDS: readonly (readonly [object, RegExp])[] = [
  [{ name: 5 }, /^name: .*expected string/],
  [{ name: '' }, /^name: .*>=1/],
  [{ name: 'n'.repeat(2_000) }, /^name: .*<=200/],
  [{ fps: 25 }, /^fps: .*"25"\|"30"/],
  [{ fps: '31' }, /^fps: .*"60"/],
  [{ profile: 'ultra' }, /^profile: must be 'standard', 'low' or 'instant'/],
  [{ profile: null }, /^profile: must be 'standard'/],
  [{ dvrSeconds: '60' }, /^dvrSeconds: .*expected number/],
  [{ dvrSeconds: 1 }, /^dvrSeconds: .*>=10/],
  [{ dvrSeconds: 864_000 }, /^dvrSeconds: .*<=86400/],
  [{ dvrSeconds: 60.5 }, /^dvrSeconds: .*expected int/],
  [{ reconnectSeconds: -1 }, /^reconnectSeconds: .*>=0/],
  [{ reconnectSeconds: 36_000 }, /^reconnectSeconds: .*<=3600/],
  [{ reconnectSeconds: null }, /^reconnectSeconds: .*expected number/],
  [{ ladder: 'high' }, /^ladder: .*expected object/],
  [{ ladder: {} }, /^ladder\.video: .*; ladder\.audio: /],
  [{ ladder: { video: [], audio: { bitrateBps: 128_000 } } }, /^ladder\.video: .*>=1/],
  [
    { ladder: { video: Array(60).fill(rung), audio: { bitrateBps: 128_000 } } },
    /^ladder\.video: .*<=6/,
  ],
  [
    { ladder: { video: [rung, rung], audio: { bitrateBps: 128_000 } } },
    /^ladder\.video: heights must differ/,
  ],
  [video({ ...rung, height: 361 }), /^ladder\.video\.0\.height: .*multiple of 2/],
  [video({ ...rung, height: 21_600 }), /^ladder\.video\.0\.height: .*<=2160/],
  [video({ ...rung, maxBitrateBps: 1 }), /^ladder\.video\.0\.maxBitrateBps: .*>=50000/],
  [video({ ...rung, width: 640 }), /^ladder\.video\.0\.width: there is no such field/],
  [{ ladder: { video: [rung], audio: { bitrateBps: 1 } } }, /^ladder\.audio\.bitrateBps: /],
  [
    { ...video(rung), ladder: { ...video(rung), preset: 'placebo' } },
    /ladder\.preset: .*"veryfast"/,
  ],
  [{ nonsense: 1, sense: 2 }, /^nonsense: there is no such field; sense: there is no such field/],
  [{ streamKey: 'mine' }, /^streamKey: there is no such field/],
  [{ streamKeyHash: '0' }, /^streamKeyHash: there is no such field/],
];

describe('a wrong field', () => {
  test.each(FIELDS)('%j is named with what would be right', async (fields, says) => {
    const expected = { status: 400, code: 'BAD_REQUEST', message: expect.stringMatching(says) };
    const made = await refusal('POST', '/v1/channels', JSON.stringify({ id: 'x', ...fields }));
    expect(made).toMatchObject(expected);
    const changed = await refusal('PATCH', '/v1/channels/here', JSON.stringify(fields));
    expect(changed).toMatchObject(expected);
  });

  test.each([undefined, 5, '', 'Has Space', '-x', 'x'.repeat(64), '../x', 'ö', null])(
    'of an id that is %j, too',
    async (id) => {
      expect(await refusal('POST', '/v1/channels', JSON.stringify({ id }))).toMatchObject({
        status: 400,
        message: expect.stringMatching(/^id: /),
      });
    },
  );

  test('cannot hide as a prototype', async () => {
    const body = '{"id":"proto","__proto__":{"name":"x"},"constructor":{"prototype":{}}}';
    expect(await refusal('POST', '/v1/channels', body)).toMatchObject({
      status: 400,
      message: expect.stringContaining('there is no such field'),
    });
  });
});

describe('a body', () => {
  const json = 'application/json';
  test.each<[string, string | Uint8Array | undefined, Record<string, string>, number, RegExp]>([
    ['that is missing', undefined, {}, 400, /^id: /],
    ['that is a list', '[{"id":"x"}]', {}, 400, /must be a JSON object/],
    ['that is not JSON', '{"id":', {}, 400, /its JSON cannot be read/],
    ['that is a bare word', 'null', {}, 400, /JSON/],
    [
      'of another type',
      'id=x',
      { 'content-type': 'text/plain' },
      415,
      /content-type: application\/json/,
    ],
    [
      'of no JSON type',
      'id=x',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      /JSON/,
    ],
    [
      'in another charset',
      '{"id":"x"}',
      { 'content-type': `${json}; charset=latin1` },
      415,
      /UTF-8/,
    ],
    [
      'that is compressed',
      new Uint8Array([31, 139]),
      { 'content-encoding': 'gzip' },
      415,
      /compression/,
    ],
    ['ten times too large', `{"name":"${'x'.repeat(655_360)}"}`, {}, 413, /larger than 64 KiB/],
  ])('%s is refused', async (_what, body, headers, status, says) => {
    const answer = await refusal('POST', '/v1/channels', body, headers);
    expect(answer).toMatchObject({ status, message: expect.stringMatching(says) });
  });
});

describe('a path', () => {
  test.each<[string, string, string | undefined]>([
    ['GET', '/v1/channels/nobody', undefined],
    ['PATCH', '/v1/channels/nobody', '{"name":"x"}'],
    ['DELETE', '/v1/channels/nobody', undefined],
    ['POST', '/v1/channels/nobody/stream-key', undefined],
    ['POST', '/v1/channels/nobody/end', undefined],
    ['GET', '/v1/channels/nobody/status', undefined],
    ['GET', '/v1/channels/nobody/broadcasts', undefined],
  ])('of a channel that is not there says so: %s %s', async (method, path, body) => {
    expect(await refusal(method, path, body)).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
      message: 'there is no channel nobody',
    });
  });

  test.each(['/v1/nothing', '/v2/channels', '/v1/channels/', '//v1/channels', '/v1'])(
    'that is none is not found: %s',
    async (path) => {
      expect(await refusal('GET', path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    },
  );

  test.each([
    'UPPER',
    '-dash',
    'x'.repeat(64),
    '%2e%2e%2f%2e%2e%2fetc',
    '..%2f..%2fx',
    'a%00b',
    'a%0ab',
    '%c3%b6',
    '%ff',
    '%',
    'a%252fb',
  ])('with an id that is none is refused: %s', async (id) => {
    for (const tail of ['', '/status', '/broadcasts']) {
      expect(await refusal('GET', `/v1/channels/${id}${tail}`)).toMatchObject({
        status: 400,
        code: 'BAD_REQUEST',
      });
    }
  });

  test.each([
    ['/v1/channels', 'GET, HEAD, POST', ['PUT', 'PATCH', 'DELETE', 'OPTIONS']],
    ['/v1/channels/here', 'GET, HEAD, PATCH, DELETE', ['PUT', 'POST']],
    ['/v1/channels/here/stream-key', 'POST', ['GET', 'PUT', 'DELETE']],
    ['/v1/channels/here/end', 'POST', ['GET', 'DELETE']],
    ['/v1/channels/here/status', 'GET, HEAD', ['POST', 'DELETE']],
    ['/v1/channels/here/broadcasts', 'GET, HEAD', ['POST', 'DELETE']],
    ['/v1/services', 'GET, HEAD', ['POST', 'DELETE']],
    ['/v1/workers', 'GET, HEAD', ['POST', 'DELETE']],
    ['/v1/edges', 'GET, HEAD', ['POST', 'DELETE']],
    ['/v1/openapi.json', 'GET, HEAD', ['POST', 'DELETE']],
  ])('%s allows %s only', async (path, allow, methods) => {
    for (const method of methods) {
      expect(await refusal(method, path)).toMatchObject({
        status: 405,
        code: 'METHOD_NOT_ALLOWED',
        allow,
      });
    }
  });
});

describe('what is no request at all', () => {
  /** Sends bytes as they are; the answer as text. */
  async function raw(text: string): Promise<string> {
    const socket = connect(Number(new URL(control.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (data: string) => (answer += data));
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    return answer;
  }

  test.each([
    ['an address', `GET /v1/channels?${'x'.repeat(80_000)} HTTP/1.1\r\nhost: h\r\n\r\n`],
    ['a header', `GET / HTTP/1.1\r\nhost: h\r\nx-long: ${'x'.repeat(80_000)}\r\n\r\n`],
  ])('is %s ten times too long', async (_what, text) => {
    const answer = await raw(text);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    const body = errorViewSchema.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''));
    expect(body.error).toMatchObject({
      code: 'TOO_LARGE',
      message: expect.stringContaining('8 KiB'),
    });
  });

  test.each([
    '\u0016\u0003\u0001\u0002\u0000',
    'GET / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n',
  ])('is %j', async (text) => {
    const answer = await raw(text + '\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"code":"BAD_REQUEST"/);
  });
});
