/**
 * Raw chunks on disk until the store has them: `<folder>/<channel>/<session>/<n>.mp4`, beside it `<n>.rows`, a line of
 * JSON for the head and one for each fragment's rows. A fragment counts once its line is there, so a chunk that was
 * cut short by a crash is finished from what counts. `open` marks a session whose end is not in the log yet.
 */
import { createHash } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  rmdir,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fpsSchema } from '#common/contracts/channel';
import { rawFrameSchema, type RawFrame, type RawRecord } from '#common/contracts/raw-chunk';
import { PipelineError, systemCodeOf } from '#common/errors';
import { segmentNumber, type SegmentNumber } from '#common/time';

/** Names a chunk in the spool. */
export interface ChunkName {
  readonly channel: string;
  readonly session: string;
  readonly n: SegmentNumber;
}

/** A session found in the spool. */
export interface SpooledSession {
  readonly channel: string;
  readonly session: string;
  readonly isOpen: boolean;
  readonly chunks: readonly ChunkName[];
}

/** A chunk being written. */
export interface ChunkFile {
  /** Appends bytes, then the rows that make them count. */
  append(bytes: Uint8Array, rows: readonly RawFrame[]): Promise<void>;
  close(): Promise<void>;
}

const headSchema = z.strictObject({ fps: fpsSchema });
const rowsSchema = z.strictObject({ end: z.int().min(0), rows: z.array(rawFrameSchema) });

/** See the head of this file. */
export class Spool {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Marks a session as open. */
  async openSession(channel: string, session: string): Promise<void> {
    const folder = join(this.#folder, channel, session);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'open'), '');
  }

  /** The session's end is in the log. */
  async closeSession(channel: string, session: string): Promise<void> {
    await rm(join(this.#folder, channel, session, 'open'), { force: true });
    await this.#removeIfEmpty(channel, session);
  }

  /** Begins a chunk. */
  async create(name: ChunkName, fps: RawRecord['fps']): Promise<ChunkFile> {
    const path = this.#path(name);
    await mkdir(join(this.#folder, name.channel, name.session), { recursive: true });
    const media = await open(`${path}.mp4`, 'w');
    let index: FileHandle | undefined;
    try {
      index = await open(`${path}.rows`, 'w');
      await index.appendFile(`${JSON.stringify({ fps } satisfies z.output<typeof headSchema>)}\n`);
    } catch (error) {
      await media.close();
      await index?.close();
      await this.remove(name);
      throw error;
    }
    const rows = index;
    let end = 0;
    return {
      append: async (bytes, frames) => {
        await media.appendFile(bytes);
        end += bytes.byteLength;
        await rows.appendFile(`${JSON.stringify({ end, rows: frames })}\n`);
      },
      close: async () => {
        await media.close();
        await rows.close();
      },
    };
  }

  /**
   * Reads a chunk that is no longer written.
   * @returns undefined if not one fragment of it counts
   */
  async read(name: ChunkName): Promise<{ body: Buffer; record: RawRecord } | undefined> {
    const path = this.#path(name);
    const lines = (await readFile(`${path}.rows`, 'utf8')).split('\n');
    // Whatever follows the last line break was cut short.
    const [head, ...fragments] = lines.slice(0, -1);
    if (head === undefined || fragments.length === 0) {
      return undefined;
    }
    const { fps } = headSchema.parse(JSON.parse(head));
    const parsed = fragments.map((line) => rowsSchema.parse(JSON.parse(line)));
    const end = parsed.at(-1)?.end ?? 0;
    const body = (await readFile(`${path}.mp4`)).subarray(0, end);
    if (body.length < end) {
      throw new PipelineError('BAD_MEDIA', `spooled chunk ${name.n} has ${body.length} of ${end}`);
    }
    const frames = parsed.flatMap(({ rows }) => rows);
    const sha256 = createHash('sha256').update(body).digest('hex');
    return { body, record: { ...name, fps, bytes: end, sha256, frames } };
  }

  /** Size of a chunk on disk. */
  async size(name: ChunkName): Promise<number> {
    return (await stat(`${this.#path(name)}.mp4`)).size;
  }

  /** Removes a chunk, and its session's folder if nothing is left in it. */
  async remove(name: ChunkName): Promise<void> {
    await rm(`${this.#path(name)}.mp4`, { force: true });
    await rm(`${this.#path(name)}.rows`, { force: true });
    await this.#removeIfEmpty(name.channel, name.session);
  }

  /** What an earlier process left. */
  async find(): Promise<SpooledSession[]> {
    const found: SpooledSession[] = [];
    for (const channel of await namesIn(this.#folder)) {
      for (const session of await namesIn(join(this.#folder, channel))) {
        const files = await namesIn(join(this.#folder, channel, session));
        const numbers = files.flatMap((file) => /^([0-9]+)\.rows$/.exec(file)?.slice(1) ?? []);
        const chunks = numbers.map((text) => segmentNumber(Number(text))).sort((a, b) => a - b);
        found.push({
          channel,
          session,
          isOpen: files.includes('open'),
          chunks: chunks.map((n) => ({ channel, session, n })),
        });
      }
    }
    return found;
  }

  #path({ channel, session, n }: ChunkName): string {
    return join(this.#folder, channel, session, String(n));
  }

  async #removeIfEmpty(channel: string, session: string): Promise<void> {
    try {
      await rmdir(join(this.#folder, channel, session));
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCodeOf(error))) {
        throw error;
      }
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error))) {
      return [];
    }
    throw error;
  }
}
