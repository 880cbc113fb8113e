import { afterEach, describe, expect, test } from '@jest/globals';
import { command, HELLO, message, opening, publishing, word } from '../fault/rtmp-bytes.ts';
import { sendPieces } from '../fault/rtmp-peer.ts';
import { FLV_TAG } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RTMP_MESSAGE } from '../helpers/rtmp-chunks.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { audio, closePorts, KEY, listen, over, send, stop } from './rtmp-port.ts';

afterEach(closePorts);

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

  test('of the aggregate type are refused by name', async () => {
    const port = await listen();
    const aggregate = message(22, Buffer.alloc(100_000), { stream: 1 });
    const seen = await send(port, ...publishing(KEY), aggregate);
    expect(seen).toEqual({ status: 'NetStream.Publish.Rejected', isClosed: true });
    expect(port.ends).toEqual(['broken']);
  });

  test('under way do not survive another chunk size, which would misread them', async () => {
    const port = await listen();
    const half = audio(0, 1000).subarray(0, 12 + 128);
    const size = message(RTMP_MESSAGE.setChunkSize, word(100), { cs: 2 });
    const seen = await send(port, ...publishing(KEY), half, size, Buffer.alloc(900));
    expect(seen).toEqual({ status: 'NetStream.Publish.Failed', isClosed: true });
    expect(port.tags).toEqual([]);
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
