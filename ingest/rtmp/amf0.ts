/**
 * AMF 0 within bounds on depth and number of values, and the commands of RTMP written in it, as far as a server for
 * publishers needs them
 * (Action Message Format 0, 2007; RTMP 1.0 §7.2).
 */
import { PipelineError } from '#common/errors';

/** A value that a command is about; objects nested in it, arrays and dates are read over. */
export type Primitive = number | boolean | string | null | undefined;

/** A command: `parameters` are its values after the command object. */
export interface Command {
  readonly name: string;
  /** 0 when the peer sent none. */
  readonly transaction: number;
  readonly object: ReadonlyMap<string, Primitive>;
  readonly parameters: readonly Primitive[];
}

/** What a command may ask. */
const COMMAND_BOUNDS: Amf0Bounds = { depth: 8, values: 512 };

const MARKER = {
  number: 0,
  boolean: 1,
  string: 2,
  object: 3,
  null: 5,
  undefined: 6,
  reference: 7,
  ecmaArray: 8,
  objectEnd: 9,
  strictArray: 10,
  date: 11,
  longString: 12,
  unsupported: 13,
  xmlDocument: 15,
  typedObject: 16,
};

const EMPTY: ReadonlyMap<string, Primitive> = new Map();

/** A value: of an object its members that are primitive; arrays and dates are undefined. */
export type Amf0Value = Primitive | ReadonlyMap<string, Primitive>;

const bad = (what: string): PipelineError =>
  new PipelineError('BAD_REQUEST', `not a message in AMF 0: ${what}`);

/** What a message may ask of {@link Amf0Reader}. */
export interface Amf0Bounds {
  /** Objects and arrays within one another. */
  readonly depth: number;
  /** Values in all, those that are read over included. */
  readonly values: number;
}

/** Reads the values of a message one after another (AMF 0 §2), within bounds. */
export class Amf0Reader {
  readonly #data: Buffer;
  readonly #bounds: Amf0Bounds;
  #at = 0;
  #values = 0;

  constructor(data: Buffer, bounds: Amf0Bounds) {
    this.#data = data;
    this.#bounds = bounds;
  }

  /** Whether the message has no further value. */
  get isAtEnd(): boolean {
    return this.#at >= this.#data.length;
  }

  /**
   * The next value.
   * @throws BAD_REQUEST if it is cut short, of a kind that AMF 0 does not have, or beyond the bounds
   */
  next(): Amf0Value {
    return this.#value(0);
  }

  #value(depth: number): Amf0Value {
    const { depth: maxDepth, values: maxValues } = this.#bounds;
    this.#values += 1;
    if (depth > maxDepth || this.#values > maxValues) {
      throw bad(`more than ${maxValues} values, or nested deeper than ${maxDepth}`);
    }
    const marker = this.#take(1).readUInt8();
    switch (marker) {
      case MARKER.number:
        return this.#take(8).readDoubleBE();
      case MARKER.boolean:
        return this.#take(1).readUInt8() !== 0;
      case MARKER.string:
        return this.#text(this.#take(2).readUInt16BE());
      case MARKER.longString:
      case MARKER.xmlDocument:
        return this.#text(this.#take(4).readUInt32BE());
      case MARKER.null:
        return null;
      case MARKER.undefined:
      case MARKER.unsupported:
        return undefined;
      case MARKER.reference:
        this.#take(2);
        return undefined;
      case MARKER.date:
        this.#take(10);
        return undefined;
      case MARKER.typedObject:
        this.#text(this.#take(2).readUInt16BE());
        return this.#members(depth);
      case MARKER.ecmaArray:
        this.#take(4);
        return this.#members(depth);
      case MARKER.object:
        return this.#members(depth);
      case MARKER.strictArray: {
        const count = this.#take(4).readUInt32BE();
        for (let i = 0; i < count; i += 1) {
          this.#value(depth + 1);
        }
        return undefined;
      }
      default:
        throw bad(`marker ${marker} at ${this.#at - 1}`);
    }
  }

  #members(depth: number): ReadonlyMap<string, Primitive> {
    const members = new Map<string, Primitive>();
    for (;;) {
      const name = this.#text(this.#take(2).readUInt16BE());
      if (this.#data[this.#at] === MARKER.objectEnd) {
        this.#at += 1;
        return members;
      }
      const value = this.#value(depth + 1);
      if (!(value instanceof Map)) {
        members.set(name, value as Primitive);
      }
    }
  }

  #text(length: number): string {
    return this.#take(length).toString('utf8');
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#data.length) {
      throw bad(`cut short at ${this.#data.length}`);
    }
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }
}

/**
 * Decodes a command.
 * @throws BAD_REQUEST if it is not one, or beyond the bounds
 */
export function decodeCommand(data: Buffer): Command {
  const reader = new Amf0Reader(data, COMMAND_BOUNDS);
  const name = reader.next();
  if (typeof name !== 'string') {
    throw bad('it has no name');
  }
  const values: Amf0Value[] = [];
  while (!reader.isAtEnd) {
    values.push(reader.next());
  }
  const [transaction, object, ...parameters] = values;
  return {
    name,
    transaction: typeof transaction === 'number' ? transaction : 0,
    object: object instanceof Map ? object : EMPTY,
    parameters: parameters.map((value) =>
      value instanceof Map ? undefined : (value as Primitive),
    ),
  };
}
