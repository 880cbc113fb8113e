/** Errors of clients that hold a secret, as the logger writes them: the secret is not in them. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { Redis } from '#common/redis';
import { openS3Store } from '#common/store/s3';

const SECRET = 'canary-secret-0123456789';

let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((_request, response) => {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end('<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A log line with this error, by the serializer that every logger of ours has. */
function logged(error: unknown): string {
  const lines: string[] = [];
  const serializers = { error: pino.stdSerializers.errWithCause };
  pino({ serializers }, { write: (line: string) => void lines.push(line) }).error({ error });
  return lines.join();
}

const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the error of', () => {
  test.each([
    ['an S3 that refuses the signature', () => port],
    ['an S3 that is not there', () => 1],
  ])('%s tells no secret', async (_what, at) => {
    const store = openS3Store({
      endpoint: `http://127.0.0.1:${at()}`,
      bucket: 'touchline',
      accessKeyId: 'id',
      secretAccessKey: SECRET,
    });
    const body = Buffer.from('x');
    const works = [store.put('a/b', body), store.get('a/b'), store.head('a/b')];
    for (const error of await Promise.all(works.map(failureOf))) {
      expect(error).toMatchObject({ code: 'STORE_FAILED' });
      expect(logged(error)).not.toContain(SECRET);
    }
    await store.close();
  });

  test('a Redis that is not there, or is none, tells no password', async () => {
    for (const at of [1, port]) {
      const redis = new Redis(`redis://:${SECRET}@127.0.0.1:${at}`, {
        lazyConnect: true,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
      });
      const told: unknown[] = [];
      redis.on('error', (error) => told.push(error));
      told.push(await failureOf(redis.connect()), await failureOf(redis.ping()));
      redis.disconnect();
      expect(told.length).toBeGreaterThan(1);
      expect(told.map(logged).join()).not.toContain(SECRET);
    }
  });
});
