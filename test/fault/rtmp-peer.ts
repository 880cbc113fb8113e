/** Raw connections to the RTMP port from chosen addresses, and what becomes of them. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a peer saw. */
export interface Seen {
  /** The status code of the last onStatus, if one came. */
  readonly status: string | undefined;
  /** Whether the server closed by itself within the time. */
  readonly isClosed: boolean;
}

/** How a peer behaves. */
export interface PeerOptions {
  readonly port: number;
  readonly from?: string;
  /** Leaves answers unread. */
  readonly isDeaf?: boolean;
  /** Closes its side once all is sent. */
  readonly isBrief?: boolean;
  /** Waits so long for the server to close, milliseconds. */
  readonly patience: number;
}

/** Answers kept for their status. */
const MAX_KEPT = 64 << 10;

/** Resolves once the socket is closed, by whatever. */
const closing = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });

/** Sends pieces one by one, whatever is answered. */
export async function sendPieces(pieces: readonly Buffer[], options: PeerOptions): Promise<Seen> {
  const { from = '127.0.0.1' } = options;
  const socket = net.connect({ port: options.port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  const closed = closing(socket).then(() => true);
  let answer = '';
  if (options.isDeaf === true) {
    socket.pause();
  } else {
    socket.on('data', (data: Buffer) => {
      answer = (answer + data.toString('latin1')).slice(-MAX_KEPT);
    });
  }
  const send = async (): Promise<false> => {
    for (const piece of pieces) {
      if (!socket.destroyed && !socket.write(piece)) {
        await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))]);
      }
    }
    if (options.isBrief === true) {
      socket.end();
    }
    return false;
  };
  const time = delay(options.patience, false, { ref: false });
  await Promise.race([send().catch(() => false), closed, time]);
  const isClosed = await Promise.race([closed, time]);
  socket.destroy();
  return { status: [...answer.matchAll(/Net[A-Za-z]+\.[A-Za-z.]+/g)].at(-1)?.[0], isClosed };
}

/**
 * A half-open handshake: a connection that sends `bytes` and nothing more.
 * @returns how long it was open until the server closed it, milliseconds
 */
export async function openHalf(port: number, from: string, bytes: Buffer): Promise<number> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  socket.resume();
  const began = performance.now();
  if (bytes.length > 0) {
    socket.write(bytes);
  }
  await closing(socket);
  return performance.now() - began;
}
