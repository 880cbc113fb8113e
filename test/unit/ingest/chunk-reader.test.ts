import { describe, expect, test } from '@jest/globals';
import { messagesOf } from '../../../ingest/rtmp/aggregate.ts';
import { ChunkReader } from '../../../ingest/rtmp/chunk-reader.ts';
import { message, word } from '../../fault/rtmp-bytes.ts';
import { FLV_TAG, writeFlv } from '../../helpers/flv.ts';
import { seeded } from '../../helpers/seeded.ts';

const SEED = 20_262;
const BAD: unknown = expect.objectContaining({ code: 'BAD_REQUEST' });
const TOO_LARGE: unknown = expect.objectContaining({ code: 'TOO_LARGE' });
const AUDIO = 8;

interface Taken {
  readonly type: number;
  readonly stream: number;
  readonly timestamp: number;
  readonly body: string;
}

function open({ limit = 1 << 24, bufferLimit = 1 << 24 } = {}): {
  readonly reader: ChunkReader;
  readonly taken: Taken[];
} {
  const taken: Taken[] = [];
  const reader = new ChunkReader({
    onChunk: () => undefined,
    limitOf: () => limit,
    bufferLimit: () => bufferLimit,
    onMessage: ({ body, ...head }) => {
      taken.push({ ...head, body: body.toString('hex') });
    },
  });
  return { reader, taken };
}

/** A chunk of type 3 on chunk stream 4. */
const more = (...parts: readonly Buffer[]): Buffer => Buffer.concat([Buffer.of(0xc4), ...parts]);
const bytes = (random: () => number, size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));
/** A message's first chunk, of `size` bytes, with an extended timestamp. */
function extended(timestamp: number, body: Buffer, size = 128): Buffer {
  const whole = message(AUDIO, body, { cs: 4, stream: 1, timestamp, chunkSize: body.length });
  return whole.subarray(0, 16 + size);
}

/** Feeds bytes in pieces of at most `size`. */
function feed(reader: ChunkReader, data: Buffer, size: number): void {
  for (let at = 0; at < data.length; at += size) {
    reader.read(data.subarray(at, at + size));
  }
}

describe('extended timestamps in chunks of type 3', () => {
  const moments = [0xff_ffff, 0x100_0000, 2 ** 31, 2 ** 32 - 1];
  const body = bytes(seeded(SEED), 300);

  test.each(moments)('may be there or left out at %i', (timestamp) => {
    for (const field of [word(timestamp), Buffer.alloc(0)]) {
      for (const size of [1, 2, 3, 7, 1000]) {
        const { reader, taken } = open();
        const session = Buffer.concat([
          extended(timestamp, body),
          more(field, body.subarray(128, 256)),
          more(field, body.subarray(256)),
          message(AUDIO, body, { cs: 5, stream: 1, timestamp: 7 }),
        ]);
        feed(reader, session, size);
        const text = body.toString('hex');
        expect(taken).toEqual([
          { type: AUDIO, stream: 1, timestamp, body: text },
          { type: AUDIO, stream: 1, timestamp: 7, body: text },
        ]);
      }
    }
  });

  test('are told from payload that begins like them, and that is shorter than they are', () => {
    const timestamp = 0x0102_0304;
    for (const tail of [[1], [1, 2], [1, 2, 3], [9], [1, 9, 9], [1, 2, 3, 9, 1, 2]]) {
      for (const size of [1, 1000]) {
        const { reader, taken } = open();
        const whole = Buffer.concat([body.subarray(0, 128), Buffer.from(tail)]);
        const next = message(AUDIO, body, { cs: 5, stream: 1 });
        feed(
          reader,
          Buffer.concat([extended(timestamp, whole), more(Buffer.from(tail)), next]),
          size,
        );
        expect(taken.map((one) => one.body)).toEqual([whole.toString('hex'), body.toString('hex')]);
      }
    }
  });

  test('that begin a message say its time, unless the peer leaves them out', () => {
    const timestamp = 0x0102_0304;
    const short = body.subarray(0, 10);
    const first = extended(timestamp, short, 10);
    const repeats = open();
    repeats.reader.read(
      Buffer.concat([first, more(word(timestamp + 23), short), more(word(timestamp + 46), short)]),
    );
    expect(repeats.taken.map((one) => one.timestamp - timestamp)).toEqual([0, 23, 46]);
    const omits = open();
    const long = [
      extended(timestamp, body),
      more(body.subarray(128, 256)),
      more(body.subarray(256)),
    ];
    omits.reader.read(Buffer.concat([...long, first, more(short), more(short)]));
    expect(omits.taken.map((one) => one.body.length)).toEqual([600, 20, 20, 20]);
    expect(omits.taken.map((one) => one.timestamp)).toEqual(Array(4).fill(timestamp));
  });

  test('of types 1 and 2 are differences, or times where they can be nothing else', () => {
    const next = (value: number): Buffer =>
      Buffer.concat([Buffer.of(0x84, 0xff, 0xff, 0xff), word(value), body.subarray(0, 10)]);
    const hours = 0x0110_0000;
    const { reader, taken } = open();
    const first = message(AUDIO, body.subarray(0, 10), { cs: 4, stream: 1, timestamp: 1000 });
    reader.read(
      Buffer.concat([
        first,
        next(hours),
        next(hours + 1023),
        next(hours + 1046),
        next(2 ** 32 - 40),
      ]),
    );
    expect(taken.map((one) => one.timestamp)).toEqual([
      ...[1000, hours + 1000, hours + 1023, hours + 1046, hours + 1006],
    ]);
  });
});

describe('chunk sizes', () => {
  test('above the longest message set no limit; zero and a set highest bit are errors', () => {
    const body = Buffer.alloc(200_000, 5);
    for (const size of [0xff_ffff, 0x100_0000, 0x7fff_ffff]) {
      const { reader, taken } = open();
      reader.setChunkSize(size);
      reader.read(message(AUDIO, body, { cs: 4, chunkSize: body.length }));
      expect(taken.map((one) => one.body.length)).toEqual([400_000]);
    }
    for (const size of [0, 0x8000_0000, 0xffff_ffff]) {
      expect(() => open().reader.setChunkSize(size)).toThrow(BAD);
    }
  });

  test('that change inside a message count from its next chunk on', () => {
    const body = bytes(seeded(SEED), 1000);
    const { reader, taken } = open();
    reader.read(message(AUDIO, body, { cs: 4 }).subarray(0, 12 + 128));
    reader.setChunkSize(500);
    reader.read(Buffer.concat([more(body.subarray(128, 628)), more(body.subarray(628))]));
    expect(taken.map((one) => one.body)).toEqual([body.toString('hex')]);
  });
});

describe('chunk streams', () => {
  test('may begin with type 1, as the pings of librtmp do, but not with 2 or 3', () => {
    const { reader, taken } = open();
    reader.read(Buffer.from('42000000000006040006000003e8', 'hex'));
    expect(taken).toEqual([{ type: 4, stream: 0, timestamp: 0, body: '0006000003e8' }]);
    expect(() => open().reader.read(Buffer.of(0x82, 0, 0, 0))).toThrow(BAD);
    expect(() => open().reader.read(Buffer.of(0xc2))).toThrow(BAD);
  });

  test('are bounded in number, and their messages in length and together', () => {
    const streams = (count: number): Buffer[] =>
      Array.from({ length: count }, (_, i) => message(AUDIO, Buffer.alloc(1), { cs: 3 + i }));
    const { reader, taken } = open();
    expect(() => streams(60).forEach((one) => reader.read(one))).toThrow(BAD);
    expect(taken).toHaveLength(32);
    const large = message(AUDIO, Buffer.alloc(1001), { cs: 4 });
    expect(() => open({ limit: 1000 }).reader.read(large)).toThrow(TOO_LARGE);
    const bounded = open({ bufferLimit: 3000 }).reader;
    const halves = Array.from({ length: 30 }, (_, i) =>
      message(AUDIO, Buffer.alloc(1000), { cs: 3 + i }).subarray(0, 12 + 128),
    );
    expect(() => halves.forEach((one) => bounded.read(one))).toThrow(TOO_LARGE);
  });

  test('give back what a lower limit no longer permits, but for what is under way', () => {
    let bufferLimit = 1 << 20;
    const lengths: number[] = [];
    const reader = new ChunkReader({
      onChunk: () => undefined,
      limitOf: () => bufferLimit,
      bufferLimit: () => bufferLimit,
      onMessage: ({ body }) => lengths.push(body.length),
    });
    const sized = (cs: number, size: number): Buffer =>
      message(AUDIO, Buffer.alloc(size), { cs, stream: 1 });
    const underWay = sized(6, 300_000);
    // A first chunk with its header, and a thousand more.
    const part = 12 + 128 + 1_000 * 129;
    reader.read(sized(4, 500_000));
    reader.read(underWay.subarray(0, part));
    bufferLimit = 1 << 18;
    reader.read(sized(5, 0));
    // What is under way is above the limit alone.
    expect(() => {
      reader.read(sized(7, 1));
    }).toThrow(TOO_LARGE);
    reader.read(underWay.subarray(part));
    for (const cs of [4, 5, 6]) {
      reader.read(sized(cs, 80_000));
    }
    expect(lengths).toEqual([500_000, 0, 300_000, 80_000, 80_000, 80_000]);
    expect(() => {
      reader.read(sized(3, 80_000));
    }).toThrow(TOO_LARGE);
  });

  test('give the same messages however the bytes are cut', () => {
    const random = seeded(SEED);
    const session = Buffer.concat(
      Array.from({ length: 60 }, (_, i) => {
        const timestamp = Math.floor(random() * 2 ** 32);
        const body = bytes(random, Math.floor(random() * 400));
        return message(1 + (i % 7 === 0 ? 8 : 7), body, { cs: 3 + (i % 5), stream: 1, timestamp });
      }),
    );
    const whole = open();
    whole.reader.read(session);
    expect(whole.taken).toHaveLength(60);
    for (const size of [1, 2, 5, 13, 129]) {
      const { reader, taken } = open();
      feed(reader, session, size);
      expect(taken).toEqual(whole.taken);
    }
  });

  test('throw nothing but their own errors, whatever the bytes', () => {
    const random = seeded(SEED);
    for (let i = 0; i < 3000; i += 1) {
      const { reader } = open({ limit: 1 << 16, bufferLimit: 1 << 18 });
      try {
        reader.read(bytes(random, 400));
      } catch (error) {
        expect(['BAD_REQUEST', 'TOO_LARGE']).toContain((error as { code?: string }).code);
      }
    }
  });
});

describe('aggregate messages', () => {
  const tags = [
    { type: FLV_TAG.audio, timestamp: 5000, data: Buffer.of(0xaf, 1, 2) },
    { type: FLV_TAG.video, timestamp: 5040, data: Buffer.of(0x17, 1, 0, 0, 0, 9) },
    { type: FLV_TAG.audio, timestamp: 4990, data: Buffer.alloc(0) },
  ];
  const aggregate = (body: Buffer, timestamp = 100): Parameters<typeof messagesOf>[0] => ({
    type: 22,
    stream: 3,
    timestamp,
    body,
  });
  const body = writeFlv(tags).subarray(13);

  test('are their messages, from the time of the whole on', () => {
    const messages = [...messagesOf(aggregate(body))];
    expect(messages).toEqual([
      { type: 8, stream: 3, timestamp: 100, body: tags[0]?.data },
      { type: 9, stream: 3, timestamp: 140, body: tags[1]?.data },
      { type: 8, stream: 3, timestamp: 90, body: tags[2]?.data },
    ]);
    const late = [...messagesOf(aggregate(body, 2 ** 32 - 10))];
    expect(late.map(({ timestamp }) => timestamp)).toEqual([2 ** 32 - 10, 30, 2 ** 32 - 20]);
  });

  test('that are cut short are bad, wherever it is', () => {
    const ends = new Set([0]);
    let at = 0;
    for (const { data } of tags) {
      at += 11 + data.length;
      [0, 1, 2, 3, 4].forEach((back) => ends.add(at + back));
      at += 4;
    }
    for (let size = 0; size < body.length; size += 1) {
      const read = (): unknown => [...messagesOf(aggregate(body.subarray(0, size)))];
      if (ends.has(size)) {
        expect(read).not.toThrow();
      } else {
        expect(read).toThrow(BAD);
      }
    }
  });
});
