/**
 * What does each latency profile cost in bits? The demo's match, coded as a broadcaster would and made by the transcoder itself
 * in `standard` (look-ahead, B-frames) and frame by frame: bytes, SSIM, and the bytes that the latter would need for the same
 * SSIM, by the slope that x264 has around its quality on the same pictures.
 *
 * `npm run bench bits -- --preset veryfast`
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_LADDER, ladderSchema } from '#common/contracts/channel';
import type { VideoRendition } from '#common/contracts/rendition';
import { firstFrame, gridOf } from '#common/grid';
import { segmentNumber } from '#common/time';
import { renderClip } from '../demo/render.ts';
import { ENCODER, SEGMENT, sessionSource } from '../test/integration/transcoder-harness.ts';
import { run, runOk } from '../test/helpers/child.ts';
import { codedVideo } from '../test/helpers/coded-frames.ts';
import { markdownTable } from '../test/helpers/report-table.ts';
import { transcode, transcodeFragments, type Transcoded } from '../transcoder/transcode.ts';

const GRID = gridOf('30');
const SEGMENTS = 4;
/** What the pipeline aims at, and two steps to either side for the slope. */
const QUALITIES = [21, 25] as const;

const { values } = parseArgs({ options: { preset: { type: 'string', default: 'veryfast' } } });

const { preset } = ladderSchema.parse({ ...DEFAULT_LADDER, preset: values.preset });

const renditionOf = (height: number, maxBitrateBps: number): VideoRendition => ({
  kind: 'video',
  id: `v${height}`,
  width: (height * 16) / 9,
  height,
  maxBitrateBps,
  preset,
  codecs: 'avc1.64001f',
});
const RENDITIONS = [renditionOf(720, 12_000_000), renditionOf(360, 4_000_000)];

/** Bytes of pictures, and how like the source they are, dB of SSIM. */
interface Cost {
  readonly bytes: number;
  readonly decibels: number;
}

/** One picture after the other, whatever the file's timescale. */
const IN_ORDER = 'setpts=N/30/TB';

async function ssim(file: string, source: string, height: number): Promise<number> {
  const same = `${IN_ORDER},scale=-2:${height}:flags=bicubic`;
  const { stderr } = await run('ffmpeg', [
    ...['-v', 'info', '-nostdin', '-i', file, '-i', source, '-lavfi'],
    ...[`[0:v]${IN_ORDER}[a];[1:v]${same}[b];[a][b]ssim`, '-f', 'null', '-'],
  ]);
  const found = /SSIM .*All:[\d.]+ \(([\d.]+)\)/.exec(stderr)?.[1];
  if (found === undefined) {
    throw new Error(`ffmpeg tells no SSIM: ${stderr.slice(-500)}`);
  }
  return Number(found);
}

function missing(id: string): never {
  throw new Error(`${id} was not made in standard`);
}

const folder = await mkdtemp(path.join(tmpdir(), 'touchline-bits-'));
try {
  const clip = path.join(folder, 'clip.flv');
  await renderClip(clip, 1);
  const source = path.join(folder, 'source.mp4');
  await runOk('ffmpeg', [
    ...['-v', 'error', '-nostdin', '-i', clip, '-an', '-c:v', 'libx264', '-preset', 'veryfast'],
    ...['-crf', '12', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0', '-bf', '0'],
    ...['-frames:v', String(SEGMENTS * GRID.segmentFrames), source],
  ]);
  const numbers = Array.from({ length: SEGMENTS }, (_, i) => segmentNumber(SEGMENT + i));
  const frames = codedVideo(source, firstFrame(GRID, segmentNumber(SEGMENT)));
  const signal = new AbortController().signal;
  const costOf = async (
    name: string,
    { id, height }: VideoRendition,
    made: readonly Transcoded[],
  ): Promise<Cost> => {
    const own = made.flatMap(({ segments }) =>
      segments.filter(({ rendition }) => rendition === id),
    );
    const bytes = own.reduce((sum, { data }) => sum + data.byteLength, 0);
    const file = path.join(folder, `${name}-${id}.mp4`);
    await writeFile(
      file,
      Buffer.concat([own[0]?.init ?? Buffer.alloc(0), ...own.map(({ data }) => data)]),
    );
    return { bytes, decibels: await ssim(file, source, height) };
  };
  const make = async (profile: 'standard' | 'low' | 'instant'): Promise<Transcoded[]> => {
    const made: Transcoded[] = [];
    for (const n of numbers) {
      const input = { pictures: [sessionSource(GRID, n, frames)], sounds: [] };
      const task = { n, fps: '30', profile, renditions: RENDITIONS } as const;
      made.push(
        profile === 'standard'
          ? await transcode(task, input, ENCODER)
          : await transcodeFragments(task, input, ENCODER, {
              signal,
              slate: () => Promise.reject(new Error('no slate is shown')),
            }),
      );
    }
    return made;
  };
  /** How much larger, in natural logarithm, a decibel more makes it. */
  const slopeOf = async ({ id, width, height }: VideoRendition): Promise<number> => {
    const costs: Cost[] = [];
    for (const quality of QUALITIES) {
      const file = path.join(folder, `slope-${id}-${quality}.mp4`);
      await runOk('ffmpeg', [
        ...[
          '-v',
          'error',
          '-nostdin',
          '-i',
          source,
          '-vf',
          `scale=${width}:${height}:flags=bicubic`,
        ],
        ...['-c:v', 'libx264', '-preset', preset, '-crf', String(quality), '-g', '60', file],
      ]);
      const { stdout } = await run('ffprobe', [
        ...['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=size'],
        ...['-of', 'csv=p=0', file],
      ]);
      const bytes = stdout
        .toString()
        .split('\n')
        .reduce((sum, line) => sum + Number.parseInt(line || '0', 10), 0);
      costs.push({ bytes, decibels: await ssim(file, source, height) });
    }
    const [better, worse] = costs;
    return better === undefined || worse === undefined
      ? Number.NaN
      : Math.log(better.bytes / worse.bytes) / (better.decibels - worse.decibels);
  };
  const standard = await make('standard');
  const references = new Map<string, { readonly slope: number; readonly before: Cost }>();
  for (const rendition of RENDITIONS) {
    const slope = await slopeOf(rendition);
    references.set(rendition.id, { slope, before: await costOf('standard', rendition, standard) });
  }
  const rows = [];
  for (const profile of ['low', 'instant'] as const) {
    const made = await make(profile);
    for (const rendition of RENDITIONS) {
      const { slope, before } = references.get(rendition.id) ?? missing(rendition.id);
      const now = await costOf(profile, rendition, made);
      const atEqual =
        (now.bytes / before.bytes) * Math.exp(slope * (before.decibels - now.decibels));
      const megabits = ({ bytes }: Cost): string => ((bytes * 8) / 1e6 / (SEGMENTS * 2)).toFixed(2);
      rows.push({
        profile,
        rendition: rendition.id,
        'standard (Mb/s, dB)': `${megabits(before)}, ${before.decibels.toFixed(2)}`,
        'profile (Mb/s, dB)': `${megabits(now)}, ${now.decibels.toFixed(2)}`,
        'bits at equal SSIM': atEqual.toFixed(2),
      });
    }
  }
  console.log(`\n# bits, ${preset}: the demo's match, ${SEGMENTS * 2} s\n`);
  console.log(markdownTable(rows));
} finally {
  await rm(folder, { recursive: true, force: true });
}
