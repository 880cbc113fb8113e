import { expect, test } from '@jest/globals';
import { runOk, words } from '../helpers/child.ts';
import { readStamp } from '../helpers/frame-stamp.ts';
import { drawFrames } from '../helpers/picture.ts';

const FRAMES = 60;
const FIRST = 0xabcde0;
const [WIDTH, HEIGHT] = [640, 360];

test('a stamp survives scaling from 720 to 360 lines and an encoder that has too few bits', async () => {
  const pictures = drawFrames({
    width: 1280,
    height: 720,
    frames: FRAMES,
    firstStamp: FIRST,
    flashes: new Set([FIRST + 30]),
    seed: 3,
  });
  const coded = await runOk(
    'ffmpeg',
    words`-v error -f rawvideo -pix_fmt yuv420p -s 1280x720 -r 30 -i pipe:0
      -vf scale=${WIDTH}:${HEIGHT} -c:v libx264 -preset veryfast -g 60 -b:v 150k -maxrate 200k -bufsize 200k
      -f h264 pipe:1`,
    { input: pictures },
  );
  expect((coded.stdout.length * 8 * 30) / FRAMES).toBeLessThan(250_000);
  const decoded = await runOk(
    'ffmpeg',
    words`-v error -f h264 -i pipe:0 -pix_fmt gray -f rawvideo pipe:1`,
    { input: [coded.stdout] },
  );
  const size = WIDTH * HEIGHT;
  const stamps = Array.from({ length: decoded.stdout.length / size }, (_, i) =>
    readStamp(
      {
        width: WIDTH,
        height: HEIGHT,
        data: decoded.stdout.subarray(i * size, (i + 1) * size),
      },
      { x: 0, y: 0, width: WIDTH, height: HEIGHT },
    ),
  );
  expect(stamps).toEqual(Array.from({ length: FRAMES }, (_, i) => FIRST + i));
});
