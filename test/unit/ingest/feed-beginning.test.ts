import { describe, expect, test } from '@jest/globals';
import { FeedBeginning, type BeginningSource } from '../../../ingest/feed/feed-beginning.ts';
import { H264Track } from '../../../ingest/media/h264-track.ts';
import { acceptAacConfig } from '../../../ingest/media/aac-policy.ts';
import { joinSample } from '#common/codec/h264/nal-units';
import type { MediaPacket } from '../../../ingest/mapping/session-map.ts';
import { writeAvcConfiguration, writePps, writeSlice, writeSps } from '../../helpers/bits.ts';

const config = acceptAacConfig(Uint8Array.of(0x11, 0x90));
const sound = (arrival: number, data = Buffer.alloc(1)): MediaPacket => ({
  kind: 'audio',
  dts: arrival,
  arrival,
  config,
  data,
});
const picture = (arrival: number, pts = arrival): MediaPacket => ({
  kind: 'video',
  dts: pts,
  pts,
  arrival,
  flags: 0,
  data: Buffer.alloc(1),
});
const sourceOf = (more: Partial<BeginningSource> = {}): BeginningSource => ({
  declaredFps: undefined,
  pictures: 0,
  track: new H264Track(),
  ...more,
});

describe('the beginning of a feed', () => {
  /** When the rate is told, and which it is, of a feed at `fps` that declares `declaredFps`. */
  const told = (fps: number, declaredFps?: number): { at: number; fps: unknown } => {
    const beginning = new FeedBeginning(sourceOf({ declaredFps }));
    for (let n = 0; n < 10 * fps; n += 1) {
      const at = Math.round((n * 1000) / fps);
      beginning.add(picture(at), at);
      const found = beginning.look(at, true);
      if (found !== 'wait') {
        return { at, fps: found };
      }
    }
    throw new Error('never told');
  };

  test('waits for four seconds of timestamps where they alone tell 30 from 29.97', () => {
    for (const declared of [undefined, 60, 25]) {
      const { at, fps } = told(30, declared);
      expect(fps).toBe('30');
      expect(at).toBeGreaterThanOrEqual(4000);
      expect(at).toBeLessThan(4300);
    }
  });

  test('is over after a second if the rate is declared truly, or has no near one', () => {
    for (const [fps, declared] of [
      [30, 30],
      [25, 25],
      [25, undefined],
      [25, 50],
      [15, 15],
    ] as const) {
      expect(told(fps, declared).at).toBeLessThan(1150);
    }
    const kept = new FeedBeginning(sourceOf());
    kept.add(picture(0), 0);
    expect(kept.look(1000, false)).toBeUndefined();
  });

  test('ends after eight seconds, also if the timestamps never move', () => {
    const beginning = new FeedBeginning(sourceOf());
    for (let at = 0; at < 8000; at += 40) {
      beginning.add(picture(at, 500), at);
      expect(beginning.look(at, true)).toBe('wait');
    }
    expect(beginning.look(8100, true)).toBe('30');
  });

  test('counts from the picture and holds some seconds of the sound before it', () => {
    const beginning = new FeedBeginning(sourceOf({ declaredFps: 30 }));
    for (let at = 0; at <= 15_000; at += 20) {
      beginning.add(sound(at), at);
    }
    expect(beginning.hasPicture).toBe(false);
    for (let n = 0; n < 30; n += 1) {
      const at = 15_010 + Math.round((n * 1000) / 30);
      beginning.add(picture(at), at);
    }
    expect(beginning.look(15_900, true)).toBe('wait');
    expect(beginning.look(16_010, true)).toBe('30');
    const held = beginning.take().filter(({ kind }) => kind === 'audio');
    expect(held).toHaveLength(225);
    expect(held[0]?.arrival).toBe(10_520);
  });

  test('has the sound of pictures that come three seconds behind it', () => {
    const beginning = new FeedBeginning(sourceOf({ declaredFps: 30 }));
    for (let at = 0; at <= 10_000; at += 20) {
      beginning.add(sound(at), at);
    }
    beginning.add(picture(10_010, 7_000), 10_010);
    const held = beginning.take().filter(({ kind }) => kind === 'audio');
    expect(held[0]?.dts).toBeLessThan(7_000 - 64);
  });

  test.each([
    ['of sound alone', sourceOf(), /only H.264 \+ AAC: no picture came in 20 s/],
    [
      'of pictures without a keyframe',
      sourceOf({ pictures: 500, track: trackWith([writeSps()], [writePps()]) }),
      /no keyframe came in 20 s: set the encoder's keyframe interval to 2 s/,
    ],
    [
      'of pictures without parameter sets',
      sourceOf({ pictures: 500 }),
      /parameter sets \(SPS, PPS\) did not come in 20 s/,
    ],
    [
      'of keyframes whose parameter sets are others',
      sourceOf({ pictures: 500, track: trackWith([writeSps()], [writePps(9)]) }),
      /parameter sets \(SPS, PPS\) did not come in 20 s/,
    ],
  ])('%s is over after twenty seconds, in words that help', (_name, source, message) => {
    const beginning = new FeedBeginning(source);
    beginning.add(undefined, 0);
    beginning.add(sound(19_000), 19_000);
    const late = (): void => {
      beginning.add(undefined, 20_001);
    };
    expect(late).toThrow(message);
    expect(late).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_MEDIA' }));
  });

  test('may be of sound alone where the rate is known', () => {
    const beginning = new FeedBeginning(sourceOf());
    for (let at = 0; at < 5000; at += 20) {
      beginning.add(sound(at), at);
      expect(beginning.look(at, false)).toBe('wait');
    }
    expect(beginning.look(5000, true)).toBe('wait');
    expect(beginning.look(5000, false)).toBeUndefined();
    expect(beginning.take()).not.toEqual([]);
  });

  test('holds a bounded number of bytes, and of packets that have next to none', () => {
    const fill = (size: number): number => {
      const beginning = new FeedBeginning(sourceOf());
      beginning.add(picture(0), 0);
      const packet = sound(1, Buffer.alloc(size));
      for (let count = 0; ; count += 1) {
        try {
          beginning.add(packet, 1);
        } catch (error) {
          expect(error).toMatchObject({ code: 'OVERLOADED' });
          return count;
        }
      }
    };
    expect(fill(8 << 20)).toBeLessThan(10);
    expect(fill(1)).toBeLessThan(200_000);
  });
});

/** A track that has got a P picture and, if its sets are not those of `pps` 0, an IDR that names them. */
function trackWith(sps: readonly Buffer[], pps: readonly Buffer[]): H264Track {
  const track = new H264Track();
  track.configure(writeAvcConfiguration(sps, pps));
  track.picture(joinSample([writeSlice(5, 0, false)]));
  if (pps[0]?.equals(writePps()) === false) {
    track.picture(joinSample([writeSlice(7)]));
  }
  return track;
}
