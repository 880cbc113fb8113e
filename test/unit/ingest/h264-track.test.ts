import { beforeAll, describe, expect, test } from '@jest/globals';
import { FRAME_FLAGS } from '#common/contracts/log';
import { H264Track, type Picture } from '../../../ingest/media/h264-track.ts';
import { parseAvcConfiguration } from '#common/codec/h264/avc-configuration';
import { NAL, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { acceptSps } from '../../../ingest/media/sps-policy.ts';
import { runOk, words } from '../../helpers/child.ts';
import { isPicture, isSequenceHeader, readFlv, FLV_TAG, type FlvTag } from '../../helpers/flv.ts';
import { seeded } from '../../helpers/seeded.ts';

async function encode(options: string, size = '320x180'): Promise<FlvTag[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=${size}:rate=30 -t 2 -c:v libx264 -preset ultrafast
      ${options.split(' ')} -f flv pipe:1`,
  );
  return readFlv(stdout).filter((tag) => tag.type === FLV_TAG.video);
}

const headerOf = (tags: readonly FlvTag[]): Buffer =>
  tags.find(isSequenceHeader)?.data.subarray(5) ?? Buffer.alloc(0);
const samplesOf = (tags: readonly FlvTag[]): Buffer[] =>
  tags.filter(isPicture).map(({ data }) => data.subarray(5));

let closed: FlvTag[];
let open: FlvTag[];
beforeAll(async () => {
  closed = await encode('-g 15 -bf 2');
  open = await encode('-g 15 -bf 2 -x264-params open-gop=1:keyint=15:min-keyint=15:scenecut=0');
});

const pictures = (header: Buffer, samples: readonly Buffer[]): (Picture | undefined)[] => {
  const track = new H264Track();
  track.configure(header);
  return samples.map((sample) => track.picture(sample));
};

describe('an H.264 track', () => {
  test('begins decoding at each IDR and puts the parameter sets before it', () => {
    const found = pictures(headerOf(closed), samplesOf(closed));
    const starts = found.flatMap((picture, i) => ((picture?.flags ?? 0) === 0 ? [] : [i]));
    expect(starts).toEqual([0, 15, 30, 45]);
    const types = [...nalUnits(found[15]?.data ?? Buffer.alloc(0), 4)].map(nalType);
    expect(types.slice(0, 2)).toEqual([NAL.sps, NAL.pps]);
    expect(found[15]?.flags).toBe(FRAME_FLAGS.start | FRAME_FLAGS.idr);
  });

  test('of open GOPs begins at I pictures with recovery point 0, which are no IDR', () => {
    const found = pictures(headerOf(open), samplesOf(open));
    const starts = found.flatMap((picture) =>
      (picture?.flags ?? 0) === 0 ? [] : [picture?.flags],
    );
    expect(starts[0]).toBe(FRAME_FLAGS.start | FRAME_FLAGS.idr);
    expect(starts.slice(1)).toEqual([FRAME_FLAGS.start, FRAME_FLAGS.start, FRAME_FLAGS.start]);
  });

  test('leaves out pictures before the first start point', () => {
    const found = pictures(headerOf(closed), samplesOf(closed).slice(5));
    expect(found.findIndex((picture) => picture !== undefined)).toBe(10);
  });

  test('gives 4-byte lengths whatever the source has', () => {
    const header = Buffer.from(headerOf(closed));
    header.writeUInt8((header[4] ?? 0) & 0xfd, 4); // lengthSizeMinusOne = 1
    const two = samplesOf(closed).map((sample) =>
      Buffer.concat(
        [...nalUnits(sample, 4)].flatMap((unit) => [
          Buffer.of(unit.length >> 8, unit.length & 255),
          unit,
        ]),
      ),
    );
    const expected = pictures(headerOf(closed), samplesOf(closed));
    expect(pictures(header, two)).toEqual(expected);
  });

  test('follows parameter sets that change, in a header or in-band', async () => {
    const larger = await encode('-g 15', '640x360');
    const track = new H264Track();
    track.configure(headerOf(closed));
    expect(track.parameters).toMatchObject({ width: 320, height: 180 });
    track.configure(headerOf(larger));
    expect(track.parameters).toMatchObject({ width: 640, height: 360 });
    const { sps, pps } = parseAvcConfiguration(headerOf(closed));
    const inBand = Buffer.concat(
      [...sps, ...pps, ...nalUnits(samplesOf(closed)[0] ?? Buffer.alloc(0), 4)].flatMap((unit) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(unit.length);
        return [length, unit];
      }),
    );
    const picture = track.picture(inBand);
    expect(track.parameters).toMatchObject({ width: 320, height: 180 });
    const types = [...nalUnits(picture?.data ?? Buffer.alloc(0), 4)].map(nalType);
    expect(types.filter((type) => type === NAL.sps)).toHaveLength(1);
  });

  test('throws nothing but errors of ours at damaged samples', () => {
    const random = seeded(7);
    for (let round = 0; round < 2000; round += 1) {
      const track = new H264Track();
      const header = Buffer.from(headerOf(closed));
      const sample = Buffer.from(samplesOf(closed)[round % 30] ?? Buffer.alloc(0)).subarray(0, 400);
      for (const bytes of [header, sample]) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      try {
        track.configure(header);
        track.picture(sample);
      } catch (error) {
        expect(error).toMatchObject({ name: 'PipelineError' });
      }
    }
  });
});

describe('a sequence parameter set', () => {
  test.each(['1920x1080', '854x480', '640x360', '1280x720'])(
    'of %s says its cropped size and its rate',
    async (size) => {
      const { sps } = parseAvcConfiguration(headerOf(await encode('-pix_fmt yuv420p', size)));
      const parameters = acceptSps(sps[0] ?? Buffer.alloc(0));
      expect(`${parameters.width}x${parameters.height}`).toBe(size);
      expect(parameters).toMatchObject({ fps: 30, sar: { x: 1, y: 1 } });
    },
  );

  test('of an anamorphic picture says the shape of its pixels', async () => {
    const tags = await encode('-vf setsar=16/11', '720x576');
    const { sps } = parseAvcConfiguration(headerOf(tags));
    expect(acceptSps(sps[0] ?? Buffer.alloc(0))).toMatchObject({ sar: { x: 16, y: 11 } });
  });

  test('of a picture that is too large is refused', () => {
    const ue = (value: number): string => {
      const code = (value + 1).toString(2);
      return '0'.repeat(code.length - 1) + code;
    };
    // Baseline, level 4.0: id, frame_num, order type and its bits, references, gaps, 16384 by 16384, frames only.
    const head = '01100111' + '01000010' + '00000000' + '00101000';
    const bits = `${head}${[0, 0, 0, 0, 1].map(ue).join('')}0${ue(1023)}${ue(1023)}11001`;
    const bytes = bits.match(/.{1,8}/g)?.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
    expect(() => acceptSps(Uint8Array.from(bytes ?? []))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_MEDIA' }),
    );
  });
});
