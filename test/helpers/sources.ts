/** Source clips as FLV files, made once by ffmpeg and kept in a temporary folder. */
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FpsName } from '#common/grid';
import { runOk, words } from './child.ts';
import {
  FLV_TAG,
  interleave,
  isEndOfSequence,
  readFlv,
  retimePictures,
  writeFlv,
  type FlvTag,
} from './flv.ts';
import { drawFrames } from './picture.ts';
import { seeded } from './seeded.ts';
import { beeps, pcmBlocks, programme, tone, type Sound } from './sound.ts';

/** The sources every release must carry. */
export const SOURCE_NAMES = [
  'steady-30',
  'obs-like',
  'ntsc-2997',
  'sixty',
  'pal-mono-44k1',
  'variable-rate',
  'open-gop',
  'no-sound',
  'size-changes',
  'upright',
] as const;
/** A name of {@link SOURCE_NAMES}. */
export type SourceName = (typeof SOURCE_NAMES)[number];

/** What a clip sounds like; beeps belong to the flashes. */
export type SoundKind = 'beeps' | 'tone' | 'programme' | 'none';

/** A stretch of pictures of one size. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** How to make a clip. */
export interface ClipRecipe {
  readonly name: string;
  readonly fps: FpsName;
  /** One size, or several that take equal shares of the clip one after another. */
  readonly sizes: readonly PictureSize[];
  /** Arguments for libx264. */
  readonly x264: readonly string[];
  readonly sound: SoundKind;
  readonly rate: number;
  readonly channels: number;
  readonly cutEvery?: number;
  readonly isVariable?: boolean;
  /** Of the pictures, bits a second on average; 1,500,000 by default, and a third more at most. */
  readonly bitrateBps?: number;
}

/** A clip that is ready to be published. */
export interface Clip {
  readonly recipe: ClipRecipe;
  readonly path: string;
  readonly seconds: number;
  /** Presentation time of the frame with each stamp, milliseconds from the clip's zero. */
  readonly times: readonly number[];
  /** Stamps of the frames at which flash and beep begin. */
  readonly events: readonly number[];
}

/** Changes whenever what {@link makeClip} draws changes, so that old files are not taken for new ones. */
const GENERATOR = 8;
const SMALL: PictureSize = { width: 640, height: 360 };
const steadyGop = (frames: number): readonly string[] =>
  words`-preset superfast -g ${frames} -keyint_min ${frames} -sc_threshold 0 -bf 0`;
const basic = {
  sizes: [SMALL],
  sound: 'beeps',
  rate: 48_000,
  channels: 2,
} as const;

/** The recipe of each source. */
export const RECIPES: Readonly<Record<SourceName, ClipRecipe>> = {
  'steady-30': { ...basic, name: 'steady-30', fps: '30', x264: steadyGop(60) },
  'obs-like': {
    ...basic,
    name: 'obs-like',
    fps: '30',
    cutEvery: 97,
    x264: words`-preset veryfast -g 250 -bf 3 -profile:v high`,
  },
  'ntsc-2997': { ...basic, name: 'ntsc-2997', fps: '30000/1001', x264: steadyGop(60) },
  sixty: { ...basic, name: 'sixty', fps: '60', x264: steadyGop(120) },
  'pal-mono-44k1': {
    ...basic,
    name: 'pal-mono-44k1',
    fps: '25',
    rate: 44_100,
    channels: 1,
    x264: steadyGop(50),
  },
  'variable-rate': {
    ...basic,
    name: 'variable-rate',
    fps: '30',
    isVariable: true,
    x264: words`-preset superfast -g 90 -bf 1 -sc_threshold 0`,
  },
  'open-gop': {
    ...basic,
    name: 'open-gop',
    fps: '30',
    x264: words`-preset veryfast -g 75 -bf 3 -x264-params open-gop=1:scenecut=0:b-adapt=0`,
  },
  'no-sound': { ...basic, name: 'no-sound', fps: '30', sound: 'none', x264: steadyGop(60) },
  'size-changes': {
    ...basic,
    name: 'size-changes',
    fps: '30',
    sizes: [SMALL, { width: 480, height: 360 }, { width: 640, height: 272 }],
    x264: words`-preset superfast -g 60 -bf 2 -sc_threshold 0`,
  },
  // A phone held upright, and turned on its side half way.
  upright: {
    ...basic,
    name: 'upright',
    fps: '30',
    sizes: [{ width: 360, height: 640 }, SMALL],
    x264: words`-preset superfast -g 60 -bf 2 -sc_threshold 0`,
  },
};

const ratio = (fps: FpsName): number => {
  const [num = 0, den = 1] = fps.split('/').map(Number);
  return num / den;
};

/** Makes a clip, or finds it already made. */
export async function makeClip(recipe: ClipRecipe, seconds: number): Promise<Clip> {
  const fps = ratio(recipe.fps);
  const frames = Math.round(seconds * fps);
  const times = frameTimes(recipe, frames, fps);
  const events: number[] = [];
  for (let second = 1; second < seconds - 0.5; second++) {
    const isEvent = (time: number, frame: number): boolean =>
      time >= second * 1000 - 0.001 && (recipe.isVariable !== true || frame % STILL === 0);
    events.push(times.findIndex(isEvent));
  }
  const file = fileOf(recipe.name, { recipe, seconds });
  const clip = { recipe, path: file, seconds, times, events };
  await makeFile(clip);
  return clip;
}

/** Where something is kept, by all that decides what it is. */
function fileOf(name: string, what: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify({ what, GENERATOR })).digest('hex');
  return path.join(tmpdir(), 'touchline-sources', `${name}-${hash.slice(0, 16)}.flv`);
}

/** Files that are being made here, so that two who want the same clip do not both make it. */
const making = new Map<string, Promise<unknown>>();

async function makeFile(clip: Clip): Promise<void> {
  await makeOnce(clip.path, async (work) => writeFlv(await makeTags(clip, work)));
}

/** Writes a file, unless it is there already; whoever looks meanwhile sees none. */
async function makeOnce(file: string, make: (work: string) => Promise<Uint8Array>): Promise<void> {
  const underWay = making.get(file) ?? makeNow(file, make).finally(() => making.delete(file));
  making.set(file, underWay);
  await underWay;
}

async function makeNow(file: string, make: (work: string) => Promise<Uint8Array>): Promise<void> {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  try {
    await access(file);
  } catch {
    const work = await mkdtemp(path.join(folder, 'work-'));
    try {
      await writeFile(path.join(work, 'made'), await make(work));
      await rename(path.join(work, 'made'), file);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}

/** Every so many frames of a variable rate one lies on its nominal time, so that events have a place of their own. */
const STILL = 15;

/** Presentation times: the constant rate's, or for a variable one steps of 17 to 66 ms around it, and some holes. */
function frameTimes(recipe: ClipRecipe, frames: number, fps: number): number[] {
  const random = seeded(7);
  let late = 0;
  return Array.from({ length: frames }, (_, frame) => {
    if (recipe.isVariable !== true) {
      return (frame * 1000) / fps;
    }
    late = frame % 100 === 50 ? late + 100 : late;
    const base = (frame * 1000) / fps + late;
    return base + (frame % STILL === 0 ? 0 : (random() - 0.5) * 30);
  });
}

async function makeTags(clip: Clip, work: string): Promise<FlvTag[]> {
  const { recipe } = clip;
  const share = Math.ceil(clip.times.length / recipe.sizes.length);
  const pictures: FlvTag[] = [];
  for (const [part, size] of recipe.sizes.entries()) {
    const first = part * share;
    const frames = Math.min(share, clip.times.length - first);
    const tags = await encodePictures(clip, size, { first, frames });
    const isLast = part === recipe.sizes.length - 1;
    pictures.push(
      ...tags.filter(
        (tag) => (part === 0 || tag.type === FLV_TAG.video) && (isLast || !isEndOfSequence(tag)),
      ),
    );
  }
  const sound =
    recipe.sound === 'none' ? [] : await encodeSound(clip, path.join(work, 'audio.flv'));
  return interleave(
    pictures,
    sound.filter((tag) => tag.type === FLV_TAG.audio),
  );
}

/** Clips that differ in their sound alone share their pictures, which are what takes long. */
async function encodePictures(
  clip: Clip,
  size: PictureSize,
  { first, frames }: { readonly first: number; readonly frames: number },
): Promise<FlvTag[]> {
  const { fps, x264, cutEvery, bitrateBps: rate = 1_500_000 } = clip.recipe;
  const most = Math.round((rate * 4) / 3);
  const { events } = clip;
  const file = fileOf('pictures', { size, first, frames, events, fps, x264, cutEvery, rate });
  await makeOnce(file, async (work) => {
    const encoded = path.join(work, 'pictures.flv');
    await runOk(
      'ffmpeg',
      words`-v error -y -f rawvideo -pix_fmt yuv420p -s ${size.width}x${size.height}
        -r ${fps} -i pipe:0 -c:v libx264 -pix_fmt yuv420p ${x264}
        -b:v ${rate} -maxrate ${most} -bufsize ${most} -flvflags no_duration_filesize -f flv ${encoded}`,
      {
        input: drawFrames({
          ...size,
          frames,
          firstStamp: first,
          flashes: new Set(events),
          seed: 11,
          ...(cutEvery === undefined ? {} : { cutEvery }),
        }),
      },
    );
    return readFile(encoded);
  });
  const tags = readFlv(await readFile(file));
  return retimePictures(
    tags,
    clip.times.slice(first, first + frames).map((time) => time + LEAD_MS),
  );
}

/** Both tracks begin this much after zero, so that no decode time and no priming lies below it. */
export const LEAD_MS = 200;

async function encodeSound(clip: Clip, file: string): Promise<FlvTag[]> {
  const { recipe } = clip;
  const sound = soundOf(clip);
  const soundSeconds = Math.max(clip.seconds, (clip.times.at(-1) ?? 0) / 1000);
  await runOk(
    'ffmpeg',
    words`-v error -y -f s16le -ar ${recipe.rate} -ac ${recipe.channels} -i pipe:0
      -c:a aac -b:a ${recipe.channels === 1 ? 128 : 192}k -aac_pns 0 -f flv ${file}`,
    { input: pcmBlocks(sound, recipe.rate, recipe.channels, soundSeconds) },
  );
  // The k-th access unit decodes to samples from 1024·(k-1) on: the first is the encoder's priming.
  let unit = -1;
  return readFlv(await readFile(file)).map((tag) => {
    if (tag.type !== FLV_TAG.audio || tag.data[1] === 0) {
      return { ...tag, timestamp: 0 };
    }
    const time = LEAD_MS + (1000 * 1024 * unit) / recipe.rate;
    unit++;
    return { ...tag, timestamp: Math.round(time) };
  });
}

function soundOf(clip: Clip): Sound {
  const { recipe } = clip;
  switch (recipe.sound) {
    case 'beeps':
      return beeps(
        recipe.rate,
        clip.events.map((frame) => (clip.times[frame] ?? 0) / 1000),
      );
    case 'tone':
      return tone(recipe.rate);
    case 'programme':
      return programme(recipe.rate, 5);
    case 'none':
      return () => 0;
  }
}
