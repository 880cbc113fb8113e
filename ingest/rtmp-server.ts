/**
 * RTMP connections on node-media-server's protocol core (handshake, chunks, AMF 0), one instance a connection. This is
 * the one file that imports it. Its server, sessions and broadcasts are not used: they start a publisher before its
 * name is checked, keep broadcasts for ever and end the process on errors. What is kept is fenced in here:
 * - any exception of its parser ends that one connection;
 * - lengths, chunk sizes and chunk streams are bounded before it allocates for them;
 * - chunk stream ids from 320 are read right, timestamps past 2^32 wrap instead of silencing the feed, abort works;
 * - media messages go to our own tag parser, as views that are valid during the call only.
 * Its copy of C2 takes wrong bytes when a read splits it; nobody reads C2, so that stays.
 *
 * Adobe RTMP 1.0: §5.3.1 chunk header, §5.4 control messages, §7.2 commands.
 */
import type { Socket } from 'node:net';
import logger from 'node-media-server/src/core/logger.js';
import amf from 'node-media-server/src/protocol/amf.js';
import Rtmp, { type Command } from 'node-media-server/src/protocol/rtmp.js';
import { PipelineError, toPipelineError } from '../common/errors.ts';
import type { AcceptPublisher, Publication } from './publication.ts';

// Its messages go to the console and carry names as sent.
logger.log = (): void => undefined;

/** Largest media message, bytes: an IDR of the largest picture at the highest rates is below. */
const MAX_MEDIA_BYTES = 8 << 20;
/** Largest command, script or control message, and any message before publishing. */
const MAX_COMMAND_BYTES = 64 << 10;
/** Receive buffers of one connection together. */
const MAX_BUFFERED_BYTES = 24 << 20;
const MAX_CHUNK_SIZE = 16 << 20;
const MAX_CHUNK_STREAMS = 32;
/** Unread answers of one connection. */
const MAX_UNSENT_BYTES = 256 << 10;
/** Half the window that the core announces. */
const ACKNOWLEDGE_EVERY = 2_500_000;
/** How long a refused publisher has to read why. */
const LINGER_MS = 2000;

const TYPE = {
  setChunkSize: 1,
  abort: 2,
  audio: 8,
  video: 9,
  script3: 15,
  command3: 17,
  script: 18,
};

type State = 'new' | 'connected' | 'publishing' | 'closing';

const text = (value: unknown, limit: number): string =>
  typeof value === 'string' ? value.slice(0, limit) : '';

/** The protocol core of one connection with its bounds, answering commands as this server does. */
export class RtmpConnection extends Rtmp {
  readonly #socket: Socket;
  readonly #accept: AcceptPublisher;
  readonly #onPublish: () => void;
  #state: State = 'new';
  #publication: Publication | undefined;
  #app = '';
  #encoder = '';
  #buffered = 0;
  #received = 0;
  #acknowledged = 0;

  constructor(socket: Socket, accept: AcceptPublisher, onPublish: () => void) {
    super();
    // Its FLV parser is not used and holds a mebibyte.
    this.flv = undefined;
    this.#socket = socket;
    this.#accept = accept;
    this.#onPublish = onPublish;
    this.onOutputCallback = (buffer) => {
      if (socket.writableLength > MAX_UNSENT_BYTES) {
        throw new PipelineError('BAD_REQUEST', 'the peer does not read');
      }
      if (socket.writable) {
        socket.write(buffer);
      }
    };
  }

  /** Takes bytes from the socket. @throws whatever is wrong with them */
  receive(data: Buffer): void {
    if (this.#state === 'closing') {
      return;
    }
    if (this.#received === 0 && data[0] !== 3) {
      throw new PipelineError('BAD_REQUEST', 'not RTMP version 3');
    }
    this.#received += data.length;
    const error = this.parserData(data);
    if (error !== null) {
      throw new PipelineError('BAD_REQUEST', error);
    }
    if (this.#received - this.#acknowledged >= ACKNOWLEDGE_EVERY) {
      this.#acknowledged = this.#received;
      this.sendACK(this.#received % 2 ** 32);
    }
  }

  /** Tells the publisher why, and lets go of it. */
  refuse(code: string, reason: string): void {
    if (this.#state === 'closing') {
      return;
    }
    this.#state = 'closing';
    this.sendStatusMessage(this.streamId, 'error', code, reason);
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    this.finish(false, reason);
  }

  /** Ends the publish, if there is one. */
  finish(isClean: boolean, reason: string): void {
    const publication = this.#publication;
    this.#publication = undefined;
    publication?.end(isClean, reason);
  }

  override packetParse(): void {
    const { parserBuffer: bytes, parserBasicBytes } = this;
    const [first = 0, second = 0, third = 0] = bytes;
    const fmt = first >> 6;
    const cid =
      parserBasicBytes === 1
        ? first & 63
        : 64 + second + (parserBasicBytes === 3 ? third * 256 : 0);
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
    const isMedia = type === TYPE.audio || type === TYPE.video;
    const limit = isMedia && this.#publication !== undefined ? MAX_MEDIA_BYTES : MAX_COMMAND_BYTES;
    if (length > limit) {
      throw new PipelineError('TOO_LARGE', `a message of ${length} bytes, type ${type}`);
    }
  }

  override packetAlloc(): void {
    const packet = this.parserPacket;
    packet.clock %= 2 ** 32;
    if (packet.capacity < packet.header.length) {
      this.#buffered += packet.header.length - packet.capacity;
      if (this.#buffered > MAX_BUFFERED_BYTES) {
        throw new PipelineError('TOO_LARGE', 'too many large messages at once');
      }
    }
    super.packetAlloc();
  }

  override controlHandler(): void {
    const { header, payload } = this.parserPacket;
    if (header.length < 4) {
      throw new PipelineError('BAD_REQUEST', `control message of ${header.length} bytes`);
    }
    const value = payload.readUInt32BE();
    if (header.type === TYPE.setChunkSize) {
      if (value < 1 || value > MAX_CHUNK_SIZE) {
        throw new PipelineError('BAD_REQUEST', `chunk size ${value}`);
      }
      this.inChunkSize = value;
    } else if (header.type === TYPE.abort) {
      const aborted = this.inPackets.get(value);
      if (aborted !== undefined) {
        aborted.bytes = 0;
      }
    }
  }

  override dataHandler(): void {
    const { header, payload, clock } = this.parserPacket;
    const publication = this.#publication;
    if (publication === undefined) {
      return;
    }
    const data = payload.subarray(0, header.length);
    const isScript = header.type !== TYPE.audio && header.type !== TYPE.video;
    const type = isScript ? 'script' : header.type === TYPE.audio ? 'audio' : 'video';
    try {
      publication.tag(type, clock, header.type === TYPE.script3 ? data.subarray(1) : data);
    } catch (error) {
      const { code, message } = toPipelineError(error);
      if (code === 'INTERNAL') {
        throw error;
      }
      const isUnsupported = code === 'UNSUPPORTED_MEDIA';
      this.refuse(`NetStream.Publish.${isUnsupported ? 'Rejected' : 'Failed'}`, message);
    }
  }

  override invokeHandler(): void {
    if (this.#state === 'closing') {
      return;
    }
    const { header, payload } = this.parserPacket;
    const start = header.type === TYPE.command3 ? 1 : 0;
    const command = amf.decodeAmf0Cmd(payload.subarray(start, header.length));
    switch (command.cmd) {
      case 'connect':
        this.#connect(command);
        break;
      case 'createStream':
        this.#expect(this.#state !== 'new', 'createStream before connect');
        this.onCreateStream(command);
        break;
      case 'publish':
        this.#publish(command);
        break;
      case 'play':
      case 'play2':
        this.streamId = header.stream_id;
        this.refuse('NetStream.Play.Failed', 'this server takes feeds only');
        break;
      case 'FCUnpublish':
      case 'closeStream':
      case 'deleteStream':
        if (this.#state === 'publishing') {
          this.#state = 'connected';
          this.finish(true, 'the publisher stopped');
        }
        break;
      default:
        // releaseStream, FCPublish, _checkbw and the like: publishers go on without an answer.
        break;
    }
  }

  #connect(command: Command): void {
    this.#expect(this.#state === 'new', 'connect twice');
    const { cmdObj } = command;
    if (typeof cmdObj !== 'object' || cmdObj === null) {
      throw new PipelineError('BAD_REQUEST', 'connect without an object');
    }
    this.#app = 'app' in cmdObj ? text(cmdObj.app, 200).replace(/\/+$/, '') : '';
    this.#encoder = 'flashVer' in cmdObj ? text(cmdObj.flashVer, 100) : '';
    this.onConnect(command);
    this.#state = 'connected';
  }

  #publish(command: Command): void {
    this.#expect(this.#state === 'connected', 'publish out of turn');
    this.streamId = this.parserPacket.header.stream_id;
    const publication = this.#accept({
      app: this.#app,
      key: text(command.streamName, 1000).split('?')[0] ?? '',
      address: this.#socket.remoteAddress ?? '',
      encoder: this.#encoder,
      close: (reason) => {
        this.refuse('NetStream.Publish.Failed', reason);
      },
    });
    if (publication === undefined) {
      this.refuse('NetStream.Publish.BadName', 'unknown stream key, or already publishing');
      return;
    }
    this.#publication = publication;
    this.#state = 'publishing';
    this.#onPublish();
    this.sendStatusMessage(this.streamId, 'status', 'NetStream.Publish.Start', 'publishing');
  }

  #expect(holds: boolean, message: string): void {
    if (!holds) {
      throw new PipelineError('BAD_REQUEST', message);
    }
  }
}
