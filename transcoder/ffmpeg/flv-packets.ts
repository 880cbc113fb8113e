/**
 * H.264 as ffmpeg's FLV muxer writes it (Adobe Flash Video File Format 10.1, E.4). Of the formats that ffmpeg can write to a
 * pipe this one says a packet's size before its bytes and holds no packet back until the next: what an encoder
 * has made is known to be whole at once.
 */
import { PipelineError } from '#common/errors';

/** The encoder's configuration, or a coded picture. */
export type FlvPacket =
  | { readonly kind: 'config'; readonly avcC: Buffer }
  | { readonly kind: 'picture'; readonly isKey: boolean; readonly data: Buffer };

const FILE_HEADER_BYTES = 13;
const TAG_HEADER_BYTES = 11;
const SIZE_AFTER_TAG_BYTES = 4;
const VIDEO_TAG = 9;
/** Frame type and codec, packet type, composition time. */
const VIDEO_HEADER_BYTES = 5;
const AVC_CONFIG = 0;
const AVC_PICTURE = 1;
const KEY_FRAME = 1;

/** Reads a stream piece by piece. */
export class FlvPackets {
  #pieces: Buffer[] = [];
  #length = 0;
  #isBegun = false;

  /**
   * Takes the next bytes; gives the packets that are whole now.
   * @throws PipelineError `ENCODER_FAILED` when it is no FLV
   */
  push(piece: Buffer): FlvPacket[] {
    this.#pieces.push(piece);
    this.#length += piece.byteLength;
    const packets: FlvPacket[] = [];
    if (!this.#isBegun) {
      const head = this.#take(FILE_HEADER_BYTES);
      if (head === undefined) {
        return packets;
      }
      if (head.toString('latin1', 0, 3) !== 'FLV') {
        throw new PipelineError('ENCODER_FAILED', 'the encoder wrote no FLV');
      }
      this.#isBegun = true;
    }
    for (;;) {
      const head = this.#peek(TAG_HEADER_BYTES);
      const size = head?.readUIntBE(1, 3);
      const tag =
        size === undefined ? undefined : this.#take(TAG_HEADER_BYTES + size + SIZE_AFTER_TAG_BYTES);
      if (tag === undefined || size === undefined) {
        return packets;
      }
      const packet =
        tag[0] === VIDEO_TAG ? packetOf(tag.subarray(TAG_HEADER_BYTES, -4)) : undefined;
      packets.push(...(packet === undefined ? [] : [packet]));
    }
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) {
      return first;
    }
    const all = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [all];
    return all;
  }

  #peek(bytes: number): Buffer | undefined {
    return this.#length < bytes ? undefined : this.#joined().subarray(0, bytes);
  }

  #take(bytes: number): Buffer | undefined {
    if (this.#length < bytes) {
      return undefined;
    }
    const all = this.#joined();
    this.#pieces = [all.subarray(bytes)];
    this.#length -= bytes;
    return all.subarray(0, bytes);
  }
}

function packetOf(body: Buffer): FlvPacket | undefined {
  const data = body.subarray(VIDEO_HEADER_BYTES);
  switch (body[1]) {
    case AVC_CONFIG:
      return { kind: 'config', avcC: data };
    case AVC_PICTURE:
      return { kind: 'picture', isKey: (body[0] ?? 0) >> 4 === KEY_FRAME, data };
    default:
      return undefined;
  }
}
