/** The slate against the moments of the tests that recognise pictures: it must be taken for none of them. */
import { expect, test } from '@jest/globals';
import { firstFrame, gridOf } from '#common/grid';
import { segmentNumber } from '#common/time';
import { transcode } from '../../transcoder/transcode.ts';
import { drawMoments, lumaOf, recognise, SLATE_DB } from '../helpers/moments.ts';
import { ENCODER, SEGMENT, makeSlate } from './transcoder-harness.ts';

const SIZE = { width: 320, height: 192 };
const COUNT = 1100;

test('the slate as viewers get it is like no moment', async () => {
  const data = await makeSlate();
  const from = firstFrame(gridOf('30'), segmentNumber(SEGMENT));
  const v192 = {
    kind: 'video',
    id: 'v192',
    ...SIZE,
    maxBitrateBps: 4_000_000,
    preset: 'superfast',
    codecs: 'avc1.64001e',
  } as const;
  const { segments } = await transcode(
    { n: segmentNumber(SEGMENT), fps: '30', renditions: [v192] },
    { pictures: [{ kind: 'slate', from, data }], sounds: [] },
    ENCODER,
  );
  const shown = await lumaOf(
    segments.flatMap((segment) => [segment.init, segment.data]),
    SIZE,
  );
  expect(shown.length).toBe(60);
  const [luma = new Uint8Array()] = shown;
  const all = Array.from({ length: COUNT }, (_, moment) => moment);
  const { db } = recognise(luma, SIZE, drawMoments(SIZE, COUNT), all);
  expect(db).toBeLessThan(SLATE_DB - 3);
}, 60_000);
