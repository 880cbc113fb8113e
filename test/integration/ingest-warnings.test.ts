import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import { feedStatusSchema, type FeedStatus } from '#common/contracts/status';
import { FLV_TAG, isSequenceHeader, retimed, type FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { makeClip, startHarness, testChannel, type IngestHarness } from './ingest-harness.ts';

/** How much faster than real time feed and ingest run. */
const RATE = 4;
const CLIP = 4000;

let harness: IngestHarness;
let clip: FlvTag[];
let channels = 0;
const feeds: Feed[] = [];

beforeAll(async () => {
  clip = await makeClip();
  harness = await startHarness({ clockRate: RATE });
}, 60_000);
afterEach(async () => {
  await Promise.all(feeds.splice(0).map((feed) => feed.stop()));
});
afterAll(() => harness.close());

const isPicture = (tag: FlvTag): boolean => tag.type === FLV_TAG.video;
const isSound = (tag: FlvTag): boolean => tag.type === FLV_TAG.audio;

/** A feed that plays the clip again and again, of which parts can be left out. */
class Feed {
  /** The codes of every status since {@link forget}. */
  readonly told = new Set<string>();
  /** What is sent. */
  passes: (tag: FlvTag) => boolean = () => true;
  readonly #publisher: RtmpPublisher;
  readonly #channel: string;
  #isOver = false;
  readonly #playing: Promise<void>;

  private constructor(publisher: RtmpPublisher, channel: string, passes: Feed['passes']) {
    this.#publisher = publisher;
    this.#channel = channel;
    this.passes = passes;
    this.#playing = this.#play();
  }

  static async start(passes: Feed['passes'] = () => true): Promise<Feed> {
    channels += 1;
    const channel = `feed-${channels}`;
    const key = String(channels).padStart(32, '0');
    await harness.setChannel({ ...testChannel(channel, key), fps: '30' });
    const publisher = await RtmpPublisher.publish({ port: harness.port, key });
    const feed = new Feed(publisher, channel, passes);
    feeds.push(feed);
    return feed;
  }

  async send(tags: readonly FlvTag[]): Promise<void> {
    for (const tag of tags) {
      await this.#publisher.send(tag);
    }
  }

  /** Waits for a status that warns of just this, and of nothing else before. */
  async warns(...codes: readonly string[]): Promise<FeedStatus> {
    let newest = '';
    const status = await eventually(
      `${this.#channel} to warn of ${codes.join() || 'nothing'}`,
      async () => {
        const json = await harness.redis.hget(redisKeys.feeds, this.#channel);
        const read = json === null ? undefined : feedStatusSchema.parse(JSON.parse(json));
        const found = (read?.warnings ?? []).map(({ code }) => code);
        found.forEach((code) => this.told.add(code));
        newest = found.join();
        return read !== undefined && read.width > 0 && newest === codes.join() ? read : undefined;
      },
    );
    return status;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#playing;
    await this.#publisher.stop();
  }

  async #play(): Promise<void> {
    const began = performance.now();
    for (const tag of endless()) {
      const due = tag.timestamp / RATE - (performance.now() - began);
      if (due > 5) {
        await new Promise((resolve) => setTimeout(resolve, due));
      }
      if (this.#isOver || this.#publisher.isClosed) {
        return;
      }
      if (this.passes(tag)) {
        await this.#publisher.send(tag);
      }
    }
  }
}

/** The clip again and again; its sound goes on frame by frame, for it is not as long as its pictures. */
function* endless(): Generator<FlvTag> {
  const [pictures, sounds] = [isPicture, isSound].map((of) =>
    clip.filter((tag) => of(tag) && !isSequenceHeader(tag)),
  );
  const [first] = sounds ?? [];
  yield* clip.filter((tag) => isSequenceHeader(tag));
  let sent = 0;
  for (let round = 0; ; round += 1) {
    for (const picture of pictures ?? []) {
      const timestamp = round * CLIP + picture.timestamp;
      const soundAt = (): number => (first?.timestamp ?? 0) + Math.round((sent * 1024) / 48);
      for (; soundAt() <= timestamp; sent += 1) {
        const sound = sounds?.[sent % sounds.length];
        if (sound !== undefined) {
          yield retimed(sound, soundAt());
        }
      }
      yield retimed(picture, timestamp);
    }
  }
}

const headers = (of: (tag: FlvTag) => boolean): FlvTag[] =>
  clip.filter((tag) => isSequenceHeader(tag) && of(tag));

describe('a feed of which something is missing', () => {
  test.each([
    ['everything', 'FEED_STALLED', (): boolean => false],
    ['the picture', 'NO_VIDEO', isSound],
    ['the sound', 'NO_AUDIO', isPicture],
  ])(
    'is told so of %s, of nothing else, and no longer when it is back',
    async (_what, code, rest) => {
      const feed = await Feed.start();
      await feed.warns();
      feed.told.clear();
      feed.passes = rest;
      await feed.warns(code);
      feed.passes = () => true;
      await feed.warns();
      expect([...feed.told]).toEqual([code]);
    },
  );

  test('is told that its sound comes without its header, until that comes', async () => {
    const feed = await Feed.start((tag) => !(isSound(tag) && isSequenceHeader(tag)));
    const { warnings } = await feed.warns('AUDIO_HEADER_MISSING');
    expect(warnings[0]?.message).toMatch(/^sound comes, but not its header/);
    await feed.send(headers(isSound));
    await feed.warns();
    expect([...feed.told]).toEqual(['AUDIO_HEADER_MISSING']);
  });

  test('is told that its pictures come without their header, until that comes', async () => {
    const feed = await Feed.start((tag) => !(isPicture(tag) && isSequenceHeader(tag)));
    const told = await eventually('the warning', async () => {
      const json = await harness.redis.hget(redisKeys.feeds, `feed-${channels}`);
      const { warnings } = feedStatusSchema.parse(JSON.parse(json ?? '{}'));
      return warnings.length > 0 ? warnings : undefined;
    });
    expect(told.map(({ code }) => code)).toEqual(['VIDEO_HEADER_MISSING']);
    await feed.send(headers(isPicture));
    await feed.warns();
    expect([...feed.told].filter((code) => code !== 'VIDEO_HEADER_MISSING')).toEqual([]);
  });
});
