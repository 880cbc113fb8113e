/** A session's raw chunks on their way to the spool, in fragments of at most 250 ms. The live path never waits for it. */
import type { Clock } from '../../common/clock.ts';
import { PipelineError, toPipelineError } from '../../common/errors.ts';
import type { Grid } from '../../common/grid.ts';
import type { Logger } from '../../common/logger.ts';
import { rawFragment, rawHeader, type RawInput, type RawTracks } from './raw-fragment.ts';
import type { ChunkFile, ChunkName, Spool } from './spool.ts';

/** What a raw writer works with. */
export interface RawWriterDeps {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes a chunk that is whole on disk. */
  readonly onChunk: (name: ChunkName) => void;
}

/** Clock milliseconds between fragments: what a crash may cost is below 250 ms. */
const FRAGMENT_EVERY = 200;
/** Bytes waiting for the disk. */
const MAX_WAITING = 64 << 20;

/** See the head of this file. */
export class RawWriter {
  readonly #deps: RawWriterDeps;
  readonly #grid: Grid;
  readonly #channel: string;
  readonly #session: string;
  readonly #timer: NodeJS.Timeout;
  #pending: RawInput[] = [];
  #chunk: number | undefined;
  #tracks: RawTracks | undefined;
  /** The disk does one thing after another. */
  #tail: Promise<void>;
  #file: ChunkFile | undefined;
  #fileEnd = 0;
  #sequence = 0;
  #waiting = 0;
  #failure: PipelineError | undefined;

  constructor(deps: RawWriterDeps, grid: Grid, channel: string, session: string) {
    this.#deps = deps;
    this.#grid = grid;
    this.#channel = channel;
    this.#session = session;
    this.#tail = deps.spool.openSession(channel, session).catch(this.#fail);
    this.#timer = setInterval(() => {
      this.#flush();
    }, FRAGMENT_EVERY / deps.clock.rate);
  }

  /**
   * Takes a frame for chunk `n`; numbers never go back.
   * @param tracks what the header of a new chunk says
   * @throws STORE_FAILED if the disk failed, OVERLOADED if it is too slow
   */
  add(input: RawInput, n: number, tracks: RawTracks): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    if (this.#waiting > MAX_WAITING) {
      throw new PipelineError('OVERLOADED', 'the disk does not keep up with the feed');
    }
    if (n !== this.#chunk) {
      this.#finishChunk();
      this.#chunk = n;
    }
    this.#tracks = tracks;
    this.#pending.push(input);
    this.#waiting += input.frame.data.byteLength;
  }

  /** Finishes the last chunk. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#finishChunk();
    await this.#tail;
  }

  #flush(): void {
    const inputs = this.#pending;
    const n = this.#chunk;
    const tracks = this.#tracks;
    if (inputs.length === 0 || n === undefined || tracks === undefined) {
      return;
    }
    this.#pending = [];
    this.#enqueue(async () => {
      const parts: Buffer[] = [];
      if (this.#file === undefined) {
        const name = { channel: this.#channel, session: this.#session, n };
        this.#file = await this.#deps.spool.create(name, this.#grid.name);
        this.#fileEnd = 0;
        this.#sequence = 0;
        parts.push(rawHeader(this.#grid, tracks));
        this.#fileEnd += parts[0]?.length ?? 0;
      }
      this.#sequence += 1;
      const fragment = rawFragment(this.#grid, inputs, this.#sequence, this.#fileEnd);
      this.#fileEnd += fragment.bytes.length;
      parts.push(fragment.bytes);
      await this.#file.append(
        parts.length === 1 ? fragment.bytes : Buffer.concat(parts),
        fragment.rows,
      );
      for (const { frame } of inputs) {
        this.#waiting -= frame.data.byteLength;
      }
    });
  }

  #finishChunk(): void {
    this.#flush();
    const n = this.#chunk;
    if (n === undefined) {
      return;
    }
    this.#chunk = undefined;
    this.#enqueue(async () => {
      await this.#file?.close();
      this.#file = undefined;
      this.#deps.onChunk({ channel: this.#channel, session: this.#session, n });
    });
  }

  #enqueue(work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work).catch(this.#fail);
  }

  readonly #fail = (error: unknown): void => {
    this.#deps.logger.error({ error }, 'raw chunk cannot be written');
    this.#failure ??= toPipelineError(error, 'STORE_FAILED');
  };
}
