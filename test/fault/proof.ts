/** What must be true of a channel once a fault is over and its broadcasts are recorded. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import pLimit from 'p-limit';
import { storeKeys } from '#common/contracts/names';
import {
  broadcastSchema,
  publishedSchema,
  type Broadcast,
  type Published,
} from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import { toPipelineError } from '#common/errors';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { decodeSlate } from '../../transcoder/early/slate-picture.ts';
import { locateProgram } from '../../transcoder/ffmpeg/fingerprint.ts';
import { openSlate } from '../../transcoder/slate.ts';
import { readTaskInput } from '../../transcoder/task-input.ts';
import { transcode, transcodeFragments, type Encoder } from '../../transcoder/transcode.ts';

/** A broadcast as the store has it. */
export interface Kept {
  readonly record: Broadcast;
  readonly commits: readonly Published[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The store of a pipeline that has none but its folder. */
export const storeOf = (dataDir: string): ObjectStore =>
  openFolderStore(path.join(dataDir, 'store'));

async function readJson(store: ObjectStore, prefix: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const key of store.list(prefix)) {
    const body = await store.get(key);
    if (body !== undefined) {
      found.push(JSON.parse(body.toString('utf8')));
    }
  }
  return found;
}

/** Every broadcast of a channel with its commit records, oldest first. */
export async function keptBroadcasts(store: ObjectStore, channel: string): Promise<Kept[]> {
  const records = (await readJson(store, storeKeys.broadcastPrefix(channel)))
    .map((value) => broadcastSchema.parse(value))
    .toSorted((a, b) => a.broadcast - b.broadcast);
  return Promise.all(
    records.map(async (record) => {
      const prefix = storeKeys.commitPrefix(channel, record.broadcast);
      const commits = (await readJson(store, prefix)).map((value) => publishedSchema.parse(value));
      return { record, commits: commits.toSorted((a, b) => a.n - b.n) };
    }),
  );
}

/** Numbers between a broadcast's beginning and end without a commit record; of one without an end, between its commits. */
export function missingNumbers({ record, commits }: Kept): number[] {
  const has = new Set<number>(commits.map(({ n }) => n));
  const last = Math.max(record.last ?? 0, commits.at(-1)?.n ?? 0);
  const missing: number[] = [];
  for (let n: number = record.broadcast; n <= last; n += 1) {
    if (!has.has(n)) {
      missing.push(n);
    }
  }
  return missing;
}

/** What was made again. */
export interface Repeated {
  readonly same: number;
  /** Sentences: segments that came out differently. */
  readonly different: readonly string[];
  /** Numbers whose raw frames are not all in the store: a killed ingest's last quarter of a second. */
  readonly inputGone: readonly number[];
}

/**
 * Makes every published segment again, in this process, from what the store keeps: the task as it was given out and
 * raw chunks alone, no hot stream. The result must be what was published, byte for byte.
 */
export async function repeatAll(
  store: ObjectStore,
  channel: string,
  commits: readonly Published[],
  tasks: ReadonlyMap<string, Task>,
): Promise<Repeated> {
  const program = await locateProgram('ffmpeg');
  const limits = { wallMs: 60_000, memoryMiB: 4_096, outputBytes: 32 * 1024 * 1024 };
  const encoder: Encoder = { program, arch: process.arch, limits };
  const slate = openSlate(store, encoder);
  const different: string[] = [];
  const inputGone: number[] = [];
  let same = 0;
  const limit = pLimit(2);
  const repeat = async (published: Published): Promise<void> => {
    const task =
      tasks.get(`${channel}-${published.n}-${published.taskHash}`) ??
      tasks.get(`${channel}-${published.n}`);
    if (task === undefined) {
      different.push(`${published.n}: its task was never seen`);
      return;
    }
    try {
      const readHot = (): Promise<readonly never[]> => Promise.resolve([]);
      const input = await readTaskInput(task, { readHot, store, slate: () => slate });
      const { signal } = new AbortController();
      const { segments } =
        task.profile === 'standard'
          ? await transcode(task, input, encoder, signal)
          : await transcodeFragments(task, input, encoder, {
              signal,
              slate: async (size) => decodeSlate(await slate, size, encoder, signal),
            });
      const wrong = published.renditions.filter(({ rendition, sha256: hash }) => {
        const made = segments.find((segment) => segment.rendition === rendition);
        return made === undefined || sha256(made.data) !== hash;
      });
      if (wrong.length === 0) {
        same += 1;
      } else {
        different.push(`${published.n}: ${wrong.map(({ rendition }) => rendition).join(' ')}`);
      }
    } catch (error) {
      const { code, message } = toPipelineError(error);
      if (code === 'INPUT_MISSING') {
        inputGone.push(published.n);
      } else {
        different.push(`${published.n}: ${code} ${message}`);
      }
    }
  };
  await Promise.all(commits.map((published) => limit(() => repeat(published))));
  return { same, different, inputGone };
}

/** Fetches every published segment again from its origin; sentences where it is not what was published. */
export async function refetchAll(
  origin: string,
  channel: string,
  commits: readonly Published[],
  seen: ReadonlyMap<string, string>,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const { n, renditions } of commits) {
    for (const { rendition, sha256: hash } of renditions) {
      const target = `/live/${channel}/${rendition}/${n}.m4s`;
      const response = await fetch(`${origin}${target}`);
      const body = Buffer.from(await response.arrayBuffer());
      if (response.status !== 200 || sha256(body) !== hash) {
        wrong.push(`${target}: ${response.status}, not what was published`);
      }
      const viewed = seen.get(target);
      if (viewed !== undefined && viewed !== hash) {
        wrong.push(`${target}: viewers got other bytes`);
      }
    }
  }
  return wrong;
}
