/** @takes-seconds 20 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CodedFrame } from '#common/contracts/frame';
import { redisKeys } from '#common/contracts/names';
import { FEED_REFUSED, feedStatusSchema, type FeedStatus } from '#common/contracts/status';
import { statusOf } from '../../control/api/status.ts';
import { encodeAmf } from '../helpers/amf0.ts';
import { writeAvcConfiguration, writePps, writeSlice, writeSps } from '../helpers/bits.ts';
import { runOk, words } from '../helpers/child.ts';
import {
  FLV_TAG,
  isPicture,
  isSequenceHeader,
  readFlv,
  retimed,
  type FlvTag,
} from '../helpers/flv.ts';
import { made, verify } from '../helpers/media-fuzz.ts';
import { joinSample } from '#common/codec/h264/nal-units';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { seeded } from '../helpers/seeded.ts';
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
import { ENCODER } from './transcoder-harness.ts';

const SEED = 31;
/** Three hours, milliseconds. */
const STEP = 10_800_000;
let harness: IngestHarness;
let clip: FlvTag[];
let channels = 0;
beforeAll(async () => {
  clip = await makeClip();
  harness = await startHarness({ env: { RTMP_MAX_CONNECTIONS_PER_ADDRESS: '200' } });
});
afterAll(async () => {
  await harness.close();
});

async function publisherOf(): Promise<{ channel: string; publisher: RtmpPublisher }> {
  channels += 1;
  const channel = `media-${channels}`;
  const key = `key-${channels}`;
  await harness.setChannel(testChannel(channel, key));
  const publisher = await eventually('the channel to be known', () =>
    RtmpPublisher.publish({ port: harness.port, key }),
  );
  return { channel, publisher };
}
const feedOf = async (channel: string): Promise<FeedStatus | undefined> => {
  const text = await harness.redis.hget(redisKeys.feeds, channel);
  return text === null ? undefined : feedStatusSchema.parse(JSON.parse(text));
};
const video = (data: Buffer, timestamp = 0): FlvTag => ({ type: FLV_TAG.video, timestamp, data });
const audio = (data: Buffer, timestamp = 0): FlvTag => ({ type: FLV_TAG.audio, timestamp, data });
const configuration = (...sets: readonly [Buffer, Buffer]): FlvTag =>
  video(Buffer.concat([Buffer.of(0x17, 0, 0, 0, 0), writeAvcConfiguration([sets[0]], [sets[1]])]));
const picture = (sample: Buffer): FlvTag =>
  video(Buffer.concat([Buffer.of(0x17, 1, 0, 0, 0), sample]));
const flood = (count: number): FlvTag[] =>
  Array.from({ length: count }, (_, n) => picture(joinSample([writeSlice(n === 0 ? 7 : 5)])));

describe('a publisher whose media are not taken', () => {
  const REJECTED = 'NetStream.Publish.Rejected';
  const FAILED = 'NetStream.Publish.Failed';
  const refused: readonly [string, () => FlvTag[], string, RegExp][] = [
    [
      'a picture of 16K',
      () => [configuration(writeSps({ blocks: [1024, 540] }), writePps())],
      REJECTED,
      /16384x8640 is too large.*smaller output size in the encoder/,
    ],
    [
      'a picture that becomes 16K',
      () => [
        configuration(writeSps(), writePps()),
        picture(joinSample([writeSps({ blocks: [1024, 540] }), writeSlice(7)])),
      ],
      REJECTED,
      /too large/,
    ],
    [
      'separate colour planes',
      () => [
        configuration(writeSps({ profile: 244, chroma: 3, separatePlanes: true }), writePps()),
      ],
      REJECTED,
      /set the encoder to H.264 High profile, 8 bit, 4:2:0/,
    ],
    [
      'AV1',
      () => [video(Buffer.concat([Buffer.of(0x90), Buffer.from('av01')]))],
      REJECTED,
      /only H.264 \+ AAC: the feed has av01 .*choose H.264/,
    ],
    ['MP3', () => [audio(Buffer.of(0x2f, 255, 251))], REJECTED, /has MP3; choose AAC/],
    ['Speex', () => [audio(Buffer.of(0xb2, 1, 1))], REJECTED, /has Speex; choose AAC/],
    [
      'HE-AAC',
      () => [audio(Buffer.of(0xaf, 0, 0x2b, 0x09, 0x88, 0))],
      REJECTED,
      /HE-AAC; set the encoder to AAC-LC/,
    ],
    [
      'ADTS in its sound',
      () => [
        audio(Buffer.of(0xaf, 0, 0x11, 0x90)),
        audio(Buffer.of(0xaf, 1, 255, 241, 80, 128, 1, 1)),
      ],
      FAILED,
      /ADTS headers/,
    ],
    [
      'a playlist for a picture',
      () => [video(Buffer.from('#EXTM3U\nhttp://127.0.0.1/x.ts\n'))],
      REJECTED,
      /only H.264 \+ AAC/,
    ],
    [
      'a playlist for sound',
      () => [audio(Buffer.from('#EXTM3U\nhttp://127.0.0.1/x.ts\n'))],
      REJECTED,
      /only H.264 \+ AAC/,
    ],
    [
      'more messages than any feed has',
      () => [configuration(writeSps(), writePps()), ...flood(12_000)],
      FAILED,
      /more than 1000 messages a second: set a lower frame rate/,
    ],
  ];

  test('is told why, the status tells it too, and the publisher beside it loses nothing', async () => {
    const beside = await RtmpPublisher.publish({ port: harness.port, key: STREAM_KEY });
    const playing = play(beside, clip);
    for (const [name, tagsOf, code, text] of refused) {
      const { channel, publisher } = await publisherOf();
      for (const tag of tagsOf()) {
        // It may be refused before the last.
        await publisher.send(tag).catch(() => undefined);
      }
      await eventually(`the refusal of ${name}`, () =>
        Promise.resolve(publisher.isClosed ? true : undefined),
      );
      expect({ name, ...publisher.statuses.at(-1) }).toMatchObject({
        name,
        level: 'error',
        code,
        description: expect.stringMatching(text),
      });
      const feed = await eventually('the status', async () => {
        const status = await feedOf(channel);
        return status?.connected === false ? status : undefined;
      });
      const view = statusOf({
        channel: testChannel(channel),
        air: undefined,
        origin: undefined,
        feed,
        isLed: true,
        unfinished: 0,
        fillers: [],
        rawStored: undefined,
        viewers: undefined,
        disk: 'ok',
        now: feed.at + 60_000,
      });
      expect(view.warnings).toEqual([{ code: FEED_REFUSED, message: expect.stringMatching(text) }]);
    }
    await playing;
    await beside.stop();
    await ended(harness, 'main');
    const count = (await harness.log('main')).reduce(
      (sum, entry) => sum + (entry.t === 'frames' ? entry.v.length : 0),
      0,
    );
    expect(count).toBe(picturesOf(clip));
  }, 60_000);
});

describe('a publisher whose media are odd', () => {
  const encoded = async (options: readonly string[]): Promise<FlvTag[]> => {
    const { stdout } = await runOk('ffmpeg', words`-v error ${options} -f flv pipe:1`);
    return readFlv(stdout);
  };
  const encode = (rate: number, seconds: number, options: string): Promise<FlvTag[]> =>
    encoded(
      words`-f lavfi -i testsrc2=size=64x64:rate=${rate} -f lavfi -i sine=sample_rate=48000
        -t ${seconds} -c:v libx264 -preset ultrafast ${options.split(' ')} -c:a aac`,
    );
  const isSound = (tag: FlvTag): boolean => tag.type === FLV_TAG.audio && !isSequenceHeader(tag);
  const undeclared = (tags: readonly FlvTag[]): FlvTag[] =>
    tags.filter(({ type }) => type !== FLV_TAG.script);

  const odd: readonly [string, () => Promise<FlvTag[]>, readonly string[]][] = [
    [
      'sound of noise',
      () => {
        const random = seeded(SEED);
        const noise = (): Buffer =>
          Buffer.from([0xaf, 1, 1, ...Array.from({ length: 200 }, () => random() * 256)]);
        return Promise.resolve(clip.map((tag) => (isSound(tag) ? { ...tag, data: noise() } : tag)));
      },
      [],
    ],
    [
      'a clock that steps by three hours',
      () =>
        Promise.resolve(
          clip.map((tag) => (tag.timestamp < 2000 ? tag : retimed(tag, tag.timestamp + STEP))),
        ),
      ['TIMESTAMPS_JUMP'],
    ],
    [
      'composition times of minus an hour',
      () =>
        Promise.resolve(
          clip.map((tag) => (isPicture(tag) ? retimed(tag, tag.timestamp, -3_600_000) : tag)),
        ),
      ['COMPOSITION_TIMES'],
    ],
    [
      'sound that says 44.1 kHz and is 48',
      () =>
        Promise.resolve(
          clip.map((tag) =>
            tag.type === FLV_TAG.audio && isSequenceHeader(tag)
              ? { ...tag, data: Buffer.of(0xaf, 0, 0x12, 0x10) }
              : tag,
          ),
        ),
      ['SOUND_TIMESTAMPS'],
    ],
    ['240 pictures a second', () => encode(240, 5.5, '-g 240 -bf 0'), ['FRAME_RATE_CONVERTED']],
    ['one picture a second', async () => undeclared(await encode(1, 11, '-g 2 -bf 0')), []],
    ['one keyframe for all', () => encode(30, 6, '-g 9999 -bf 2'), []],
    ['fields', () => encode(25, 4, '-flags +ildct+ilme -x264-params tff=1'), ['INTERLACED']],
    ['10 bit in 4:2:2', () => encode(25, 4, '-pix_fmt yuv422p10le'), []],
    [
      'sound that comes late',
      () => Promise.resolve(clip.filter((tag) => !isSound(tag) || tag.timestamp > 2500)),
      [],
    ],
    [
      'a picture that comes late',
      async () => {
        const late = (await encode(30, 5, '-g 30')).map((tag) =>
          tag.type === FLV_TAG.video ? retimed(tag, tag.timestamp + 2500) : tag,
        );
        return late.sort((a, b) => a.timestamp - b.timestamp);
      },
      [],
    ],
    [
      'an absurd frame rate declared',
      () =>
        Promise.resolve(
          clip.map((tag) =>
            tag.type === FLV_TAG.script
              ? { ...tag, data: encodeAmf('onMetaData', { framerate: 1e300, width: -1 }) }
              : tag,
          ),
        ),
      [],
    ],
  ];

  test('is warned in its status, and what comes of it are whole segments', async () => {
    const results = await Promise.all(
      odd.map(async ([name, tagsOf, wanted]) => {
        const tags = await tagsOf();
        const { channel, publisher } = await publisherOf();
        await play(publisher, tags, 1, STEP);
        const wasClosed = publisher.isClosed;
        let codes: string[] = [];
        await eventually(
          `the warnings of ${name}`,
          async () => {
            codes = ((await feedOf(channel))?.warnings ?? []).map(({ code }) => code);
            return wanted.every((code) => codes.includes(code)) ? true : undefined;
          },
          { timeoutMs: 10_000 },
        ).catch(() => undefined);
        await publisher.stop();
        await ended(harness, channel);
        const log = await harness.log(channel);
        const session = log.flatMap((entry) => (entry.t === 'session' ? [entry] : []))[0];
        const frames: CodedFrame[] = await harness.hot(channel, session?.session ?? '');
        return { name, wasClosed, codes, wanted, fps: session?.fps ?? '30', frames };
      }),
    );
    for (const { name, wasClosed, codes, wanted, fps, frames } of results) {
      expect({ name, wasClosed }).toEqual({ name, wasClosed: false });
      expect({ name, codes }).toEqual({ name, codes: expect.arrayContaining([...wanted]) });
      const segment = await made(frames, ENCODER, fps);
      expect({ name, isShown: segment !== undefined }).toEqual({ name, isShown: true });
      expect(segment && verify(segment.n, segment.transcoded, new Map(), fps)).toBeUndefined();
    }
  }, 90_000);
});
