/** Moments: pictures of a moving scene that are told apart by what they show, not by their stamps, which are too fine for lines that a deinterlacer makes up. */
import path from 'node:path';
import { runOk } from './child.ts';
import { drawFrames } from './picture.ts';

/** A picture's size in pixels. */
export interface MomentSize {
  readonly width: number;
  readonly height: number;
}

/** Rows of the stamp and its surroundings: a third of the picture. */
const firstRow = ({ height }: MomentSize): number => Math.floor(height / 3);

/** Draws moments one after another as yuv420p, always the same for the same numbers. */
export const drawMoments = (size: MomentSize, count: number, first = 0): Uint8Array[] => [
  ...drawFrames({ ...size, frames: count, firstStamp: first, flashes: new Set(), seed: 5 }),
];

/** How moments become a clip. */
export interface MomentClip {
  /** Moments a second, as ffmpeg takes it. */
  readonly rate: string;
  /** Of two moments each becomes a field of one frame; else each is a frame. */
  readonly fields: 'top first' | 'bottom first' | 'none';
  readonly x264: string;
}

/** Encodes moments into a file; its name says the format. x264 codes fields in frames (MBAFF). */
export async function encodeMoments(
  file: string,
  moments: readonly Uint8Array[],
  size: MomentSize,
  { rate, fields, x264 }: MomentClip,
): Promise<string> {
  const [mode, flag] = fields === 'top first' ? ['top', 'tff'] : ['bottom', 'bff'];
  await runOk(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-r', rate],
      ...['-s', `${size.width}x${size.height}`, '-i', 'pipe:0'],
      ...(fields === 'none'
        ? ['-x264-params', x264]
        : [
            ...['-vf', `tinterlace=interleave_${mode}`, '-flags', '+ilme+ildct'],
            ...['-x264-params', `${flag}=1:${x264}`],
          ]),
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '12', path.resolve(file)],
    ],
    { input: moments },
  );
  return file;
}

/** Luma of every picture of a fragmented MP4. */
export async function lumaOf(mp4: readonly Uint8Array[], size: MomentSize): Promise<Uint8Array[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'mp4', '-i', 'pipe:0', '-fps_mode', 'passthrough'],
      ...['-vf', 'extractplanes=y', '-f', 'rawvideo', 'pipe:1'],
    ],
    { input: mp4 },
  );
  const bytes = size.width * size.height;
  return Array.from({ length: stdout.length / bytes }, (_, i) =>
    stdout.subarray(i * bytes, (i + 1) * bytes),
  );
}

/**
 * Signal to noise of a picture's luma against a moment, without the stamp, dB.
 * @param leastDb of a picture that is less like it than that, only that it is less is said, without looking at all of it
 */
export function psnr(
  luma: Uint8Array,
  moment: Uint8Array,
  size: MomentSize,
  leastDb = Number.NEGATIVE_INFINITY,
): number {
  const from = firstRow(size) * size.width;
  const to = size.width * size.height;
  const whole = 255 * 255 * (to - from);
  const most = whole / 10 ** (leastDb / 10);
  let sum = 0;
  for (let row = from; row < to && sum <= most; row += size.width) {
    for (let i = row; i < row + size.width; i += 1) {
      sum += ((luma[i] ?? 0) - (moment[i] ?? 0)) ** 2;
    }
  }
  return 10 * Math.log10(whole / Math.max(sum, 1));
}

/** Of a picture against the moment that it is taken for, dB: of the slate it is 12.8 at most, of pictures above 34. */
export const SLATE_DB = 20;

/** A picture recognised: the number of the moment that it is most like, and how like. */
export interface Recognised {
  readonly moment: number;
  readonly db: number;
}

/** The moment that a picture is most like, out of those with these numbers. */
export function recognise(
  luma: Uint8Array,
  size: MomentSize,
  moments: readonly Uint8Array[],
  candidates: readonly number[],
): Recognised {
  let best: Recognised = { moment: -1, db: Number.NEGATIVE_INFINITY };
  for (const number of candidates) {
    const moment = moments[number];
    const db = moment === undefined ? best.db : psnr(luma, moment, size, best.db);
    best = db > best.db ? { moment: number, db } : best;
  }
  return best;
}
