/**
 * Puts messages together from a peer's chunks, within bounds that its host sets. It takes what the specification
 * permits and, where encoders in the field read it in two ways, what either of them means.
 *
 * Adobe RTMP 1.0, §5.3.1 chunk format.
 */
import { PipelineError } from '#common/errors';

/** A whole message. `body` is a view, valid during the call only. */
export interface Message {
  /** §5.4, §7.1. */
  readonly type: number;
  /** Id of the message stream. */
  readonly stream: number;
  /** Milliseconds, 0 to 2^32 − 1. */
  readonly timestamp: number;
  readonly body: Buffer;
}

/** Who bounds the reader and takes its messages. Whatever these throw ends the reading. */
export interface ChunkReaderHost {
  /** A chunk begins. */
  readonly onChunk: () => void;
  /** A message begins. @returns bytes that it may have */
  readonly limitOf: (type: number) => number;
  /** Bytes that all messages under way may have together, at the moment: a lower one than before is kept as they end. */
  readonly bufferLimit: () => number;
  readonly onMessage: (message: Message) => void;
}

/** Longest message that a header can announce (§5.3.1.2); a larger chunk size sets no limit. */
const MAX_MESSAGE_LENGTH = 0xff_ffff;
const DEFAULT_CHUNK_SIZE = 128;
/** Chunk streams of one peer; encoders use three to five. */
const MAX_CHUNK_STREAMS = 32;
/** A timestamp field that says that the timestamp is in the four bytes behind the header (§5.3.1.3). */
const EXTENDED = 0xff_ffff;
/** Basic header, message header and extended timestamp at their longest. */
const MAX_HEADER = 18;
/** Message header by chunk type (§5.3.1.2). */
const MESSAGE_HEADER = [11, 7, 3, 0] as const;
const CLOCK = 2 ** 32;
const EMPTY = Buffer.alloc(0);
/** An extended timestamp of types 1 and 2 within so much of the clock is no difference, milliseconds. */
const NEAR = 60_000;

interface ChunkStream {
  /** Of the newest message begun. */
  timestamp: number;
  length: number;
  type: number;
  stream: number;
  /** The newest timestamp field, as it was sent: a timestamp after type 0, else a difference. */
  field: number;
  isAbsolute: boolean;
  isExtended: boolean;
  /** Message under way, and how much of it has come. */
  payload: Buffer;
  received: number;
  isUnderWay: boolean;
}

const bad = (what: string): PipelineError => new PipelineError('BAD_REQUEST', what);

/** Bytes of a basic header, by its first (§5.3.1.1). */
const basicSize = (first: number): number => ((first & 63) === 0 ? 2 : (first & 63) === 1 ? 3 : 1);

const distance = (a: number, b: number): number => {
  const ahead = (a - b + CLOCK) % CLOCK;
  return Math.min(ahead, CLOCK - ahead);
};

/**
 * The timestamp of a message that begins (§5.3.1.2). A type 3 repeats the field before it as a difference, even that of a
 * type 0; but no feed means a difference of more than four hours, which is what an extended one would be. Some encoders
 * also put timestamps, not differences, into the extended field of types 1 and 2.
 */
function timestampOf(
  { isAbsolute, isExtended, timestamp }: ChunkStream,
  field: number,
  isRepeat: boolean,
): number {
  const isTimestamp = isExtended
    ? isAbsolute || distance(field, timestamp) < Math.min(NEAR, distance(field, 0))
    : isAbsolute && !isRepeat;
  return isTimestamp ? field : (timestamp + field) % CLOCK;
}

/** See the head of this file. */
export class ChunkReader {
  readonly #host: ChunkReaderHost;
  readonly #streams = new Map<number, ChunkStream>();
  readonly #header = Buffer.alloc(MAX_HEADER);
  /** Bytes of the header that have come. */
  #headed = 0;
  /** The chunk stream of the chunk whose header is complete but for an extended timestamp that may be left out. */
  #peeking: ChunkStream | undefined;
  /** The chunk stream of the chunk whose payload is under way, and how much of that is to come. */
  #current: ChunkStream | undefined;
  #left = 0;
  #chunkSize = DEFAULT_CHUNK_SIZE;
  #buffered = 0;
  /** Whether the peer has last left out an extended timestamp where the specification repeats it. */
  #omits = false;

  constructor(host: ChunkReaderHost) {
    this.#host = host;
  }

  /**
   * Set Chunk Size (§5.4.1): counts from the next chunk on, also for messages under way. Sizes above the longest message
   * are permitted and say that there is no limit.
   * @throws BAD_REQUEST for zero and for a set highest bit
   */
  setChunkSize(size: number): void {
    if (size < 1 || size > 0x7fff_ffff) {
      throw bad(`chunk size ${size}`);
    }
    this.#chunkSize = Math.min(size, MAX_MESSAGE_LENGTH);
  }

  /** Abort Message (§5.4.2): what has come of a message is dropped. */
  abort(chunkStream: number): void {
    const aborted = this.#streams.get(chunkStream);
    if (aborted !== undefined) {
      aborted.isUnderWay = false;
      this.#keepLimit();
    }
  }

  /**
   * Takes bytes as they come.
   * @throws BAD_REQUEST, TOO_LARGE, and what the host throws
   */
  read(data: Buffer): void {
    let at = 0;
    while (at < data.length) {
      if (this.#current !== undefined) {
        at += this.#take(this.#current, data.subarray(at));
      } else if (this.#peeking !== undefined) {
        this.#peek(this.#peeking, data.readUInt8(at));
        at += 1;
      } else {
        this.#head(data.readUInt8(at));
        at += 1;
      }
    }
  }

  /** Takes a byte of a header. */
  #head(byte: number): void {
    this.#header[this.#headed] = byte;
    this.#headed += 1;
    const first = this.#header.readUInt8(0);
    const basic = basicSize(first);
    const format = first >> 6;
    const size = basic + (MESSAGE_HEADER[format] ?? 0);
    if (this.#headed < size) {
      return;
    }
    const isExtended = format < 3 && this.#header.readUIntBE(basic, 3) === EXTENDED;
    if (this.#headed < size + (isExtended ? 4 : 0)) {
      return;
    }
    this.#headed = 0;
    this.#host.onChunk();
    const chunkStream = this.#streamOf(basic, format);
    if (format === 3) {
      if (chunkStream.isExtended) {
        this.#peeking = chunkStream;
      } else {
        this.#begin(chunkStream, chunkStream.field, true);
      }
      return;
    }
    if (chunkStream.isUnderWay) {
      throw bad(`chunk stream ${this.#id(basic)}: a message inside a message`);
    }
    if (format < 2) {
      chunkStream.length = this.#header.readUIntBE(basic + 3, 3);
      chunkStream.type = this.#header.readUInt8(basic + 6);
    }
    if (format === 0) {
      chunkStream.stream = this.#header.readUInt32LE(basic + 7);
    }
    chunkStream.isAbsolute = format === 0;
    chunkStream.isExtended = isExtended;
    chunkStream.field = isExtended
      ? this.#header.readUInt32BE(size)
      : this.#header.readUIntBE(basic, 3);
    this.#begin(chunkStream, chunkStream.field, false);
  }

  /**
   * Takes a byte that belongs to an extended timestamp in a chunk of type 3, or to the payload: old encoders and drones
   * leave it out there. Inside a message it repeats the message's own, so that bytes that differ are payload. Where a
   * message begins, it is there unless the peer is known to leave it out.
   */
  #peek(chunkStream: ChunkStream, byte: number): void {
    this.#header[this.#headed] = byte;
    this.#headed += 1;
    const shift = 8 * (4 - this.#headed);
    const isRepeated = byte === ((chunkStream.field >>> shift) & 255);
    if (!isRepeated && (chunkStream.isUnderWay || this.#omits)) {
      const payload = Buffer.from(this.#header.subarray(0, this.#headed));
      this.#headed = 0;
      this.#peeking = undefined;
      this.#omits = true;
      this.#begin(chunkStream, chunkStream.field, true);
      this.read(payload);
      return;
    }
    if (this.#headed === 4) {
      this.#headed = 0;
      this.#peeking = undefined;
      if (chunkStream.isUnderWay) {
        this.#omits = false;
      }
      this.#begin(chunkStream, this.#header.readUInt32BE(0), true);
    }
  }

  #id(basic: number): number {
    const header = this.#header;
    const low = header.readUInt8(0) & 63;
    return basic === 1 ? low : 64 + (basic === 3 ? header.readUInt16LE(1) : header.readUInt8(1));
  }

  #streamOf(basic: number, format: number): ChunkStream {
    const id = this.#id(basic);
    const known = this.#streams.get(id);
    if (known !== undefined) {
      return known;
    }
    // librtmp begins the chunk stream of its pings with type 1; only later types leave out what must be known.
    if (format > 1) {
      throw bad(`chunk stream ${id} begins with type ${format}`);
    }
    if (this.#streams.size >= MAX_CHUNK_STREAMS) {
      throw bad(`more than ${MAX_CHUNK_STREAMS} chunk streams`);
    }
    const begun: ChunkStream = {
      timestamp: 0,
      length: 0,
      type: 0,
      stream: 0,
      field: 0,
      isAbsolute: true,
      isExtended: false,
      payload: EMPTY,
      received: 0,
      isUnderWay: false,
    };
    this.#streams.set(id, begun);
    return begun;
  }

  /**
   * A chunk's header is over.
   * @param field its timestamp field, or the one that counts for it
   * @param isRepeat it has none of its own (type 3)
   */
  #begin(chunkStream: ChunkStream, field: number, isRepeat: boolean): void {
    if (!chunkStream.isUnderWay) {
      chunkStream.timestamp = timestampOf(chunkStream, field, isRepeat);
      chunkStream.field = field;
      this.#beginMessage(chunkStream);
    }
    const left = chunkStream.length - chunkStream.received;
    if (left === 0) {
      this.#complete(chunkStream);
      return;
    }
    this.#current = chunkStream;
    this.#left = Math.min(this.#chunkSize, left);
  }

  #beginMessage(chunkStream: ChunkStream): void {
    const { length, payload, type } = chunkStream;
    if (length > this.#host.limitOf(type)) {
      throw new PipelineError('TOO_LARGE', `a message of ${length} bytes, type ${type}`);
    }
    if (payload.length < length) {
      this.#buffered += length - payload.length;
      if (this.#buffered > this.#host.bufferLimit()) {
        throw new PipelineError('TOO_LARGE', 'too many large messages at once');
      }
      // Memory that is not written to takes no room: a length that is a lie costs next to nothing.
      chunkStream.payload = Buffer.allocUnsafeSlow(length);
    }
    chunkStream.received = 0;
    chunkStream.isUnderWay = true;
  }

  /** Takes payload. @returns how many bytes */
  #take(chunkStream: ChunkStream, data: Buffer): number {
    const count = Math.min(this.#left, data.length);
    data.copy(chunkStream.payload, chunkStream.received, 0, count);
    chunkStream.received += count;
    this.#left -= count;
    if (this.#left === 0) {
      this.#current = undefined;
      if (chunkStream.received === chunkStream.length) {
        this.#complete(chunkStream);
      }
    }
    return count;
  }

  #complete(chunkStream: ChunkStream): void {
    chunkStream.isUnderWay = false;
    const { length, payload, stream, timestamp, type } = chunkStream;
    this.#host.onMessage({ type, stream, timestamp, body: payload.subarray(0, length) });
    this.#keepLimit();
  }

  /**
   * Receive buffers are kept for the next message of their chunk stream. What a publish has left in them is above the
   * limit once it is over, and would have the messages of the next one refused.
   */
  #keepLimit(): void {
    if (this.#buffered <= this.#host.bufferLimit()) {
      return;
    }
    for (const chunkStream of this.#streams.values()) {
      if (!chunkStream.isUnderWay) {
        this.#buffered -= chunkStream.payload.length;
        chunkStream.payload = EMPTY;
      }
    }
  }
}
