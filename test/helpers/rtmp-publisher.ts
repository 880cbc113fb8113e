/**
 * An RTMP publisher whose every timestamp and moment of sending is chosen by the test: handshake, connect,
 * createStream, publish, then FLV tags.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PATIENCE } from '../../scripts/jest/patience.mjs';
import { decodeAmf, encodeAmf, type AmfValue } from './amf0.ts';
import { FLV_TAG, type FlvTag } from './flv.ts';
import { ChunkReader, encodeMessage, RTMP_MESSAGE, type RtmpMessage } from './rtmp-chunks.ts';

const HANDSHAKE = 1536;
const CHUNK_SIZE = 4096;
/** A server's answer takes milliseconds; later than this it is hung. */
const ANSWER_MS = PATIENCE * 10_000;
const CHUNK_STREAM: Readonly<Record<number, number>> = {
  [RTMP_MESSAGE.audio]: 4,
  [RTMP_MESSAGE.video]: 6,
  [RTMP_MESSAGE.data]: 5,
};

/** A status that the server sent: code and description of an `onStatus`, or the name of a failed command. */
export interface ServerStatus {
  readonly level: string;
  readonly code: string;
  readonly description: string;
}

/** Where to publish. */
export interface PublishTarget {
  readonly host?: string;
  readonly port: number;
  readonly app?: string;
  readonly key: string;
}

/** A connected publisher. */
export class RtmpPublisher {
  /** Every status the server sent, in order. */
  readonly statuses: ServerStatus[] = [];
  readonly #socket: net.Socket;
  readonly #reader = new ChunkReader();
  readonly #waiting: ((message: RtmpMessage) => void)[] = [];
  #stream = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  /**
   * Connects and publishes.
   * @throws Error with the server's status code when it refuses, or closes
   */
  static async publish(target: PublishTarget): Promise<RtmpPublisher> {
    const host = target.host ?? '127.0.0.1';
    const app = target.app ?? 'live';
    const socket = net.connect(target.port, host);
    socket.setNoDelay(true);
    const publisher = new RtmpPublisher(socket);
    try {
      await once(socket, 'connect');
      await publisher.#handshake();
      publisher.#listen();
      await publisher.#open(`rtmp://${host}:${target.port}/${app}`, app, target.key);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return publisher;
  }

  /** Whether the connection is gone. */
  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  /** Sends a tag with its own timestamp; resolves when the socket takes more. */
  async send(tag: FlvTag): Promise<void> {
    const body =
      tag.type === FLV_TAG.script
        ? Buffer.concat([encodeAmf('@setDataFrame'), tag.data])
        : tag.data;
    const chunkStream = CHUNK_STREAM[tag.type] ?? CHUNK_STREAM[RTMP_MESSAGE.data] ?? 5;
    const message = { type: tag.type, stream: this.#stream, timestamp: tag.timestamp, body };
    await this.#write(encodeMessage(message, chunkStream, CHUNK_SIZE));
  }

  /** Says goodbye as encoders do (FCUnpublish, deleteStream) and closes. */
  async stop(): Promise<void> {
    if (this.isClosed) {
      return;
    }
    await this.#command('FCUnpublish', 6, null, 'stream');
    await this.#command('deleteStream', 7, null, this.#stream);
    const closed = once(this.#socket, 'close');
    this.#socket.end();
    await Promise.race([closed, delay(1_000, undefined, { ref: false })]);
    this.#socket.destroy();
  }

  /** Drops the connection without a word. */
  drop(): void {
    this.#socket.destroy();
  }

  async #handshake(): Promise<void> {
    const hello = Buffer.concat([Buffer.from([3]), Buffer.alloc(8), randomBytes(HANDSHAKE - 8)]);
    await this.#write(hello);
    const answer = await readExactly(this.#socket, 1 + 2 * HANDSHAKE);
    await this.#write(answer.subarray(1, 1 + HANDSHAKE));
  }

  async #open(tcUrl: string, app: string, key: string): Promise<void> {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(CHUNK_SIZE);
    const control = { type: RTMP_MESSAGE.setChunkSize, stream: 0, timestamp: 0, body: size };
    await this.#write(encodeMessage(control, 2, 128));
    const properties = {
      app,
      type: 'nonprivate',
      flashVer: 'FMLE/3.0 (compatible; touchline)',
      tcUrl,
    };
    const connected = this.#answer('connect', 1);
    await this.#command('connect', 1, properties);
    await connected;
    await this.#command('releaseStream', 2, null, key);
    await this.#command('FCPublish', 3, null, key);
    const created = this.#answer('createStream', 4);
    await this.#command('createStream', 4, null);
    const stream = (await created)[3];
    this.#stream = typeof stream === 'number' ? stream : 1;
    const started = this.#answer('publish', undefined);
    await this.#command('publish', 5, null, key, 'live');
    await started;
  }

  async #command(name: string, transaction: number, ...values: readonly AmfValue[]): Promise<void> {
    const stream = name === 'publish' ? this.#stream : 0;
    const body = encodeAmf(name, transaction, ...values);
    const message = { type: RTMP_MESSAGE.command, stream, timestamp: 0, body };
    await this.#write(encodeMessage(message, 3, CHUNK_SIZE));
  }

  /** The server's answer to a command; `publish` is answered by an onStatus. */
  async #answer(name: string, transaction: number | undefined): Promise<readonly AmfValue[]> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(new Error(`${name} was not accepted: ${why}`));
      };
      const timer = setTimeout(() => fail('no answer'), ANSWER_MS);
      this.#socket.once('close', () => fail(this.statuses.at(-1)?.code ?? 'connection closed'));
      this.#waiting.push((message) => {
        if (message.type !== RTMP_MESSAGE.command) {
          return;
        }
        const values = decodeAmf(message.body);
        const status = statusOf(values);
        const isAnswer =
          transaction === undefined ? status !== undefined : values[1] === transaction;
        if (status?.level === 'error' || (isAnswer && values[0] === '_error')) {
          fail(status?.code ?? '_error');
        } else if (isAnswer) {
          clearTimeout(timer);
          resolve(values);
        }
      });
    });
  }

  #listen(): void {
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (bytes: Buffer) => {
      for (const message of this.#reader.push(bytes)) {
        const status =
          message.type === RTMP_MESSAGE.command ? statusOf(decodeAmf(message.body)) : undefined;
        if (status !== undefined) {
          this.statuses.push(status);
        }
        for (const waiting of this.#waiting) {
          waiting(message);
        }
      }
    });
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed) {
      const status = this.statuses.at(-1);
      const said = status === undefined ? 'no status' : `${status.code}, ${status.description}`;
      throw new Error(`connection closed: ${said}`);
    }
    if (!this.#socket.write(bytes)) {
      await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]);
    }
  }
}

function statusOf(values: readonly AmfValue[]): ServerStatus | undefined {
  const information = values[0] === 'onStatus' || values[0] === '_error' ? values[3] : undefined;
  if (information === null || typeof information !== 'object' || !('code' in information)) {
    return undefined;
  }
  const text = (name: 'level' | 'code' | 'description'): string => {
    const value = information[name];
    return typeof value === 'string' ? value : '';
  };
  return { level: text('level'), code: text('code'), description: text('description') };
}

async function readExactly(socket: net.Socket, size: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let received = 0;
  while (received < size) {
    const wanted = Math.min(size - received, Math.max(1, socket.readableLength));
    const piece: unknown = socket.read(wanted);
    if (Buffer.isBuffer(piece)) {
      pieces.push(piece);
      received += piece.length;
    } else {
      await Promise.race([
        once(socket, 'readable'),
        once(socket, 'close').then(() => {
          throw new Error('connection closed during the handshake');
        }),
      ]);
    }
  }
  return Buffer.concat(pieces);
}
