/** A broadcast as it should be, made by one ffmpeg without any pipeline: what analysis is tested on. */
import { createHash } from 'node:crypto';
import { aacFramesOf, gridOf, type Grid } from '#common/grid';
import { initSegment, mediaFragment } from '#common/mp4/write';
import { boxes, shiftDecodeTimes } from '#common/mp4/read';
import { segmentNumber } from '#common/time';
import type { ListedBroadcast, ListedRendition, ListedSegment } from './broadcast-download.ts';
import { runOk, words } from './child.ts';
import type { Clip } from './sources.ts';

/** What is wrong with the model, on purpose. */
export interface Flaws {
  /** Sound comes this many samples late. */
  readonly soundLate?: number;
}

/** Source time 0 of the clip's pictures lies exactly on the beginning of segment `n`. */
export async function modelBroadcast(
  clip: Clip,
  n: number,
  flaws: Flaws = {},
): Promise<ListedBroadcast> {
  const grid = gridOf(clip.recipe.fps);
  const count = Math.floor(clip.times.length / grid.segmentFrames);
  const renditions = [
    await picture(clip, grid, n, count),
    await sound(clip, grid, n, count, flaws),
  ];
  return { url: 'model', playlist: '', renditions };
}

function rendition(id: string, init: Buffer, segments: readonly ListedSegment[]): ListedRendition {
  const hash = createHash('sha256').update(init).digest('hex').slice(0, 16);
  return { id, playlist: '', inits: [{ name: `init-${hash}.mp4`, data: init }], segments };
}

async function picture(clip: Clip, grid: Grid, n: number, count: number): Promise<ListedRendition> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -i ${clip.path} -an -vf ${`setpts=N/(${clip.recipe.fps})/TB`},scale=320:180
      -fps_mode passthrough -frames:v ${count * grid.segmentFrames} -c:v libx264 -preset superfast
      -g ${grid.segmentFrames} -keyint_min ${grid.segmentFrames} -sc_threshold 0 -use_editlist 0
      -video_track_timescale ${grid.timescale} -f mp4
      -movflags +cmaf+empty_moov+default_base_moof+frag_keyframe+skip_sidx+skip_trailer pipe:1`,
  );
  const found = [...boxes(stdout)];
  const moofs = found.filter((box) => box.type === 'moof');
  const segments = moofs.slice(0, count).map((moof, i) => {
    const end = moofs[i + 1]?.start ?? stdout.length;
    const data = Buffer.from(stdout.subarray(moof.start, end));
    shiftDecodeTimes(data, n * grid.segmentFrames * grid.frameTicks);
    return { n: n + i, seconds: 2, data };
  });
  return rendition('v180', Buffer.from(stdout.subarray(0, moofs[0]?.start)), segments);
}

async function sound(
  clip: Clip,
  grid: Grid,
  n: number,
  count: number,
  { soundLate = 0 }: Flaws,
): Promise<ListedRendition> {
  const firstOf = (segment: number): number => aacFramesOf(grid, segmentNumber(segment)).first;
  const start = firstOf(n) * 1024 - n * grid.segmentSamples;
  // The clip's file begins with the access unit before the first picture's moment, its encoder's priming.
  const skipped = 1024 + start - soundLate;
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -i ${clip.path} -vn -ar 48000 -ac 2 -af atrim=start_sample=${skipped}
      -c:a aac -b:a 96k -aac_pns 0 -f adts pipe:1`,
  );
  const frames = adtsFrames(stdout).slice(1);
  const config = Buffer.from([0x11, 0x90]);
  const init = initSegment([
    { kind: 'audio', id: 1, timescale: 48_000, rate: 48_000, channels: 2, config },
  ]);
  const segments = Array.from({ length: count }, (_, i) => {
    const from = firstOf(n + i);
    const samples = frames
      .slice(from - firstOf(n), firstOf(n + i + 1) - firstOf(n))
      .map((data) => ({
        duration: 1024,
        isSync: true,
        compositionOffset: 0,
        data,
      }));
    const { bytes } = mediaFragment(1, [{ trackId: 1, decodeTime: from * 1024, samples }]);
    return { n: n + i, seconds: 2, data: bytes };
  });
  return rendition('a96', init, segments);
}

/** Access units without their headers (ISO/IEC 13818-7 §6.2). */
function adtsFrames(stream: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 7 <= stream.length;) {
    const length = (stream.readUInt32BE(at + 3) >>> 13) & 0x1fff;
    frames.push(stream.subarray(at + 7, at + length));
    at += length;
  }
  return frames;
}
