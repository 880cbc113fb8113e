import { describe, expect, test } from '@jest/globals';
import { isOfFields } from '#common/codec/h264/scan';
import { readPictureTiming } from '#common/codec/h264/sei';
import { readSlicePicture } from '#common/codec/h264/slice';
import { parseSps } from '#common/codec/h264/sps';
import { FRAME_FLAGS } from '#common/contracts/log';
import { FieldPair } from '../../../ingest/media/field-pair.ts';
import { H264Track } from '../../../ingest/media/h264-track.ts';
import { BitWriter, writeSps } from '../../helpers/bits.ts';
import { runOk, words } from '../../helpers/child.ts';
import { fieldConfiguration, fieldPictures } from '../../helpers/field-pictures.ts';
import { FLV_TAG, isPicture, isSequenceHeader, readFlv } from '../../helpers/flv.ts';

const SIZE = { width: 32, height: 32 };
const grey = new Uint8Array((32 * 32 * 3) / 2).fill(100);
const coded = (count: number, keyframeEvery = 8): Buffer[] => [
  ...fieldPictures(
    Array.from({ length: count }, () => grey),
    SIZE,
    { isTopFirst: true, keyframeEvery },
  ),
];
const trackOfFields = (): H264Track => {
  const track = new H264Track();
  track.configure(fieldConfiguration(SIZE));
  return track;
};

describe('whether a picture is of fields', () => {
  const streams: readonly [string, string][] = [
    ['progressive', ''],
    ['progressive with picture timing', '-x264-params pic-struct=1'],
    ['progressive in a sequence that allows fields', '-x264-params fake-interlaced=1'],
    ['MBAFF, top first', '-flags +ilme+ildct -x264-params tff=1'],
    ['MBAFF, bottom first', '-flags +ilme+ildct -x264-params bff=1'],
    [
      'MBAFF with buffer periods',
      '-flags +ilme+ildct -x264-params tff=1:nal-hrd=vbr -maxrate 500k -bufsize 500k',
    ],
    ['MBAFF without picture timing', '-flags +ilme+ildct -bsf:v filter_units=remove_types=6'],
  ];

  test.each(streams)('is told as ffmpeg’s decoder does: %s', async (_name, options) => {
    const { stdout } = await runOk(
      'ffmpeg',
      words`-v error -f lavfi -i testsrc2=size=64x64:rate=25 -t 1 -c:v libx264 -preset ultrafast -bf 0
        ${options.split(' ').filter((word) => word !== '')} -f flv pipe:1`,
    );
    const tags = readFlv(stdout).filter(({ type }) => type === FLV_TAG.video);
    const track = new H264Track();
    track.configure(tags.find(isSequenceHeader)?.data.subarray(5) ?? Buffer.alloc(0));
    const ours = tags
      .filter(isPicture)
      .map(
        ({ data }) =>
          ((track.picture(data.subarray(5))?.flags ?? 0) & FRAME_FLAGS.fields) / FRAME_FLAGS.fields,
      );
    const probed = await runOk(
      'ffprobe',
      words`-v error -select_streams v -show_entries frame=interlaced_frame -of csv=p=0 -f flv pipe:0`,
      { input: [stdout] },
    );
    const theirs = probed.stdout
      .toString('utf8')
      .trim()
      .split('\n')
      .filter((line) => /^[01]/.test(line))
      .map((line) => Number(line[0]));
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(25);
  });

  test.each<
    [
      string,
      boolean,
      'frame' | 'top field',
      { structure: number; isInterlaced?: boolean } | undefined,
      boolean,
      boolean,
    ]
  >([
    ['a frame with field macroblocks', true, 'frame', undefined, false, true],
    ['a plain frame', false, 'frame', undefined, true, false],
    ['a field', false, 'top field', undefined, false, true],
    ['a frame said to be one', true, 'frame', { structure: 0 }, true, false],
    [
      'a plain frame said to be two fields, after fields',
      false,
      'frame',
      { structure: 3 },
      true,
      true,
    ],
    [
      'a plain frame said to be two fields, after a frame',
      false,
      'frame',
      { structure: 4 },
      false,
      false,
    ],
    ['film shown for three fields', false, 'frame', { structure: 5 }, true, false],
    [
      'two fields of a progressive moment',
      true,
      'frame',
      { structure: 3, isInterlaced: false },
      true,
      false,
    ],
    [
      'a frame of an interlaced moment',
      false,
      'frame',
      { structure: 0, isInterlaced: true },
      false,
      true,
    ],
  ])('%s', (_name, hasFieldMacroblocks, structure, timing, before, expected) => {
    const given = timing && { isInterlaced: undefined, ...timing };
    expect(isOfFields({ hasFieldMacroblocks }, structure, given, before)).toBe(expected);
  });

  test('picture timing is read with and without delays and clock timestamps, also if it ends early', () => {
    const message = (payload: BitWriter): Buffer => {
      const body = payload.nal();
      return Buffer.concat([Buffer.of(6, 1, body.length), body, Buffer.of(0x80)]);
    };
    const layout = { hasStructure: true, delayBits: 0, timeOffsetBits: 24 };
    const plain = message(new BitWriter().u(4, 3).u(2, 0));
    expect(readPictureTiming(plain, layout)).toEqual({ structure: 3, isInterlaced: undefined });
    expect(readPictureTiming(plain, { ...layout, hasStructure: false })).toBeUndefined();
    const delayed = message(new BitWriter().u(32, 9).u(16, 9).u(4, 4).u(2, 0));
    expect(readPictureTiming(delayed, { ...layout, delayBits: 48 })?.structure).toBe(4);
    const clock = (type: number): BitWriter =>
      new BitWriter().u(4, 3).u(1, 1).u(2, type).u(6, 0).u(1, 0).u(10, 0).u(1, 0).u(24, 0).u(1, 0);
    expect(readPictureTiming(message(clock(1)), layout)?.isInterlaced).toBe(true);
    expect(readPictureTiming(message(clock(0)), layout)?.isInterlaced).toBe(false);
    expect(readPictureTiming(message(clock(2)), layout)?.isInterlaced).toBeUndefined();
    expect(readPictureTiming(Buffer.of(6, 1, 1, 0x38), layout)?.structure).toBe(3);
  });

  test('slices tell their field, and nothing where they are cut short', () => {
    const sps = parseSps(writeSps({ isInterlaced: true }));
    const slice = new BitWriter().u(8, 0x61).ue(0, 7, 0).u(4, 9).u(1, 1).u(1, 1).nal();
    expect(readSlicePicture(slice, sps)).toEqual({ frameNumber: 9, structure: 'bottom field' });
    expect(readSlicePicture(slice, parseSps(writeSps()))?.structure).toBe('frame');
    expect(readSlicePicture(slice.subarray(0, 1), sps)).toBeUndefined();
  });
});

describe('fields that come one by one', () => {
  const take = (fields: readonly Buffer[]) => {
    const track = trackOfFields();
    const pair = new FieldPair();
    const packets = fields.flatMap((sample, i) => {
      const picture = track.picture(sample);
      const packet = picture && {
        kind: 'video' as const,
        dts: 20 * i,
        pts: 20 * i,
        arrival: i,
        flags: picture.flags,
        data: picture.data,
      };
      return (packet && picture && pair.take(packet, picture)) ?? [];
    });
    return { packets, lone: pair.lone };
  };

  test('become frames at the first one’s time, and keyframes stay keyframes', () => {
    const { packets, lone } = take(coded(32));
    expect(lone).toBe(0);
    expect(packets.map(({ pts }) => pts)).toEqual(Array.from({ length: 16 }, (_, i) => 40 * i));
    const starts = packets.flatMap(({ flags }, i) =>
      (flags & FRAME_FLAGS.start) === 0 ? [] : [i],
    );
    expect(starts).toEqual([0, 8]);
    expect(packets.every(({ flags }) => (flags & FRAME_FLAGS.fields) !== 0)).toBe(true);
  });

  test('without their other one are left out, and those after them are joined as ever', () => {
    const fields = coded(32);
    const { packets, lone } = take(fields.filter((_, i) => i !== 5 && i !== 10));
    expect(lone).toBe(2);
    expect(packets).toHaveLength(14);
  });
});
