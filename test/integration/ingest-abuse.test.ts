import { beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { encodeAmf } from '../helpers/amf0.ts';
import type { FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { encodeMessage, RTMP_MESSAGE } from '../helpers/rtmp-chunks.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { seeded } from '../helpers/seeded.ts';
import {
  ended,
  makeClip,
  picturesOf,
  play,
  startHarness,
  STREAM_KEY,
  testChannel,
} from './ingest-harness.ts';

const FUZZ_SEED = 20_261;

let clip: FlvTag[];

beforeAll(async () => {
  clip = await makeClip();
});

describe('ingest', () => {
  test('survives a hundred mutated sessions while a publisher beside them loses nothing', async () => {
    const harness = await startHarness({ env: { RTMP_MAX_CONNECTIONS_PER_ADDRESS: '200' } });
    try {
      await harness.setChannel(testChannel('fuzz', 'fuzz-key'));
      const publisher = await RtmpPublisher.publish({ port: harness.port, key: STREAM_KEY });
      const playing = play(publisher, clip);
      const random = seeded(FUZZ_SEED);
      for (let round = 0; round < 10; round += 1) {
        await Promise.all(
          Array.from({ length: 10 }, () => sendMutated(harness.port, random, validSession())),
        );
      }
      await playing;
      expect(publisher.isClosed).toBe(false);
      await publisher.stop();
      await ended(harness, 'main');
      const indices = (await harness.log('main'))
        .flatMap((entry) => (entry.t === 'frames' ? entry.v.map((row) => row[1]) : []))
        .sort((a, b) => a - b);
      expect({ seed: FUZZ_SEED, count: indices.length }).toEqual({
        seed: FUZZ_SEED,
        count: picturesOf(clip),
      });
    } finally {
      await harness.close();
    }
  }, 40_000);

  test('gives a peer that never publishes, or too many at once, no room', async () => {
    const harness = await startHarness({ env: { RTMP_MAX_CONNECTIONS_PER_ADDRESS: '5' } });
    try {
      const sockets = Array.from({ length: 50 }, () => net.connect(harness.port, '127.0.0.1'));
      let closed = 0;
      sockets.forEach((socket) => {
        socket.on('error', () => undefined);
        socket.on('close', () => (closed += 1));
      });
      await eventually('the rest to be closed', () =>
        Promise.resolve(closed >= 45 ? true : undefined),
      );
      expect(closed).toBe(45);
      sockets.forEach((socket) => socket.destroy());
    } finally {
      await harness.close();
    }
  });
});

/** What a well-behaved publisher of the clip sends, without waiting for answers. */
function validSession(): Buffer {
  const chunkSize = Buffer.alloc(4);
  chunkSize.writeUInt32BE(4096);
  const message = (type: number, body: Buffer, stream = 0, timestamp = 0, cs = 3): Buffer =>
    encodeMessage({ type, stream, timestamp, body }, cs, 4096);
  return Buffer.concat([
    Buffer.of(3),
    Buffer.alloc(1536, 7),
    Buffer.alloc(1536, 7),
    encodeMessage(
      { type: RTMP_MESSAGE.setChunkSize, stream: 0, timestamp: 0, body: chunkSize },
      2,
      128,
    ),
    message(RTMP_MESSAGE.command, encodeAmf('connect', 1, { app: 'live', tcUrl: 'rtmp://h/live' })),
    message(RTMP_MESSAGE.command, encodeAmf('createStream', 2, null)),
    message(RTMP_MESSAGE.command, encodeAmf('publish', 3, null, 'fuzz-key', 'live'), 1),
    ...clip.slice(0, 60).map((tag) => message(tag.type, tag.data, 1, tag.timestamp, 4)),
  ]);
}

async function sendMutated(port: number, random: () => number, session: Buffer): Promise<void> {
  const bytes = Buffer.from(session);
  const start = random() < 0.2 ? 0 : 3073;
  // Most of a session is picture; half of the mutations hit the commands and headers before it.
  const end = random() < 0.5 ? 3500 : bytes.length;
  const count = 1 + Math.floor(random() * 8);
  for (let i = 0; i < count; i += 1) {
    const at = start + Math.floor(random() * (end - start));
    bytes[at] = Math.floor(random() * 256);
  }
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  const closed = once(socket, 'close');
  const cut = random() < 0.2 ? Math.floor(random() * bytes.length) : bytes.length;
  socket.end(bytes.subarray(0, cut));
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000))]);
  socket.destroy();
}
