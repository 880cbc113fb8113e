/** Mutations of valid FLV tags, so that most of them get past the parsers and reach the decoder. */
import { joinSample, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { FLV_TAG, isPicture, isSequenceHeader, type FlvTag } from './flv.ts';

type Random = () => number;

const VIDEO_HEADER = 5;
const AUDIO_HEADER = 2;
const TEXTS = [
  '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/x.ts\n',
  "ffconcat version 1.0\nfile 'file:/etc/passwd'\n",
  'file:/etc/passwd',
];

const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const noise = (random: Random, size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, () => below(random, 256)));
const isSound = (tag: FlvTag): boolean => tag.type === FLV_TAG.audio && !isSequenceHeader(tag);

function scatter(random: Random, bytes: Buffer, from: number, count: number): Buffer {
  const out = Buffer.from(bytes);
  for (let i = 0; i < count && out.length > from; i += 1) {
    out[from + below(random, out.length - from)] = below(random, 256);
  }
  return out;
}

/** Edits the NAL units of some pictures; lengths stay right. */
const units =
  (share: number, edit: (unit: Buffer, random: Random) => Buffer[]): Mutation =>
  (tag, random) => {
    if (!isPicture(tag) || random() > share) {
      return [tag];
    }
    const edited = [...nalUnits(tag.data.subarray(VIDEO_HEADER), 4)].flatMap((unit) =>
      edit(Buffer.from(unit), random),
    );
    const data = Buffer.concat([tag.data.subarray(0, VIDEO_HEADER), joinSample(edited)]);
    return [{ ...tag, data }];
  };
const bytesOf =
  (
    isMeant: (tag: FlvTag) => boolean,
    share: number,
    edit: (data: Buffer, random: Random) => Buffer,
  ): Mutation =>
  (tag, random) =>
    isMeant(tag) && random() < share ? [{ ...tag, data: edit(tag.data, random) }] : [tag];

/** What becomes of a tag. */
export type Mutation = (tag: FlvTag, random: Random) => FlvTag[];

const text =
  (header: number) =>
  (data: Buffer, random: Random): Buffer =>
    Buffer.concat([data.subarray(0, header), Buffer.from(TEXTS[below(random, 3)] ?? '')]);

/** All mutations, by name. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'bytes of slices': units(0.3, (unit, random) => [scatter(random, unit, 4, 1 + below(random, 6))]),
  'heads of slices': units(0.2, (unit, random) => [scatter(random, unit, 1, 2).subarray(0)]),
  'types of units': units(0.1, (unit, random) => {
    unit[0] = below(random, 128);
    return [unit];
  }),
  'slices of noise': units(0.3, (unit, random) => [
    Buffer.concat([unit.subarray(0, 1 + below(random, 12)), noise(random, unit.length)]),
  ]),
  'slices cut short': units(0.3, (unit, random) => [
    unit.subarray(0, 1 + below(random, unit.length)),
  ]),
  'slices of zeros': units(0.3, (unit) => [
    Buffer.concat([unit.subarray(0, 8), Buffer.alloc(200)]),
  ]),
  'units of noise between': units(0.3, (unit, random) => [
    noise(random, 1 + below(random, 80)),
    unit,
  ]),
  'units twice': units(0.3, (unit, random) => (random() < 0.5 ? [unit, unit] : [unit])),
  'no keyframe but the first': (tag, random) =>
    isPicture(tag) && tag.timestamp > 0 && random() < 0.9
      ? units(1, (unit) => (nalType(unit) === 5 ? [] : [unit]))(tag, random)
      : [tag],
  'pictures missing': (tag, random) => (isPicture(tag) && random() < 0.3 ? [] : [tag]),
  'pictures twice': (tag, random) => (isPicture(tag) && random() < 0.3 ? [tag, tag] : [tag]),
  'composition times': bytesOf(isPicture, 0.3, (data, random) => {
    const out = Buffer.from(data);
    out.writeIntBE(below(random, 8000) - 4000, 2, 3);
    return out;
  }),
  timestamps: (tag, random) =>
    random() < 0.1
      ? [{ ...tag, timestamp: (tag.timestamp + below(random, 2 ** 32)) >>> 0 }]
      : [tag],
  'lengths of units': bytesOf(isPicture, 0.02, (data, random) =>
    scatter(random, data.subarray(0, VIDEO_HEADER + 4), VIDEO_HEADER, 1),
  ),
  'text as picture': bytesOf(isPicture, 0.05, text(VIDEO_HEADER)),
  'text as unit': units(0.3, (unit, random) => [
    unit,
    Buffer.concat([unit.subarray(0, 1), Buffer.from(TEXTS[below(random, 3)] ?? '')]),
  ]),
  configuration: bytesOf(isSequenceHeader, 1, (data, random) =>
    scatter(random, data, AUDIO_HEADER, 1 + below(random, 3)),
  ),
  'bytes of sound': bytesOf(isSound, 0.5, (data, random) =>
    scatter(random, data, AUDIO_HEADER, 1 + below(random, 8)),
  ),
  'sound of noise': bytesOf(isSound, 0.8, (data, random) =>
    Buffer.concat([data.subarray(0, AUDIO_HEADER), noise(random, 1 + below(random, 1500))]),
  ),
  'sound cut short': bytesOf(isSound, 0.5, (data, random) =>
    data.subarray(0, AUDIO_HEADER + below(random, data.length - AUDIO_HEADER)),
  ),
  'text as sound': bytesOf(isSound, 1, text(AUDIO_HEADER)),
};
