/** SCRIPTDATA: onMetaData in AMF 0, as far as a feed's description needs it (FLV 10.1 §E.4.4, AMF 0 §2). */

/** Values of onMetaData that are a number, a string or a flag; of strings the beginning. */
export type Metadata = ReadonlyMap<string, number | string | boolean>;

/** Longest message looked at, and most properties kept. */
const MAX_BYTES = 65_536;
const MAX_PROPERTIES = 128;
const MAX_DEPTH = 4;
const MAX_NAME = 64;
const MAX_TEXT = 256;

class End extends Error {}

class AmfReader {
  readonly #data: Buffer;
  #at = 0;
  constructor(data: Buffer) {
    this.#data = data;
  }
  get isAtEnd(): boolean {
    return this.#at >= this.#data.length;
  }
  take(count: number): Buffer {
    if (this.#at + count > this.#data.length) {
      throw new End();
    }
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }
  name(): string {
    return this.take(this.take(2).readUInt16BE()).toString('utf8');
  }
}

type Value = number | string | boolean | Map<string, number | string | boolean> | undefined;

function readProperties(reader: AmfReader, depth: number): Map<string, number | string | boolean> {
  const properties = new Map<string, number | string | boolean>();
  for (;;) {
    const name = reader.name();
    const value = readValue(reader, depth);
    if (value === END_OF_OBJECT) {
      return properties;
    }
    const isKept = name.length <= MAX_NAME && properties.size < MAX_PROPERTIES;
    if (value !== undefined && typeof value !== 'object' && isKept) {
      properties.set(name, typeof value === 'string' ? value.slice(0, MAX_TEXT) : value);
    }
  }
}

const END_OF_OBJECT = new Map<string, number | string | boolean>();

function readValue(reader: AmfReader, depth: number): Value {
  if (depth > MAX_DEPTH) {
    throw new End();
  }
  const marker = reader.take(1)[0];
  switch (marker) {
    case 0:
      return reader.take(8).readDoubleBE();
    case 1:
      return reader.take(1)[0] !== 0;
    case 2:
      return reader.name();
    case 3:
      return readProperties(reader, depth + 1);
    case 5:
    case 6:
      return undefined;
    case 8:
      reader.take(4);
      return readProperties(reader, depth + 1);
    case 9:
      return END_OF_OBJECT;
    case 10: {
      const count = reader.take(4).readUInt32BE();
      for (let i = 0; i < count; i += 1) {
        readValue(reader, depth + 1);
      }
      return undefined;
    }
    case 11:
      reader.take(10);
      return undefined;
    case 12:
      return reader.take(reader.take(4).readUInt32BE()).toString('utf8');
    default:
      throw new End();
  }
}

/**
 * Reads onMetaData out of a script message (with or without `@setDataFrame` before it).
 * @returns the properties read until the end or the first thing not understood; undefined if it is something else
 */
export function parseMetadata(data: Uint8Array): Metadata | undefined {
  const reader = new AmfReader(
    Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, MAX_BYTES)),
  );
  try {
    let name = readValue(reader, 0);
    if (name === '@setDataFrame') {
      name = readValue(reader, 0);
    }
    if (name !== 'onMetaData') {
      return undefined;
    }
    const values = readValue(reader, 0);
    return values instanceof Map ? values : undefined;
  } catch (error) {
    if (error instanceof End) {
      return undefined;
    }
    throw error;
  }
}
