/** Follows the hot streams of fragments of all broadcasts that grow: one blocking read, on one connection, over all of them. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '#common/clock';
import { toPipelineError } from '#common/errors';
import { readHotFragments, type FragmentStream, type HotEntry } from '#common/hot-fragments';
import type { Logger } from '#common/logger';
import type { Redis } from '#common/redis';
import { milliseconds } from '#common/time';

/** Real milliseconds; a change of the streams ends a read at once. */
const BLOCK_MS = 5_000;
/** Fragments of one stream in one answer. */
const COUNT = 64;
const RETRY_AFTER = milliseconds(500);
const BEGINNING = '0-0';

/** What it needs. */
export interface FragmentReaderDeps {
  /** For commands. */
  readonly redis: Redis;
  /** A connection of its own to the same Redis. */
  readonly blocking: Redis;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The streams to follow, asked for at each read. */
  readonly streams: () => readonly FragmentStream[];
  readonly take: (stream: FragmentStream, entry: HotEntry) => void;
}

const nameOf = ({ channel, rendition }: FragmentStream): string => `${channel}/${rendition}`;

/** See the head of this file. */
export class FragmentReader {
  readonly #deps: FragmentReaderDeps;
  readonly #closing = new AbortController();
  /** Ids read up to, by stream. */
  readonly #ids = new Map<string, string>();
  /** Streams that are to be read from their beginning, whatever a read under way brings. */
  readonly #restarted = new Set<string>();
  /** The blocking connection's id in Redis. */
  #id: number | undefined;
  readonly #running: Promise<void>;
  #wake: () => void = () => undefined;
  /** Rises with every read that ends. */
  #round = 0;
  #isReading = false;

  constructor(deps: FragmentReaderDeps) {
    this.#deps = deps;
    deps.blocking.on('close', () => {
      this.#id = undefined;
    });
    this.#running = this.#run();
  }

  /** A channel's streams are others than before, or have begun anew: they are read from their beginning. */
  restart(channel: string): void {
    this.#restarted.add(channel);
    this.#interrupt();
  }

  /** Stops reading. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    this.#deps.blocking.disconnect();
    await this.#running;
  }

  #interrupt(): void {
    this.#wake();
    if (this.#isReading) {
      this.#unblock(this.#round).catch((error: unknown) => {
        this.#deps.logger.warn({ error: toPipelineError(error) }, 'read not interrupted');
      });
    }
  }

  /** The read may not have reached Redis yet: asked for until it ends. */
  async #unblock(round: number): Promise<void> {
    const id = this.#id;
    while (id !== undefined && this.#round === round && !this.#closing.signal.aborted) {
      if (Number(await this.#deps.redis.client('UNBLOCK', id)) === 1) {
        return;
      }
      await setImmediate();
    }
  }

  #idOf(stream: FragmentStream): string {
    const known = this.#restarted.has(stream.channel) ? undefined : this.#ids.get(nameOf(stream));
    return known ?? BEGINNING;
  }

  async #run(): Promise<void> {
    const { blocking, clock, logger, streams, take } = this.#deps;
    while (!this.#closing.signal.aborted) {
      const followed = streams();
      if (followed.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      try {
        this.#id ??= await blocking.client('ID');
        const after = streams().map((stream) => ({ stream, id: this.#idOf(stream) }));
        this.#restarted.clear();
        this.#ids.clear();
        for (const { stream, id } of after) {
          this.#ids.set(nameOf(stream), id);
        }
        if (after.length === 0) {
          continue;
        }
        this.#isReading = true;
        const news = await readHotFragments(blocking, after, { blockMs: BLOCK_MS, count: COUNT });
        for (const { stream, id, entries } of news) {
          this.#ids.set(nameOf(stream), id);
          for (const entry of entries) {
            take(stream, entry);
          }
        }
      } catch (error) {
        if (!this.#closing.signal.aborted) {
          logger.warn({ error: toPipelineError(error) }, 'hot fragments not read');
          await clock.sleep(RETRY_AFTER, this.#closing.signal).catch(() => undefined);
        }
      } finally {
        this.#round += 1;
        this.#isReading = false;
      }
    }
  }
}
