/** FLV files as lists of tags (Adobe Flash Video File Format Specification 10.1, annex E). */

const TAG_HEADER = 11;
const FILE_HEADER = Buffer.from([0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0]);

/** Tag types (E.4.1). */
export const FLV_TAG = { audio: 8, video: 9, script: 18 } as const;

/** One tag: `timestamp` is its decode time in milliseconds, unsigned 32 bit. */
export interface FlvTag {
  readonly type: number;
  readonly timestamp: number;
  readonly data: Buffer;
}

/** All tags of a file. Throws RangeError with the offset when it is cut short. */
export function readFlv(file: Buffer): FlvTag[] {
  const tags: FlvTag[] = [];
  let at = file.readUInt32BE(5) + 4;
  while (at < file.length) {
    if (at + TAG_HEADER > file.length) {
      throw new RangeError(`FLV tag header cut short at ${at}`);
    }
    const size = file.readUIntBE(at + 1, 3);
    const timestamp = (file.readUIntBE(at + 4, 3) | (file.readUInt8(at + 7) << 24)) >>> 0;
    const start = at + TAG_HEADER;
    if (start + size > file.length) {
      throw new RangeError(`FLV tag cut short at ${at}`);
    }
    tags.push({ type: file.readUInt8(at), timestamp, data: file.subarray(start, start + size) });
    at = start + size + 4;
  }
  return tags;
}

/** A file of these tags. */
export function writeFlv(tags: readonly FlvTag[]): Buffer {
  const parts: Buffer[] = [FILE_HEADER];
  for (const tag of tags) {
    const header = Buffer.alloc(TAG_HEADER);
    header.writeUInt8(tag.type, 0);
    header.writeUIntBE(tag.data.length, 1, 3);
    header.writeUIntBE(tag.timestamp & 0xffffff, 4, 3);
    header.writeUInt8(tag.timestamp >>> 24, 7);
    const trailer = Buffer.alloc(4);
    trailer.writeUInt32BE(TAG_HEADER + tag.data.length, 0);
    parts.push(header, tag.data, trailer);
  }
  return Buffer.concat(parts);
}

/** Whether a tag is an AVC or AAC sequence header (E.4.3.1, E.4.2.1). */
export function isSequenceHeader(tag: FlvTag): boolean {
  switch (tag.type) {
    case FLV_TAG.video:
      return (tag.data[0] ?? 0) % 16 === 7 && tag.data[1] === 0;
    case FLV_TAG.audio:
      return (tag.data[0] ?? 0) >> 4 === 10 && tag.data[1] === 0;
    default:
      return false;
  }
}

/** Whether a tag carries one coded picture, not a header or an end of sequence. */
export const isPicture = (tag: FlvTag): boolean =>
  tag.type === FLV_TAG.video && (tag.data[0] ?? 0) % 16 === 7 && tag.data[1] === 1;

/** Whether a tag says that the stream of pictures ends (AVC end of sequence). */
export const isEndOfSequence = (tag: FlvTag): boolean =>
  tag.type === FLV_TAG.video && (tag.data[0] ?? 0) % 16 === 7 && tag.data[1] === 2;

/** Composition time of a picture, signed milliseconds. */
export const compositionTime = (tag: FlvTag): number => tag.data.readIntBE(2, 3);

/** The tag with other times. `compositionOffset` is written only into pictures. */
export function retimed(tag: FlvTag, timestamp: number, compositionOffset?: number): FlvTag {
  if (compositionOffset === undefined || !isPicture(tag)) {
    return { ...tag, timestamp };
  }
  const data = Buffer.from(tag.data);
  data.writeIntBE(compositionOffset, 2, 3);
  return { type: tag.type, timestamp, data };
}

/**
 * Gives the pictures of a stream new presentation times, as an encoder fed with them would have done: decode times
 * are the presentation times delayed by as many frames as the stream reorders.
 * @param tags a stream of constant frame rate
 * @param times presentation time of each picture, milliseconds, in presentation order
 * @returns the tags; those without a picture take the time of the picture after them
 */
export function retimePictures(tags: readonly FlvTag[], times: readonly number[]): FlvTag[] {
  const pictures = tags.filter(isPicture);
  const shown = pictures.map((tag) => tag.timestamp + compositionTime(tag));
  const order = [...shown].sort((a, b) => a - b);
  const rankOf = new Map(order.map((time, rank) => [time, rank]));
  const ranks = shown.map((time) => rankOf.get(time) ?? 0);
  const delay = Math.max(0, ...ranks.map((rank, decoded) => decoded - rank));
  const first = times[0] ?? 0;
  const step = (times[1] ?? first) - first;
  const decodeTime = (decoded: number): number => {
    const at = Math.min(decoded, pictures.length - 1) - delay;
    return Math.round(Math.max(0, at >= 0 ? (times[at] ?? 0) : first + at * step));
  };
  let decoded = 0;
  return tags.map((tag) => {
    const dts = decodeTime(decoded);
    if (!isPicture(tag)) {
      return retimed(tag, dts);
    }
    const pts = Math.round(times[ranks[decoded] ?? 0] ?? 0);
    decoded++;
    return retimed(tag, dts, pts - dts);
  });
}

/** Joins streams into one, in order of time; tags of equal time keep the order of the streams. */
export function interleave(...streams: readonly (readonly FlvTag[])[]): FlvTag[] {
  return streams
    .flatMap((tags, stream) => tags.map((tag, place) => ({ tag, stream, place })))
    .sort((a, b) => a.tag.timestamp - b.tag.timestamp || a.stream - b.stream || a.place - b.place)
    .map(({ tag }) => tag);
}
