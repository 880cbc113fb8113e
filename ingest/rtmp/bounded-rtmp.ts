/**
 * node-media-server's protocol core (handshake, chunks, its AMF 0 writer) behind a fence; the one file that imports it.
 * Its server, connections and broadcasts are not used: they start a publisher before its name is checked, keep
 * broadcasts for ever and end the process on errors. What is kept is one object a connection, and here:
 * - lengths, chunk sizes, chunk streams, messages and bytes are bounded before it allocates or works for them;
 * - chunk stream ids from 320 are read right, timestamps past 2^32 wrap instead of silencing the feed, abort works;
 * - its reader of AMF 0 is not used: it has no bounds, and what it reads is written back.
 * Its copy of C2 takes wrong bytes when a read splits it; nobody reads C2, so that stays.
 *
 * Adobe RTMP 1.0: §5.2 handshake, §5.3.1 chunk header, §5.4 control messages.
 */
import type { Socket } from 'node:net';
import logger from 'node-media-server/src/core/logger.js';
import Rtmp from 'node-media-server/src/protocol/rtmp.js';
import { PipelineError } from '#common/errors';
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
const MAX_CHUNK_SIZE = 16 << 20;
const MAX_CHUNK_STREAMS = 32;
/** Unread answers of one connection. */
const MAX_UNSENT_BYTES = 256 << 10;
/** Half the window that is announced. */
const ACKNOWLEDGE_EVERY = 2_500_000;
const WINDOW = 5_000_000;
const OUT_CHUNK_SIZE = 0xffff;
const HANDSHAKE_BYTES = 1536;
/** Basic header, message header and extended timestamp at their longest. */
const MAX_CHUNK_HEADER = 18;
const DEFAULT_CHUNK_SIZE = 128;

/** Types of messages (§5.4, §7.1). */
export const MESSAGE = {
  setChunkSize: 1,
  abort: 2,
  audio: 8,
  video: 9,
  script3: 15,
  command3: 17,
  aggregate: 22,
};

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
  #buffered = 0;
  #received = 0;
  #acknowledged = 0;

  constructor(socket: Socket, budget: WireBudget) {
    super();
    this.handshakePayload = Buffer.alloc(HANDSHAKE_BYTES);
    this.handshakeState = 0;
    this.handshakeBytes = 0;
    this.parserBuffer = Buffer.alloc(MAX_CHUNK_HEADER);
    this.parserState = 0;
    this.parserBytes = 0;
    this.parserBasicBytes = 0;
    this.inPackets = new Map();
    this.inChunkSize = DEFAULT_CHUNK_SIZE;
    this.streams = 0;
    this.streamId = 0;
    this.#socket = socket;
    this.#budget = budget;
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

  /** Takes bytes from the socket; the first begin with C0. @throws whatever is wrong with them */
  receive(data: Buffer): void {
    if (this.isClosing) {
      return;
    }
    this.#budget.bytes(data.length);
    this.#received += data.length;
    // The answers to one read go out together.
    this.#socket.cork();
    try {
      this.parserData(data);
    } finally {
      this.#socket.uncork();
    }
    if (this.#received - this.#acknowledged >= ACKNOWLEDGE_EVERY) {
      this.#acknowledged = this.#received;
      this.sendACK(this.#received % 2 ** 32);
    }
  }

  /** Answers `connect`. @param encoding the peer's objectEncoding, 0 or 3 */
  protected welcome(transaction: number, encoding: 0 | 3): void {
    this.objectEncoding = encoding;
    this.sendWindowACK(WINDOW);
    this.setPeerBandwidth(WINDOW, 2);
    this.setChunkSize(OUT_CHUNK_SIZE);
    this.respondConnect(transaction);
  }

  override packetParse(): void {
    this.onGreeted();
    this.#budget.chunk();
    const { parserBuffer: bytes, parserBasicBytes } = this;
    const fmt = bytes.readUInt8(0) >> 6;
    const cid =
      parserBasicBytes === 1
        ? bytes.readUInt8(0) & 63
        : 64 + (parserBasicBytes === 3 ? bytes.readUInt16LE(1) : bytes.readUInt8(1));
    let packet = this.inPackets.get(cid);
    if (packet === undefined) {
      if (fmt !== 0 || this.inPackets.size >= MAX_CHUNK_STREAMS) {
        throw new PipelineError('BAD_REQUEST', `chunk stream ${cid} begins with type ${fmt}`);
      }
      const header = { fmt, cid, timestamp: 0, length: 0, type: 0, stream_id: 0 };
      packet = { header, clock: 0, payload: Buffer.alloc(0), capacity: 0, bytes: 0 };
      this.inPackets.set(cid, packet);
    } else if (fmt !== 3 && packet.bytes > 0) {
      throw new PipelineError('BAD_REQUEST', `chunk stream ${cid}: a message inside a message`);
    }
    packet.header.fmt = fmt;
    this.parserPacket = packet;
    this.chunkMessageHeaderRead();
    const { type, length } = packet.header;
    if (type === MESSAGE.aggregate) {
      throw new PipelineError('UNSUPPORTED_MEDIA', 'aggregate messages are not taken');
    }
    const isMedia = type === MESSAGE.audio || type === MESSAGE.video;
    const limit = isMedia && this.isPublishing ? MAX_MEDIA_BYTES : MAX_COMMAND_BYTES;
    if (length > limit) {
      throw new PipelineError('TOO_LARGE', `a message of ${length} bytes, type ${type}`);
    }
  }

  override packetAlloc(): void {
    const packet = this.parserPacket;
    this.#budget.message();
    packet.clock %= 2 ** 32;
    const { length } = packet.header;
    if (packet.capacity < length) {
      const more = length - packet.capacity;
      if (this.#buffered + more > (this.isPublishing ? MAX_BUFFERED : MAX_SETUP_BUFFERED)) {
        throw new PipelineError('TOO_LARGE', 'too many large messages at once');
      }
      this.#buffered += more;
      // Memory that is not written to takes no room: a length that is a lie costs next to nothing.
      packet.payload = Buffer.allocUnsafeSlow(length);
      packet.capacity = length;
    }
  }

  override controlHandler(): void {
    const { header, payload } = this.parserPacket;
    if (header.length < 4) {
      throw new PipelineError('BAD_REQUEST', `control message of ${header.length} bytes`);
    }
    const value = payload.readUInt32BE();
    if (header.type === MESSAGE.setChunkSize) {
      this.#setInChunkSize(value);
    } else if (header.type === MESSAGE.abort) {
      const aborted = this.inPackets.get(value);
      if (aborted !== undefined) {
        aborted.bytes = 0;
      }
    }
  }

  #setInChunkSize(size: number): void {
    if (size < 1 || size > MAX_CHUNK_SIZE) {
      throw new PipelineError('BAD_REQUEST', `chunk size ${size}`);
    }
    // The core counts a message's chunks by their present size, so it would lose its place in a message under way.
    const isAmidst = [...this.inPackets.values()].some(({ bytes }) => bytes > 0);
    if (isAmidst && size !== this.inChunkSize) {
      throw new PipelineError('BAD_REQUEST', 'the chunk size changed inside a message');
    }
    this.inChunkSize = size;
  }
}
