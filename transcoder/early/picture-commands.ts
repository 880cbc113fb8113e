/**
 * The two commands of pictures on time: one decodes a session's pictures, for as long as it lasts, into raw frames of the
 * largest rendition's size; one encodes the frames of one segment into all its renditions. Neither holds a picture back
 * until the next one comes.
 */
import type { VideoRendition } from '#common/contracts/rendition';
import type { Grid } from '#common/grid';
import { encodingSeconds } from '#common/transcode-cost';
import { composeArguments } from '../ffmpeg/compose.ts';
import { globalOptions, mp4InputOptions } from '../ffmpeg/options.ts';
import { BUFFER_SECONDS, CRF, level } from '../ffmpeg/picture-command.ts';
import {
  fit,
  PREVIEW_PAD,
  PREVIEW_WIDTH,
  SCALER_FLAGS,
  videoPad,
} from '../ffmpeg/picture-graph.ts';
import type { SourcePicture } from '../source-picture.ts';

/** Size of raw frames, 8 bit 4:2:0. */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/** Bytes of a raw frame. */
export const frameBytes = ({ width, height }: FrameSize): number => (width * height * 3) / 2;

/**
 * Where the decoder reads, and where it writes: frames, those of each field where pictures may be two of them, and a line for
 * each picture, before its frames.
 */
export const DECODER_PIPES = {
  input: 0,
  frames: 3,
  lines: 4,
  firstFields: 5,
  secondFields: 6,
} as const;

/** Pipes that a decoder of such pictures writes frames to. */
export const framePipes = ({ mayHaveFields }: SourcePicture): readonly number[] => {
  const { frames, firstFields, secondFields } = DECODER_PIPES;
  return mayHaveFields ? [frames, firstFields, secondFields] : [frames];
};

/** What a picture's line says after its timestamp. */
export const PICTURE_KINDS = { whole: 'whole', fields: 'fields' } as const;

/** Tells a picture's timestamp and kind. */
const told = (kind: keyof typeof PICTURE_KINDS): string =>
  `metadata=mode=add:key=kind:value=${PICTURE_KINDS[kind]},metadata=mode=print:file=pipe\\\\:${DECODER_PIPES.lines}:direct=1`;

/** Lines half-way between a field's own, by four of them (-1, 9, 9, -1 sixteenths): `above` its own, or below. */
function linesBetween({ above }: { readonly above: boolean }): string {
  const taps = above ? '-1|9|9|-1|0' : '0|-1|9|9|-1';
  return `convolution=${[0, 1, 2]
    .map((plane) => `${plane}m='${taps}':${plane}rdiv=0.0625:${plane}mode=column`)
    .join(':')}`;
}

/**
 * Of each picture of two fields a frame of its first and one of its second, each from that field's lines alone: what looks at
 * other pictures, as bwdif does, would hold each back until the next, and its bytes would depend on which one that is.
 */
function fieldFrames(source: SourcePicture, size: FrameSize): string[] {
  const woven = `vstack,il=luma_mode=interleave:chroma_mode=interleave,setfield=prog,${fit([source], size)}`;
  return [
    `[fields]${told('fields')},fieldorder=tff,split=2[first][second]`,
    `[first]field=top,split=2[top][below]`,
    `[below]${linesBetween({ above: false })}[underTop]`,
    `[top][underTop]${woven}[firstFields]`,
    `[second]field=bottom,split=2[bottom][over]`,
    `[over]${linesBetween({ above: true })}[overBottom]`,
    `[overBottom][bottom]${woven}[secondFields]`,
  ];
}

/** Decodes pictures of one kind. The decoder says which of them are two fields, by the rules of its kind. */
export function decodeArguments(source: SourcePicture, size: FrameSize, arch: string): string[] {
  const { input, frames, firstFields, secondFields } = DECODER_PIPES;
  const whole = `${told('whole')},${fit([source], size)}[frames]`;
  const graph = source.mayHaveFields
    ? [
        `[0:v:0]select=n=2:e='1+not(eq(interlace_type,PROGRESSIVE))'[whole][fields]`,
        `[whole]${whole}`,
        ...fieldFrames(source, size),
      ]
    : [`[0:v:0]${whole}`];
  const pads = [
    { pad: '[frames]', pipe: frames },
    { pad: '[firstFields]', pipe: firstFields },
    { pad: '[secondFields]', pipe: secondFields },
  ];
  return composeArguments({
    global: globalOptions(arch),
    inputs: [
      { source: `pipe:${input}`, options: [...mp4InputOptions('h264'), '-strict', 'strict'] },
    ],
    graphs: [graph.join(';')],
    outputs: pads.slice(0, source.mayHaveFields ? 3 : 1).map(({ pad, pipe }) => ({
      target: `pipe:${pipe}`,
      options: [
        // More threads than one would hold frames back.
        ...['-map', pad, '-fps_mode', 'passthrough', '-c:v', 'rawvideo', '-threads', '1'],
        ...['-flush_packets', '1', '-f', 'rawvideo'],
      ],
    })),
  });
}

/** The encoder's command and which of its outputs is what. */
export interface EncodeCommand {
  readonly args: readonly string[];
  readonly input: number;
  /** Descriptors, by rendition id. */
  readonly outputs: ReadonlyMap<string, number>;
  /** Undefined where it makes none. */
  readonly preview: number | undefined;
}

/** Of the time that a frame lasts; what is left is for a slower machine, and for catching up. */
const MOST_BY_ONE = 0.4;

/**
 * Which renditions are made by one process. ffmpeg 5 encodes one after another: where all of them would take too long for a
 * frame, the largest, which costs about as much as all others, has a process of its own. It costs its start, and raw frames
 * written twice. It follows from the renditions alone, for the bytes have to.
 */
export function encoderGroups(
  grid: Grid,
  renditions: readonly VideoRendition[],
): readonly (readonly VideoRendition[])[] {
  const sorted = renditions.toSorted((a, b) => b.height - a.height);
  if (encodingSeconds(sorted) <= (MOST_BY_ONE * grid.den) / grid.num) {
    return [sorted];
  }
  return [sorted.slice(0, 1), sorted.slice(1)].filter((group) => group.length > 0);
}

const FIRST_OUTPUT = 3;

const PREVIEW_OPTIONS = [
  ...['-map', PREVIEW_PAD, '-fps_mode', 'passthrough', '-frames:v', '1'],
  ...['-c:v', 'mjpeg', '-threads', '1', '-q:v', '6', '-f', 'image2pipe'],
];

/**
 * Pictures that an encoder is given ahead of its segment's, whose packets are thrown away: ffmpeg opens its scalers and
 * encoders with the first picture only, which took as long as coding that.
 */
export const WARM_UP_PICTURES = 1;

/** So much of a decoder's buffer is filled when the segment begins: what the pictures ahead add to it is taken off. */
const bufferFilled = ({ num, den }: Grid): number =>
  0.5 - (WARM_UP_PICTURES * den) / (num * BUFFER_SECONDS);

function x264Parameters(grid: Grid): string {
  const pairs: Readonly<Record<string, string | number>> = {
    keyint: grid.segmentFrames,
    'min-keyint': grid.segmentFrames,
    scenecut: 0,
    'open-gop': 0,
    stitchable: 1,
    'vbv-init': bufferFilled(grid).toFixed(4),
    'cpu-independent': 1,
    // A frame goes out before the next comes in.
    'rc-lookahead': 0,
    'sync-lookahead': 0,
    'force-cfr': 1,
    bframes: 0,
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
    // As if nothing had come before it.
    ...['-force_key_frames', `expr:eq(n,${WARM_UP_PICTURES})`, '-forced-idr', '1'],
    ...['-maxrate', `${kilobits}k`, '-bufsize', `${Math.round(kilobits * BUFFER_SECONDS)}k`],
    ...['-x264-params', x264Parameters(grid), '-flags', '+bitexact+global_header'],
    ...['-fflags', '+bitexact', '-map_metadata', '-1', '-flush_packets', '1', '-f', 'flv'],
  ];
}

/** Lets through the pictures ahead of a segment's, and those after the first so many of it. */
const givenFrom = (skipped: number): string =>
  skipped === 0 ? '' : `,select='lt(n,${WARM_UP_PICTURES})+gte(n,${WARM_UP_PICTURES + skipped})'`;

/**
 * Encodes the raw frames of one segment, and {@link WARM_UP_PICTURES} before them.
 * @param sorted the largest first
 * @param hasPreview whether a JPEG of the segment's first frame is made too
 * @param skipped frames, by rendition, that its encoder is not given: those that come first
 */
export function encodeCommand(
  grid: Grid,
  size: FrameSize,
  sorted: readonly VideoRendition[],
  {
    arch,
    hasPreview,
    skipped = new Map(),
  }: {
    readonly arch: string;
    readonly hasPreview: boolean;
    readonly skipped?: ReadonlyMap<string, number>;
  },
): EncodeCommand {
  const outputs = new Map(sorted.map(({ id }, i) => [id, FIRST_OUTPUT + i]));
  const preview = hasPreview ? FIRST_OUTPUT + sorted.length : undefined;
  const labels =
    'setsar=1,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709';
  const graph = sorted.map((rendition, i) => {
    const { width, height } = rendition;
    const isAsGiven = width === size.width && height === size.height;
    const scaled = isAsGiven ? 'null' : `scale=w=${width}:h=${height}:${SCALER_FLAGS}`;
    const isLast = i === sorted.length - 1;
    const taken = i === 0 ? '[0:v:0]' : `[next${i - 1}]`;
    const given = givenFrom(skipped.get(rendition.id) ?? 0);
    const pad = videoPad(rendition);
    if (isLast && !hasPreview) {
      return `${taken}${scaled},${labels}${given}${pad}`;
    }
    const other = isLast ? '[small]' : `[next${i}]`;
    return given === ''
      ? `${taken}${scaled},${labels},split=2${pad}${other}`
      : `${taken}${scaled},${labels},split=2[all${i}]${other};[all${i}]null${given}${pad}`;
  });
  const small = `[small]trim=start_frame=${WARM_UP_PICTURES}:end_frame=${WARM_UP_PICTURES + 1},scale=w=${PREVIEW_WIDTH}:h=-2:out_range=pc,format=yuvj420p${PREVIEW_PAD}`;
  const args = composeArguments({
    global: globalOptions(arch),
    inputs: [
      {
        source: 'pipe:0',
        options: [
          ...['-f', 'rawvideo', '-pixel_format', 'yuv420p'],
          ...['-video_size', `${size.width}x${size.height}`],
          ...['-framerate', `${grid.num}/${grid.den}`],
          ...['-protocol_whitelist', 'pipe', '-probesize', '32', '-analyzeduration', '0'],
        ],
      },
    ],
    graphs: [[...graph, ...(hasPreview ? [small] : [])].join(';')],
    outputs: [
      ...sorted.map((rendition) => ({
        target: `pipe:${outputs.get(rendition.id) ?? -1}`,
        options: renditionOptions(grid, rendition),
      })),
      ...(preview === undefined ? [] : [{ target: `pipe:${preview}`, options: PREVIEW_OPTIONS }]),
    ],
  });
  return { args, input: 0, outputs, preview };
}
