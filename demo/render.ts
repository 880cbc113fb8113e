/** Renders the clip: pictures and sound through ffmpeg into one FLV file that can be looped without a seam. */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { PICTURE } from './camera.ts';
import { createMatch } from './match.ts';
import { MatchPicture } from './picture.ts';
import { renderSound, SAMPLE_RATE } from './sound.ts';
import { drawStadium } from './stadium.ts';

const FPS = 30;
/** Pictures, AAC frames and keyframe intervals all come out whole only at multiples of 8 s (240 frames, 375 AAC frames). */
const PERIOD_SECONDS = 8;
const UNFINISHED = 'rendering-';
const AAC_FRAME = 1024;
/** ffmpeg's encoder answers each frame one frame later: its first packet holds only priming. */
const PRIMING_PACKETS = 1;

/** Renders a clip of `periods` times eight seconds; the file appears when it is whole. */
export async function renderClip(path: string, periods: number): Promise<void> {
  const home = dirname(path);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await removeUnfinished(home);
  const folder = await mkdtemp(join(home, UNFINISHED));
  try {
    const seconds = periods * PERIOD_SECONDS;
    const sound = join(folder, 'sound.aac');
    const draft = join(folder, 'clip.flv');
    await renderAdts(sound, folder, periods);
    await renderPictures(draft, sound, seconds);
    await rename(draft, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes what killed renderings left. */
async function removeUnfinished(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (name.startsWith(UNFINISHED)) {
      await rm(join(home, name), { recursive: true, force: true });
    }
  }
}

/**
 * Encodes one period of warm-up and then all periods, and keeps the packets after the warm-up: the sound is periodic,
 * so the last packet leads into the first.
 */
async function renderAdts(path: string, folder: string, periods: number): Promise<void> {
  const whole = join(folder, 'whole.aac');
  const input = ['-f', 's16le', '-ar', String(SAMPLE_RATE), '-ac', '1', '-i', 'pipe:0'];
  const output = ['-ac', '2', '-c:a', 'aac', '-b:a', '128k', '-f', 'adts', whole];
  const period = renderSound(PERIOD_SECONDS);
  await runFfmpeg([...input, ...output], function* () {
    for (let count = 0; count < periods + 2; count++) {
      yield period;
    }
  });
  const packets = splitAdts(await readFile(whole));
  const perPeriod = (PERIOD_SECONDS * SAMPLE_RATE) / AAC_FRAME;
  const first = perPeriod + PRIMING_PACKETS;
  await writeFile(path, packets.slice(first, first + periods * perPeriod));
}

/** The packets of an ADTS stream (ISO/IEC 14496-3, 1.A.2.2). */
export function splitAdts(data: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let at = 0; at + 7 <= data.length;) {
    const [a = 0, b = 0, c = 0] = data.subarray(at + 3, at + 6);
    const length = ((a & 3) << 11) | (b << 3) | (c >> 5);
    if (data[at] !== 0xff || length < 7) {
      throw new Error(`no ADTS header at byte ${at}`);
    }
    packets.push(data.subarray(at, at + length));
    at += length;
  }
  return packets;
}

async function renderPictures(path: string, sound: string, seconds: number): Promise<void> {
  const size = `${PICTURE.width}x${PICTURE.height}`;
  const video = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', size, '-r', String(FPS)];
  const rate = ['-crf', '21', '-maxrate', '5M', '-bufsize', '5M'];
  const interval = String(2 * FPS);
  const gop = ['-g', interval, '-keyint_min', interval, '-sc_threshold', '0', '-bf', '0'];
  const colour = ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'];
  const encode = ['-c:v', 'libx264', '-preset', 'superfast', '-profile:v', 'high'];
  const picture = new MatchPicture(drawStadium(), createMatch(seconds), FPS);
  const inputs = [...video, '-i', 'pipe:0', '-i', sound, '-map', '0:v', '-map', '1:a'];
  const output = [...encode, ...rate, ...gop, ...colour, '-c:a', 'copy', '-f', 'flv', path];
  await runFfmpeg([...inputs, ...output], function* () {
    for (let frame = 0; frame < seconds * FPS; frame++) {
      picture.draw(frame);
      yield Buffer.from(picture.canvas.bytes);
    }
  });
}

async function runFfmpeg(
  args: readonly string[],
  input: () => Generator<Uint8Array>,
): Promise<void> {
  await execa('ffmpeg', ['-hide_banner', '-v', 'error', '-y', ...args], {
    stdin: input(),
    stdout: 'inherit',
    stderr: 'inherit',
  });
}
