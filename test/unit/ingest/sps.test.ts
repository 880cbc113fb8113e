import { describe, expect, test } from '@jest/globals';
import { acceptSps, shownSize } from '../../../ingest/media/sps-policy.ts';
import { readSourcePicture } from '../../../transcoder/source-picture.ts';
import { writeSps, type SpsFields } from '../../helpers/bits.ts';
import { seeded } from '../../helpers/seeded.ts';

const SEED = 4711;

describe('a sequence parameter set that is taken', () => {
  const taken: readonly [string, SpsFields, object][] = [
    ['of a plain picture', {}, { width: 320, height: 192, isInterlaced: false }],
    ['of the largest picture', { blocks: [512, 270] }, { width: 8192, height: 4320 }],
    ['of the smallest picture', { blocks: [1, 1] }, { width: 16, height: 16 }],
    [
      'of an odd size',
      { profile: 244, chroma: 3, crop: [0, 1, 0, 3] },
      { width: 319, height: 189 },
    ],
    ['of an unusual crop', { crop: [3, 5, 2, 1] }, { width: 304, height: 186 }],
    ['of 4:2:2', { profile: 122, chroma: 2, crop: [0, 1, 0, 1] }, { width: 318, height: 191 }],
    ['of 10 bit', { profile: 110, depths: [10, 10] }, { width: 320 }],
    ['of black and white', { chroma: 0 }, { width: 320 }],
    ['of fields', { isInterlaced: true }, { height: 384, isInterlaced: true }],
    ['without a rate', { timing: [0, 0] }, { fps: undefined }],
    ['that never ticks', { timing: [1, 0] }, { fps: 0 }],
    ['of absurd speed', { timing: [1, 0xffffffff] }, { fps: 2_147_483_647.5 }],
    ['of pixels like needles', { sar: [65_535, 1] }, { sar: { x: 65_535, y: 1 } }],
    ['of pixels without a shape', { sar: [0, 7] }, { sar: { x: 1, y: 1 } }],
  ];

  test.each(taken)('%s', (_name, fields, expected) => {
    const nal = writeSps(fields);
    const parsed = acceptSps(nal);
    expect(parsed).toMatchObject(expected);
    // The worker reads it alike, or its pictures would have another size than their ladder.
    const { width, height, sar } = parsed;
    expect(readSourcePicture(nal)).toMatchObject({ width, height, sar });
  });
});

test.each<[string, SpsFields, { width: number; height: number }]>([
  ['1440×1088 of HDV', { blocks: [90, 68], sar: [4, 3] }, { width: 1920, height: 1088 }],
  ['720×576 of wide PAL', { blocks: [45, 36], sar: [16, 11] }, { width: 1047, height: 576 }],
  ['720×480 of narrow NTSC', { blocks: [45, 30], sar: [10, 11] }, { width: 655, height: 480 }],
  ['320×192', {}, { width: 320, height: 192 }],
  ['needles', { sar: [65_535, 1] }, { width: 320, height: 192 }],
  ['boards', { sar: [1, 65_535] }, { width: 320, height: 192 }],
])('a picture of %s is shown as wide as its pixels make it', (_name, fields, size) => {
  expect(shownSize(acceptSps(writeSps(fields)))).toEqual(size);
});

describe('a sequence parameter set that is refused', () => {
  const refused: readonly [string, SpsFields, RegExp][] = [
    ['claims 16K', { blocks: [1024, 540] }, /16384x8640 is too large: .*smaller output size/],
    ['claims 16K of height', { blocks: [20, 1024] }, /320x16384 is too large/],
    ['claims 8192x8192', { blocks: [512, 512] }, /8192x8192 is too large/],
    ['claims all the blocks there are', { blocks: [2 ** 31, 2 ** 31] }, /too large/],
    ['claims twice the height as fields', { blocks: [20, 300], isInterlaced: true }, /too large/],
    ['crops all away', { crop: [100, 60, 0, 0] }, /cropping leaves nothing/],
    ['crops more than there is', { crop: [2 ** 30, 2 ** 30, 0, 0] }, /cropping leaves nothing/],
    ['crops to a strip', { crop: [0, 155, 0, 0] }, /10x192 is too small or too long/],
    ['is a needle', { blocks: [200, 1] }, /3200x16 is too small or too long/],
    ['is of the Extended profile', { profile: 88 }, /H.264 profile 88: set the encoder to/],
    ['is of a scalable profile', { profile: 83 }, /H.264 profile 83/],
    ['is of a withdrawn profile', { profile: 144 }, /H.264 profile 144/],
    ['codes colours apart', { profile: 244, chroma: 3, separatePlanes: true }, /8 bit, 4:2:0/],
    ['has 11 bit', { profile: 110, depths: [11, 11] }, /11 and 11 bit/],
    ['has two depths', { profile: 110, depths: [8, 10] }, /8 and 10 bit/],
    ['has absurd depths', { depths: [2 ** 30, 8] }, /bit: set/],
    ['has a chroma format of its own', { chroma: 4 }, /chroma_format_idc 4/],
    ['has too many references', { references: 17 }, /17 reference frames/],
    ['counts frames in 20 bits', { frameNumberBits: 20 }, /in 20 bits/],
    ['orders in a way of its own', { orderType: 3 }, /pic_order_cnt_type 3/],
    ['has id 32', { id: 32 }, /id 32/],
  ];

  test.each(refused)('because it %s', (_name, fields, message) => {
    expect(() => acceptSps(writeSps(fields))).toThrow(message);
  });

  test('costs nothing but an error of ours, whatever its bits are', () => {
    const random = seeded(SEED);
    for (let round = 0; round < 3000; round += 1) {
      const nal = Buffer.from(
        writeSps({ timing: [1001, 60_000], sar: [4, 3], crop: [0, 1, 0, 1] }),
      );
      for (let count = 1 + random() * 4; count > 0; count -= 1) {
        nal[1 + Math.floor(random() * (nal.length - 1))] = Math.floor(random() * 256);
      }
      try {
        const { width, height } = acceptSps(nal);
        expect({ seed: SEED, round, ...readSourcePicture(nal) }).toMatchObject({ width, height });
        expect(width * height).toBeLessThanOrEqual(8192 * 4352);
      } catch (error) {
        expect(error).toMatchObject({ name: 'PipelineError' });
      }
    }
  });
});
