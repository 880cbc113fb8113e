/** Decoding by ffmpeg for measurements: stamps and flashes of pictures, samples of sound. */
import { runOk, words } from './child.ts';
import {
  flashPatch,
  meanOf,
  readStamp,
  stampMargin,
  STAMP_HEIGHT_SHARE,
  type PictureArea,
} from './frame-stamp.ts';
import { PICTURE_MAX_LUMA, PICTURE_MIN_LUMA } from './picture.ts';

/** What a decoded picture says. */
export interface SeenFrame {
  readonly stamp: number | undefined;
  readonly isFlash: boolean;
}

/** Between black and the darkest luma of the moving picture. */
const DARKEST_MARGIN = (16 + PICTURE_MIN_LUMA) / 2;
const FLASH_THRESHOLD = (PICTURE_MAX_LUMA + 235) / 2;

/**
 * Decodes all pictures of an input and reads them.
 * @param input a file's name, or the bytes of a fragmented MP4
 * @param areas where the picture may lie in the frame; the first with a certain stamp counts
 */
export async function readFrames(
  input: string | readonly Uint8Array[],
  size: { readonly width: number; readonly height: number },
  areas: readonly PictureArea[],
): Promise<SeenFrame[]> {
  const { width } = size;
  const height = Math.min(
    size.height,
    Math.ceil(Math.max(...areas.map((area) => area.y + area.height * STAMP_HEIGHT_SHARE))),
  );
  const frames: SeenFrame[] = [];
  const frame = new Uint8Array(width * height);
  let filled = 0;
  const take = (chunk: Buffer): void => {
    let at = 0;
    while (at < chunk.length) {
      const part = chunk.subarray(at, at + frame.length - filled);
      frame.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === frame.length) {
        frames.push(readFrame({ width, height, data: frame }, areas));
        filled = 0;
      }
    }
  };
  await runOk(
    'ffmpeg',
    words`-v error ${inputArguments(input)} -map 0:v:0 -fps_mode passthrough
      -vf extractplanes=y,crop=${width}:${height}:0:0 -f rawvideo pipe:1`,
    { onOutput: take, ...(typeof input === 'string' ? {} : { input }) },
  );
  return frames;
}

function readFrame(
  plane: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  areas: readonly PictureArea[],
): SeenFrame {
  for (const area of areas) {
    const stamp = readStamp(plane, area);
    // A stamp may read as another one from a place some cells off, with the black beside the picture as zeros.
    const isPicture = areas.length === 1 || meanOf(plane, stampMargin(area)) > DARKEST_MARGIN;
    if (stamp !== undefined && isPicture) {
      return { stamp, isFlash: meanOf(plane, flashPatch(area)) > FLASH_THRESHOLD };
    }
  }
  return { stamp: undefined, isFlash: false };
}

/** Decodes an input's sound: its first channel, at 48 kHz. */
export async function readSound(input: string | readonly Uint8Array[]): Promise<Float32Array> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error ${inputArguments(input)} -map 0:a:0
      -af pan=mono|c0=c0 -ar 48000 -f f32le pipe:1`,
    typeof input === 'string' ? {} : { input },
  );
  return new Float32Array(
    stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.length & ~3)),
  );
}

const inputArguments = (input: string | readonly Uint8Array[]): string[] =>
  typeof input === 'string' ? ['-i', input] : ['-f', 'mp4', '-i', 'pipe:0'];
