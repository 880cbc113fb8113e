/**
 * Keys, tokens and passwords of a running pipeline, right and wrong ones, used in every way a client can use them: then
 * looked for in everything that the pipeline wrote, answered or keeps.
 *
 * @takes-seconds 20
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from '#common/redis';
import { fetchBytes, mediaPlaylistUris, readMediaPlaylist } from '../helpers/broadcast-download.ts';
import { runOk, words } from '../helpers/child.ts';
import { ControlApi } from '../helpers/control-api.ts';
import { SMALL_LADDER, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { commandLine, processTree, survivors, type ProcessEntry } from '../helpers/process-tree.ts';
import { publishClip } from '../helpers/publish-clip.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';

const canary = (name: string): string => `canary-${name}-${randomBytes(12).toString('hex')}`;
const TOKEN = canary('token');
const WRONG_TOKEN = canary('wrong-token');
const WRONG_KEY = canary('wrong-key');
const CHANNEL = 'secrets';
/** DESIGN's own places for secrets. */
const KEPT = /^(?:admin-token|stream-key-[a-z0-9-]+)$/;

let pipeline: Pipeline;
let family: readonly ProcessEntry[];
/** Everything that must not be found, by name. */
const secrets = new Map<string, string>();
/** Everything it is looked for in, by place. */
const places = new Map<string, Buffer>();

const note = (place: string, content: string | Buffer): void => {
  places.set(place, Buffer.from(content));
};

/** Asks over HTTP and keeps the answer, headers included. */
async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.clone().text();
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  note(`answer ${places.size} to ${init.method ?? 'GET'}`, `${headers}\n\n${text}`);
  return response;
}

const environmentOf = (pid: number): string => readFileSync(`/proc/${pid}/environ`, 'utf8');

beforeAll(async () => {
  pipeline = await startPipeline({ ADMIN_TOKEN: TOKEN, WORKERS: '1', LOG_LEVEL: 'trace' });
  family = processTree(pipeline.pid);
  secrets.set('admin token', TOKEN).set('wrong token', WRONG_TOKEN).set('wrong key', WRONG_KEY);
  const mainKey = readFileSync(join(pipeline.dataDir, 'stream-key-main'), 'utf8').trim();
  secrets.set('key of main', mainKey);
  const redisUrl = /(?<=\0REDIS_URL=)redis:[^\0]+/.exec(environmentOf(pidOf('scheduler')))?.[0];
  secrets.set('redis password', new URL(redisUrl ?? '').password);

  const keys = await makeKeys();
  await publish(keys);
  await askForEverything(keys.current);
  await dumpRedis(redisUrl ?? '');
  for (const { pid, name } of processTree(pipeline.pid)) {
    note(`command line of ${name} ${pid}`, Buffer.from(commandLine(pid)));
  }
  process.kill(pipeline.pid, 'SIGTERM');
  await eventually('the end of the pipeline', () =>
    Promise.resolve(survivors(family).length === 0 ? true : undefined),
  );
  noteFiles(pipeline.dataDir, '');
  note('terminal', pipeline.output().replaceAll(/^(?:Stream key|Admin token) .*$/gm, ''));
}, 120_000);

afterAll(async () => {
  expect(await pipeline.close()).toEqual([]);
}, 60_000);

const pidOf = (name: string): number => family.find((entry) => entry.name === name)?.pid ?? 0;

async function makeKeys(): Promise<{ old: string; current: string }> {
  const api = new ControlApi(pipeline.control, TOKEN);
  const ladder = { ...SMALL_LADDER, video: [{ height: 180, maxBitrateBps: 300_000 }] };
  const old = await api.createChannel({ id: CHANNEL, fps: '30', ladder });
  const renewed = await api.call('POST', `/v1/channels/${CHANNEL}/stream-key`, 200);
  const current = String(new Map(Object.entries(Object(renewed))).get('streamKey'));
  secrets.set('old key', old).set('key', current);
  return { old, current };
}

/** Publishes until viewers have segments, with refusals before and beside it. */
async function publish({ old, current }: { old: string; current: string }): Promise<void> {
  const clip = join(pipeline.dataDir, '..', 'clip.flv');
  await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000
      -t 60 -c:v libx264 -preset ultrafast -g 30 -c:a aac -f flv ${clip}`,
  );
  const port = pipeline.rtmpPort;
  const sending = new AbortController();
  const publication = await eventually('the new key', () =>
    publishClip(clip, { port, key: current }, { signal: sending.signal }),
  );
  for (const target of [
    { port, key: WRONG_KEY },
    { port, key: old },
    { port, key: current },
    { port, key: `${current}?key=${WRONG_KEY}` },
    { port, app: `other/${WRONG_KEY}`, key: current },
  ]) {
    await expect(RtmpPublisher.publish(target)).rejects.toThrow('BadName');
  }
  const index = `${pipeline.edge}/live/${CHANNEL}/index.m3u8`;
  await eventually('segments', async () => {
    const [uri = ''] = mediaPlaylistUris((await fetchBytes(index)).toString('utf8'));
    const url = new URL(uri, index).href;
    const { segments } = readMediaPlaylist((await fetchBytes(url)).toString('utf8'));
    return segments.length >= 2 ? true : undefined;
  });
  note('playlist', await fetchBytes(index));
  sending.abort();
  await publication.sent.catch(() => undefined);
  await publication.publisher.stop();
}

async function askForEverything(key: string): Promise<void> {
  const { control, edge } = pipeline;
  const right = { authorization: `Bearer ${TOKEN}` };
  const wrong = { authorization: `Bearer ${WRONG_TOKEN}` };
  const json = { 'content-type': 'application/json' };
  const services = await ask(`${control}/v1/services`, { headers: right });
  const urls = [...(await services.text()).matchAll(/"url":"(http:[^"]+)"/g)].map(([, url]) => url);
  expect(new Set(urls).size).toBeGreaterThanOrEqual(5);
  for (const url of new Set(urls)) {
    for (const path of ['/metrics', '/readyz', '/healthz']) {
      expect((await ask(`${url}${path}`)).status).toBeLessThan(504);
    }
  }
  for (const headers of [right, wrong, {}]) {
    for (const path of [
      ...['/', '/v1/openapi.json', '/v1/channels', `/v1/channels/${CHANNEL}`, '/v1/workers'],
      ...[`/v1/channels/${CHANNEL}/status`, `/v1/channels/${CHANNEL}/broadcasts`, '/v1/edges'],
      ...['/v1/nothing', `/v1/channels/${CHANNEL}?token=${WRONG_TOKEN}`],
    ]) {
      await ask(`${control}${path}`, { headers });
    }
    for (const body of [`{"id":"x","streamKey":"${key}"}`, `{"streamKey":"${key}"`, `"${TOKEN}"`]) {
      await ask(`${control}/v1/channels`, {
        method: 'POST',
        headers: { ...headers, ...json },
        body,
      });
    }
  }
  for (const token of [WRONG_TOKEN, TOKEN]) {
    const body = new URLSearchParams({ token });
    const login = await ask(`${control}/login`, { method: 'POST', body });
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? `touchline-session=${token}`;
    await ask(`${control}/`, { headers: { cookie, accept: 'text/html' } });
  }
  for (const path of [`/watch/${CHANNEL}`, `/embed/${CHANNEL}`, '/v1/edges/nearest', '/time']) {
    await ask(`${edge}${path}?token=${WRONG_TOKEN}`);
  }
  await ask(`${edge}/live/${CHANNEL}/${key}.m3u8`);
}

async function dumpRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  const dump: Buffer[] = [];
  for await (const keys of redis.scanStream({ count: 500 })) {
    for (const key of keys as string[]) {
      dump.push(Buffer.from(key), ...(await readKey(redis, key)));
    }
  }
  redis.disconnect();
  expect(dump.length).toBeGreaterThan(20);
  note('redis', Buffer.concat(dump));
}

async function readKey(redis: Redis, key: string): Promise<Buffer[]> {
  const flat = (value: unknown): Buffer[] =>
    Array.isArray(value)
      ? value.flatMap(flat)
      : [Buffer.isBuffer(value) ? value : Buffer.from(String(value))];
  switch (await redis.type(key)) {
    case 'string':
      return flat(await redis.getBuffer(key));
    case 'hash':
      return flat(Object.entries(await redis.hgetall(key)));
    case 'list':
      return flat(await redis.lrangeBuffer(key, 0, -1));
    case 'set':
      return flat(await redis.smembersBuffer(key));
    case 'zset':
      return flat(await redis.zrangeBuffer(key, '0', '-1'));
    case 'stream':
      return flat(await redis.xrangeBuffer(key, '-', '+'));
    default:
      return [];
  }
}

function noteFiles(folder: string, path: string): void {
  for (const name of readdirSync(join(folder, path))) {
    const inner = join(path, name);
    if (statSync(join(folder, inner)).isDirectory()) {
      noteFiles(folder, inner);
    } else if (!KEPT.test(inner)) {
      note(`file ${inner}`, readFileSync(join(folder, inner)));
    }
  }
}

describe('a secret', () => {
  test('is looked for where there is something to find', () => {
    const names = [...places.keys()].join('\n');
    for (const place of [
      ...[
        'logs/ingest.log',
        'logs/control.log',
        'logs/scheduler.log',
        'logs/supervisor.log',
        'redis/appendonlydir',
      ],
      ...[
        `store/channels/${CHANNEL}.json`,
        'store/raw/',
        'store/media/',
        'terminal',
        'command line',
      ],
    ]) {
      expect(names).toContain(place);
    }
    expect([...secrets.values()].filter((secret) => secret.length < 16)).toEqual([]);
    expect(places.get('file logs/ingest.log')?.toString()).toContain(CHANNEL);
  });

  test('is in no log, metric, job, error, answer, stored object or command line', () => {
    const found = [...places].flatMap(([place, content]) =>
      [...secrets]
        .filter(([, secret]) => content.includes(secret))
        .map(([name]) => `${name} in ${place}`),
    );
    expect(found).toEqual([]);
  });
});
