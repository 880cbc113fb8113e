/** The command that makes a segment's pictures: every rendition from one decode, and a preview. */
import type { VideoRendition } from '#common/contracts/rendition';
import type { Grid } from '#common/grid';
import type { SourcePicture } from '../source-picture.ts';
import type { Command } from './compose.ts';
import { mp4InputOptions } from './options.ts';
import { pictureGraph, PREVIEW_PAD, videoPad, type PictureTiming } from './picture-graph.ts';

/** Quality at which x264 stops spending bits; the peak rate caps it. */
export const CRF = 23;
/** Seconds of the peak rate that a decoder's buffer holds; each segment starts with half of it filled. */
export const BUFFER_SECONDS = 1;

/** Of H.264, as ffmpeg wants it: `4.1`. */
export const level = (rendition: VideoRendition): string => {
  const idc = Number.parseInt(rendition.codecs.slice(-2), 16);
  return `${Math.floor(idc / 10)}.${idc % 10}`;
};

function x264Parameters(grid: Grid): string {
  const pairs: Readonly<Record<string, string | number>> = {
    keyint: grid.segmentFrames,
    'min-keyint': grid.segmentFrames,
    scenecut: 0,
    'open-gop': 0,
    stitchable: 1,
    'vbv-init': 0.5,
    'cpu-independent': 1,
    range: 'tv',
    colorprim: 'bt709',
    transfer: 'bt709',
    colormatrix: 'bt709',
    chromaloc: 0,
  };
  return Object.entries(pairs)
    .map(([key, value]) => `${key}=${value}`)
    .join(':');
}

function renditionOptions(grid: Grid, rendition: VideoRendition): string[] {
  const kilobits = Math.round(rendition.maxBitrateBps / 1000);
  return [
    ...['-map', videoPad(rendition), '-fps_mode', 'passthrough'],
    ...['-c:v', 'libx264', '-threads', '1', '-preset', rendition.preset],
    ...['-profile:v', 'high', '-level', level(rendition), '-pix_fmt', 'yuv420p'],
    ...['-g', String(grid.segmentFrames), '-crf', String(CRF)],
    ...['-maxrate', `${kilobits}k`, '-bufsize', `${Math.round(kilobits * BUFFER_SECONDS)}k`],
    ...['-x264-params', x264Parameters(grid), '-a53cc', '1'],
    ...['-flags', '+bitexact', '-fflags', '+bitexact', '-map_metadata', '-1'],
    ...['-video_track_timescale', String(grid.timescale), '-use_editlist', '0'],
    ...['-movflags', '+cmaf+empty_moov+default_base_moof+frag_discont+skip_sidx+skip_trailer'],
    // Longer than any segment: one fragment.
    ...['-frag_duration', '60000000', '-f', 'mp4'],
  ];
}

/** The command and which of its outputs is what. */
export interface PictureCommand {
  readonly command: Omit<Command, 'global'>;
  /** File descriptors, by rendition id. */
  readonly descriptors: ReadonlyMap<string, number>;
  readonly previewDescriptor: number;
}

/** First descriptor for outputs: 0 is the input, 1 unused, 2 the errors. */
const FIRST_DESCRIPTOR = 3;

/**
 * Composes the command.
 * @param timing when the input's pictures are shown
 * @param sources what the input's pictures are like
 */
export function pictureCommand(
  grid: Grid,
  timing: PictureTiming,
  sources: readonly SourcePicture[],
  renditions: readonly VideoRendition[],
): PictureCommand {
  const previewDescriptor = FIRST_DESCRIPTOR + renditions.length;
  return {
    command: {
      inputs: [{ source: 'pipe:0', options: [...mp4InputOptions('h264'), '-strict', 'strict'] }],
      graphs: [pictureGraph(grid, timing, sources, renditions)],
      outputs: [
        ...renditions.map((rendition, i) => ({
          target: `pipe:${FIRST_DESCRIPTOR + i}`,
          options: renditionOptions(grid, rendition),
        })),
        {
          target: `pipe:${previewDescriptor}`,
          options: [
            ...['-map', PREVIEW_PAD, '-fps_mode', 'passthrough', '-frames:v', '1'],
            ...['-c:v', 'mjpeg', '-threads', '1', '-q:v', '6', '-f', 'image2pipe'],
          ],
        },
      ],
    },
    descriptors: new Map(renditions.map(({ id }, i) => [id, FIRST_DESCRIPTOR + i])),
    previewDescriptor,
  };
}
