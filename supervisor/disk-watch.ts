/**
 * Watches the disk under `DATA_DIR`. Redis refuses every write once its append-only file cannot grow, which would
 * end the live stream for the sake of a file that only spares a restart some work: so the file is given up while the
 * disk is full, and written anew when there is room.
 */
import { DISK_LIMITS, diskStateOf, freeBytesIn, type DiskState } from '#common/disk';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';

const POLL_MS = 500;

/** The private Redis, as far as it is told of the disk. */
export interface AppendOnlyFile {
  /** Bytes that writing it anew may take. */
  size(): Promise<number>;
  turn(state: 'on' | 'off'): Promise<void>;
}

/** What the watch works with. */
export interface DiskWatchDeps {
  readonly folder: string;
  readonly logger: Logger;
  /** Undefined where Redis is not ours. */
  readonly redis: AppendOnlyFile | undefined;
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** See the head of this file. */
export class DiskWatch implements Closable {
  readonly #deps: DiskWatchDeps;
  readonly #timer: NodeJS.Timeout;
  #state: DiskState = 'ok';
  #isKeptOff = false;
  #running: Promise<void> = Promise.resolve();
  #isBusy = false;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => {
      if (!this.#isBusy) {
        this.#running = this.look();
      }
    }, POLL_MS);
  }

  /** Looks once and does what is to be done. */
  async look(): Promise<void> {
    const { folder, freeBytes = freeBytesIn, logger } = this.#deps;
    this.#isBusy = true;
    try {
      const free = await freeBytes(folder);
      this.#tell(diskStateOf(free), free);
      await this.#keepRedisWriting(free);
    } catch (error) {
      logger.debug({ error }, 'disk cannot be looked at');
    } finally {
      this.#isBusy = false;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #tell(state: DiskState, free: number): void {
    if (state === this.#state) {
      return;
    }
    const { folder, logger } = this.#deps;
    const facts = { folder, freeMiB: Math.floor(free / 1024 ** 2) };
    this.#state = state;
    switch (state) {
      case 'full':
        logger.error(facts, 'disk is full: live goes on, nothing more is kept; free space there');
        break;
      case 'low':
        logger.warn(facts, 'disk is nearly full: free space there');
        break;
      case 'ok':
        logger.warn(facts, 'disk has space again');
    }
  }

  async #keepRedisWriting(free: number): Promise<void> {
    const { logger, redis } = this.#deps;
    if (redis === undefined) {
      return;
    }
    if (!this.#isKeptOff && free < DISK_LIMITS.full) {
      await redis.turn('off');
      this.#isKeptOff = true;
      logger.warn('redis keeps its data in memory only while the disk is full');
    } else if (this.#isKeptOff && free > 2 * DISK_LIMITS.full + (await redis.size())) {
      await redis.turn('on');
      this.#isKeptOff = false;
      logger.warn('redis keeps its data on disk again');
    }
  }
}
