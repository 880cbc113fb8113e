/** When each segment passed each service, read from what the pipeline keeps of it anyway: log, queues, published stream. */
import { z } from 'zod';
import { QUEUES, redisKeys } from '#common/contracts/names';
import { logEntrySchema } from '#common/contracts/log';
import { segmentJobSchema } from '#common/contracts/segment';
import { fragmentStart, type Division } from '#common/division';
import { firstFrame, type Grid } from '#common/grid';
import { createLogger } from '#common/logger';
import { readPublishedFragments } from '#common/published-fragments';
import { readPublished } from '#common/published-stream';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { segmentNumber } from '#common/time';
import type { FragmentPassage, Passage } from './budget.ts';

/** Jobs that queues keep when they are done are few: they are looked at more often than they go. */
const KEPT_JOBS = 200;
const ENTRIES = 5_000;

const taskSchema = z.looseObject({ channel: z.string(), n: z.number() });
/** An entry id's first half is the server's clock, milliseconds. */
const timeOf = (id: string): number => Number(id.split('-')[0]);

/** See the head of this file. */
export class PipelineTimes {
  readonly #redis: Redis;
  readonly #transcode: Queue;
  readonly #segments: Queue;
  readonly #channel: string;
  readonly #grid: Grid;
  /** When each frame was told in the log, by its place on the grid. */
  readonly #logged = new Map<number, number>();
  /** Places below a frame were closed at a time, in order. */
  readonly #closed: { readonly frame: number; readonly at: number }[] = [];
  readonly #tasks = new Map<number, { readonly given: number; readonly begun: number }>();
  readonly #made = new Map<number, number>();
  readonly #published = new Map<number, number>();
  readonly #fragments = new Map<string, { made?: number; published?: number }>();
  #after = '-';

  constructor(url: string, channel: string, grid: Grid) {
    const logger = createLogger('bench', 'silent');
    this.#redis = connectRedis(url, 'bench', logger);
    this.#transcode = openQueue(QUEUES.transcode, this.#redis, logger);
    this.#segments = openQueue(QUEUES.segments, this.#redis, logger);
    this.#channel = channel;
    this.#grid = grid;
  }

  /** The place on the grid of the feed's first picture; undefined while none has come. */
  get firstFrame(): number | undefined {
    let first: number | undefined;
    for (const frame of this.#logged.keys()) {
      first = Math.min(frame, first ?? frame);
    }
    return first;
  }

  /** Reads what is new; to be repeated before queues and log have forgotten it. */
  async look(): Promise<void> {
    await this.#lookAtLog();
    for (const job of await this.#transcode.getJobs(['completed'], 0, KEPT_JOBS)) {
      const task = taskSchema.parse(job.data);
      if (task.channel === this.#channel && job.processedOn !== undefined) {
        this.#tasks.set(task.n, { given: job.timestamp, begun: job.processedOn });
      }
    }
    for (const job of await this.#segments.getJobs(['completed'], 0, KEPT_JOBS)) {
      const told = segmentJobSchema.parse(job.data);
      if (told.type === 'done' && told.result.channel === this.#channel) {
        const { n, made } = told.result;
        this.#made.set(n, Math.max(...made.map(({ hotId }) => timeOf(hotId))));
      }
    }
    for (const { n, at } of await readPublished(this.#redis, this.#channel)) {
      this.#published.set(n, at);
    }
  }

  /** A segment's moments; undefined while some are not known. */
  passage(n: number): Passage | undefined {
    const first = firstFrame(this.#grid, segmentNumber(n));
    const end = first + this.#grid.segmentFrames;
    let logged = Number.NEGATIVE_INFINITY;
    for (let frame: number = first; frame < end; frame += 1) {
      logged = Math.max(logged, this.#logged.get(frame) ?? Number.NEGATIVE_INFINITY);
    }
    const closed = this.#closed.find(({ frame }) => frame >= end)?.at;
    const task = this.#tasks.get(n);
    const made = this.#made.get(n);
    const published = this.#published.get(n);
    return closed === undefined ||
      task === undefined ||
      made === undefined ||
      published === undefined ||
      !Number.isFinite(logged)
      ? undefined
      : { logged, closed, ...task, made, published };
  }

  /** Reads what is new of a rendition's fragments; to be repeated before their streams have forgotten it. */
  async lookAtFragments(rendition: string): Promise<void> {
    await this.#lookAtLog();
    const stream = { channel: this.#channel, rendition };
    for (const [id, fields] of await this.#redis.xrange(
      redisKeys.hotFragments(stream.channel, rendition),
      '-',
      '+',
    )) {
      const [n, k] = z
        .tuple([z.number(), z.number()])
        .rest(z.unknown())
        .parse(JSON.parse(fields[1] ?? '[]'));
      this.#fragment(n, k).made ??= timeOf(id);
    }
    for (const fragment of await readPublishedFragments(this.#redis, this.#channel)) {
      if (fragment.rendition === rendition) {
        this.#fragment(fragment.n, fragment.k).published ??= fragment.at;
      }
    }
  }

  /** The last frame of every fragment that is known, with its moments. */
  fragmentPassages(division: Division): readonly (FragmentPassage & { readonly frame: number })[] {
    return [...this.#fragments].flatMap(([key, { made, published }]) => {
      const [n = 0, k = 0] = key.split('/').map(Number);
      const end = fragmentStart(this.#grid, division, segmentNumber(n), k + 1);
      const logged = this.#logged.get(end - 1);
      const closed = this.#closed.find(({ frame }) => frame >= end)?.at;
      return logged === undefined ||
        closed === undefined ||
        made === undefined ||
        published === undefined
        ? []
        : [{ frame: end - 1, logged, closed, made, published }];
    });
  }

  #fragment(n: number, k: number): { made?: number; published?: number } {
    const key = `${n}/${k}`;
    const known = this.#fragments.get(key) ?? {};
    this.#fragments.set(key, known);
    return known;
  }

  /** Lets go of Redis. */
  async close(): Promise<void> {
    await this.#transcode.close();
    await this.#segments.close();
    this.#redis.disconnect();
  }

  async #lookAtLog(): Promise<void> {
    for (;;) {
      const entries = await this.#redis.xrange(
        redisKeys.log(this.#channel),
        this.#after,
        '+',
        'COUNT',
        ENTRIES,
      );
      for (const [id, [, text = 'null']] of entries) {
        this.#take(id, logEntrySchema.safeParse(JSON.parse(text)).data);
        this.#after = `(${id}`;
      }
      if (entries.length < ENTRIES) {
        return;
      }
    }
  }

  #take(id: string, entry: z.infer<typeof logEntrySchema> | undefined): void {
    if (entry?.t === 'frames') {
      for (const { index } of entry.v) {
        this.#logged.set(index, timeOf(id));
      }
    } else if (entry?.t === 'picture-closed') {
      this.#closed.push({ frame: entry.frame, at: timeOf(id) });
    }
  }
}
