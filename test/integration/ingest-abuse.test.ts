import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { HELLO, opening } from '../fault/rtmp-bytes.ts';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { startHarness, STREAM_KEY } from './ingest-harness.ts';

describe('ingest', () => {
  test('gives peers that never publish no room of those that do, at any number of them', async () => {
    const harness = await startHarness({ env: { RTMP_MAX_CONNECTIONS_PER_ADDRESS: '5' } });
    try {
      const publisher = await RtmpPublisher.publish({ port: harness.port, key: STREAM_KEY });
      let closed = 0;
      const sockets = await Promise.all(
        Array.from({ length: 50 }, async () => {
          const socket = net.connect(harness.port, '127.0.0.1');
          socket.on('error', () => undefined);
          socket.on('close', () => (closed += 1));
          await once(socket, 'connect');
          socket.resume();
          socket.write(Buffer.concat([HELLO, ...opening()]));
          return socket;
        }),
      );
      await eventually('the rest to be closed', () =>
        Promise.resolve(closed >= 46 ? true : undefined),
      );
      expect(closed).toBe(46);
      expect(publisher.isClosed).toBe(false);
      sockets.forEach((socket) => socket.destroy());
      publisher.drop();
    } finally {
      await harness.close();
    }
  });
});
