/** AMF0 values as RTMP commands carry them (Action Message Format 0, 2007). */

/** A value of the few types that commands use. Objects and arrays with names are both records. */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | readonly AmfValue[]
  | { readonly [name: string]: AmfValue };

const MARKER = {
  number: 0,
  boolean: 1,
  string: 2,
  object: 3,
  null: 5,
  undefined: 6,
  ecmaArray: 8,
  objectEnd: 9,
  strictArray: 10,
} as const;

/** Values one after another. Objects are written as anonymous objects. */
export function encodeAmf(...values: readonly AmfValue[]): Buffer {
  return Buffer.concat(values.map(encodeValue));
}

function encodeValue(value: AmfValue): Buffer {
  switch (typeof value) {
    case 'number': {
      const bytes = Buffer.alloc(9);
      bytes.writeDoubleBE(value, 1);
      return bytes;
    }
    case 'boolean':
      return Buffer.from([MARKER.boolean, value ? 1 : 0]);
    case 'string':
      return Buffer.concat([Buffer.from([MARKER.string]), encodeName(value)]);
    case 'undefined':
      return Buffer.from([MARKER.undefined]);
    default:
      return encodeObject(value);
  }
}

function encodeObject(value: AmfValue): Buffer {
  if (value === null || typeof value !== 'object') {
    return Buffer.from([MARKER.null]);
  }
  const parts: Buffer[] = [Buffer.from([MARKER.object])];
  for (const [name, item] of Object.entries(value)) {
    parts.push(encodeName(name), encodeValue(item));
  }
  parts.push(Buffer.from([0, 0, MARKER.objectEnd]));
  return Buffer.concat(parts);
}

function encodeName(name: string): Buffer {
  const text = Buffer.from(name, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([length, text]);
}

/** All values of a body. Throws RangeError on markers it does not know and on truncated input. */
export function decodeAmf(body: Buffer): AmfValue[] {
  const cursor = { at: 0 };
  const values: AmfValue[] = [];
  while (cursor.at < body.length) {
    values.push(decodeValue(body, cursor));
  }
  return values;
}

function decodeValue(body: Buffer, cursor: { at: number }): AmfValue {
  const marker = body.readUInt8(cursor.at++);
  switch (marker) {
    case MARKER.number:
      cursor.at += 8;
      return body.readDoubleBE(cursor.at - 8);
    case MARKER.boolean:
      return body.readUInt8(cursor.at++) !== 0;
    case MARKER.string:
      return decodeName(body, cursor);
    case MARKER.null:
      return null;
    case MARKER.undefined:
      return undefined;
    case MARKER.ecmaArray:
      cursor.at += 4;
      return decodeMembers(body, cursor);
    case MARKER.object:
      return decodeMembers(body, cursor);
    case MARKER.strictArray: {
      const length = body.readUInt32BE(cursor.at);
      cursor.at += 4;
      return Array.from({ length }, () => decodeValue(body, cursor));
    }
    default:
      throw new RangeError(`AMF0 marker ${marker} at ${cursor.at - 1}`);
  }
}

function decodeMembers(body: Buffer, cursor: { at: number }): { [name: string]: AmfValue } {
  const members: { [name: string]: AmfValue } = {};
  for (;;) {
    const name = decodeName(body, cursor);
    if (name === '' && body.readUInt8(cursor.at) === MARKER.objectEnd) {
      cursor.at++;
      return members;
    }
    members[name] = decodeValue(body, cursor);
  }
}

function decodeName(body: Buffer, cursor: { at: number }): string {
  const length = body.readUInt16BE(cursor.at);
  const start = cursor.at + 2;
  if (start + length > body.length) {
    throw new RangeError(`AMF0 string cut short at ${start}`);
  }
  cursor.at = start + length;
  return body.toString('utf8', start, start + length);
}
