import { describe, expect, test } from '@jest/globals';
import { TrackReader, type Arrived, type Edges } from '../../../../player/engine/track-reader.ts';

const FRAGMENTS = 4;

function fragment(n: number, k: number): Uint8Array<ArrayBuffer> {
  const box = (type: string, payload: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(8 + payload.length);
    bytes.writeUInt32BE(bytes.byteLength);
    bytes.write(type, 4, 'latin1');
    bytes.set(payload, 8);
    return bytes;
  };
  return Uint8Array.from(Buffer.concat([box('moof', [n]), box('mdat', [k, k, k])]));
}

const segment = (n: number): Uint8Array<ArrayBuffer>[] =>
  Array.from({ length: FRAGMENTS }, (_, k) => fragment(n, k));

/** A request as an edge sees it. */
interface Asked {
  readonly url: string;
  readonly isAborted: () => boolean;
  readonly send: (...bytes: readonly Uint8Array<ArrayBuffer>[]) => Promise<void>;
  readonly end: () => Promise<void>;
  readonly breakOff: () => Promise<void>;
  readonly answer: (status: number) => Promise<void>;
}

/** Lets everything that waits for nothing but its turn run. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });

/** A reader, and all around it in the test's hands. */
function open(): {
  readonly reader: TrackReader;
  readonly asked: Asked[];
  readonly got: string[];
  readonly arrived: Arrived[];
  readonly suspected: string[];
  readonly failed: string[];
  readonly missing: number[];
  readonly troubles: string[];
  readonly waits: number[];
  readonly world: { now: number; edge: string; rendition: string; newest: number; due: number };
  /** The newest request for a segment. */
  readonly ask: (n: number) => Promise<Asked>;
} {
  const world = { now: 1_000, edge: 'http://a', rendition: 'v720', newest: 1_000, due: 0 };
  const asked: Asked[] = [];
  const got: string[] = [];
  const arrived: Arrived[] = [];
  const suspected: string[] = [];
  const failed: string[] = [];
  const missing: number[] = [];
  const troubles: string[] = [];
  const waits: number[] = [];
  const edges: Edges = {
    locate: (url) => `${world.edge}${new URL(url, 'http://x').pathname}`,
    failed: (url) => failed.push(url),
    suspect: (url) => suspected.push(url),
  };
  const reader = new TrackReader({
    edges,
    now: () => world.now,
    urlOf: (rendition, n) => `/${rendition}/${n}.m4s`,
    choose: () => world.rendition,
    dueAt: () => world.due,
    mayOpen: (n) => n <= world.newest,
    prepare: () => Promise.resolve(),
    onFragment: (came) => {
      arrived.push(came);
      got.push(`${came.rendition} ${came.n}.${came.k}`);
    },
    onChunk: () => undefined,
    onBurst: () => undefined,
    onMissing: (n) => missing.push(n),
    onTrouble: (_seconds, reason) => troubles.push(reason),
    delay: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    fetch: (url, { signal }) => {
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({
        start: (own) => {
          controller = own;
        },
      });
      return new Promise<Response>((resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
          controller?.error(new Error('aborted'));
        });
        const response = new Response(body);
        const begin = (): void => {
          resolve(response);
        };
        asked.push({
          url,
          isAborted: () => signal.aborted,
          send: async (...chunks) => {
            begin();
            for (const chunk of chunks) {
              controller?.enqueue(chunk);
            }
            await settle();
          },
          end: async () => {
            begin();
            controller?.close();
            await settle();
          },
          breakOff: async () => {
            reject(new Error('broken off'));
            controller?.error(new Error('broken off'));
            await settle();
          },
          answer: async (status) => {
            resolve(new Response('', { status }));
            await settle();
          },
        });
      });
    },
  });
  return {
    reader,
    asked,
    got,
    arrived,
    suspected,
    failed,
    missing,
    troubles,
    waits,
    world,
    ask: async (n) => {
      await settle();
      const found = asked.findLast(({ url }) => url.endsWith(`/${n}.m4s`));
      if (found === undefined) {
        throw new Error(`nobody asked for ${n}: ${asked.map(({ url }) => url).join(' ')}`);
      }
      return found;
    },
  };
}

const all = (n: number, rendition = 'v720'): string[] =>
  segment(n).map((_, k) => `${rendition} ${n}.${k}`);

describe('a track that grows', () => {
  test('is read fragment by fragment, the next request held open ahead once it may be', async () => {
    const { reader, asked, got, world, ask } = open();
    world.newest = 7;
    reader.start(7);
    await (await ask(7)).send(fragment(7, 0));
    expect(got).toEqual(['v720 7.0']);
    expect(asked).toHaveLength(1);
    world.newest = 8;
    reader.look();
    expect(asked.map(({ url }) => url)).toEqual(['http://a/v720/7.m4s', 'http://a/v720/8.m4s']);
    await (await ask(7)).send(...segment(7).slice(1));
    await (await ask(7)).end();
    await (await ask(8)).send(fragment(8, 0));
    expect(got).toEqual([...all(7), 'v720 8.0']);
    expect(asked).toHaveLength(2);
    reader.stop();
  });

  test('goes on with the byte after the last whole fragment when its connection is lost', async () => {
    const { reader, got, suspected, waits, ask } = open();
    reader.start(7);
    const [first = fragment(7, 0), second = fragment(7, 1)] = segment(7);
    await (await ask(7)).send(first, second.subarray(0, 9));
    const lost = await ask(7);
    await lost.breakOff();
    expect(suspected).toEqual(['http://a/v720/7.m4s']);
    expect(await ask(7)).not.toBe(lost);
    await (await ask(7)).send(...segment(7));
    await (await ask(7)).end();
    expect(got).toEqual(all(7));
    expect(waits).toEqual([40]);
    reader.stop();
  });

  test('is never finished by an answer that ends within a fragment', async () => {
    const { reader, got, troubles, ask } = open();
    reader.start(7);
    await (await ask(7)).send(...segment(7).slice(0, 3), fragment(7, 3).subarray(0, 5));
    await (await ask(7)).end();
    expect(troubles).toEqual(['ends within a fragment']);
    await (await ask(7)).send(...segment(7));
    await (await ask(7)).end();
    expect(got).toEqual(all(7));
    reader.stop();
  });

  test('is asked for again, ever more seldom, when an edge does not have it', async () => {
    const { reader, missing, waits, got, ask } = open();
    reader.start(7);
    for (let i = 0; i < 8; i += 1) {
      await (await ask(7)).answer(404);
    }
    expect(missing).toEqual(Array.from({ length: 8 }, () => 7));
    expect(waits).toEqual([40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
    await (await ask(7)).send(...segment(7));
    await (await ask(7)).end();
    expect(got).toEqual(all(7));
    reader.stop();
  });

  test('is taken from another edge when its own cannot get it, or has been left', async () => {
    const { reader, failed, world, got, ask } = open();
    reader.start(7);
    await (await ask(7)).answer(502);
    expect(failed).toEqual(['http://a/v720/7.m4s']);
    world.edge = 'http://b';
    await (await ask(7)).answer(502);
    expect((await ask(7)).url).toBe('http://b/v720/7.m4s');
    await (await ask(7)).send(fragment(7, 0));
    world.edge = 'http://c';
    world.now += 0.1;
    reader.look();
    await settle();
    expect((await ask(7)).url).toBe('http://c/v720/7.m4s');
    await (await ask(7)).send(...segment(7));
    expect(got).toEqual(all(7));
    reader.stop();
  });

  test('has its edge suspected when it falls silent, and is asked for again when it stays so', async () => {
    const { reader, suspected, world, got, ask } = open();
    reader.start(7);
    await (await ask(7)).send(fragment(7, 0));
    const silent = await ask(7);
    world.due = world.now;
    world.now += 0.7;
    reader.look();
    expect(suspected).toEqual([]);
    world.now += 0.2;
    reader.look();
    reader.look();
    expect(suspected).toEqual(['http://a/v720/7.m4s']);
    world.now += 2;
    reader.look();
    await settle();
    expect(silent.isAborted()).toBe(true);
    await (await ask(7)).send(...segment(7));
    expect(got).toEqual(all(7));
    reader.stop();
  });

  test('of another rendition from the next segment on: what is held for the old one is let go of', async () => {
    const { reader, world, got, ask } = open();
    reader.start(7);
    await (await ask(7)).send(fragment(7, 0));
    const held = await ask(8);
    expect(held.url).toBe('http://a/v720/8.m4s');
    world.rendition = 'v360';
    await (await ask(7)).send(...segment(7).slice(1));
    await (await ask(7)).end();
    expect(held.isAborted()).toBe(true);
    expect((await ask(8)).url).toBe('http://a/v360/8.m4s');
    await (await ask(8)).send(...segment(8));
    expect(got).toEqual([...all(7), ...all(8, 'v360')]);
    reader.stop();
  });

  test('stays what it was for the rest of a segment that has begun', async () => {
    const { reader, world, got, ask } = open();
    reader.start(7);
    await (await ask(7)).send(fragment(7, 0));
    world.rendition = 'v360';
    await (await ask(7)).breakOff();
    expect((await ask(7)).url).toBe('http://a/v720/7.m4s');
    await (await ask(7)).send(...segment(7));
    expect(got).toEqual(all(7));
    reader.stop();
  });

  test('is read from its beginning again, of another rendition, when the one that has begun is left off', async () => {
    const { reader, world, got, missing, ask } = open();
    reader.start(7);
    await (await ask(7)).send(fragment(7, 0), fragment(7, 1));
    await (await ask(7)).breakOff();
    world.rendition = 'v360';
    await (await ask(7)).answer(404);
    expect(missing).toEqual([7]);
    expect((await ask(7)).url).toBe('http://a/v360/7.m4s');
    await (await ask(7)).send(...segment(7));
    expect(got).toEqual(['v720 7.0', 'v720 7.1', ...all(7, 'v360')]);
    reader.stop();
  });

  test('tells what came whole after silence from what was there already', async () => {
    const { reader, world, arrived, ask } = open();
    reader.start(7);
    world.now += 1;
    await (await ask(7)).send(fragment(7, 0));
    world.now += 0.5;
    await (await ask(7)).send(fragment(7, 1));
    world.now += 2;
    await (await ask(7)).send(fragment(7, 2).subarray(0, 5));
    world.now += 0.5;
    await (await ask(7)).send(fragment(7, 2).subarray(5));
    world.now += 0.5;
    await (await ask(7)).send(fragment(7, 3));
    expect(arrived.map(({ isAwaited }) => isAwaited)).toEqual([false, false, false, true]);
    expect(arrived.map(({ since }) => since)).toEqual(arrived.map(() => 1_001));
    reader.stop();
  });

  test('that is stopped or begun elsewhere gives nothing more of what it was', async () => {
    const { reader, got, ask } = open();
    reader.start(7);
    const old = await ask(7);
    await old.send(fragment(7, 0));
    reader.start(20);
    expect(old.isAborted()).toBe(true);
    await (await ask(20)).send(fragment(20, 0));
    expect(got).toEqual(['v720 7.0', 'v720 20.0']);
    reader.stop();
    expect((await ask(20)).isAborted()).toBe(true);
  });
});
