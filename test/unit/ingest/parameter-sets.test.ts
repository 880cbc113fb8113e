import { describe, expect, test } from '@jest/globals';
import { FRAME_FLAGS } from '#common/contracts/log';
import { H264Track } from '../../../ingest/media/h264-track.ts';
import { joinSample, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { writeAvcConfiguration, writePps, writeSlice, writeSps } from '../../helpers/bits.ts';

const IDR = writeSlice(7);
const P = writeSlice(5, 0, false);
const BAD_MEDIA: unknown = expect.objectContaining({ code: 'BAD_MEDIA' });

const trackOf = (sps: readonly Buffer[], pps: readonly Buffer[]): H264Track => {
  const track = new H264Track();
  track.configure(writeAvcConfiguration(sps, pps));
  return track;
};
const typesOf = (data: Buffer | undefined): number[] =>
  [...nalUnits(data ?? Buffer.alloc(0), 4)].map(nalType);

describe('decoding starts only where everything is there', () => {
  test('not at an IDR that names a picture parameter set that never came', () => {
    const track = trackOf([writeSps()], [writePps(0)]);
    expect(track.picture(joinSample([writeSlice(7, 3)]))).toBeUndefined();
    expect(track).toMatchObject({ refused: 1, undecodable: 1 });
    const later = track.picture(joinSample([writePps(3), writeSlice(7, 3)]));
    expect(later?.flags).toBe(FRAME_FLAGS.start | FRAME_FLAGS.idr);
  });

  test('not at an IDR whose picture parameter set is of a sequence set that never came', () => {
    const track = trackOf([writeSps({ id: 1 })], [writePps(0, 0)]);
    expect(track.picture(joinSample([IDR]))).toBeUndefined();
    expect(track.picture(joinSample([writeSps(), IDR]))?.flags).toBe(3);
  });

  test('not at an IDR that a decoder passes over for its forbidden bit', () => {
    const track = trackOf([writeSps()], [writePps()]);
    const forbidden = Buffer.from(IDR);
    forbidden[0] = 0x80 | (forbidden[0] ?? 0);
    expect(track.picture(joinSample([forbidden]))).toBeUndefined();
    expect(track.picture(joinSample([IDR, forbidden]))?.flags).toBe(3);
  });

  test('not before the first keyframe, however many pictures come', () => {
    const track = trackOf([writeSps()], [writePps()]);
    for (let i = 0; i < 10; i += 1) {
      expect(track.picture(joinSample([P]))).toBeUndefined();
    }
    expect(track).toMatchObject({ refused: 10, undecodable: 0 });
  });

  test('not without any configuration, or at an IDR of nothing but its type', () => {
    expect(new H264Track().picture(joinSample([IDR]))).toBeUndefined();
    const track = trackOf([writeSps()], [writePps()]);
    expect(track.picture(joinSample([Buffer.of(0x65)]))).toBeUndefined();
  });

  test('with all sets of the moment, also when the sample brings only some of them', () => {
    const track = trackOf([writeSps(), writeSps({ id: 1 })], [writePps(0), writePps(1, 1)]);
    const picture = track.picture(joinSample([writeSps(), writePps(0), writeSlice(7, 1)]));
    expect(typesOf(picture?.data)).toEqual([7, 7, 8, 8, 5]);
  });

  test('with the size of the sequence set that is used, whatever the others claim', () => {
    const track = trackOf(
      [writeSps(), writeSps({ id: 1, blocks: [240, 135] })],
      [writePps(0), writePps(1, 1)],
    );
    track.picture(joinSample([IDR]));
    expect(track.parameters).toMatchObject({ width: 320, height: 192 });
    track.picture(joinSample([writeSlice(7, 1)]));
    expect(track.parameters).toMatchObject({ width: 3840, height: 2160 });
  });
});

describe('parameter sets stay few and small', () => {
  test('one of ten times the size is refused', () => {
    const track = trackOf([writeSps()], [writePps()]);
    const large = Buffer.concat([writePps(), Buffer.alloc(20_480)]);
    expect(() => track.picture(joinSample([large, IDR]))).toThrow(BAD_MEDIA);
  });

  test('ten times as many as a sample may have are refused', () => {
    const track = trackOf([writeSps()], [writePps()]);
    const many = Array.from({ length: 640 }, () => writePps());
    expect(() => track.picture(joinSample([...many, IDR]))).toThrow(BAD_MEDIA);
  });

  test('all ids with large sets are refused before a start point has become large', () => {
    const track = trackOf([writeSps()], [writePps()]);
    let largest = 0;
    const fill = (): void => {
      for (let id = 0; id < 256; id += 1) {
        const pps = Buffer.concat([writePps(id), Buffer.alloc(1500, 1)]);
        const picture = track.picture(joinSample([pps, IDR]));
        largest = Math.max(largest, picture?.data.length ?? 0);
      }
    };
    expect(fill).toThrow(BAD_MEDIA);
    expect(largest).toBeLessThan(40_000);
  });
});

describe('broken NAL units', () => {
  const track = (): H264Track => trackOf([writeSps()], [writePps()]);

  test.each<[string, Buffer]>([
    ['a length beyond the message', Buffer.concat([Buffer.of(0, 0, 255, 255), IDR])],
    ['a length of 4 GiB', Buffer.concat([Buffer.of(255, 255, 255, 255), IDR])],
    ['a length cut short', Buffer.concat([joinSample([IDR]), Buffer.of(0, 0)])],
    ['a playlist', Buffer.from('#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n')],
    ['a list of files', Buffer.from("ffconcat version 1.0\nfile '/etc/passwd'\n")],
    [
      'twenty thousand units',
      Buffer.concat(Array.from({ length: 20_480 }, () => joinSample([IDR]))),
    ],
  ])('%s is an error of ours', (_name, sample) => {
    expect(() => track().picture(sample)).toThrow(BAD_MEDIA);
  });

  test('empty units are passed over, also a mebibyte of them', () => {
    const sample = Buffer.concat([Buffer.alloc(1 << 20), joinSample([IDR])]);
    expect(typesOf(track().picture(sample)?.data)).toEqual([7, 8, 5]);
    expect(track().picture(Buffer.alloc(1 << 20))).toBeUndefined();
  });

  test('supplemental information that is cut short is no recovery point and no error', () => {
    for (const sei of [[6], [6, 6], [6, 6, 1], [6, 255, 255], [6, 6, 255, 255, 1]]) {
      const sample = joinSample([Buffer.from(sei), writeSlice(7, 0, false)]);
      expect(track().picture(sample)).toBeUndefined();
    }
  });

  test.each<[string, Buffer]>([
    ['version', Buffer.from('#EXTM3U\n')],
    ['length of 3 bytes', Buffer.of(1, 100, 0, 40, 0xfe, 0xe0, 0)],
    ['set of no bytes', Buffer.of(1, 100, 0, 40, 0xff, 0xe1, 0, 0, 0)],
    ['set beyond its end', Buffer.of(1, 100, 0, 40, 0xff, 0xe1, 255, 255, 0x67)],
    ['end before its first byte', Buffer.alloc(0)],
  ])('a configuration with a wrong %s is an error of ours', (_name, record) => {
    expect(() => {
      new H264Track().configure(record);
    }).toThrow(BAD_MEDIA);
  });
});
