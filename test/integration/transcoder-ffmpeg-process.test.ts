/** An ffmpeg in its box, whose output is read into memory of the caller's. */
import { describe, expect, test } from '@jest/globals';
import { PipelineError } from '#common/errors';
import { FrameAssembly, type RawFrame } from '../../transcoder/early/raw-frame.ts';
import { startFfmpeg, type FfmpegProcess } from '../../transcoder/ffmpeg/process.ts';
import { words } from '../helpers/child.ts';

const FRAMES = 40;
const BYTES = (320 * 180 * 3) / 2;
const LIMITS = { wallMs: undefined, memoryMiB: 4_096 };
const SOURCE = 'testsrc2=size=320x180:rate=25';

function start(
  frames: number,
  onFrame: (frame: RawFrame) => void,
  output = 'pipe:3',
): FfmpegProcess {
  return startFfmpeg({
    program: 'ffmpeg',
    args: [
      ...words`-v error -f lavfi -i ${SOURCE} -frames:v ${frames} -pix_fmt yuv420p`,
      ...words`-f rawvideo ${output}`,
    ],
    inputs: [],
    outputs: [],
    readInto: new Map([[3, new FrameAssembly(BYTES, onFrame)]]),
    limits: LIMITS,
  });
}

describe('an output read into memory', () => {
  test('comes whole and in order, and is done when all of it is read', async () => {
    const frames: Buffer[] = [];
    const ffmpeg = start(FRAMES, (frame) => {
      frames.push(Buffer.from(frame.data));
      frame.release();
    });
    await ffmpeg.done;
    expect(frames).toHaveLength(FRAMES);
    expect(new Set(frames.map((frame) => frame.toString('latin1'))).size).toBe(FRAMES);
    expect(frames.every((frame) => frame.byteLength === BYTES)).toBe(true);
  });

  test('holds its writer back while it does not flow', async () => {
    let count = 0;
    const ffmpeg = start(FRAMES, (frame) => {
      frame.release();
      count += 1;
      if (count === 1) {
        ffmpeg.output(3).pause();
        setImmediate(() => {
          expect(count).toBeLessThan(FRAMES);
          ffmpeg.output(3).resume();
        });
      }
    });
    await ffmpeg.done;
    expect(count).toBe(FRAMES);
  });

  test('one that is stopped while it does not flow ends all the same', async () => {
    const ffmpeg = start(100_000, (frame) => {
      frame.release();
      ffmpeg.output(3).pause();
      ffmpeg.stop(new PipelineError('ABORTED', 'enough'));
    });
    await expect(ffmpeg.done).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('a program that fails says why', async () => {
    const ffmpeg = start(1, () => undefined, 'nowhere:3');
    await expect(ffmpeg.done).rejects.toMatchObject({
      code: 'ENCODER_FAILED',
      message: expect.stringContaining('nowhere'),
    });
  });
});
