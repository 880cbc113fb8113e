import { beforeAll, describe, expect, test } from '@jest/globals';
import type { CodedFrame } from '#common/contracts/frame';
import { gridOf, firstFrame } from '#common/grid';
import { segmentNumber } from '#common/time';
import type { PictureSource } from '../../transcoder/picture-plan.ts';
import type { SoundSource } from '../../transcoder/sound-plan.ts';
import { transcode } from '../../transcoder/transcode.ts';
import { codedFrames, codedTask } from './coded-task.ts';
import { ENCODER, SEGMENT, makeSlate } from './transcoder-harness.ts';

const first = firstFrame(gridOf('30'), segmentNumber(SEGMENT));

let frames: CodedFrame[];
let slate: PictureSource;
let shown: PictureSource;
let heard: SoundSource;

beforeAll(async () => {
  frames = await codedFrames();
  slate = { kind: 'slate', from: first, data: await makeSlate() };
  const task = codedTask('final', frames);
  const [video] = task.video;
  const [span] = task.sound;
  if (video?.kind !== 'session' || span === undefined) {
    throw new Error('the task has no spans');
  }
  shown = { ...video, frames: frames.filter((frame) => frame.kind === 'video') };
  heard = { span, frames: frames.filter((frame) => frame.kind === 'audio') };
});

/** The bytes of each rendition. */
async function made(
  pictures: readonly PictureSource[],
  sounds: readonly SoundSource[],
): Promise<Map<string, Buffer>> {
  const task = codedTask('final', frames);
  const { segments } = await transcode(task, { pictures, sounds }, ENCODER);
  return new Map(segments.map(({ rendition, data }) => [rendition, data]));
}

describe('picture and sound of a segment have their own sources', () => {
  test('sound is the same bytes under its own pictures, a held one and the slate', async () => {
    const own = await made([shown], [heard]);
    const held: PictureSource = shown.kind === 'session' ? { ...shown, to: first } : shown;
    const underHold = await made([held], [heard]);
    const underSlate = await made([slate], [heard]);
    expect(underHold.get('a96')?.equals(own.get('a96') ?? Buffer.alloc(0))).toBe(true);
    expect(underSlate.get('a96')?.equals(own.get('a96') ?? Buffer.alloc(0))).toBe(true);
    expect(underSlate.get('v180')?.equals(own.get('v180') ?? Buffer.alloc(0))).toBe(false);
  });

  test('pictures are the same bytes with and without sound', async () => {
    const own = await made([shown], [heard]);
    const silent = await made([shown], []);
    const renditions = [...own.keys()].filter((id) => id.startsWith('v'));
    expect(renditions.length).toBeGreaterThan(0);
    for (const id of renditions) {
      expect(silent.get(id)?.equals(own.get(id) ?? Buffer.alloc(0))).toBe(true);
    }
    expect(silent.get('a96')?.equals(own.get('a96') ?? Buffer.alloc(0))).toBe(false);
  });
});
