/** Pictures and sound coded into files for the tests of one file, in a folder that goes with them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from '@jest/globals';
import { runOk } from '../helpers/child.ts';
import { drawFrames } from '../helpers/picture.ts';
import { pcmBlocks, type Sound } from '../helpers/sound.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'touchline-transcoder-'));
let made = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Draws and encodes stamped pictures; gives the file's path. */
export async function makeVideo(
  frames: number,
  x264: string,
  size = { width: 320, height: 180 },
  firstStamp = 0,
): Promise<string> {
  made += 1;
  const file = path.join(folder, `video-${made}.mp4`);
  await runOk(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-r', '30'],
      ...['-s', `${size.width}x${size.height}`, '-i', 'pipe:0', '-c:v', 'libx264'],
      ...['-preset', 'veryfast', '-x264-params', x264, file],
    ],
    { input: drawFrames({ ...size, frames, firstStamp, flashes: new Set(), seed: 5 }) },
  );
  return file;
}

/** Encodes a sound; gives the file's path. */
export async function makeSoundFile(
  sound: Sound,
  rate: number,
  channels: number,
  seconds: number,
): Promise<string> {
  made += 1;
  const file = path.join(folder, `sound-${made}.mp4`);
  await runOk(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 's16le', '-ar', String(rate), '-ac', String(channels)],
      ...['-i', 'pipe:0', '-c:a', 'aac', '-b:a', '256k', file],
    ],
    { input: pcmBlocks(sound, rate, channels, seconds) },
  );
  return file;
}
