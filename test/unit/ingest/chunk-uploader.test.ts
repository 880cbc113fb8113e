import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock } from '#common/clock';
import type { ChunkJob } from '#common/contracts/raw-chunk';
import { PipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import { frameIndex, segmentNumber } from '#common/time';
import { ChunkUploader } from '../../../ingest/raw/chunk-uploader.ts';
import { Spool, type ChunkName } from '../../../ingest/raw/spool.ts';
import { eventually } from '../../helpers/poll.ts';

let folder: string;
let spool: Spool;
let stored: Map<string, Uint8Array>;
let jobs: ChunkJob[];
let isAway: boolean;
let isSlow: boolean;
let begun: (() => void)[];

const name = (n: number): ChunkName => ({
  channel: 'main',
  session: 's',
  n: segmentNumber(n),
});

async function spoolChunk(n: number, bytes = 100): Promise<void> {
  const file = await spool.create(name(n), '30');
  const index = frameIndex(n);
  const row = { kind: 'video', offset: 0, size: bytes, index, dts: n, flags: 3 } as const;
  const source = { dts: 0, pts: 0, arrival: 0 };
  await file.append(Buffer.alloc(bytes, n), [{ ...row, seq: n, source }]);
  await file.close();
}

const uploader = (maxBytes = 1_000_000): ChunkUploader =>
  new ChunkUploader(
    {
      spool,
      clock: createClock({ rate: 50, origin: Date.now() }),
      logger: createLogger('test', 'silent'),
      store: {
        put: (key, body) => {
          if (isAway) {
            return Promise.reject(new PipelineError('STORE_FAILED', 'away'));
          }
          stored.set(key, body);
          return isSlow
            ? new Promise((resolve) => {
                begun.push(() => {
                  resolve('stored');
                });
              })
            : Promise.resolve('stored');
        },
      },
      queue: {
        add: (_name, data) => {
          jobs.push(data);
          return Promise.resolve();
        },
      },
    },
    maxBytes,
  );

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-spool-'));
  spool = new Spool(folder);
  stored = new Map();
  jobs = [];
  isAway = false;
  isSlow = false;
  begun = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a finished raw chunk', () => {
  test('reaches the store with its record, then in_MQ, then leaves the spool', async () => {
    await spoolChunk(7);
    const uploading = uploader();
    uploading.add(name(7));
    await eventually('the job', () => Promise.resolve(jobs[0]));
    expect([...stored.keys()]).toEqual(['raw/main/s/7.mp4', 'raw/main/s/7.json']);
    expect(jobs).toEqual([{ channel: 'main', session: 's', n: 7, firstSeq: 7, lastSeq: 7 }]);
    await uploading.close();
    expect(await spool.find()).toEqual([]);
  });

  test('waits while the store is away and is sent when it is back', async () => {
    isAway = true;
    await spoolChunk(1);
    const uploading = uploader();
    uploading.add(name(1));
    await eventually('the wait', () =>
      Promise.resolve(uploading.waitingBytes > 0 ? true : undefined),
    );
    expect(stored.size).toBe(0);
    isAway = false;
    await eventually('the job', () => Promise.resolve(jobs[0]));
    expect(stored.size).toBe(2);
    await uploading.close();
  });

  test('does not wait behind others for a store that is slow', async () => {
    isSlow = true;
    const uploading = uploader();
    for (let n = 0; n < 12; n += 1) {
      await spoolChunk(n);
      uploading.add(name(n));
    }
    await eventually('all to be on their way', () =>
      Promise.resolve(begun.length === 12 ? true : undefined),
    );
    for (const answer of begun) {
      answer();
    }
    isSlow = false;
    await eventually('the jobs', () => Promise.resolve(jobs.length === 12 ? true : undefined));
    await uploading.close();
  });

  test('is given up, oldest first, when ten times more wait than the spool may hold', async () => {
    isAway = true;
    const uploading = uploader(10_000);
    for (let n = 0; n < 100; n += 1) {
      await spoolChunk(n, 1000);
      uploading.add(name(n));
    }
    await eventually('the limit', () =>
      Promise.resolve(uploading.waitingBytes > 5000 ? true : undefined),
    );
    await eventually('the rest to be given up', async () => {
      const [session] = await spool.find();
      return (session?.chunks.length ?? 0) <= 12 ? true : undefined;
    });
    expect(uploading.waitingBytes).toBeLessThanOrEqual(12_000);
    const [session] = await spool.find();
    expect(session?.chunks.at(-1)?.n).toBe(99);
    await uploading.close();
  });

  test('that was cut short by a crash is read up to its last whole fragment', async () => {
    await spoolChunk(3, 100);
    const path = join(folder, 'main', 's', '3');
    await writeFile(`${path}.mp4`, Buffer.alloc(50, 9), { flag: 'a' });
    await writeFile(`${path}.rows`, '{"end":150,"ro', { flag: 'a' });
    const chunk = await spool.read(name(3));
    expect(chunk?.body).toEqual(Buffer.alloc(100, 3));
    expect(chunk?.record).toMatchObject({ bytes: 100, fps: '30', n: 3 });
    expect(chunk?.record.frames).toHaveLength(1);
  });
});
