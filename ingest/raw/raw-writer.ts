/**
 * A session's raw chunks on their way to the spool, in fragments of at most 250 ms. The live path never waits for it,
 * and does not end for it either: on a disk that is full or too slow a chunk keeps what it has, the rest of it is given
 * up, and the next chunk is tried again.
 */
import type { Clock } from '#common/clock';
import type { Warning } from '#common/contracts/status';
import { PipelineError, systemCodeOf } from '#common/errors';
import type { Grid } from '#common/grid';
import type { Logger } from '#common/logger';
import type { SegmentNumber } from '#common/time';
import { rawFragment, rawHeader, type RawInput, type RawTracks } from './raw-fragment.ts';
import type { ChunkFile, ChunkName, Spool } from './spool.ts';

/** What a raw writer works with. */
export interface RawWriterDeps {
  readonly spool: Pick<Spool, 'openSession' | 'create'>;
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
  #chunk: SegmentNumber | undefined;
  #tracks: RawTracks | undefined;
  /** The disk does one thing after another. */
  #tail: Promise<void>;
  #file: ChunkFile | undefined;
  /** The open chunk has a file, still open or not. */
  #hasFile = false;
  #fileEnd = 0;
  #sequence = 0;
  #waiting = 0;
  #isOpen = false;
  /** The chunk whose rest is given up. */
  #lost: SegmentNumber | undefined;
  #trouble: Warning | undefined;

  constructor(deps: RawWriterDeps, grid: Grid, channel: string, session: string) {
    this.#deps = deps;
    this.#grid = grid;
    this.#channel = channel;
    this.#session = session;
    this.#tail = Promise.resolve();
    this.#timer = setInterval(() => {
      this.#flush();
    }, FRAGMENT_EVERY / deps.clock.rate);
  }

  /**
   * Takes a frame for chunk `n`; numbers never go back.
   * @param tracks what the header of a new chunk says
   */
  add(input: RawInput, n: SegmentNumber, tracks: RawTracks): void {
    if (n !== this.#chunk) {
      this.#finishChunk();
      this.#chunk = n;
    }
    if (this.#waiting > MAX_WAITING) {
      this.#giveUp(n, new PipelineError('OVERLOADED', 'the disk does not keep up with the feed'));
      return;
    }
    this.#tracks = tracks;
    this.#pending.push(input);
    this.#waiting += input.frame.data.byteLength;
  }

  /** What an operator should know of the disk. */
  get warnings(): readonly Warning[] {
    return this.#trouble === undefined ? [] : [this.#trouble];
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
    this.#enqueue(n, async () => {
      try {
        await this.#write(n, inputs, tracks);
      } finally {
        for (const { frame } of inputs) {
          this.#waiting -= frame.data.byteLength;
        }
      }
    });
  }

  async #write(n: SegmentNumber, inputs: readonly RawInput[], tracks: RawTracks): Promise<void> {
    if (this.#lost === n) {
      return;
    }
    const { spool } = this.#deps;
    const parts: Buffer[] = [];
    if (!this.#isOpen) {
      await spool.openSession(this.#channel, this.#session);
      this.#isOpen = true;
    }
    if (this.#file === undefined) {
      const name = { channel: this.#channel, session: this.#session, n };
      this.#file = await spool.create(name, this.#grid.name);
      this.#hasFile = true;
      this.#sequence = 0;
      parts.push(rawHeader(this.#grid, tracks));
      this.#fileEnd = parts[0]?.length ?? 0;
    }
    this.#sequence += 1;
    const fragment = rawFragment(this.#grid, inputs, this.#sequence, this.#fileEnd);
    this.#fileEnd += fragment.bytes.length;
    parts.push(fragment.bytes);
    await this.#file.append(
      parts.length === 1 ? fragment.bytes : Buffer.concat(parts),
      fragment.rows,
    );
  }

  #finishChunk(): void {
    this.#flush();
    const n = this.#chunk;
    if (n === undefined) {
      return;
    }
    this.#chunk = undefined;
    this.#enqueue(n, async () => {
      await this.#closeFile();
      if (this.#lost !== n && this.#trouble !== undefined) {
        this.#trouble = undefined;
        this.#deps.logger.warn({ n }, 'raw chunks are written again');
      }
      if (!this.#hasFile) {
        return;
      }
      this.#hasFile = false;
      this.#deps.onChunk({ channel: this.#channel, session: this.#session, n });
    });
  }

  #enqueue(n: SegmentNumber, work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work).catch(async (error: unknown) => {
      this.#giveUp(n, error);
      await this.#closeFile();
    });
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch((error: unknown) => {
      this.#deps.logger.debug({ error }, 'raw chunk not closed');
    });
  }

  #giveUp(n: SegmentNumber, error: unknown): void {
    if (this.#trouble === undefined) {
      this.#deps.logger.error({ error, n }, 'raw chunks cannot be written, live goes on');
    }
    this.#lost = n;
    this.#trouble = troubleOf(error);
  }
}

function troubleOf(error: unknown): Warning {
  const code = systemCodeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message =
      'The disk under DATA_DIR is full: what comes in is shown live, but not kept. Free space there.';
    return { code: 'DISK_FULL', message };
  }
  const message = `What comes in is shown live, but not kept: the disk under DATA_DIR ${
    code === 'OVERLOADED' ? 'is too slow' : `fails (${code || 'see the log'})`
  }.`;
  return { code: 'DISK_FAILED', message };
}
