/** An edge whose Redis goes away: viewers are answered at once, and nothing piles up. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLogger } from '#common/logger';
import { connectRedis, type Redis } from '#common/redis';
import { redisKeys } from '#common/contracts/names';
import type { EdgeContext } from '../../edge/start.ts';
import { eventually } from '../helpers/poll.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { startEdgeOrigin, type EdgeOrigin } from './edge-origin.ts';
import { edgeService, runEdge, type RunningEdge } from './edge-run.ts';

const REQUESTS = 2_000;
/** One for the directory, one for the names of channels. */
const MOST_COMMANDS = 2;

let origin: EdgeOrigin;
let server: TestRedis;
let redis: Redis;
let edge: RunningEdge;
let unanswered = 0;
let mostUnanswered = 0;

async function counted<T>(command: Promise<T>): Promise<T> {
  unanswered += 1;
  mostUnanswered = Math.max(mostUnanswered, unanswered);
  try {
    return await command;
  } finally {
    unanswered -= 1;
  }
}

beforeAll(async () => {
  origin = await startEdgeOrigin((_request, response) => {
    response.writeHead(404).end();
  });
  server = await startRedis();
  redis = connectRedis(server.url, 'edge', createLogger('test', 'silent'));
  const commands: EdgeContext['redis'] = {
    hvals: (key) => counted(redis.hvals(key)),
    hkeys: (key) => counted(redis.hkeys(key)),
  };
  edge = await runEdge(origin.url, { redis: commands, env: { REPEAT_PAUSE_MS: '0' } });
});

afterAll(async () => {
  await edge.close();
  redis.disconnect();
  await server.close();
  await origin.close();
});

const DIRECTORY = '/v1/edges/nearest?channel=main';

describe('while Redis is away', () => {
  /** Status and body of an answer. */
  const ask = async (path: string): Promise<readonly [string, number, string]> => {
    const response = await fetch(edge.url + path);
    return [path, response.status, await response.text()];
  };
  const PATHS = [DIRECTORY, '/watch/main', '/watch/nothing'] as const;

  test('pages and directory are what was known last, and all their requests leave two commands', async () => {
    await redis.hset(redisKeys.services, { 'local.host.01a': edgeService() });
    await redis.hset(redisKeys.channels, { main: '{}' });
    // What the edge asked when it started may still be on its way.
    const known = await eventually('a page of the channel', async () => {
      const answers = await Promise.all(PATHS.map(ask));
      return answers[1]?.[1] === 200 ? answers : undefined;
    });
    expect(JSON.parse(known[0]?.[2] ?? '')).toMatchObject({ edges: [{ id: 'local.host.01a' }] });
    await server.close();
    mostUnanswered = 0;
    const ofPages = (answers: readonly (readonly [string, number, string])[]): unknown =>
      answers.slice(1).map(([path, status]) => [path, status]);
    for (let done = 0; done < REQUESTS; done += PATHS.length) {
      const answers = await Promise.all(PATHS.map(ask));
      expect(answers[0]?.[1]).toBe(200);
      expect(JSON.parse(answers[0]?.[2] ?? '')).toMatchObject({
        edges: [{ id: 'local.host.01a' }],
      });
      expect(ofPages(answers)).toEqual(ofPages(known));
    }
    expect(mostUnanswered).toBeLessThanOrEqual(MOST_COMMANDS);

    server = await startRedis(['--port', new URL(server.url).port]);
    await eventually('an empty directory', async () => {
      const [, , text] = await ask(DIRECTORY);
      return text.includes('"edges":[]') ? true : undefined;
    });
  });

  test('an edge that has never heard of it says so, and when to ask again', async () => {
    const never = await runEdge(origin.url, {
      redis: {
        hvals: () => new Promise(() => undefined),
        hkeys: () => new Promise(() => undefined),
      },
    });
    const response = await fetch(never.url + DIRECTORY);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await response.json()).toMatchObject({
      error: { code: 'UNAVAILABLE', message: expect.stringContaining('Redis') },
    });
    await never.close();
  });
});
