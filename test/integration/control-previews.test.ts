import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServiceRecord } from '#common/contracts/status';
import { Previews } from '../../control/api/previews.ts';

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);
let server: Server;
let services: ServiceRecord[];
let asked: string[];
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  services = [
    {
      id: 'aggregator-1',
      service: 'aggregator',
      url,
      pid: 1,
      ready: true,
      startedAt: 0,
      at: 0,
      detail: {},
    },
  ];
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  asked = [];
});

const previews = (records = services): Previews => new Previews(() => Promise.resolve(records));

test('however many look at a picture, the origin is asked once', async () => {
  answer = (response) => {
    response.writeHead(200, { 'content-length': JPEG.length }).end(JPEG);
  };
  const shared = previews();
  const seen = await Promise.all(Array.from({ length: 50 }, () => shared.latest('final')));
  expect(seen.every((image) => image.equals(JPEG))).toBe(true);
  expect(asked).toEqual(['/live/final/preview.jpg']);
});

test.each<[string, (response: ServerResponse) => void]>([
  ['has none', (response) => response.writeHead(404).end()],
  ['sends elsewhere', (response) => response.writeHead(302, { location: '/other' }).end()],
  ['does not say how large it is', (response) => response.writeHead(200).write(JPEG)],
  ['sends ten times too much', (response) => response.end(Buffer.alloc(10 * 1024 * 1024))],
  ['breaks off', (response) => response.destroy()],
])('there is no picture when the origin %s', async (_name, answers) => {
  answer = answers;
  await expect(previews().latest('final')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('there is no picture without an origin', async () => {
  await expect(previews([]).latest('final')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
