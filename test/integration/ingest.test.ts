/** @takes-seconds 25 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { feedStatusSchema } from '#common/contracts/status';
import { redisKeys, storeKeys } from '#common/contracts/names';
import { rawRecordSchema, type ChunkJob, type RawRecord } from '#common/contracts/raw-chunk';
import { segmentNumber } from '#common/time';
import { Spool } from '../../ingest/raw/spool.ts';
import { run, runOk, words } from '../helpers/child.ts';
import { FLV_TAG, retimed, type FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import {
  ended,
  makeClip,
  picturesOf,
  play,
  startHarness,
  STREAM_KEY,
  testChannel,
  type IngestHarness,
} from './ingest-harness.ts';

let clip: FlvTag[];

beforeAll(async () => {
  clip = await makeClip();
});

const recordsOf = (harness: IngestHarness, jobs: readonly ChunkJob[]): Promise<RawRecord[]> =>
  Promise.all(
    jobs.map(async ({ channel, session, n }) => {
      const json = await harness.store.get(storeKeys.rawRecord(channel, session, segmentNumber(n)));
      return rawRecordSchema.parse(JSON.parse(json?.toString('utf8') ?? 'null'));
    }),
  );

describe('a publisher', () => {
  let harness: IngestHarness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(() => harness.close());

  test('has every frame in the log, the hot stream and the raw chunks, once and in order', async () => {
    await harness.setChannel(testChannel('whole', 'whole-key'));
    const publisher = await RtmpPublisher.publish({ port: harness.port, key: 'whole-key' });
    await play(publisher, clip);
    const status = await eventually('the feed’s status', async () => {
      const json = await harness.redis.hget(redisKeys.feeds, 'whole');
      return json === null ? undefined : feedStatusSchema.parse(JSON.parse(json));
    });
    expect(status).toMatchObject({ connected: true, width: 320, height: 180 });
    await publisher.stop();
    await ended(harness, 'whole');

    const log = await harness.log('whole');
    expect(log[0]).toMatchObject({
      t: 'session',
      fps: '30',
      video: { width: 320, height: 180 },
      audio: { rate: 48_000, channels: 1 },
    });
    expect(log.at(-1)).toMatchObject({ t: 'end', clean: true });
    const rows = log.flatMap((entry) => (entry.t === 'frames' ? [...entry.v, ...entry.a] : []));
    const seqs = rows.map(({ seq }) => seq).sort((a, b) => a - b);
    expect(seqs).toEqual(seqs.map((_, i) => i));
    const indices = log
      .flatMap((entry) => (entry.t === 'frames' ? entry.v.map(({ index }) => index) : []))
      .sort((a, b) => a - b);
    expect(indices).toHaveLength(picturesOf(clip));
    expect(indices).toEqual(indices.map((_, i) => (indices[0] ?? 0) + i));

    const session = log[0]?.t === 'session' ? log[0].session : '';
    const hot = await harness.hot('whole', session);
    expect(hot.map(({ seq }) => seq)).toEqual(seqs);

    const jobs = await eventually('the raw chunks', async () => {
      const found = harness.jobs.filter((job) => job.session === session);
      return Promise.resolve(found.at(-1)?.lastSeq === seqs.at(-1) ? found : undefined);
    });
    const records = await recordsOf(harness, jobs);
    expect(records.flatMap(({ frames }) => frames.map(({ seq }) => seq))).toEqual(seqs);
    for (const record of records) {
      const key = storeKeys.rawChunk('whole', session, record.n);
      const body = (await harness.store.get(key)) ?? Buffer.alloc(0);
      expect(createHash('sha256').update(body).digest('hex')).toBe(record.sha256);
      for (const { seq, offset, size } of record.frames) {
        const frame = hot.find((candidate) => candidate.seq === seq);
        expect(body.subarray(offset, offset + size).equals(frame?.data ?? Buffer.alloc(0))).toBe(
          true,
        );
      }
    }
    await eventually('an empty spool', async () => {
      const left = await new Spool(join(harness.dataDir, 'ingest-spool')).find();
      return left.some((found) => found.session === session) ? undefined : true;
    });
  });

  test('that is ffmpeg gets raw chunks that any ffmpeg can read when they are joined', async () => {
    await harness.setChannel(testChannel('joined', 'joined-key'));
    const url = `rtmp://127.0.0.1:${harness.port}/live/joined-key`;
    const before = harness.jobs.length;
    await runOk(
      'ffmpeg',
      words`-v error -re -f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=sample_rate=44100
        -t 5 -c:v libx264 -preset ultrafast -g 250 -bf 2 -c:a aac -f flv ${url}`,
    );
    await ended(harness, 'joined');
    const log = await harness.log('joined');
    expect(log[0]).toMatchObject({ fps: '25', audio: { rate: 44_100 } });
    expect(log.at(-1)).toMatchObject({ t: 'end', clean: true });
    const last = log.flatMap((entry) =>
      entry.t === 'frames' ? [...entry.v, ...entry.a].map(({ seq }) => seq) : [],
    );
    const jobs = await eventually('the raw chunks', async () => {
      const found = harness.jobs.slice(before);
      return Promise.resolve(found.at(-1)?.lastSeq === Math.max(...last) ? found : undefined);
    });
    const bodies = await Promise.all(
      jobs.map(({ channel, session, n }) =>
        harness.store.get(storeKeys.rawChunk(channel, session, segmentNumber(n))),
      ),
    );
    const input = bodies.map((body) => body ?? Buffer.alloc(0));
    const read = await run(
      'ffprobe',
      words`-v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 -f mp4 pipe:0`,
      { input },
    );
    expect(read.stderr).toBe('');
    expect(read.stdout.toString().trim()).toBe('125');
  });

  test('with a wrong key or application sees BadName and never Publish.Start', async () => {
    const refused = async (app: string, key: string): Promise<string> => {
      try {
        const publisher = await RtmpPublisher.publish({ port: harness.port, app, key });
        publisher.drop();
        return 'accepted';
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
    };
    const wrongKey = await refused('live', 'nobody');
    expect(wrongKey).toContain('NetStream.Publish.BadName');
    expect(await refused('other', STREAM_KEY)).toBe(wrongKey);
    const { stderr, code } = await run(
      'ffmpeg',
      words`-v debug -f lavfi -i testsrc2=size=320x180:rate=30 -t 1 -c:v libx264 -preset ultrafast
        -f flv rtmp://127.0.0.1:${harness.port}/live/nobody`,
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain('Server error: unknown stream key');
    expect(stderr).not.toContain('Publish.Start');
  });

  test('begins when its first second is over, although it has stalled by then', async () => {
    await harness.setChannel(testChannel('stalled', 'stalled-key'));
    const publisher = await RtmpPublisher.publish({ port: harness.port, key: 'stalled-key' });
    for (const tag of clip.filter(({ timestamp }) => timestamp < 900)) {
      await publisher.send(tag);
    }
    const log = await eventually('the session', async () => {
      const entries = await harness.log('stalled');
      return entries.length > 1 ? entries : undefined;
    });
    expect(log.map(({ t }) => t)).toEqual(['session', 'frames']);
    expect(publisher.isClosed).toBe(false);
    await publisher.stop();
    await ended(harness, 'stalled');
  });

  test('is not disturbed by a second one, which may take over once it has been silent', async () => {
    await harness.setChannel(testChannel('rivals', 'rivals-key'));
    const target = { port: harness.port, key: 'rivals-key' };
    const first = await RtmpPublisher.publish(target);
    await play(first, clip, 4);
    let answer: unknown;
    RtmpPublisher.publish(target).catch((error: unknown) => {
      answer = error;
    });
    // The first sends on until the second is told: silence, of whatever cause, would make room for it.
    const later = clip.map((tag) => ({ ...tag, timestamp: tag.timestamp + 4000 }));
    const told = await eventually(
      'the second to be refused',
      async () => {
        for (const tag of later.splice(0, 1)) {
          await first.send(tag);
        }
        return answer;
      },
      { everyMs: 20 },
    );
    expect(told).toMatchObject({ message: expect.stringContaining('NetStream.Publish.BadName') });
    expect(first.isClosed).toBe(false);
    const second = await eventually('the second to be taken', () => RtmpPublisher.publish(target));
    await eventually('the first to be closed', () =>
      Promise.resolve(first.isClosed ? true : undefined),
    );
    await play(second, clip, 4);
    second.drop();
    await ended(harness, 'rivals', 2);
    const log = await harness.log('rivals');
    const sessions = log.flatMap((entry) => (entry.t === 'session' ? [entry.session] : []));
    expect(new Set(sessions).size).toBe(2);
    expect(log.filter((entry) => entry.t === 'end').map(({ clean }) => clean)).toEqual([
      false,
      false,
    ]);
    const indices = (session: string | undefined): number[] =>
      log.flatMap((entry) =>
        entry.t === 'frames' && entry.session === session ? entry.v.map(({ index }) => index) : [],
      );
    expect(Math.min(...indices(sessions[1]))).toBeGreaterThanOrEqual(
      Math.max(...indices(sessions[0])),
    );
  });

  test('is dropped when its key changes', async () => {
    await harness.setChannel(testChannel('rekeyed', 'old-key'));
    const publisher = await RtmpPublisher.publish({ port: harness.port, key: 'old-key' });
    await harness.setChannel(testChannel('rekeyed', 'new-key'));
    await eventually('the publisher to be dropped', () =>
      Promise.resolve(publisher.isClosed ? true : undefined),
    );
    await expect(RtmpPublisher.publish({ port: harness.port, key: 'old-key' })).rejects.toThrow(
      'BadName',
    );
  });

  test('of HEVC by Enhanced RTMP is told what is taken', async () => {
    const publisher = await RtmpPublisher.publish({ port: harness.port, key: STREAM_KEY });
    const data = Buffer.concat([Buffer.of(0x90), Buffer.from('hvc1'), Buffer.alloc(40)]);
    await publisher.send({ type: FLV_TAG.video, timestamp: 0, data });
    await eventually('the refusal', () => Promise.resolve(publisher.isClosed ? true : undefined));
    expect(publisher.statuses.at(-1)).toMatchObject({
      level: 'error',
      code: 'NetStream.Publish.Rejected',
      description:
        'only H.264 + AAC: the feed has hvc1 in Enhanced RTMP form; choose H.264 as video encoder',
    });
  });

  test('goes on over a wrap of its 32-bit timestamps and past the extended ones', async () => {
    await harness.setChannel(testChannel('wrap', 'wrap-key'));
    const publisher = await RtmpPublisher.publish({ port: harness.port, key: 'wrap-key' });
    const began = performance.now();
    for (const tag of clip) {
      const due = tag.timestamp - (performance.now() - began);
      if (due > 5) {
        await new Promise((resolve) => setTimeout(resolve, due));
      }
      await publisher.send(retimed(tag, (tag.timestamp + 2 ** 32 - 2000) % 2 ** 32));
    }
    await publisher.stop();
    await ended(harness, 'wrap');
    const indices = (await harness.log('wrap'))
      .flatMap((entry) => (entry.t === 'frames' ? entry.v.map(({ index }) => index) : []))
      .sort((a, b) => a - b);
    expect(indices).toEqual(
      Array.from({ length: picturesOf(clip) }, (_, i) => (indices[0] ?? 0) + i),
    );
  });
});

describe('ingest', () => {
  test('finishes after a crash what lies in the spool, and ends the session in the log', async () => {
    let isAway = true;
    const harness = await startHarness({
      isStoreAway: () => isAway,
    });
    try {
      const publisher = await RtmpPublisher.publish({ port: harness.port, key: STREAM_KEY });
      await play(publisher, clip);
      publisher.drop();
      await ended(harness, 'main');
      expect(harness.jobs).toHaveLength(0);
      const log = await harness.log('main');
      const count = log.flatMap((entry) =>
        entry.t === 'frames' ? [...entry.v, ...entry.a] : [],
      ).length;
      const session = log[0]?.t === 'session' ? log[0].session : '';
      const spooled = join(harness.dataDir, 'ingest-spool', 'main', session);
      // The mark goes once the log has the end: marked again before, it would go too.
      await eventually('a session that is not marked open', () =>
        access(join(spooled, 'open')).then(
          () => undefined,
          () => true,
        ),
      );
      // As after kill -9: the session is still marked open.
      await new Spool(join(harness.dataDir, 'ingest-spool')).openSession('main', session);
      isAway = false;
      await harness.restart();
      await eventually('all chunks', () =>
        Promise.resolve(
          harness.jobs.reduce((sum, job) => sum + job.lastSeq - job.firstSeq + 1, 0) >= count
            ? true
            : undefined,
        ),
      );
      await ended(harness, 'main', 2);
      await eventually('an empty spool', async () =>
        access(spooled).then(
          () => undefined,
          () => true,
        ),
      );
    } finally {
      await harness.close();
    }
  }, 40_000);
});
