/** RTMP chunk streams (Adobe RTMP 1.0, section 5.3): messages cut into chunks and put together again. */

/** Message types (sections 5.4 and 7.1). */
export const RTMP_MESSAGE = {
  setChunkSize: 1,
  acknowledgement: 3,
  userControl: 4,
  windowAcknowledgementSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  data: 18,
  command: 20,
} as const;

/** A message as it goes over the chunk stream. */
export interface RtmpMessage {
  readonly type: number;
  readonly stream: number;
  /** Milliseconds, unsigned 32 bit. */
  readonly timestamp: number;
  readonly body: Buffer;
}

const EXTENDED = 0xffffff;
const DEFAULT_CHUNK_SIZE = 128;

/** The chunks of one message: a full header, then continuations (formats 0 and 3). */
export function encodeMessage(
  message: RtmpMessage,
  chunkStream: number,
  chunkSize: number,
): Buffer {
  const isExtended = message.timestamp >= EXTENDED;
  const extended = Buffer.alloc(isExtended ? 4 : 0);
  if (isExtended) {
    extended.writeUInt32BE(message.timestamp);
  }
  const header = Buffer.alloc(12);
  header.writeUInt8(chunkStream, 0);
  header.writeUIntBE(isExtended ? EXTENDED : message.timestamp, 1, 3);
  header.writeUIntBE(message.body.length, 4, 3);
  header.writeUInt8(message.type, 7);
  header.writeUInt32LE(message.stream, 8);
  const parts: Buffer[] = [header, extended, message.body.subarray(0, chunkSize)];
  for (let at = chunkSize; at < message.body.length; at += chunkSize) {
    const next = Buffer.from([0xc0 | chunkStream]);
    parts.push(next, extended, message.body.subarray(at, at + chunkSize));
  }
  return Buffer.concat(parts);
}

interface ChunkStreamState {
  timestamp: number;
  delta: number;
  isExtended: boolean;
  length: number;
  type: number;
  stream: number;
  readonly pieces: Buffer[];
  received: number;
}

/** Puts messages together from the bytes of a peer. */
export class ChunkReader {
  readonly #streams = new Map<number, ChunkStreamState>();
  #rest: Buffer = Buffer.alloc(0);
  #chunkSize = DEFAULT_CHUNK_SIZE;

  /** Takes bytes as they come; returns the messages that they complete. */
  push(bytes: Buffer): RtmpMessage[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const messages: RtmpMessage[] = [];
    for (;;) {
      const used = this.#readChunk(messages);
      if (used === 0) {
        return messages;
      }
      this.#rest = this.#rest.subarray(used);
    }
  }

  /** Reads one chunk from the head of the buffer; 0 when it is not all there yet. */
  #readChunk(messages: RtmpMessage[]): number {
    const data = this.#rest;
    if (data.length < 1) {
      return 0;
    }
    const format = data.readUInt8(0) >> 6;
    const id = data.readUInt8(0) & 0x3f;
    const headerSize = [11, 7, 3, 0][format] ?? 0;
    let at = 1 + headerSize;
    if (data.length < at) {
      return 0;
    }
    const state = this.#stateOf(id);
    let time = headerSize >= 3 ? data.readUIntBE(1, 3) : 0;
    const isExtended = headerSize >= 3 ? time === EXTENDED : state.isExtended;
    if (isExtended) {
      if (data.length < at + 4) {
        return 0;
      }
      time = data.readUInt32BE(at);
      at += 4;
    }
    const length = headerSize >= 7 ? data.readUIntBE(4, 3) : state.length;
    const size = Math.min(this.#chunkSize, length - state.received);
    if (data.length < at + size) {
      return 0;
    }
    if (headerSize >= 7) {
      state.length = length;
      state.type = data.readUInt8(7);
    }
    if (headerSize === 11) {
      state.stream = data.readUInt32LE(8);
      state.timestamp = time;
      state.delta = 0;
    } else if (headerSize > 0) {
      state.delta = time;
    }
    state.isExtended = isExtended;
    if (format !== 0 && state.received === 0) {
      state.timestamp += state.delta;
    }
    state.pieces.push(Buffer.from(data.subarray(at, at + size)));
    state.received += size;
    if (state.received === state.length) {
      this.#complete(state, messages);
    }
    return at + size;
  }

  #complete(state: ChunkStreamState, messages: RtmpMessage[]): void {
    const body = Buffer.concat(state.pieces.splice(0));
    state.received = 0;
    const { type, stream, timestamp } = state;
    if (type === RTMP_MESSAGE.setChunkSize) {
      this.#chunkSize = body.readUInt32BE(0) & 0x7fffffff;
    }
    messages.push({ type, stream, timestamp, body });
  }

  #stateOf(id: number): ChunkStreamState {
    const known = this.#streams.get(id);
    if (known !== undefined) {
      return known;
    }
    const state: ChunkStreamState = {
      timestamp: 0,
      delta: 0,
      isExtended: false,
      length: 0,
      type: 0,
      stream: 0,
      pieces: [],
      received: 0,
    };
    this.#streams.set(id, state);
    return state;
  }
}
