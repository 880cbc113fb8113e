import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { storeKeys } from '#common/contracts/names';
import { rawRecordSchema } from '#common/contracts/raw-chunk';
import { segmentNumber } from '#common/time';
import { runOk, words } from '../helpers/child.ts';
import { FLV_TAG, type FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import {
  ended,
  makeClip,
  play,
  startHarness,
  testChannel,
  type IngestHarness,
} from './ingest-harness.ts';

/** The clip has four seconds; sound alone is borne after five, so it comes twice without its pictures. */
const RATE = 5;
let harness: IngestHarness;

beforeAll(async () => {
  harness = await startHarness({ clockRate: RATE });
});

afterAll(() => harness.close());

test('an encoder that comes back without its camera has its sound carried, and its pictures once they come', async () => {
  const clip = await makeClip();
  const alone = clip.filter(({ type }) => type !== FLV_TAG.video);
  await harness.setChannel({ ...testChannel('blind', 'blind-key'), fps: '30' });
  const publisher = await RtmpPublisher.publish({ port: harness.port, key: 'blind-key' });
  const later = (tags: readonly FlvTag[], by: number): FlvTag[] =>
    tags.map((tag) => ({ ...tag, timestamp: tag.timestamp + by }));
  const feed = [...alone, ...later(alone, 4_000), ...later(clip, 8_000)];
  await play(publisher, feed, RATE);
  await publisher.stop();
  await ended(harness, 'blind');

  const log = await harness.log('blind');
  const told = log.flatMap((entry) => (entry.t === 'session' ? [entry.video] : []));
  expect(told).toEqual([null, { width: 320, height: 180 }]);
  const rows = log.flatMap((entry) => (entry.t === 'frames' ? [...entry.v, ...entry.a] : []));
  const seqs = rows.map(({ seq }) => seq).sort((a, b) => a - b);
  expect(seqs).toEqual(seqs.map((_, i) => i));
  const again = log.findLastIndex(({ t }) => t === 'session');
  expect(log.slice(0, again).every((entry) => entry.t !== 'frames' || entry.v.length === 0)).toBe(
    true,
  );

  const jobs = await eventually('the raw chunks', () =>
    Promise.resolve(harness.jobs.at(-1)?.lastSeq === seqs.at(-1) ? harness.jobs : undefined),
  );
  let pictures = 0;
  const kept: number[] = [];
  for (const { channel, session, n } of jobs) {
    const json = await harness.store.get(storeKeys.rawRecord(channel, session, segmentNumber(n)));
    const record = rawRecordSchema.parse(JSON.parse(json?.toString('utf8') ?? 'null'));
    kept.push(...record.frames.map(({ seq }) => seq));
    const body = await harness.store.get(storeKeys.rawChunk(channel, session, segmentNumber(n)));
    // A chunk may begin between keyframes, so what it lacks for decoding is no fault of its own: its packets are counted.
    const read = await runOk(
      'ffprobe',
      words`-v quiet -show_entries packet=codec_type -of csv=p=0 -f mp4 pipe:0`,
      { input: [body ?? Buffer.alloc(0)] },
    );
    const packets = read.stdout
      .toString()
      .split(/\s+/)
      .filter((kind) => kind !== '');
    const kinds = record.frames.map(({ kind }) => kind as string);
    expect(packets.toSorted()).toEqual(kinds.toSorted());
    pictures += Number(kinds.includes('video'));
  }
  expect(kept.sort((a, b) => a - b)).toEqual(seqs);
  expect(pictures).toBeGreaterThan(0);
  expect(pictures).toBeLessThan(jobs.length);
}, 60_000);
