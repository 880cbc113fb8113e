/** Twenty-four sessions made to hurt an RTMP server, each with what it is meant to do. */
import { encodeAmf } from '../helpers/amf0.ts';
import { FLV_TAG, type FlvTag } from '../helpers/flv.ts';
import { RTMP_MESSAGE } from '../helpers/rtmp-chunks.ts';
import {
  CHUNK_SIZE,
  command,
  HELLO,
  media,
  message,
  opening,
  publishing,
  setChunkSize,
  validSession,
  word,
} from './rtmp-bytes.ts';

/** What an attack has at hand: a key nobody uses, and the key of the publisher beside it. */
export interface AttackMeans {
  readonly key: string;
  readonly liveKey: string;
  readonly clip: readonly FlvTag[];
}

/** An attack: what is sent, and whether its answers are left unread. */
export interface Attack {
  readonly name: string;
  readonly isDeaf?: boolean;
  readonly bytes: (means: AttackMeans) => readonly Buffer[];
}

const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

/** A message header (type 0) that may lie about its length. */
function head(cs: number, type: number, length: number, stream = 1): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt8(cs, 0);
  bytes.writeUIntBE(length, 4, 3);
  bytes.writeUInt8(type, 7);
  bytes.writeUInt32LE(stream, 8);
  return bytes;
}

const invoke = (body: Buffer): Buffer => message(RTMP_MESSAGE.command, body);
const name = (text: string): Buffer => encodeAmf(text);
const atNoTime = (tags: readonly FlvTag[], timestamp: number): FlvTag[] =>
  tags.map((tag) => ({ ...tag, timestamp }));

/** All of them. */
export const ATTACKS: readonly Attack[] = [
  { name: 'one empty message of twelve bytes', bytes: () => [HELLO, head(3, 20, 0), Buffer.of(3)] },
  { name: 'a web browser', bytes: () => [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')] },
  { name: 'a marker AMF 0 does not have', bytes: () => [HELLO, invoke(Buffer.of(0x44, 1, 2, 3))] },
  { name: 'connect without its object', bytes: () => [HELLO, command(0, 'connect', 1)] },
  {
    name: 'connect to no address, twice',
    bytes: () => [
      HELLO,
      command(0, 'connect', 1, { app: 'live', tcUrl: 'nowhere' }),
      command(0, 'connect', 1, { app: 'live', tcUrl: 'nowhere' }),
    ],
  },
  {
    name: 'objects in objects, 16,000 deep',
    bytes: () => [
      HELLO,
      invoke(Buffer.concat([name('connect'), times(16_000, () => Buffer.of(3, 0, 1, 97))])),
    ],
  },
  {
    name: 'arrays in arrays, each of 4,294,967,295',
    bytes: () => [
      HELLO,
      invoke(
        Buffer.concat([name('connect'), times(12_000, () => Buffer.of(10, 255, 255, 255, 255))]),
      ),
    ],
  },
  {
    name: 'a string of four gigabytes',
    bytes: () => [
      HELLO,
      invoke(Buffer.concat([name('connect'), Buffer.of(12, 255, 255, 255, 255)])),
    ],
  },
  {
    name: 'a transaction of 8,000 members, to be echoed',
    bytes: () => {
      const object = Object.fromEntries(Array.from({ length: 8000 }, (_, i) => [`k${i}`, null]));
      return [
        HELLO,
        ...opening(),
        invoke(Buffer.concat([name('createStream'), encodeAmf(object), encodeAmf(null)])),
      ];
    },
  },
  {
    name: 'commands named like what every object has',
    bytes: () => [
      HELLO,
      ...['__proto__', 'constructor', 'toString', 'hasOwnProperty'].map((n) => command(0, n, 1)),
      command(0, 'connect', 1, { ['__proto__']: { app: 'live' }, app: 'live' }),
    ],
  },
  { name: 'a chunk size without a number', bytes: () => [HELLO, head(2, 1, 0), Buffer.of(3)] },
  { name: 'a chunk size of two gigabytes', bytes: () => [HELLO, setChunkSize(2 ** 31 - 1)] },
  {
    name: 'a chunk size that changes inside a message',
    bytes: ({ key }) => [
      HELLO,
      ...publishing(key),
      head(6, 9, 1000),
      Buffer.alloc(128),
      setChunkSize(100),
      Buffer.alloc(900),
    ],
  },
  {
    name: 'chunks of one byte',
    bytes: ({ key }) => [
      HELLO,
      ...publishing(key),
      setChunkSize(1),
      head(6, 9, 1_000_000),
      times(1_000_000, () => Buffer.of(0, 0xc6)),
    ],
  },
  {
    name: 'messages of 16 MiB announced on many chunk streams',
    bytes: ({ key }) => [
      HELLO,
      ...publishing(key),
      ...Array.from({ length: 60 }, (_, i) =>
        Buffer.concat([head(4 + i, 9, 8 << 20), Buffer.alloc(128)]),
      ),
    ],
  },
  {
    name: 'a million empty messages without a key',
    bytes: () => [HELLO, head(3, 4, 0, 0), Buffer.alloc(1 << 20, 0xc3)],
  },
  {
    name: 'a million empty messages with a key',
    bytes: ({ key }) => [HELLO, ...publishing(key), head(4, 8, 0), Buffer.alloc(1 << 20, 0xc4)],
  },
  {
    name: 'play of the live stream',
    bytes: ({ liveKey }) => [HELLO, ...opening(), command(1, 'play', 3, null, liveKey)],
  },
  {
    name: 'media into the live stream after a refusal',
    bytes: ({ liveKey, clip }) => [
      HELLO,
      ...publishing(liveKey),
      setChunkSize(CHUNK_SIZE),
      ...media(clip),
    ],
  },
  {
    name: 'two publishes over one connection',
    bytes: ({ key, liveKey, clip }) => [
      HELLO,
      ...publishing(key),
      command(0, 'createStream', 4, null),
      command(2, 'publish', 5, null, liveKey, 'live'),
      setChunkSize(CHUNK_SIZE),
      ...media(clip, 2),
    ],
  },
  {
    name: 'aggregate messages',
    bytes: ({ key }) => [HELLO, ...publishing(key), message(22, Buffer.alloc(4000), { stream: 1 })],
  },
  {
    name: 'answers that nobody reads',
    isDeaf: true,
    bytes: ({ key }) => [
      HELLO,
      ...publishing(key),
      Buffer.alloc(16 << 20, command(0, 'createStream', 4, null)),
    ],
  },
  {
    name: 'timestamps at 2^24, 2^31, 2^32 and back, and chunk stream 65,599',
    bytes: ({ key, clip }) => {
      const jumps = [0xfffffe, 0xffffff, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 0, 2 ** 31, 1];
      const third = Buffer.concat([Buffer.of(1, 0xff, 0xff), head(3, 9, 5).subarray(1)]);
      return [
        ...validSession(key, clip.slice(0, 3)).slice(0, -2),
        ...jumps.flatMap((at) => media(atNoTime(clip.slice(3, 12), at))),
        third,
        Buffer.of(0x27, 1, 0, 0, 0),
      ];
    },
  },
  {
    name: 'empty media, a codec nobody knows, and abort of everything',
    bytes: ({ key }) => [
      HELLO,
      ...publishing(key),
      ...[8, 9, 18, 15, 17, 16, 19, 0, 255].map((type) =>
        message(type, Buffer.alloc(1), { stream: 1, cs: 7 }),
      ),
      ...Array.from({ length: 70 }, (_, i) => message(2, word(i), { cs: 2 })),
      message(FLV_TAG.video, Buffer.from([0x90, 0x78, 0x78, 0x78, 0x78, 1]), { stream: 1 }),
    ],
  },
];
