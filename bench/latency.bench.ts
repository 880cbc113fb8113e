/**
 * How far behind the ball is a viewer? Glass to glass: each frame of a clip that was encoded beforehand carries its number,
 * the clip is published through RTMP at its own pace over and over, a whole pipeline makes three renditions of it, and
 * Chromium plays from an edge. Every picture that reaches its screen is read, and its age is the moment it is shown
 * minus the moment at which its frame was taken, both by this machine's clock. Printed: that age, stalls, the first
 * picture, and where the age comes from, hop by hop.
 *
 * `npm run bench latency -- --player all --minutes 5 --keyframes 60`. `--blows 10` kills the worker that is encoding ten times
 * while each player plays, `--blow SIGSTOP` freezes it for five seconds instead. `--delay 50 --jitter 20 --loss 1` (ms, ms, %)
 * lay a rough way between edge and browser.
 */
import { appendFile, readFile } from 'node:fs/promises';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DEFAULT_LADDER, ladderSchema, profileSchema } from '#common/contracts/channel';
import { divisionOf } from '#common/division';
import { firstFrame, gridOf } from '#common/grid';
import { segmentNumber } from '#common/time';
import { waitForAir } from '../test/helpers/broadcast-run.ts';
import { words } from '../test/helpers/child.ts';
import { startChromium } from '../test/helpers/chromium.ts';
import { readFlv } from '../test/helpers/flv.ts';
import { startPipeline } from '../test/helpers/pipeline.ts';
import { publishFeed } from '../test/helpers/publish-clip.ts';
import { startRedis } from '../test/helpers/redis-server.ts';
import { markdownTable, type Row } from '../test/helpers/report-table.ts';
import { makeClip } from '../test/helpers/sources.ts';
import { loopOf, type Loop } from '../test/soak/loop.ts';
import { watchProcesses } from './cores-by-process.ts';
import { BLOWS, feltOf, strikeAgain } from './latency/blows.ts';
import {
  budgetOf,
  fragmentBudgetOf,
  type FragmentMoments,
  type SegmentMoments,
} from './latency/budget.ts';
import { percentile } from './latency/percentiles.ts';
import { PipelineTimes } from './latency/pipeline-times.ts';
import type { Recorded } from './latency/recorder.ts';
import { firstPictureAt, tagsFor, timetableOf, type Timetable } from './latency/timetable.ts';
import { openRoughWay } from './latency/rough-way.ts';
import { openViewer, PLAYERS, type Player } from './latency/viewer.ts';
import { firstShown, viewingOf } from './latency/viewing.ts';

const CHANNEL = 'latency';
const GRID = gridOf('30');
const FPS = 30;
const ladderOf = (preset: string): unknown => ({
  ...DEFAULT_LADDER,
  preset,
  video: DEFAULT_LADDER.video.filter(({ height }) => height <= 720),
});
/** Clips that end with a whole group of pictures and a whole AAC frame at 48 kHz: sixteen frames are 25 of those. */
const CLIP_FRAMES: Readonly<Record<number, number>> = { 60: 1_920, 250: 2_000 };
/** A service compiles its code in its first seconds, and a broadcast begins with a playlist too short to be watched. */
const WARM_UP_MS = 20_000;
/** What happens so soon after the first picture is a beginning, by profile. */
const SETTLE_MS: Readonly<Record<string, number>> = {
  standard: 10_000,
  low: 10_000,
  instant: 5_000,
};
const LOOK_MS = 8_000;
/** Processes that take less are not named. */
const LEAST_CORES = 0.005;
/** The rendition whose way is told: what the browser shows where it can. */
const RENDITION = 'v720';

const { values } = parseArgs({
  options: {
    profile: { type: 'string', default: 'standard' },
    player: { type: 'string', default: 'all' },
    minutes: { type: 'string', default: '5' },
    keyframes: { type: 'string', default: '60' },
    starts: { type: 'string', default: '5' },
    // Light enough for two cores that also decode in a browser: where work waits for a core, that is all one measures.
    preset: { type: 'string', default: 'ultrafast' },
    log: { type: 'string', default: 'warn' },
    blows: { type: 'string', default: '0' },
    blow: { type: 'string', default: 'SIGKILL' },
    // Of the network between edge and browser.
    delay: { type: 'string', default: '0' },
    jitter: { type: 'string', default: '0' },
    loss: { type: 'string', default: '0' },
    // Every fragment's moments as JSON, one line each, for whoever looks for a cause.
    moments: { type: 'string' },
  },
});
const profile = profileSchema.parse(values.profile);
const isFragmented = profile !== 'standard';
const minutes = Number(values.minutes);
const starts = Number(values.starts);
const blows = Number(values.blows);
const roughness = {
  delayMs: Number(values.delay),
  jitterMs: Number(values.jitter),
  loss: Number(values.loss) / 100,
};
const isRough = Object.values(roughness).some((value) => value > 0);
const blow = BLOWS.find((name) => name === values.blow);
const ladder = ladderSchema.parse(ladderOf(values.preset));
const clipFrames = CLIP_FRAMES[Number(values.keyframes)];
const players: readonly Player[] =
  values.player === 'all'
    ? PLAYERS
    : PLAYERS.filter((player) => values.player.split(',').includes(player));
if (
  clipFrames === undefined ||
  !(minutes > 0) ||
  !(starts >= 0) ||
  !(blows >= 0) ||
  blow === undefined ||
  players.length === 0
) {
  console.error(
    `--keyframes ${Object.keys(CLIP_FRAMES).join('|')}, --minutes above 0, --player all or some of ${PLAYERS.join(',')}, --blow ${BLOWS.join('|')}`,
  );
  process.exit(2);
}

async function makeLoop(keyframes: number, frames: number): Promise<Loop> {
  const seconds = frames / FPS;
  const clip = await makeClip(
    {
      name: `latency-${keyframes}`,
      fps: '30',
      sizes: [{ width: 1280, height: 720 }],
      // As an encoder set for little delay sends: without B-frames.
      x264: words`-preset veryfast -g ${keyframes} -keyint_min ${keyframes} -sc_threshold 0 -bf 0`,
      bitrateBps: 3_000_000,
      sound: 'programme',
      rate: 48_000,
      channels: 2,
    },
    seconds,
  );
  const tags = readFlv(await readFile(clip.path));
  return loopOf(tags, firstPictureAt(tags), seconds * 1000);
}

/** Cores busy since the last call. */
function watchCores(): () => number {
  const read = (): { readonly idle: number; readonly all: number } => {
    const times = os.cpus().map((core) => Object.values(core.times));
    return {
      idle: os.cpus().reduce((sum, core) => sum + core.times.idle, 0),
      all: times.flat().reduce((sum, ms) => sum + ms, 0),
    };
  };
  let last = read();
  return () => {
    const now = read();
    const busy = 1 - (now.idle - last.idle) / Math.max(1, now.all - last.all);
    last = now;
    return busy * os.cpus().length;
  };
}

/** The moments of every segment that the viewer saw from its first frame on. */
function momentsOf(
  { presented, fetches }: Recorded,
  timetable: Timetable,
  times: PipelineTimes,
  from: number,
): SegmentMoments[] {
  const origin = times.firstFrame;
  if (origin === undefined) {
    return [];
  }
  const shown = firstShown(presented, timetable);
  const pictures = fetches.filter(({ rendition }) => rendition.startsWith('v'));
  return [...new Set(pictures.map(({ n }) => n))].flatMap((n) => {
    const first = firstFrame(GRID, segmentNumber(n)) - origin;
    const last = first + GRID.segmentFrames - 1;
    const shownAt = shown.get(first);
    const passage = times.passage(n);
    const fetch = pictures
      .filter((other) => other.n === n)
      .toSorted((a, b) => a.fetched - b.fetched)[0];
    return shownAt === undefined || passage === undefined || fetch === undefined || shownAt < from
      ? []
      : {
          taken: timetable.takenAt(first),
          takenLast: timetable.takenAt(last),
          sent: timetable.sentAt(last),
          ...passage,
          asked: fetch.asked,
          fetched: fetch.fetched,
          shown: shownAt,
        };
  });
}

/** The moments of every fragment whose last frame the viewer saw. */
function fragmentMomentsOf(
  { presented }: Recorded,
  timetable: Timetable,
  times: PipelineTimes,
  from: number,
): FragmentMoments[] {
  const origin = times.firstFrame;
  const shown = firstShown(presented, timetable);
  return times.fragmentPassages(divisionOf(GRID, profile)).flatMap(({ frame, ...passage }) => {
    const own = frame - (origin ?? frame);
    const shownAt = shown.get(own);
    return shownAt === undefined || shownAt < from
      ? []
      : [
          {
            taken: timetable.takenAt(own),
            sent: timetable.sentAt(own),
            ...passage,
            shown: shownAt,
          },
        ];
  });
}

const seconds = (ms: number): string => (Number.isNaN(ms) ? '–' : (ms / 1000).toFixed(3));

const settleMs = SETTLE_MS[values.profile] ?? 10_000;
const loop = await makeLoop(Number(values.keyframes), clipFrames);
const redis = await startRedis();
const pipeline = await startPipeline({ REDIS_URL: redis.url, LOG_LEVEL: values.log });
const times = new PipelineTimes(redis.url, CHANNEL, GRID);
const chromium = await startChromium();
const way = isRough ? await openRoughWay(pipeline.edge, roughness) : undefined;
const edge = way?.url ?? pipeline.edge;
const viewings: Row[] = [];
try {
  const key = await pipeline.api.createChannel({
    id: CHANNEL,
    fps: '30',
    ladder,
    profile: values.profile,
    dvrSeconds: 3_600,
  });
  const feedMs = (players.length * (minutes + 1) + 2) * 60_000 + starts * players.length * 20_000;
  const publication = await publishFeed(
    tagsFor(loop, feedMs),
    { port: pipeline.rtmpPort, key },
    { patienceMs: 30_000 },
  );
  // Whoever awaits it sees the error; until then it must not end the process.
  publication.sent.catch(() => undefined);
  try {
    const timetable = timetableOf(loop, publication.startedAt);
    await waitForAir(pipeline, CHANNEL);
    await delay(WARM_UP_MS);
    for (const player of players) {
      const busy = watchCores();
      const busyWith = watchProcesses(process.pid);
      const viewer = await openViewer(chromium.context, edge, CHANNEL, player);
      const end = Date.now() + minutes * 60_000;
      const striking = strikeAgain(pipeline, blow, { count: blows, overMs: minutes * 60_000 });
      striking.catch(() => undefined);
      while (Date.now() < end) {
        await delay(Math.min(LOOK_MS, Math.max(0, end - Date.now())));
        await (isFragmented ? times.lookAtFragments(RENDITION) : times.look());
      }
      const struck = await striking;
      const recorded = await viewer.read();
      await viewer.close();
      const cores = busy();
      const processes = busyWith().filter((one) => one.cores >= LEAST_CORES);
      const { latency, beginning, stalls, unread, told, heights } = viewingOf(
        recorded.presented,
        timetable,
        settleMs,
        recorded.until,
      );
      const felt = feltOf(recorded.presented, timetable, struck);
      const firsts = [recorded.firstPictureMs];
      for (let start = 0; start < starts; start += 1) {
        const again = await openViewer(chromium.context, edge, CHANNEL, player);
        firsts.push((await again.read()).firstPictureMs);
        await again.close();
        await (isFragmented ? times.lookAtFragments(RENDITION) : times.look());
      }
      viewings.push({
        player,
        'p50 (s)': seconds(latency.p50),
        'p95 (s)': seconds(latency.p95),
        'p99 (s)': seconds(latency.p99),
        'worst (s)': seconds(latency.worst),
        [`first ${settleMs / 1000} s, p50 (s)`]: seconds(beginning.p50),
        'stalls, longest (s)': `${stalls.length}, ${seconds(Math.max(0, ...stalls.map(({ ms }) => ms)))}`,
        'first picture p50, p95 (s)': `${seconds(percentile(firsts, 50))}, ${seconds(percentile(firsts, 95))}`,
        'page tells, off by p50, p95 (s)':
          told.count === 0 ? '–' : `${seconds(told.p50)}, ${seconds(told.p95)}`,
        'pictures, unread': `${latency.count + beginning.count}, ${unread}`,
        lines: [...heights].map(([height, count]) => `${height}: ${count}`).join(', '),
        'cores busy': cores.toFixed(2),
      });
      const from = (recorded.presented[0]?.at ?? 0) + settleMs;
      const fragments = isFragmented ? fragmentMomentsOf(recorded, timetable, times, from) : [];
      if (values.moments !== undefined) {
        await appendFile(
          values.moments,
          fragments.map((one) => `${JSON.stringify({ player, ...one })}\n`).join(''),
        );
      }
      const segments = isFragmented ? [] : momentsOf(recorded, timetable, times, from);
      console.log(
        isFragmented
          ? `\n## ${player}: ${fragments.length} fragments of ${RENDITION}, by their last frame\n`
          : `\n## ${player}: ${segments.length} segments, from their first frame on\n`,
      );
      const budget = isFragmented ? fragmentBudgetOf(fragments) : budgetOf(segments);
      console.log(
        markdownTable(
          budget.map(({ name, p50, p95, mean }) => ({
            hop: name,
            'p50 (s)': seconds(p50),
            'p95 (s)': seconds(p95),
            'mean (s)': seconds(mean),
          })),
        ),
      );
      const named = processes.map(({ name, cores: own }) => `${name} ${own.toFixed(2)}`);
      console.log(`\ncores busy with: ${named.join(', ')}`);
      if (stalls.length > 0) {
        const each = stalls.map(
          ({ at, ms }) =>
            `${seconds(ms)} s after ${seconds(at - (recorded.presented[0]?.at ?? 0))} s`,
        );
        console.log(`\nstalls: ${each.join('; ')}`);
      }
      if (felt.length > 0) {
        const each = felt.map(
          ({ stall, age }) => `${seconds(stall)} s, then ${seconds(age)} s behind`,
        );
        console.log(
          `\nafter each ${blow}, the longest stall and the picture's age ten seconds later: ${each.join('; ')}`,
        );
      }
      if (viewer.complaints.length > 0) {
        console.log(`\nthe page complained: ${viewer.complaints.join('; ')}`);
      }
      console.log(
        `\nclocks of page and machine moved apart by ${recorded.clockMovedMs.toFixed(1)} ms`,
      );
    }
  } finally {
    publication.publisher.drop();
  }
} finally {
  await chromium.close();
  await way?.close();
  await times.close();
  await pipeline.close();
  await redis.close();
}
console.log(
  `\n# ${values.profile}, 720p30, keyframes every ${values.keyframes} frames, ${ladder.video.length} renditions (${ladder.preset}), ${minutes} min each, ${isRough ? `network ${values.delay} ms ± ${values.jitter} ms, ${values.loss} % lost, ` : ''}${os.cpus().length} cores, load ${os.loadavg()[0]?.toFixed(1)}\n`,
);
console.log(markdownTable(viewings));
