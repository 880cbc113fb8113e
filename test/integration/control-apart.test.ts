/**
 * Control and scheduler as two processes: each without the other, two of one, and what they tell each other.
 *
 * @takes-seconds 25
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { channelSchema, type Channel } from '#common/contracts/channel';
import { redisKeys, storeKeys } from '#common/contracts/names';
import { PipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import type { ObjectStore } from '#common/store/store';
import { milliseconds } from '#common/time';
import {
  hashOfStreamKey,
  keepStreamKey,
  newStreamKey,
} from '../../control/catalogue/stream-keys.ts';
import { SimulatedSession } from '../unit/scheduler/simulated-feed.ts';
import { SchedulerBench, call, eventually, type TestControl } from './scheduler-harness.ts';

let bench: SchedulerBench;
const running: Closable[] = [];
let channels = 0;

beforeAll(async () => {
  bench = await SchedulerBench.open();
});

afterEach(async () => {
  for (const service of running.splice(0).toReversed()) {
    await service.close();
  }
});

afterAll(async () => {
  await bench.close();
});

function own<T extends Closable>(service: T): T {
  running.push(service);
  return service;
}

const control = async (settings: Record<string, string> = {}): Promise<TestControl> =>
  own(await bench.startControl(settings));
const scheduler = async (): Promise<Closable> => own(await bench.startScheduler());

/** A new channel's id. */
const newId = (): string => `apart-${(channels += 1)}`;

const make = async (at: TestControl, settings: object = {}): Promise<string> => {
  const id = newId();
  expect((await call(at, 'POST', '/v1/channels', { id, ...settings })).status).toBe(201);
  return id;
};

/** A publisher of a channel that goes on until the test is over, or is closed. */
async function publish(id: string, name = 's1'): Promise<Closable> {
  const at = bench.clock.now();
  const options = { fps: '30', at, keyframeEvery: 60, rate: 48_000, reorder: true } as const;
  const session = new SimulatedSession(name, options);
  await bench.append(id, [session.begin(at)]);
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) {
      await bench.append(id, session.upTo(bench.clock.now()));
      await bench.clock.sleep(milliseconds(200));
    }
    await bench.append(id, [session.end(bench.clock.now(), true)]);
  })();
  return own({
    close: async () => {
      isOver = true;
      await publishing;
    },
  });
}

const mirrored = async (id: string): Promise<Channel | undefined> => {
  const text = await bench.redis.hget(redisKeys.channels, id);
  return text === null ? undefined : channelSchema.parse(JSON.parse(text));
};
const airOf = async (id: string): Promise<number | undefined> => {
  const text = await bench.redis.hget(redisKeys.air, id);
  return text === null ? undefined : (JSON.parse(text) as { broadcast: number }).broadcast;
};
const onAir = (id: string): Promise<number> => eventually(() => airOf(id));
const offAir = (id: string): Promise<true> =>
  eventually(async () => ((await airOf(id)) === undefined ? true : undefined));
const moreTasks = async (id: string, more: number): Promise<true> => {
  const before = (await bench.tasks(id)).length;
  return eventually(async () =>
    (await bench.tasks(id)).length >= before + more ? true : undefined,
  );
};
const noLeader = (): Promise<true> =>
  eventually(async () => ((await bench.redis.exists(redisKeys.lease)) === 0 ? true : undefined));

/** The bench's store, which can be put out of reach. */
function storeThatGoes(): { readonly store: ObjectStore; readonly away: (is: boolean) => void } {
  let isAway = false;
  const real = bench.store;
  const here = (): ObjectStore => {
    if (isAway) {
      throw new PipelineError('STORE_FAILED', 'the store is away');
    }
    return real;
  };
  const reach = <T>(use: (store: ObjectStore) => Promise<T>): Promise<T> =>
    Promise.resolve().then(() => use(here()));
  return {
    away: (is) => {
      isAway = is;
    },
    store: {
      put: (...parts) => reach((store) => store.put(...parts)),
      get: (...parts) => reach((store) => store.get(...parts)),
      head: (...parts) => reach((store) => store.head(...parts)),
      delete: (...parts) => reach((store) => store.delete(...parts)),
      open: (...parts) => reach((store) => store.open(...parts)),
      list: (...parts) => here().list(...parts),
      close: () => Promise.resolve(),
    },
  };
}

describe('without control', () => {
  test('a broadcast goes on, also when Redis is emptied, and its channel is mirrored again', async () => {
    const operator = await bench.startControl();
    await scheduler();
    const id = await make(operator, { fps: '30' });
    await publish(id);
    const broadcast = await onAir(id);
    await moreTasks(id, 2);
    await operator.close();
    await moreTasks(id, 2);
    await bench.redis.flushall();
    expect(await onAir(id)).toBe(broadcast);
    await moreTasks(id, 3);
    expect(await mirrored(id)).toMatchObject({ id, fps: '30' });
  });

  test('a scheduler that starts with an emptied Redis finds its channels in the store', async () => {
    const operator = await bench.startControl();
    const id = await make(operator, { fps: '30' });
    await operator.close();
    await bench.redis.flushall();
    await scheduler();
    await eventually(() => mirrored(id));
    await publish(id);
    await onAir(id);
    await moreTasks(id, 2);
  });

  test('a scheduler starts and leads although the store is away, and looks for it until it is back', async () => {
    const operator = await bench.startControl();
    const [led, stored] = [await make(operator, { fps: '30' }), await make(operator)];
    await operator.close();
    // One that leads them once notes where their numbers are.
    const before = await bench.startScheduler();
    await eventually(async () => {
      const ids = await bench.redis.hkeys(redisKeys.channels);
      const noted = await bench.redis.exists(...ids.map((id) => redisKeys.checkpoint(id)));
      return noted === ids.length ? true : undefined;
    });
    await before.close();
    await bench.redis.hdel(redisKeys.channels, stored);
    const { store, away } = storeThatGoes();
    away(true);
    own(await bench.startScheduler({}, store));
    await publish(led);
    await onAir(led);
    expect(await mirrored(stored)).toBeUndefined();
    away(false);
    await eventually(() => mirrored(stored));
  });

  test('the rate that a first feed decides is kept by the next control', async () => {
    const operator = await bench.startControl();
    await scheduler();
    const id = await make(operator);
    await operator.close();
    await publish(id);
    await onAir(id);
    await moreTasks(id, 2);
    expect((await mirrored(id))?.fps).toBeNull();
    const next = await control();
    await eventually(async () => ((await mirrored(id))?.fps === '30' ? true : undefined));
    expect((await call(next, 'GET', `/v1/channels/${id}`)).body).toMatchObject({ fps: '30' });
  });
});

describe('without a scheduler', () => {
  test('control answers, says what is missing, and the next leader ends what was to be ended', async () => {
    const operator = await control();
    const leader = await bench.startScheduler();
    const id = await make(operator, { fps: '30' });
    const feed = await publish(id);
    const broadcast = await onAir(id);
    await leader.close();
    await noLeader();

    const { body } = await call(operator, 'GET', `/v1/channels/${id}/status`);
    expect(body).toMatchObject({ onAir: true, broadcast });
    expect(body['warnings']).toContainEqual({
      code: 'SCHEDULER_AWAY',
      message: expect.stringContaining('No scheduler leads'),
    });
    const readiness = await fetch(`${operator.url}/readyz`);
    expect([readiness.status, await readiness.text()]).toEqual([
      503,
      expect.stringContaining('leadership'),
    ]);
    const ended = await call(operator, 'POST', `/v1/channels/${id}/end`);
    expect(ended).toMatchObject({ status: 504, body: { error: { code: 'TIMEOUT' } } });
    expect(await airOf(id)).toBe(broadcast);

    await scheduler();
    await offAir(id);
    expect(await bench.redis.hexists(redisKeys.endAsked, id)).toBe(0);
    await feed.close();
    await publish(id, 's2');
    expect(await onAir(id)).toBeGreaterThan(broadcast);
    await moreTasks(id, 2);
    expect(await airOf(id)).toBeDefined();
  });

  test('a control that is told to stop says so to whoever asks whether it is ready', async () => {
    const told = new AbortController();
    const operator = own(await bench.startControl({}, bench.store, told.signal));
    const isReady = async (): Promise<readonly [number, string]> => {
      const answer = await fetch(`${operator.url}/readyz`);
      return [answer.status, await answer.text()];
    };
    expect(await isReady()).toEqual([503, expect.stringContaining('leadership')]);
    told.abort();
    expect(await isReady()).toEqual([503, 'not ready: it stops\n']);
  });

  test('a wish that names a broadcast which is over ends no other', async () => {
    const operator = await control();
    await scheduler();
    const id = await make(operator, { fps: '30' });
    await bench.redis.hset(redisKeys.endAsked, id, 5);
    await bench.redis.publish(redisKeys.endNews, id);
    await publish(id);
    const broadcast = await onAir(id);
    await bench.redis.publish(redisKeys.endNews, id);
    await moreTasks(id, 2);
    expect(await airOf(id)).toBe(broadcast);
  });
});

/** The bench's store; the first reading of a channel's record goes on with `then` before it is told. */
function storeOfOldNews(id: string, then: () => Promise<void>): ObjectStore {
  let isFirst = true;
  return {
    ...storeThatGoes().store,
    get: async (key, options) => {
      const body = await bench.store.get(key, options);
      if (key === storeKeys.channel(id) && isFirst) {
        isFirst = false;
        await then();
      }
      return body;
    },
  };
}

describe('a control that starts', () => {
  test('puts back no key that another has renewed since it read the record', async () => {
    const one = await control();
    const id = await make(one);
    const before = await mirrored(id);
    const next = own(
      await bench.startControl(
        {},
        storeOfOldNews(id, async () => {
          expect((await call(one, 'POST', `/v1/channels/${id}/stream-key`)).status).toBe(200);
          await call(one, 'PATCH', `/v1/channels/${id}`, { name: 'New' });
        }),
      ),
    );
    const after = await mirrored(id);
    expect(after).toMatchObject({ name: 'New' });
    expect(after?.streamKeyHash).not.toBe(before?.streamKeyHash);
    await eventually(async () => {
      const { body } = await call(next, 'GET', `/v1/channels/${id}`);
      return body['name'] === 'New' ? true : undefined;
    });
  });

  test('puts back no channel that another has deleted since it read the record', async () => {
    const one = await control();
    const id = await make(one);
    const next = own(
      await bench.startControl(
        {},
        storeOfOldNews(id, async () => {
          expect((await call(one, 'DELETE', `/v1/channels/${id}`)).status).toBe(204);
        }),
      ),
    );
    expect(await mirrored(id)).toBeUndefined();
    await eventually(async () =>
      (await call(next, 'GET', `/v1/channels/${id}`)).status === 404 ? true : undefined,
    );
  });

  test('hears of what another changes while it makes its own channels', async () => {
    const one = await control();
    const [id, boot] = [await make(one), newId()];
    const store: ObjectStore = {
      ...storeThatGoes().store,
      put: async (key, ...rest) => {
        if (key === storeKeys.channel(boot)) {
          await call(one, 'PATCH', `/v1/channels/${id}`, { name: 'New' });
        }
        return bench.store.put(key, ...rest);
      },
    };
    const next = own(await bench.startControl({ BOOT_CHANNELS: boot }, store));
    await eventually(async () => {
      const { body } = await call(next, 'GET', `/v1/channels/${id}`);
      return body['name'] === 'New' ? true : undefined;
    });
  });

  test('takes a boot channel’s key from its file as that is by then', async () => {
    const boot = newId();
    const one = own(await bench.startControl({ BOOT_CHANNELS: boot }));
    await keepStreamKey(bench.folder, boot, newStreamKey());
    let key = '';
    let reads = 0;
    const store: ObjectStore = {
      ...storeThatGoes().store,
      get: async (name, options) => {
        // Once for the mirror, and again before it is changed.
        if (name === storeKeys.channel(boot) && (reads += 1) === 2) {
          const { body } = await call(one, 'POST', `/v1/channels/${boot}/stream-key`);
          key = String(body['streamKey']);
        }
        return bench.store.get(name, options);
      },
    };
    own(await bench.startControl({ BOOT_CHANNELS: boot }, store));
    expect(key).not.toBe('');
    expect((await mirrored(boot))?.streamKeyHash).toBe(hashOfStreamKey(key));
  });
});

describe('two controls', () => {
  test('see each other’s channels, changes and deletions', async () => {
    const [one, other] = [await control(), await control()];
    const id = await make(one, { name: 'One' });
    const seen = (wanted: number): Promise<true> =>
      eventually(async () =>
        (await call(other, 'GET', `/v1/channels/${id}`)).status === wanted ? true : undefined,
      );
    await seen(200);
    await call(other, 'PATCH', `/v1/channels/${id}`, { name: 'Other' });
    await eventually(async () => {
      const { body } = await call(one, 'GET', `/v1/channels/${id}`);
      return body['name'] === 'Other' ? true : undefined;
    });
    expect((await call(one, 'DELETE', `/v1/channels/${id}`)).status).toBe(204);
    await seen(404);
  });

  test('change a channel as it is in the store, not as the one knew it', async () => {
    const [one, other] = [await control(), await control()];
    const id = await make(one);
    await eventually(async () =>
      (await call(other, 'GET', `/v1/channels/${id}`)).status === 200 ? true : undefined,
    );
    const body = await bench.store.get(storeKeys.channel(id));
    const present = channelSchema.parse(JSON.parse(body?.toString('utf8') ?? 'null'));
    // The notice of this new key is lost.
    const streamKeyHash = 'a'.repeat(64);
    const renewed = Buffer.from(JSON.stringify({ ...present, streamKeyHash }));
    await bench.store.put(storeKeys.channel(id), renewed);
    expect((await call(other, 'PATCH', `/v1/channels/${id}`, { name: 'New' })).status).toBe(200);
    expect(await mirrored(id)).toMatchObject({ name: 'New', streamKeyHash });
  });

  test('bring back by a change no channel whose deletion was not heard of', async () => {
    const one = await control();
    const id = await make(one);
    await bench.store.delete(storeKeys.channel(id));
    expect((await call(one, 'PATCH', `/v1/channels/${id}`, { name: 'New' })).status).toBe(404);
    expect(await bench.store.head(storeKeys.channel(id))).toBeUndefined();
    expect((await call(one, 'GET', `/v1/channels/${id}`)).status).toBe(404);
  });

  test('take from the mirror what has no record, and not what another has made meanwhile', async () => {
    const id = await make(await control());
    await bench.redis.hset(
      redisKeys.channels,
      'without-record',
      JSON.stringify(await mirrored(id)),
    );
    // A list read a moment earlier does not have the channel.
    async function* noKeys(): AsyncIterable<string> {
      yield* await Promise.resolve([]);
    }
    own(await bench.startControl({}, { ...storeThatGoes().store, list: noKeys }));
    expect(await mirrored(id)).toBeDefined();
    expect(await mirrored('without-record')).toBeUndefined();
  });

  test('mirror an emptied Redis from the store, and a deleted channel stays deleted', async () => {
    const [one] = [await control(), await control()];
    const [kept, gone] = [await make(one), await make(one)];
    expect((await call(one, 'DELETE', `/v1/channels/${gone}`)).status).toBe(204);
    await bench.redis.flushall();
    await eventually(() => mirrored(kept));
    await call(one, 'PATCH', `/v1/channels/${kept}`, { name: 'After' });
    expect(await mirrored(kept)).toMatchObject({ name: 'After' });
    expect(await mirrored(gone)).toBeUndefined();
  });

  test('mirror what they know where the store is away, too', async () => {
    const { store, away } = storeThatGoes();
    const one = own(await bench.startControl({}, store));
    const id = await make(one);
    away(true);
    await bench.redis.flushall();
    await eventually(() => mirrored(id));
  });
});
