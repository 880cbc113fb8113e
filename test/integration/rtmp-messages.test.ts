import { afterEach, describe, expect, test } from '@jest/globals';
import {
  command,
  HELLO,
  message,
  opening,
  publishing,
  setChunkSize,
  word,
} from '../fault/rtmp-bytes.ts';
import { sendPieces } from '../fault/rtmp-peer.ts';
import { FLV_TAG, writeFlv, type FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RTMP_MESSAGE } from '../helpers/rtmp-chunks.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { audio, closePorts, KEY, listen, over, send, stop } from './rtmp-port.ts';

afterEach(closePorts);

/** Tags as an aggregate message carries them: those of a file, without its head. */
const bodyOf = (tags: readonly FlvTag[]): Buffer => writeFlv(tags).subarray(13);

describe('timestamps', () => {
  test('are read at 2^24, 2^31 and 2^32 − 1, in every chunk of a message', async () => {
    const port = await listen();
    const moments = [0xfffffe, 0xffffff, 0x1000000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 0, 5];
    await send(port, ...publishing(KEY), ...moments.map((at) => audio(at, 500)), over);
    expect(port.tags).toEqual(moments.map((at) => `audio@${at}:500`));
  });

  test('wrap at 2^32 where they are given as differences, forwards and backwards', async () => {
    const port = await listen();
    const delta = (by: number): Buffer => {
      const head = Buffer.from([0x84, 0, 0, 0]);
      if (by >= 0xffffff) {
        head.writeUIntBE(0xffffff, 1, 3);
        return Buffer.concat([head, word(by), Buffer.alloc(10, 0xaf)]);
      }
      head.writeUIntBE(by, 1, 3);
      return Buffer.concat([head, Buffer.alloc(10, 0xaf)]);
    };
    const again = Buffer.concat([Buffer.of(0xc4), Buffer.alloc(10, 0xaf)]);
    const deltas = [delta(10), delta(20), again, delta(2 ** 32 - 30)];
    await send(port, ...publishing(KEY), audio(2 ** 32 - 5), ...deltas, over);
    expect(port.tags).toEqual([2 ** 32 - 5, 5, 25, 45, 15].map((at) => `audio@${at}:10`));
  });
});

describe('messages', () => {
  test('of streams that do not publish are not taken', async () => {
    const port = await listen();
    const seen = await send(port, ...publishing(KEY), audio(0), audio(1, 10, 2), audio(2), over);
    expect(port.tags).toEqual(['audio@0:10', 'audio@2:10']);
    expect(seen).toEqual({ status: 'NetStream.Publish.Failed', isClosed: true });
  });

  test('before a publish and after a refused one go nowhere', async () => {
    const port = await listen();
    await send(port, audio(0), ...opening(), audio(1), over);
    const seen = await send(port, ...publishing('wrong'), audio(2), ...publishing(KEY), audio(3));
    expect(seen.status).toBe('NetStream.Publish.BadName');
    expect(port.tags).toEqual([]);
    expect(port.requests.map(({ key }) => key)).toEqual(['wrong']);
  });

  test('are read on chunk streams whose ids take two and three bytes', async () => {
    const port = await listen();
    const rest = audio(7).subarray(1);
    const ids = [Buffer.of(0, 0), Buffer.of(0, 255), Buffer.of(1, 0, 1), Buffer.of(1, 255, 255)];
    await send(port, ...publishing(KEY), ...ids.map((id) => Buffer.concat([id, rest])), over);
    expect(port.tags).toEqual(ids.map(() => 'audio@7:10'));
  });

  test('of the aggregate type are taken apart, and bounded', async () => {
    const port = await listen();
    const tag = (timestamp: number, data: Buffer): FlvTag => ({
      type: FLV_TAG.audio,
      timestamp,
      data,
    });
    const tags = [tag(40, Buffer.alloc(10, 0xaf)), tag(63, Buffer.alloc(20, 0xaf))];
    const whole = message(22, bodyOf(tags), { stream: 1, timestamp: 1000 });
    const cut = message(22, Buffer.alloc(100_000, 8), { stream: 1 });
    const seen = await send(port, ...publishing(KEY), whole, cut);
    expect(port.tags).toEqual(['audio@1000:10', 'audio@1023:20']);
    expect(seen).toEqual({ status: 'NetStream.Publish.Failed', isClosed: true });
    const crowd = Array.from({ length: 500_000 }, () => tag(0, Buffer.alloc(0)));
    const bomb = message(22, bodyOf(crowd), { stream: 1, chunkSize: 0xffffff });
    const bombed = await send(port, ...publishing(KEY), setChunkSize(0xffffff), bomb, bomb);
    expect(bombed).toEqual({ status: 'NetStream.Publish.Failed', isClosed: true });
    expect(port.ends).toEqual(['broken', 'broken']);
  });

  test('under way survive another chunk size', async () => {
    const port = await listen();
    const half = audio(7, 1000).subarray(0, 12 + 128);
    const rest = Buffer.concat([Buffer.of(0xc4), Buffer.alloc(872, 0xaf)]);
    await send(port, ...publishing(KEY), half, setChunkSize(5000), rest, over);
    expect(port.tags).toEqual(['audio@7:1000']);
  });

  test('that are broken off by abort leave room for the next', async () => {
    const port = await listen();
    const half = audio(0, 1000).subarray(0, 12 + 128);
    const abort = message(2, word(4), { cs: 2 });
    await send(port, ...publishing(KEY), half, abort, audio(5), over);
    expect(port.tags).toEqual(['audio@5:10']);
  });
});

describe('a publish', () => {
  test('is not ended by the end of another stream', async () => {
    const port = await listen();
    await send(
      port,
      ...publishing(KEY),
      command(0, 'deleteStream', 4, null, 2),
      command(0, 'FCUnpublish', 5, null, 'another'),
      command(2, 'closeStream', 6, null),
      audio(1),
      stop,
      audio(2),
      over,
    );
    expect(port.tags).toEqual(['audio@1:10']);
    expect(port.ends).toEqual(['clean']);
  });

  test('beside another over the same connection is refused by name', async () => {
    const port = await listen();
    const second = command(2, 'publish', 5, null, KEY, 'live');
    const seen = await send(port, ...publishing(KEY), second);
    expect(seen).toEqual({ status: 'NetStream.Publish.BadName', isClosed: true });
    expect(port.requests).toHaveLength(1);
  });

  test('may follow another over the same connection, a bounded number of times', async () => {
    const port = await listen();
    const publish = command(1, 'publish', 5, null, KEY, 'live');
    // From the sixth on their answers wait; one that is taken back meanwhile is never looked at.
    const again = Array.from({ length: 160 }, () => Buffer.concat([stop, publish]));
    await send(port, ...publishing(KEY), ...again);
    expect(port.requests.length).toBeGreaterThan(1);
    expect(port.requests.length).toBeLessThanOrEqual(16);
    expect(port.ends).toHaveLength(port.requests.length);
  });

  test('may follow one of large pictures, with longer commands than before', async () => {
    const port = await listen();
    const picture = message(RTMP_MESSAGE.video, Buffer.alloc(400_000, 0x17), { stream: 1, cs: 6 });
    const release = command(0, 'releaseStream', 4, null, 'x'.repeat(500));
    const publish = command(1, 'publish', 5, null, KEY, 'live');
    await send(port, ...publishing(KEY), picture, stop, release, publish, picture, over);
    expect(port.tags).toEqual(['video@0:400000', 'video@0:400000']);
    expect(port.ends).toEqual(['clean', 'broken']);
  });

  test('whose feed fails by our mistake ends alone, without telling what', async () => {
    const port = await listen({
      tag: () => {
        throw new TypeError('secret detail');
      },
    });
    const publisher = await RtmpPublisher.publish({ port: port.port, key: KEY });
    await publisher.send({ type: FLV_TAG.audio, timestamp: 0, data: Buffer.alloc(5) });
    await eventually('the end', () => Promise.resolve(publisher.isClosed ? true : undefined));
    expect(publisher.statuses.at(-1)?.description).toBe('the server failed');
    expect(await port.metrics.metrics()).toContain('rtmp_ends_total{reason="failed"} 1');
  });

  test('can be ended by the server when its peer reads nothing', async () => {
    const port = await listen();
    const flood = Buffer.alloc(8 << 20, command(0, 'createStream', 4, null));
    const pieces = [HELLO, ...publishing(KEY), flood];
    const sending = sendPieces(pieces, { port: port.port, isDeaf: true, patience: 1000 });
    const request = await eventually('the publish', () => Promise.resolve(port.requests[0]));
    request.close('enough');
    expect(port.ends).toEqual(['broken']);
    await sending;
  });
});
