import { afterEach, describe, expect, test } from '@jest/globals';
import net from 'node:net';
import { command, HELLO, opening, publishing } from '../fault/rtmp-bytes.ts';
import { sendPieces } from '../fault/rtmp-peer.ts';
import { encodeAmf } from '../helpers/amf0.ts';
import { eventually } from '../helpers/poll.ts';
import { ChunkReader } from '../helpers/rtmp-chunks.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { audio, closePorts, KEY, listen, LONG, over, send, stop, type Port } from './rtmp-port.ts';

afterEach(closePorts);

describe('a publisher', () => {
  test('on stream 0 is taken as it is, and ends as it says', async () => {
    const port = await listen();
    const publish = command(0, 'publish', 3, null, KEY, 'live');
    await send(port, ...opening(), publish, audio(1, 10, 0), audio(2), stop, audio(3), over);
    expect(port.tags).toEqual(['audio@1:10', 'audio@2:10']);
    expect(port.ends).toEqual(['clean']);
  });

  test('that comes and goes again and again is taken, with pauses', async () => {
    const port = await listen();
    for (let i = 0; i < 12; i += 1) {
      const publisher = await RtmpPublisher.publish({ port: port.port, key: KEY });
      publisher.drop();
    }
    await eventually('all ends', () => Promise.resolve(port.ends.length === 12 ? true : undefined));
    expect(port.requests).toHaveLength(12);
  });
});

describe('a refusal', () => {
  test('is byte for byte the same for every wrong key, and locks nobody else out', async () => {
    const port = await listen();
    const answers = new Set<string>();
    for (let i = 0; i < 12; i += 1) {
      answers.add(await answerTo(port, `wrong-${i}`));
    }
    expect(answers.size).toBe(1);
    const publisher = await RtmpPublisher.publish({ port: port.port, key: KEY });
    publisher.drop();
    expect(port.requests).toHaveLength(13);
  });
});

describe('a connection', () => {
  test('that does not finish its handshake is closed, whatever it has sent', async () => {
    const port = await listen({ timeouts: { ...LONG, greeting: 200 } });
    const starts = [0, 1, 768, 1537, 2000].map((size) => HELLO.subarray(0, size));
    const seen = await Promise.all(
      starts.map((start) => sendPieces([start], { port: port.port, patience: 10_000 })),
    );
    expect(seen.map(({ isClosed }) => isClosed)).toEqual(starts.map(() => true));
    expect(await port.metrics.metrics()).toContain('rtmp_ends_total{reason="greeting-timeout"} 5');
  });

  test('that does not publish, no more or not again, is closed', async () => {
    const port = await listen({ timeouts: { ...LONG, setup: 300 } });
    expect(await send(port, ...opening())).toMatchObject({ isClosed: true });
    expect(await send(port, ...publishing(KEY), stop)).toMatchObject({ isClosed: true });
    expect(await port.metrics.metrics()).toContain('rtmp_ends_total{reason="setup-timeout"} 2');
  });

  test('that publishes but sends only parts of a message is told that nothing came', async () => {
    const port = await listen({ timeouts: { ...LONG, silence: 300 } });
    const part = audio(0, 100).subarray(0, 50);
    const seen = await send(port, ...publishing(KEY), part);
    expect(seen).toEqual({ status: 'NetStream.Publish.Failed', isClosed: true });
    expect(await port.metrics.metrics()).toContain('rtmp_ends_total{reason="silent"} 1');
  });

  test('past its share takes the place of the oldest that does not publish', async () => {
    const port = await listen({ limits: { total: 10, perSource: 5 } });
    const publisher = await RtmpPublisher.publish({ port: port.port, key: KEY });
    const waiting = Array.from({ length: 50 }, () =>
      sendPieces([HELLO, ...opening()], { port: port.port, patience: 1500 }),
    );
    const seen = await Promise.all(waiting);
    expect(seen.filter(({ isClosed }) => isClosed)).toHaveLength(46);
    expect(publisher.isClosed).toBe(false);
    publisher.drop();
  });
});

/** The bytes of the last message, a refusal, as text. */
async function answerTo(port: Port, key: string): Promise<string> {
  const socket = net.connect(port.port, '127.0.0.1');
  socket.write(Buffer.concat([HELLO, ...publishing(key)]));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
  }
  const answer = Buffer.concat(chunks).subarray(1 + 2 * 1536);
  const messages = new ChunkReader().push(answer);
  expect(messages.at(-1)?.body.equals(refusal())).toBe(true);
  return answer.toString('hex');
}

const refusal = (): Buffer =>
  encodeAmf('onStatus', 0, null, {
    level: 'error',
    code: 'NetStream.Publish.BadName',
    description:
      'unknown stream key, or already publishing: check Settings -> Stream -> Stream Key',
  });
