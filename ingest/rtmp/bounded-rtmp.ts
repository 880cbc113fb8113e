/**
 * node-media-server's handshake and its writer of messages, behind a fence; the one file that imports it. Its server,
 * connections and broadcasts are not used: they start a publisher before its name is checked, keep broadcasts for ever
 * and end the process on errors. Nor are its readers of chunks and of AMF 0, which have no bounds (ADR 12). Here bytes,
 * chunks, messages, lengths and unread answers are bounded, and what concerns the connection alone is answered.
 *
 * Its copy of C2 takes wrong bytes when a read splits it; nobody reads C2, so that stays.
 *
 * Adobe RTMP 1.0: §5.2 handshake, §5.4 control messages, §7.1 types of messages.
 */
import type { Socket } from 'node:net';
import logger from 'node-media-server/src/core/logger.js';
import amf, { type AmfValue } from 'node-media-server/src/protocol/amf.js';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';
import { PipelineError } from '#common/errors';
import { Acknowledgements, PeerBandwidth, WINDOW } from './acknowledgements.ts';
import { messagesOf } from './aggregate.ts';
import { ChunkReader, type Message } from './chunk-reader.ts';
import type { WireBudget } from './wire-budget.ts';

// Its messages go to the console and carry names as sent.
logger.log = (): void => undefined;

/** Largest media message, bytes: an IDR of the largest picture at the highest rates is below. */
const MAX_MEDIA_BYTES = 8 << 20;
/** Largest command, script or control message, and any message before publishing. */
const MAX_COMMAND_BYTES = 64 << 10;
/** Receive buffers of one connection together, before and while publishing. */
const MAX_SETUP_BUFFERED = 256 << 10;
const MAX_BUFFERED = 24 << 20;
/** Unread answers of one connection. */
const MAX_UNSENT_BYTES = 256 << 10;
const OUT_CHUNK_SIZE = 0xffff;
const HANDSHAKE_BYTES = 1536;
const COMMAND_CHUNK_STREAM = 3;

/** Types of messages. */
const TYPE = {
  setChunkSize: 1,
  abort: 2,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  script3: 15,
  command3: 17,
  script: 18,
  command: 20,
  aggregate: 22,
};

/** User control events (§7.1.7). */
const EVENT = { streamBegin: 0, pingRequest: 6, pingResponse: 7 };

/** What media messages are. */
export type MediaType = 'audio' | 'video' | 'script';

/**
 * A class with the methods of another, but without running its constructor: the core's makes an FLV parser with a
 * mebibyte for every connection, which nobody needs and which only a collection gives back.
 */
function methodsOf<T extends object>(base: new () => T): new () => T {
  const bare = class {};
  Object.setPrototypeOf(bare.prototype, base.prototype as object);
  return bare as new () => T;
}

/** See the head of this file. Subclasses handle commands and media. */
export abstract class BoundedRtmp extends methodsOf(Rtmp) {
  readonly #socket: Socket;
  readonly #budget: WireBudget;
  readonly #acknowledgements = new Acknowledgements();
  readonly #bandwidth = new PeerBandwidth();
  readonly #chunks: ChunkReader;

  constructor(socket: Socket, budget: WireBudget) {
    super();
    this.handshakePayload = Buffer.alloc(HANDSHAKE_BYTES);
    this.handshakeState = 0;
    this.handshakeBytes = 0;
    this.streams = 0;
    this.#socket = socket;
    this.#budget = budget;
    this.#chunks = new ChunkReader({
      onChunk: () => {
        this.onGreeted();
        budget.chunk();
      },
      limitOf: (type) => {
        budget.message();
        const isMedia = type === TYPE.audio || type === TYPE.video || type === TYPE.aggregate;
        return isMedia && this.isPublishing ? MAX_MEDIA_BYTES : MAX_COMMAND_BYTES;
      },
      bufferLimit: () => (this.isPublishing ? MAX_BUFFERED : MAX_SETUP_BUFFERED),
      onMessage: (message) => {
        this.#onMessage(message);
      },
    });
    this.onOutputCallback = (buffer) => {
      if (socket.writableLength <= MAX_UNSENT_BYTES) {
        if (socket.writable) {
          socket.write(buffer);
        }
      } else if (!this.isClosing) {
        throw new PipelineError('OVERLOADED', 'the peer does not read');
      }
    };
  }

  /** Whether large messages are permitted. */
  protected abstract get isPublishing(): boolean;

  /** Whether the peer is being told why it must go: then nothing here throws. */
  protected abstract get isClosing(): boolean;

  /** The handshake is over, and whoever it is has gone on. Called before every chunk. */
  protected abstract onGreeted(): void;

  /** A command came, in AMF 0. @param stream id of its message stream */
  protected abstract onCommand(stream: number, body: Buffer): void;

  /** A media message came. @param timestamp milliseconds, 0 to 2^32 − 1 */
  protected abstract onMedia(
    type: MediaType,
    stream: number,
    timestamp: number,
    body: Buffer,
  ): void;

  /** Takes bytes from the socket; the first begin with C0. @throws whatever is wrong with them */
  receive(data: Buffer): void {
    if (this.isClosing) {
      return;
    }
    this.#budget.bytes(data.length);
    this.#acknowledgements.receive(data.length);
    // The answers to one read go out together.
    this.#socket.cork();
    try {
      this.parserData(data);
    } finally {
      this.#socket.uncork();
    }
    const sequence = this.#acknowledgements.due();
    if (sequence !== undefined) {
      this.sendACK(sequence);
    }
  }

  /** What the core hands on once the handshake is over: `bytes` of `data` from `start` on. */
  override chunkRead(data: Buffer, start: number, bytes: number): null {
    this.#chunks.read(data.subarray(start, start + bytes));
    return null;
  }

  /** Answers `connect`. @param encoding the peer's objectEncoding, 0 or 3 */
  protected welcome(transaction: number, encoding: 0 | 3): void {
    this.objectEncoding = encoding;
    this.sendWindowACK(WINDOW);
    this.setPeerBandwidth(WINDOW, 2);
    this.setChunkSize(OUT_CHUNK_SIZE);
    this.respondConnect(transaction);
  }

  /** Answers a command that has nothing to tell. */
  protected respond(transaction: number): void {
    this.call(0, '_result', transaction, null, undefined);
  }

  /** Sends a command. @param stream id of its message stream */
  protected call(stream: number, ...values: readonly AmfValue[]): void {
    const payload = amf.amf0Encode(values);
    const { length } = payload;
    const header = { fmt: 0, cid: COMMAND_CHUNK_STREAM, timestamp: 0, length } as const;
    const message = { header: { ...header, type: TYPE.command, stream_id: stream }, payload };
    this.onOutputCallback(Rtmp.chunksCreate(message));
  }

  /** Says that a message stream can be used. */
  protected sendStreamBegin(stream: number): void {
    this.sendStreamStatus(EVENT.streamBegin, stream);
  }

  #onMessage(message: Message): void {
    const { body, stream, timestamp, type } = message;
    switch (type) {
      case TYPE.setChunkSize:
        this.#chunks.setChunkSize(numberIn(body));
        break;
      case TYPE.abort:
        this.#chunks.abort(numberIn(body));
        break;
      case TYPE.windowAcknowledgementSize:
        this.#acknowledgements.setWindow(numberIn(body));
        break;
      case TYPE.setPeerBandwidth: {
        const window = this.#bandwidth.set(numberIn(body), body[4] ?? 0);
        if (window !== undefined) {
          this.sendWindowACK(window);
        }
        break;
      }
      case TYPE.userControl:
        if (body.length >= 6 && body.readUInt16BE() === EVENT.pingRequest) {
          this.sendStreamStatus(EVENT.pingResponse, body.readUInt32BE(2));
        }
        break;
      case TYPE.audio:
        this.onMedia('audio', stream, timestamp, body);
        break;
      case TYPE.video:
        this.onMedia('video', stream, timestamp, body);
        break;
      case TYPE.script3:
      case TYPE.script:
        this.onMedia('script', stream, timestamp, inAmf0(type === TYPE.script3, body));
        break;
      case TYPE.command3:
      case TYPE.command:
        this.onCommand(stream, inAmf0(type === TYPE.command3, body));
        break;
      case TYPE.aggregate:
        this.#onAggregate(message);
        break;
      default:
        // Acknowledgements, shared objects and what nobody knows.
        break;
    }
  }

  #onAggregate(aggregate: Message): void {
    for (const message of messagesOf(aggregate)) {
      this.#budget.message();
      if (this.isClosing) {
        return;
      }
      if ([TYPE.audio, TYPE.video, TYPE.script].includes(message.type)) {
        this.#onMessage(message);
      }
    }
  }
}

/** The number that a control message begins with. */
function numberIn(body: Buffer): number {
  if (body.length < 4) {
    throw new PipelineError('BAD_REQUEST', `control message of ${body.length} bytes`);
  }
  return body.readUInt32BE();
}

/** What is in AMF 0 of a message: those for AMF 3 have a byte of their own before it, which some encoders leave out. */
const inAmf0 = (isAmf3: boolean, body: Buffer): Buffer =>
  isAmf3 && body[0] === 0 ? body.subarray(1) : body;
