/** A few seconds of real H.264 and AAC that can be put at any place of the 30 fps grid, over and over. */
import type { Rendition } from '#common/contracts/rendition';
import { gridOf, aacFramesOf } from '#common/grid';
import { boxes, shiftDecodeTimes, splitInit } from '#common/mp4/read';
import { initSegment, mediaFragment } from '#common/mp4/write';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { run, words } from '../helpers/child.ts';

/** The grid of the media. */
export const GRID = gridOf('30');
const SEGMENTS = 8;
const SECONDS = SEGMENTS * 2;
const AUDIO_CONFIG = Buffer.from([0x11, 0x90]);

/** One rendition: its init segment, and the media segment of any number. */
export interface MediaRendition {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  readonly bitrateBps: number;
  readonly codecs: string;
  readonly init: Buffer;
  readonly segment: (n: SegmentNumber) => Buffer;
}

/** A picture rendition to encode. */
export interface LadderRung {
  readonly height: number;
  readonly bitrateBps: number;
}

/** Its renditions, and a still. */
export interface WatchMedia {
  readonly renditions: readonly MediaRendition[];
  readonly still: Buffer;
}

async function ffmpeg(args: readonly string[]): Promise<Buffer> {
  const all = ['-v', 'error', '-nostdin', ...args, 'pipe:1'];
  const { code, stdout, stderr } = await run('ffmpeg', all);
  if (code !== 0) {
    throw new Error(`ffmpeg ended with ${code}: ${stderr}`);
  }
  return stdout;
}

const picture = (width: number, height: number): string[] =>
  words`-f lavfi -i testsrc2=size=${width}x${height}:rate=30:duration=${SECONDS}`;

async function makeVideo(height: number, bitrateBps: number): Promise<MediaRendition> {
  const width = 2 * Math.round((height * 8) / 9);
  const bytes = await ffmpeg([
    ...picture(width, height),
    ...words`-c:v libx264 -preset ultrafast -profile:v baseline -level 3.1 -pix_fmt yuv420p
      -g ${GRID.segmentFrames} -keyint_min ${GRID.segmentFrames} -sc_threshold 0 -b:v ${bitrateBps}
      -video_track_timescale ${GRID.timescale} -use_editlist 0 -f mp4
      -movflags +cmaf+empty_moov+default_base_moof+frag_keyframe+skip_sidx`,
  ]);
  const { init, media } = splitInit(bytes);
  const fragments: Buffer[] = [];
  let start: number | undefined;
  for (const box of boxes(media)) {
    if (box.type === 'moof') {
      start = box.start;
    } else if (box.type === 'mdat' && start !== undefined) {
      fragments.push(media.subarray(start, box.end));
    }
  }
  const segmentTicks = GRID.segmentFrames * GRID.frameTicks;
  return {
    id: `v${height}`,
    height,
    width,
    bitrateBps,
    codecs: 'avc1.42c01f',
    init,
    segment: (n) => {
      const index = n % SEGMENTS;
      const copy = Buffer.from(fragments[index] ?? Buffer.alloc(0));
      shiftDecodeTimes(copy, (n - index) * segmentTicks);
      return copy;
    },
  };
}

async function makeAudio(): Promise<MediaRendition> {
  const adts = await ffmpeg(
    words`-f lavfi -i sine=frequency=440:sample_rate=48000:duration=${SECONDS}
      -ac 2 -c:a aac -b:a 64k -f adts`,
  );
  const frames: Buffer[] = [];
  for (let at = 0; at + 7 <= adts.length;) {
    const length = (adts.readUInt32BE(at + 2) >> 5) & 0x1fff || adts.length;
    frames.push(adts.subarray(at + 7, at + length));
    at += length;
  }
  const track = { kind: 'audio', id: 1, timescale: 48_000, rate: 48_000, channels: 2 } as const;
  return {
    id: 'a64',
    height: 0,
    width: 0,
    bitrateBps: 64_000,
    codecs: 'mp4a.40.2',
    init: initSegment([{ ...track, config: AUDIO_CONFIG }]),
    segment: (n) => {
      const { first, end } = aacFramesOf(GRID, n);
      const samples = Array.from({ length: end - first }, (_, i) => ({
        duration: 1024,
        isSync: true,
        compositionOffset: 0,
        data: frames[(first + i) % frames.length] ?? Buffer.alloc(0),
      }));
      return mediaFragment(1, [{ trackId: 1, decodeTime: first * 1024, samples }]).bytes;
    },
  };
}

/** Two pictures, so that a player has one to go down to. */
export const TWO_PICTURES: readonly LadderRung[] = [
  { height: 360, bitrateBps: 600_000 },
  { height: 180, bitrateBps: 250_000 },
];

/** One picture, where it is not the subject. */
export const ONE_PICTURE: readonly LadderRung[] = [{ height: 180, bitrateBps: 250_000 }];

/** Encodes it: about a second of work. */
export async function makeWatchMedia(
  ladder: readonly LadderRung[] = TWO_PICTURES,
): Promise<WatchMedia> {
  const [still, ...renditions] = await Promise.all([
    ffmpeg([...picture(640, 360), ...words`-frames:v 1 -f mjpeg`]),
    ...ladder.map(({ height, bitrateBps }) => makeVideo(height, bitrateBps)),
    makeAudio(),
  ]);
  return { renditions, still };
}

/**
 * Its renditions, as a broadcast has them.
 * @param headroom the most that a rendition may take, against what it takes
 */
export const renditionsOf = (media: WatchMedia, headroom = 1): Rendition[] =>
  media.renditions.map(({ id, width, height, bitrateBps, codecs }) =>
    height === 0
      ? { kind: 'audio', id, bitrateBps, codecs: 'mp4a.40.2' }
      : {
          kind: 'video',
          id,
          width,
          height,
          maxBitrateBps: Math.round(bitrateBps * headroom),
          preset: 'veryfast',
          codecs,
        },
  );

/** The segment whose place holds a wall-clock time, as a number. */
export const segmentAt = (time: number): SegmentNumber => segmentNumber(Math.floor(time / 2_000));
