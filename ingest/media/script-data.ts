/** SCRIPTDATA: onMetaData in AMF 0, as far as a feed's description needs it (FLV 10.1 §E.4.4, AMF 0 §2). */
import { PipelineError } from '#common/errors';
import { Amf0Reader, type Amf0Bounds, type Primitive } from '../rtmp/amf0.ts';

/** Values of onMetaData that are a number, a string or a flag; of strings the beginning. */
export type Metadata = ReadonlyMap<string, number | string | boolean>;

/** Longest message looked at, and most properties kept. */
const MAX_BYTES = 65_536;
const MAX_PROPERTIES = 128;
/** Arrays of keyframes' places are long; the message's size bounds them. */
const BOUNDS: Amf0Bounds = { depth: 4, values: MAX_BYTES };
const MAX_NAME = 64;
const MAX_TEXT = 256;

/**
 * Reads onMetaData out of a script message (with or without `@setDataFrame` before it).
 * @returns its properties; undefined if it is something else, or cut short
 */
export function parseMetadata(data: Uint8Array): Metadata | undefined {
  const message = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, MAX_BYTES));
  const reader = new Amf0Reader(message, BOUNDS);
  try {
    let name = reader.next();
    if (name === '@setDataFrame') {
      name = reader.next();
    }
    if (name !== 'onMetaData') {
      return undefined;
    }
    const values = reader.next();
    return values instanceof Map ? describing(values) : undefined;
  } catch (error) {
    if (error instanceof PipelineError) {
      return undefined;
    }
    throw error;
  }
}

/** What is kept of onMetaData's properties. */
function describing(values: ReadonlyMap<string, Primitive>): Metadata {
  const kept = new Map<string, number | string | boolean>();
  for (const [name, value] of values) {
    if (
      name.length <= MAX_NAME &&
      kept.size < MAX_PROPERTIES &&
      value !== null &&
      value !== undefined
    ) {
      kept.set(name, typeof value === 'string' ? value.slice(0, MAX_TEXT) : value);
    }
  }
  return kept;
}
