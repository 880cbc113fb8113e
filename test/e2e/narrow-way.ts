/** A way to a server that carries only so many bytes a second, all connections together: what comes in waits in one line. */
import type { Socket } from 'node:net';
import { openTcpWay, type TcpWay } from '../helpers/tcp-way.ts';

/** See the head of this file. */
export interface NarrowWay extends TcpWay {
  /** Undefined: as many as there are. */
  readonly carry: (bytesPerSecond: number | undefined) => void;
}

/** What is sent at once is a packet. */
const PACKET = 1_400;
const TURN_MS = 10;
/** Bytes that wait in line before the server is told to wait: half a second of a slow line. */
const LONGEST_LINE = 24_000;

/** Opens one on a free port. */
export async function openNarrowWay(target: string): Promise<NarrowWay> {
  const line: { readonly to: Socket; readonly bytes: Buffer }[] = [];
  const paused = new Set<Socket>();
  let waiting = 0;
  let rate: number | undefined;
  let credit = 0;

  const drain = (): void => {
    while (rate === undefined || credit > 0) {
      const next = line.shift();
      if (next === undefined) {
        break;
      }
      waiting -= next.bytes.byteLength;
      credit -= next.bytes.byteLength;
      if (!next.to.destroyed) {
        next.to.write(next.bytes);
      }
    }
    if (waiting < LONGEST_LINE) {
      for (const socket of paused) {
        socket.resume();
      }
      paused.clear();
    }
  };
  const timer = setInterval(() => {
    credit = Math.min(PACKET, credit + ((rate ?? 0) * TURN_MS) / 1000);
    drain();
  }, TURN_MS);
  const way = await openTcpWay(target, ({ viewer, upstream }) => {
    viewer.pipe(upstream);
    upstream.on('close', () => {
      paused.delete(upstream);
      viewer.destroy();
    });
    upstream.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.byteLength; at += PACKET) {
        line.push({ to: viewer, bytes: bytes.subarray(at, at + PACKET) });
      }
      waiting += bytes.byteLength;
      if (rate !== undefined && waiting > LONGEST_LINE) {
        upstream.pause();
        paused.add(upstream);
      }
      if (rate === undefined) {
        drain();
      }
    });
  });
  return {
    url: way.url,
    carry: (bytesPerSecond) => {
      rate = bytesPerSecond;
      credit = 0;
      drain();
    },
    close: async () => {
      clearInterval(timer);
      await way.close();
    },
  };
}
