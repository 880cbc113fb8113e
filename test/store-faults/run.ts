/**
 * `npm run store-faults -- --minutes 5`: a live broadcast whose store is radosgw behind a proxy. After 40 s (`--calm`) without
 * faults, 20 % of all requests are answered 503, every one takes 2 s longer, and in the middle nothing is answered for
 * 30 s. Prints how late segments were published in each part, and whether anything is missing at the end.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readBroadcast } from '../../aggregator/recordings.ts';
import { rawRecordSchema } from '#common/contracts/raw-chunk';
import { publishedSchema, type Published } from '#common/contracts/segment';
import { storeKeys } from '#common/contracts/names';
import { gridOf, timeOfSegment } from '#common/grid';
import { openS3Store } from '#common/store/s3';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber } from '#common/time';
import { downloadBroadcast } from '../helpers/broadcast-download.ts';
import { waitForAir, waitForRecording } from '../helpers/broadcast-run.ts';
import { startFaultProxy, type FaultProxy, type Faults } from '../helpers/fault-proxy.ts';
import { SMALL_LADDER, startPipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip } from '../helpers/publish-clip.ts';
import { startRadosgw } from '../helpers/radosgw.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';
import { watchLive } from './watch-live.ts';

const CHANNEL = 'faults';
const FPS = '30';
const HANG_MS = 30_000;
const BAD: Faults = { refused: 0.2, slowMs: 2_000 };
const SEED = 4_2025;
/** A player of profile `standard` plays this far behind: what is published later than that stalls it. */
const LATE_MS = 6_000;

/** A stretch of the run. */
interface Phase {
  readonly name: string;
  readonly from: number;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    calm: { type: 'string', default: '40' },
  },
});
const faultyMs = Number(values.minutes) * 60_000;
const calmMs = Number(values.calm) * 1_000;

const radosgw = await startRadosgw();
const proxy = await startFaultProxy(radosgw.endpoint, SEED);
const { accessKeyId, secretAccessKey } = radosgw;
const keys = { bucket: 'touchline', accessKeyId, secretAccessKey };
const direct = openS3Store({ ...keys, endpoint: radosgw.endpoint });
const clip = await makeClip(
  { ...RECIPES['steady-30'], name: 'faults-30', sizes: [{ width: 320, height: 180 }] },
  (calmMs + faultyMs) / 1000,
);
const pipeline = await startPipeline({
  S3_ENDPOINT: proxy.url,
  S3_BUCKET: keys.bucket,
  S3_ACCESS_KEY_ID: accessKeyId,
  S3_SECRET_ACCESS_KEY: secretAccessKey,
});

try {
  const { problems, rows } = await broadcast();
  console.log(markdownTable(rows));
  for (const problem of problems) {
    console.log(`- ${problem}`);
    process.exitCode = 1;
  }
} finally {
  await pipeline.close();
  await direct.close();
  await proxy.close();
  await radosgw.close();
}

async function broadcast(): Promise<{ rows: Row[]; problems: string[] }> {
  const key = await pipeline.api.createChannel({
    id: CHANNEL,
    fps: FPS,
    ladder: SMALL_LADDER,
    profile: 'standard',
  });
  const publication = await eventually('the key to be accepted', () =>
    publishClip(clip.path, { port: pipeline.rtmpPort, key }),
  );
  const { broadcast: number } = await waitForAir(pipeline, CHANNEL);
  const watching = new AbortController();
  const watched = watchLive(`${pipeline.edge}/live/${CHANNEL}/index.m3u8`, watching.signal);
  const phases = await misbehave(proxy, publication.startedAt);
  await publication.sent;
  watching.abort();
  const viewer = await watched;
  await publication.publisher.stop();
  // The faults go on until everything has been stored in spite of them.
  const { commits, last } = await eventually(
    'every segment to be stored',
    async () => {
      const ended = await readBroadcast(direct, CHANNEL, segmentNumber(number));
      const found = await readCommits(direct, number);
      const isWhole = typeof ended?.last === 'number' && found.length > ended.last - number;
      return isWhole && (await isSpoolEmpty())
        ? { commits: found, last: ended.last ?? number }
        : undefined;
    },
    { timeoutMs: 120_000, everyMs: 1_000 },
  );
  const lostFrames = await rawProblems(direct);
  proxy.set({});
  const { hls } = await waitForRecording(pipeline, CHANNEL, number, FPS);
  const recording = await downloadBroadcast(hls);
  const problems = [
    ...viewer.failures,
    ...recording.renditions.flatMap(({ id, segments }) =>
      gaps(`recording ${id}`, number, last, new Set(segments.map(({ n }) => n))),
    ),
    ...gaps('commit records', number, last, new Set(commits.map(({ n }) => n))),
    ...lostFrames,
  ];
  const rows = phases.map((phase, index) => {
    const next = phases[index + 1]?.from ?? Number.POSITIVE_INFINITY;
    return rowOf(
      phase.name,
      commits.filter(({ at }) => at >= phase.from && at < next),
    );
  });
  const late = commits.filter((published) => lagOf(published) > LATE_MS);
  problems.push(...late.map(({ n }) => `segment ${n} was published late`));
  const { requests, refused, hung } = proxy.counts;
  console.log(
    `${commits.length} segments of ${recording.renditions.length} renditions; ${requests} requests ` +
      `to the store, ${refused} answered 503, ${hung} hung; a viewer fetched ${viewer.fetched} objects live`,
  );
  return { rows, problems };
}

/** Sets the proxy's faults as time goes by, from the first picture on. */
async function misbehave(to: FaultProxy, startedAt: number): Promise<Phase[]> {
  const phases: Phase[] = [];
  const enter = async (name: string, faults: Faults, untilMs: number): Promise<void> => {
    to.set(faults);
    phases.push({ name, from: Date.now() });
    console.error(name);
    await new Promise((resolve) => setTimeout(resolve, startedAt + untilMs - Date.now()));
  };
  const hangAt = calmMs + faultyMs / 2;
  await enter('no faults', {}, calmMs);
  await enter('20 % 503, 2 s slow', BAD, hangAt);
  await enter('nothing answered', { isHanging: true }, hangAt + HANG_MS);
  await enter('20 % 503, 2 s slow, after it', BAD, calmMs + faultyMs);
  return phases;
}

/** Milliseconds from a segment's end to its publication. */
function lagOf({ n, at }: Published): number {
  return at - timeOfSegment(gridOf(FPS), segmentNumber(n + 1));
}

function rowOf(name: string, published: readonly Published[]): Row {
  const lags = published.map(lagOf).toSorted((a, b) => a - b);
  const at = (share: number): string => {
    const lag = lags[Math.min(lags.length - 1, Math.floor(share * lags.length))];
    return lag === undefined ? '–' : (lag / 1000).toFixed(2);
  };
  return {
    store: name,
    segments: String(lags.length),
    'behind their end: median (s)': at(0.5),
    '95 %': at(0.95),
    worst: at(1),
    late: String(lags.filter((lag) => lag > LATE_MS).length),
  };
}

function gaps(what: string, first: number, last: number, there: ReadonlySet<number>): string[] {
  const missing: string[] = [];
  for (let n = first; n <= last; n += 1) {
    if (!there.has(n)) {
      missing.push(`${what}: ${n} is missing`);
    }
  }
  return missing;
}

async function readCommits(store: ObjectStore, number: number): Promise<Published[]> {
  const commits: Published[] = [];
  for await (const key of store.list(storeKeys.commitPrefix(CHANNEL, segmentNumber(number)))) {
    const body = await store.get(key);
    commits.push(publishedSchema.parse(JSON.parse(body?.toString('utf8') ?? 'null')));
  }
  return commits.toSorted((a, b) => a.n - b.n);
}

/** Whether ingest has nothing left that the store does not have. */
async function isSpoolEmpty(): Promise<boolean> {
  const files = await readdir(join(pipeline.dataDir, 'ingest-spool'), { recursive: true });
  return !files.some((name) => name.endsWith('.mp4'));
}

/** Frames that ingest numbered and no raw chunk has, and chunks that are not what their record says. */
async function rawProblems(store: ObjectStore): Promise<string[]> {
  const problems: string[] = [];
  const seqs: number[] = [];
  for await (const key of store.list(`raw/${CHANNEL}/`)) {
    if (key.endsWith('.json')) {
      const body = await store.get(key);
      const record = rawRecordSchema.parse(JSON.parse(body?.toString('utf8') ?? 'null'));
      seqs.push(...record.frames.map(({ seq }) => seq));
      const chunk = await store.head(key.replace(/json$/, 'mp4'));
      if (chunk?.bytes !== record.bytes) {
        problems.push(`${key}: chunk of ${chunk?.bytes} bytes, not ${record.bytes}`);
      }
    }
  }
  seqs.sort((a, b) => a - b);
  const missing = seqs.filter((seq, index) => seq !== (seqs[0] ?? 0) + index);
  if (missing.length > 0 || seqs.length === 0) {
    problems.push(`raw chunks: frames are missing or twice, first before ${missing[0]}`);
  }
  console.log(`${seqs.length} coded frames in raw chunks`);
  return problems;
}
