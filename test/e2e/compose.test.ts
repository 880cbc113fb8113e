/**
 * docker-compose.yml without an engine: each service's command with its own environment, as separate processes
 * against one Redis and one S3 server; only names and ports of the network are put in their place.
 *
 * @takes-seconds 40
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { storeKeys } from '#common/contracts/names';
import { openS3Store } from '#common/store/s3';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber } from '#common/time';
import { downloadBroadcast } from '../helpers/broadcast-download.ts';
import { waitForAir, waitForRecording } from '../helpers/broadcast-run.ts';
import { readCompose, type ComposeService } from '../helpers/compose-file.ts';
import { ControlApi } from '../helpers/control-api.ts';
import { SMALL_LADDER } from '../helpers/pipeline.ts';
import { describeWith } from '../helpers/needs.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip } from '../helpers/publish-clip.ts';
import { RADOSGW, startRadosgw, type Radosgw } from '../helpers/radosgw.ts';
import { freePort, startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CHANNEL = 'many';
const ADMIN_TOKEN = 'admin-token-0123456789';
const CLIP_SECONDS = 16;

interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  readonly log: string;
}

let folder: string;
let redis: TestRedis;
let radosgw: Radosgw;
let store: ObjectStore;
let ports: Readonly<Record<string, number>>;
const running: Running[] = [];

/** What the engine's network does: names become addresses, and published ports are reached on this machine. */
function onThisMachine(
  service: ComposeService,
  dataDir: string,
  own: Record<string, string>,
): Record<string, string> {
  const places: Readonly<Record<string, string>> = {
    'http://aggregator:8082': `http://127.0.0.1:${ports['origin']}`,
  };
  const environment = Object.entries(service.environment).map(([name, value]): [string, string] => [
    name,
    places[value] ?? value,
  ]);
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'production',
    ...Object.fromEntries(environment),
    BIND_HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    REDIS_URL: redis.url,
    ...own,
  };
}

async function start(name: string, own: Record<string, string>, instance = name): Promise<Running> {
  const service = services().get(name);
  const [program = '', ...args] = Array.isArray(service?.command) ? service.command : [];
  if (service === undefined || program !== 'node') {
    throw new Error(`${name} runs no node`);
  }
  const dataDir = join(folder, instance);
  await mkdir(dataDir);
  const log = join(folder, `${instance}.log`);
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: onThisMachine(service, dataDir, own),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const started = { name: instance, child, log };
  running.push(started);
  return started;
}

const services = (): ReadonlyMap<string, ComposeService> =>
  readCompose({
    REDIS_PASSWORD: 'not-used-here',
    ADMIN_TOKEN,
    S3_ENDPOINT: radosgw.endpoint,
    S3_ACCESS_KEY_ID: radosgw.accessKeyId,
    S3_SECRET_ACCESS_KEY: radosgw.secretAccessKey,
  }).services;

describeWith(
  RADOSGW,
  'the services of docker-compose.yml, as processes on one Redis and one S3',
  () => {
    let api: ControlApi;
    let edges: readonly string[];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'touchline-compose-'));
      [redis, radosgw] = await Promise.all([startRedis(), startRadosgw()]);
      const { endpoint, accessKeyId, secretAccessKey } = radosgw;
      store = openS3Store({ endpoint, bucket: 'touchline', accessKeyId, secretAccessKey });
      const names = ['rtmp', 'control', 'origin', 'edgeA', 'edgeB'];
      const free = await Promise.all(names.map(() => freePort()));
      ports = Object.fromEntries(names.map((name, index) => [name, free[index] ?? 0]));
      const prepare = await start('prepare-store', {});
      const [code] = (await once(prepare.child, 'exit')) as [number | null];
      expect(code).toBe(0);
      const port = (name: string): string => String(ports[name]);
      await start('control', { CONTROL_PORT: port('control') });
      await start('scheduler', { HEALTH_PORT: '0' });
      await start('aggregator', { ORIGIN_PORT: port('origin') });
      await start('ingest', { RTMP_PORT: port('rtmp'), HEALTH_PORT: '0' });
      await start('transcoder', { HEALTH_PORT: '0' }, 'transcoder-1');
      await start('transcoder', { HEALTH_PORT: '0' }, 'transcoder-2');
      await start('edge-a', { HTTP_PORT: port('edgeA') });
      await start('edge-b', { HTTP_PORT: port('edgeB') });
      api = new ControlApi(`http://127.0.0.1:${port('control')}`, ADMIN_TOKEN);
      edges = [`http://127.0.0.1:${port('edgeA')}`, `http://127.0.0.1:${port('edgeB')}`];
      await eventually('the pipeline to be ready', async () =>
        (await fetch(`http://127.0.0.1:${port('control')}/readyz`)).ok ? true : undefined,
      );
    }, 120_000);

    afterAll(async () => {
      for (const { child } of running) {
        child.kill('SIGKILL');
      }
      await store.close();
      await Promise.all([redis.close(), radosgw.close()]);
      await rm(folder, { recursive: true, force: true });
    }, 60_000);

    test('carry a broadcast: live and back in time on both edges, and as a recording out of S3', async () => {
      const recipe = { ...RECIPES['steady-30'], name: 'compose-30' };
      const clip = await makeClip(
        { ...recipe, sizes: [{ width: 320, height: 180 }] },
        CLIP_SECONDS,
      );
      const key = await api.createChannel({ id: CHANNEL, fps: '30', ladder: SMALL_LADDER });
      const target = { port: ports['rtmp'] ?? 0, key };
      const publication = await eventually('the stream key to be accepted', () =>
        publishClip(clip.path, target),
      );
      const here = { api, edge: edges[0] ?? '' };
      const { broadcast, fps } = await waitForAir(here, CHANNEL);
      const far = broadcast + 4;
      for (const edge of edges) {
        const live = await eventually(
          'five segments live',
          async () => {
            const seen = await downloadBroadcast(`${edge}/live/${CHANNEL}/index.m3u8`);
            const isFar = seen.renditions.every(({ segments }) => (segments.at(-1)?.n ?? 0) >= far);
            return isFar ? seen : undefined;
          },
          { timeoutMs: 60_000, everyMs: 500 },
        );
        // Back to the first second of the match, while it goes on.
        expect(live.renditions.map(({ segments }) => segments[0]?.n)).toEqual(
          live.renditions.map(() => broadcast),
        );
      }
      await publication.sent;
      await publication.publisher.stop();
      const { hls } = await waitForRecording(here, CHANNEL, broadcast, fps);
      const recording = await downloadBroadcast(hls);
      expect(recording.renditions.length).toBeGreaterThanOrEqual(2);
      for (const { id, segments } of recording.renditions) {
        expect(segments.map(({ n }) => n)).toEqual(segments.map((_, index) => broadcast + index));
        expect(segments.length).toBeGreaterThanOrEqual(CLIP_SECONDS / 2 - 2);
        for (const { n, data } of segments) {
          const kept = await store.get(storeKeys.segment(CHANNEL, id, segmentNumber(n)));
          expect(kept?.equals(data)).toBe(true);
        }
      }
      const workers = await Promise.all(
        running
          .filter(({ name }) => name.startsWith('transcoder'))
          .map(async ({ log }) => readFile(log, 'utf8')),
      );
      expect(workers.map((log) => log.includes('service started'))).toEqual([true, true]);
    }, 120_000);

    test('stop on SIGTERM within the time the engine gives them, with nothing undone', async () => {
      const file = services();
      const graceOf = ({ name }: Running): number => {
        const service = file.get(name.replace(/-\d+$/, ''));
        return Number(/^(\d+)s$/.exec(service?.stop_grace_period ?? '')?.[1]) * 1_000;
      };
      const ends = running
        .filter(({ name }) => name !== 'prepare-store')
        .map(async (service) => {
          const exited = once(service.child, 'exit');
          const killer = setTimeout(() => service.child.kill('SIGKILL'), graceOf(service));
          service.child.kill('SIGTERM');
          const [code, signal] = (await exited) as [number | null, string | null];
          clearTimeout(killer);
          const log = await readFile(service.log, 'utf8');
          return { name: service.name, code, signal, isClean: !log.includes('part did not close') };
        });
      for (const ended of await Promise.all(ends)) {
        expect(ended).toEqual({ name: ended.name, code: 0, signal: null, isClean: true });
      }
    }, 120_000);

    test('write no secret into their logs', async () => {
      for (const { log } of running) {
        const text = await readFile(log, 'utf8');
        expect(text).not.toContain(radosgw.secretAccessKey);
        expect(text).not.toContain(ADMIN_TOKEN);
      }
    });
  },
);
