/** Judges a broadcast from outside: what an edge serves, against the grid and against the clip that was published. */
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import { gridOf, AAC_FRAME_SAMPLES, aacFramesOf, type FpsName, type Grid } from '#common/grid';
import { segmentNumber } from '#common/time';
import {
  downloadBroadcast,
  initHash,
  type ListedBroadcast,
  type ListedRendition,
} from './broadcast-download.ts';
import { run, runOk, words } from './child.ts';
import { readFrames, readSound } from './decode.ts';
import { letterboxArea } from './frame-stamp.ts';
import {
  audioProblems,
  readSegmentTiming,
  videoProblems,
  type SegmentTiming,
} from './segment-timing.ts';
import { PROGRAMME_PERIOD_SECONDS } from './sound.ts';
import {
  beepOnsets,
  equalPlaces,
  findLag,
  fitTone,
  joinLoss,
  noiseAround,
  type JoinLoss,
  type NoiseReport,
} from './sound-report.ts';
import type { Clip } from './sources.ts';
import { flashOnsets, reportStamps, type StampReport } from './stamp-report.ts';

/** Flashes of one picture rendition against beeps: picture minus sound, milliseconds. */
export interface SyncReport {
  readonly rendition: string;
  readonly pairs: number;
  readonly lowMs: number;
  readonly highMs: number;
}

/** Noise at joins, at places equal to them but for the join, and the two compared pair by pair. */
export interface JoinReport {
  readonly joins: NoiseReport;
  readonly away: NoiseReport;
  readonly loss: JoinLoss;
}

/** Findings on a broadcast. */
export interface BroadcastReport {
  readonly url: string;
  /** What breaks the grid's rules; empty when all is exact. */
  readonly problems: readonly string[];
  readonly segments: number;
  readonly renditions: readonly string[];
  /** Sizes of the picture renditions, as `1280x720`. */
  readonly sizes: ReadonlyMap<string, string>;
  readonly stamps: ReadonlyMap<string, StampReport>;
  readonly sync: readonly SyncReport[];
  readonly sound: JoinReport | undefined;
}

/** What to judge: a multivariant playlist's URL, against the clip that was published. */
export interface JudgeOrder {
  readonly url: string;
  readonly fps: FpsName;
  readonly clip: Clip;
}

/** Downloads and judges a broadcast here. It keeps this process busy for seconds. */
export async function analyseBroadcast({ url, fps, clip }: JudgeOrder): Promise<BroadcastReport> {
  return judgeBroadcast(await downloadBroadcast(url), gridOf(fps), clip);
}

/** The same in a process of its own: for tests that publish meanwhile. */
export async function analyseApart(order: JudgeOrder): Promise<BroadcastReport> {
  const program = fileURLToPath(new URL('judge-main.ts', import.meta.url));
  const { stdout } = await runOk(process.execPath, ['--import', 'tsx', program], {
    input: [Buffer.from(JSON.stringify(order))],
  });
  return deserialize(stdout) as BroadcastReport;
}

/** Judges what has been downloaded. */
export async function judgeBroadcast(
  listed: ListedBroadcast,
  grid: Grid,
  clip: Clip,
): Promise<BroadcastReport> {
  const problems: string[] = [];
  const stamps = new Map<string, StampReport>();
  const flashes = new Map<string, number[]>();
  const sizes = new Map<string, string>();
  let sound: { readonly pcm: Float32Array; readonly start: number } | undefined;
  const frameSeconds = grid.den / grid.num;
  const ranges = new Set<string>();
  for (const rendition of listed.renditions) {
    const say = (what: string): void => void problems.push(`${rendition.id}: ${what}`);
    const timings = timingsOf(rendition, say);
    const first = timings[0];
    const init = rendition.inits[0];
    if (first === undefined || init === undefined) {
      say('lists no segment or no init segment');
      continue;
    }
    ranges.add(`${first.n}..${timings.at(-1)?.n}`);
    const isVideo = first.kind === 'video';
    (isVideo ? videoProblems : audioProblems)(grid, timings).forEach(say);
    const bytes = [init.data, ...rendition.segments.map((segment) => segment.data)];
    if (isVideo) {
      sizes.set(rendition.id, `${first.width}x${first.height}`);
      const areas = clip.recipe.sizes.map((size) => letterboxArea(size, first));
      const seen = await readFrames(bytes, first, areas);
      if (seen.length !== timings.length * grid.segmentFrames) {
        say(`${seen.length} frames decoded of ${timings.length * grid.segmentFrames}`);
      }
      stamps.set(
        rendition.id,
        reportStamps(
          seen.map((frame) => frame.stamp),
          clip.times,
          frameSeconds * 1000,
        ),
      );
      flashes.set(rendition.id, flashOnsets(seen.map((frame) => frame.isFlash)));
    } else {
      const { first: frame } = aacFramesOf(grid, segmentNumber(first.n));
      const start = frame * AAC_FRAME_SAMPLES - first.n * grid.segmentSamples;
      sound = { pcm: await readSound(bytes), start };
    }
  }
  if (ranges.size > 1) {
    problems.push(`renditions list different segments: ${[...ranges].join(', ')}`);
  }
  const count = listed.renditions[0]?.segments.length ?? 0;
  return {
    url: listed.url,
    problems,
    segments: count,
    renditions: listed.renditions.map((rendition) => rendition.id),
    sizes,
    stamps,
    sync:
      sound === undefined || clip.recipe.sound !== 'beeps'
        ? []
        : syncReports(flashes, beepTimes(sound), frameSeconds),
    sound: sound === undefined ? undefined : await joinReport(sound, grid, listed, clip, stamps),
  };
}

function timingsOf(rendition: ListedRendition, say: (what: string) => void): SegmentTiming[] {
  const init = rendition.inits[0];
  if (rendition.inits.length !== 1 || init === undefined) {
    say(`names ${rendition.inits.length} init segments`);
    return [];
  }
  if (init.name !== `init-${initHash(init.data)}.mp4`) {
    say(`init segment ${init.name} has hash ${initHash(init.data)}`);
  }
  return rendition.segments.map((segment) => readSegmentTiming(segment.n, init.data, segment.data));
}

/** Beeps in seconds after the first picture's place. */
const beepTimes = (sound: { readonly pcm: Float32Array; readonly start: number }): number[] =>
  beepOnsets(sound.pcm, 48_000).map((at) => (at + sound.start) / 48_000);

function syncReports(
  flashes: ReadonlyMap<string, readonly number[]>,
  beeps: readonly number[],
  frameSeconds: number,
): SyncReport[] {
  return [...flashes].map(([rendition, places]) => {
    const apart = places.flatMap((place) => {
      const time = place * frameSeconds;
      const nearest = beeps.find((beep) => Math.abs(beep - time) < 0.4);
      return nearest === undefined ? [] : [(time - nearest) * 1000];
    });
    return {
      rendition,
      pairs: apart.length,
      lowMs: Math.min(...apart),
      highMs: Math.max(...apart),
    };
  });
}

/** After this many samples sound and AAC frames are the same again. */
const PERIOD = 48_000 * PROGRAMME_PERIOD_SECONDS;

/** Noise where segments join, and where they do not. */
async function joinReport(
  sound: { readonly pcm: Float32Array; readonly start: number },
  grid: Grid,
  listed: ListedBroadcast,
  clip: Clip,
  stamps: ReadonlyMap<string, StampReport>,
): Promise<JoinReport | undefined> {
  const { pcm } = sound;
  if (clip.recipe.sound !== 'tone' && clip.recipe.sound !== 'programme') {
    return undefined;
  }
  const offset = [...stamps.values()][0]?.offsetMs ?? 0;
  const begin = Math.max(0, Math.ceil(offset * 48) - sound.start) + 9600;
  const end = Math.floor((offset + clip.seconds * 1000) * 48) - sound.start - 9600;
  const numbers = listed.renditions[0]?.segments.map((segment) => segment.n) ?? [];
  const base = (numbers[0] ?? 0) * grid.segmentSamples + sound.start;
  const joins = numbers
    .slice(1)
    .map((n) => aacFramesOf(grid, segmentNumber(n)).first * AAC_FRAME_SAMPLES - base)
    .filter((at) => at > begin && at < end);
  const reference =
    clip.recipe.sound === 'tone'
      ? fitTone(pcm, 48_000, begin, end)
      : await alignedReference(pcm, clip, Math.round(offset * 48) - sound.start);
  const joined = { joins, period: PERIOD, from: begin, to: end };
  return {
    joins: noiseAround(pcm, reference, joins),
    away: noiseAround(
      pcm,
      reference,
      joins.flatMap((join) => equalPlaces(join, joined)),
    ),
    loss: joinLoss(pcm, reference, joined),
  };
}

/** The published sound, decoded, moved to where it is heard in `pcm`. */
async function alignedReference(
  pcm: Float32Array,
  clip: Clip,
  guess: number,
): Promise<Float32Array> {
  const source = await readSound(clip.path);
  const lag = findLag(pcm, source, { guess, reach: 4800, at: Math.floor(source.length / 2) });
  return Float32Array.from(pcm, (_, i) => source[i - lag] ?? 0);
}

/**
 * What ffmpeg says about an address when every error counts; empty when it has nothing to say. Every picture is decoded,
 * and every packet's decode time must be later than the one before. Decoded pictures are not numbered: ffmpeg would do
 * so in steps of a frame rate that it guesses, and call two pictures of an exact stream one when they fall into one step.
 */
export async function playerComplaints(url: string): Promise<string> {
  const outcome = await run(
    'ffmpeg',
    words`-v error -xerror -copyts -i ${url} -map 0 -fps_mode drop -f null - -map 0 -c copy -f null -`,
  );
  return outcome.code === 0 ? outcome.stderr : `${outcome.stderr}exit ${outcome.code}`;
}
