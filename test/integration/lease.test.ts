/** Who may lead, and when: a lease in a real Redis. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { leaseValue, type Lease } from '#common/channel-log';
import { redisKeys } from '#common/contracts/names';
import type { Closable } from '#common/lifecycle';
import { createLogger } from '#common/logger';
import { identify } from '#common/process-identity';
import { connectRedis, type Redis } from '#common/redis';
import { keepLease } from '../../scheduler/leader/lease.ts';
import { hasEnded, holderName } from '../../scheduler/leader/lease-holder.ts';
import { startRedis } from '../helpers/redis-server.ts';

const logger = createLogger('test', 'silent');
const FOR_LONG_MS = 3_600_000;

let server: Awaited<ReturnType<typeof startRedis>>;
let redis: Redis;
let keeping: Closable | undefined;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server.url, 'lease', logger);
});

afterAll(async () => {
  redis.disconnect();
  await server.close();
});

afterEach(async () => {
  await keeping?.close();
  await redis.flushall();
});

/** Resolves once we lead. */
const lead = (): Promise<Lease> =>
  new Promise((resolve) => {
    keeping = keepLease({
      redis,
      holder: holderName('us'),
      logger,
      lead: (lease) => {
        resolve(lease);
        return Promise.resolve({ close: () => Promise.resolve() });
      },
    });
  });

/** The name of another process, which has ended. */
async function nameOfEnded(): Promise<string> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const identity = identify(child.pid ?? 0);
  const [, home] = holderName('it').split('/');
  const name = ['it', home, identity?.pid, identity?.started].join('/');
  expect(hasEnded(name)).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return name;
}

test('a leader whose process has ended on this machine is not waited for', async () => {
  const value = leaseValue({ epoch: 1, holder: await nameOfEnded() });
  await redis.set(redisKeys.lease, value, 'PX', FOR_LONG_MS);
  const lease = await lead();
  expect(await redis.get(redisKeys.lease)).toBe(leaseValue(lease));
});

test.each([
  ['that still runs', () => holderName('them')],
  ['of another machine', () => holderName('them').replace(/\/[^/]*/, '/elsewhere.1')],
  ['that does not say', () => 'them'],
])('a leader %s is waited for until its lease runs out', async (_what, holderOfThem) => {
  const value = leaseValue({ epoch: 1, holder: holderOfThem() });
  await redis.set(redisKeys.lease, value, 'PX', 700);
  const before = performance.now();
  await lead();
  expect(performance.now() - before).toBeGreaterThan(600);
});

test('a later process with the same id is another one', () => {
  const [id, home, pid] = holderName('us').split('/');
  expect(hasEnded([id, home, pid, '1'].join('/'))).toBe(true);
  expect(hasEnded(holderName('us'))).toBe(false);
});
