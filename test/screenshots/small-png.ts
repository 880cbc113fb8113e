/** Screenshots as small files: 256 colours are enough for flat pages, and pictures in them stay good to look at. */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { runOk } from '../helpers/child.ts';

const MOST_BYTES = 200_000;

/** Writes a PNG; throws when it cannot be made small enough for the repository. */
export async function writeSmallPng(png: Buffer, file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const filter =
    '[0]split[a][b];[a]palettegen=max_colors=256:stats_mode=full[p];[b][p]paletteuse=dither=none';
  await runOk(
    'ffmpeg',
    [
      '-v',
      'error',
      '-y',
      '-f',
      'png_pipe',
      '-i',
      'pipe:0',
      '-lavfi',
      filter,
      '-frames:v',
      '1',
      '-compression_level',
      '100',
      '-pred',
      'mixed',
      file,
    ],
    { input: [png] },
  );
  const { size } = await stat(file);
  if (size > MOST_BYTES) {
    throw new Error(`${path.basename(file)} has ${size} bytes, more than ${MOST_BYTES}`);
  }
}
