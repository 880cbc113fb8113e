/**
 * What does making segments one by one cost? CPU of the whole pipeline (every service, its ffmpegs and Redis) over
 * CPU of one ffmpeg that makes the same ladder, with the same preset, from the same RTMP feed. Both take turns, so
 * that neither slows the other; the publisher's own CPU counts for neither. The one ffmpeg is measured twice: as it
 * comes, and with one thread for each encoder, as the pipeline's have.
 *
 * `npm run bench pipeline`; at length: `node --import tsx bench/pipeline.bench.ts --seconds 120 --rounds 3`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Ladder } from '../common/contracts/channel.ts';
import { gridOf } from '../common/grid.ts';
import { downloadBroadcast } from '../test/helpers/broadcast-download.ts';
import { recordClip } from '../test/helpers/broadcast-run.ts';
import { runOk, words } from '../test/helpers/child.ts';
import { startPipeline, type Pipeline } from '../test/helpers/pipeline.ts';
import { eventually } from '../test/helpers/poll.ts';
import {
  childTicks,
  processTree,
  ticksByName,
  TICKS_PER_SECOND,
} from '../test/helpers/process-tree.ts';
import { publishClip } from '../test/helpers/publish-clip.ts';
import { freePort } from '../test/helpers/redis-server.ts';
import { markdownTable, type Row } from '../test/helpers/report-table.ts';
import { makeClip, type Clip, type ClipRecipe } from '../test/helpers/sources.ts';

const LADDER: Ladder = {
  video: [
    { height: 720, maxBitrateBps: 3_500_000 },
    { height: 480, maxBitrateBps: 1_600_000 },
    { height: 360, maxBitrateBps: 900_000 },
  ],
  audio: { bitrateBps: 128_000 },
  preset: 'veryfast',
};
const GRID = gridOf('30');
/** The ratio that is promised for two-second keyframes. */
const PROMISED_RATIO = 1.1;

const recipe = (keyframes: number): ClipRecipe => ({
  name: `bench-${keyframes}`,
  fps: '30',
  sizes: [{ width: 1280, height: 720 }],
  x264: words`-preset superfast -g ${keyframes} -keyint_min ${keyframes} -sc_threshold 0 -bf 2`,
  sound: 'programme',
  rate: 48_000,
  channels: 2,
});

/** CPU seconds for each second of media made. */
type Cost = number;

/** What each service and its programs cost, added up over all runs. */
const shares = new Map<string, Cost>();

async function pipelineCost(pipeline: Pipeline, clip: Clip, channel: string): Promise<Cost> {
  const ticks = (): Map<string, number> => ticksByName(processTree(pipeline.pid));
  const before = ticks();
  const recorded = await recordClip(pipeline, clip, { channel, ladder: LADDER });
  const after = ticks();
  const listed = await downloadBroadcast(recorded.hls);
  const count = listed.renditions[0]?.segments.length ?? 0;
  const seconds = (count * GRID.segmentFrames * GRID.den) / GRID.num;
  let cost = 0;
  for (const [name, ticksAfter] of after) {
    const share = (ticksAfter - (before.get(name) ?? 0)) / TICKS_PER_SECOND / seconds;
    shares.set(name, (shares.get(name) ?? 0) + share);
    cost += share;
  }
  return cost;
}

async function singleCost(clip: Clip, threads: string): Promise<Cost> {
  const folder = await mkdtemp(path.join(tmpdir(), 'touchline-bench-'));
  try {
    const port = await freePort();
    const before = childTicks();
    const ended = runOk(
      'ffmpeg',
      singleArguments(`rtmp://127.0.0.1:${port}/live/key`, folder, threads),
    );
    // Whoever awaits it sees the error; until then it must not end the process.
    ended.catch(() => undefined);
    const publication = await eventually('ffmpeg to listen', async () =>
      publishClip(clip.path, { port, key: 'key' }),
    );
    await publication.sent;
    await publication.publisher.stop();
    await ended;
    return (childTicks() - before) / TICKS_PER_SECOND / clip.seconds;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One ffmpeg as anybody would run it for this ladder, with the pipeline's quality, rates and keyframes. */
function singleArguments(address: string, folder: string, threads: string): string[] {
  const sizes = LADDER.video.map(({ height }) => `${2 * Math.round((height * 16) / 18)}:${height}`);
  const graph = [
    `[0:v]fps=30,split=${sizes.length}${sizes.map((_, i) => `[s${i}]`).join('')}`,
    ...sizes.map((size, i) => `[s${i}]scale=${size}[v${i}]`),
  ].join(';');
  const fragments = words`-movflags +empty_moov+default_base_moof+frag_keyframe -f mp4`;
  const outputs = LADDER.video.map(
    ({ maxBitrateBps }, i) => words`-map [v${i}] -c:v libx264 -threads ${threads}
      -preset ${LADDER.preset} -profile:v high -crf 23 -maxrate ${maxBitrateBps}
      -bufsize ${maxBitrateBps} -g 60 -keyint_min 60 -sc_threshold 0
      ${fragments} ${path.join(folder, `${i}.mp4`)}`,
  );
  return [
    words`-v error -nostdin -listen 1 -i ${address} -filter_complex ${graph}`,
    ...outputs,
    words`-map 0:a -c:a aac -b:a ${LADDER.audio.bitrateBps} ${fragments} ${path.join(folder, 'a.mp4')}`,
  ].flat();
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '1' },
  },
});
const rounds = Number(values.rounds);
const pipeline = await startPipeline();
const rows: Row[] = [];
try {
  for (const keyframes of [60, 250]) {
    const clip = await makeClip(recipe(keyframes), Number(values.seconds));
    const cost = { pipeline: 0, single: 0, singleThreaded: 0 };
    for (let round = 0; round < rounds; round++) {
      cost.pipeline += await pipelineCost(pipeline, clip, `bench-${keyframes}-${round}`);
      cost.single += await singleCost(clip, 'auto');
      cost.singleThreaded += await singleCost(clip, '1');
    }
    const ratio = cost.pipeline / cost.single;
    rows.push({
      'keyframe interval': `${keyframes} frames`,
      'pipeline, CPU s per s': (cost.pipeline / rounds).toFixed(3),
      'one ffmpeg': (cost.single / rounds).toFixed(3),
      'one ffmpeg, one thread an encoder': (cost.singleThreaded / rounds).toFixed(3),
      ratio: ratio.toFixed(3),
      'ratio to one thread an encoder': (cost.pipeline / cost.singleThreaded).toFixed(3),
    });
    if (keyframes === 60 && !(ratio <= PROMISED_RATIO)) {
      process.exitCode = 1;
    }
  }
} finally {
  await pipeline.close();
}
console.log(markdownTable(rows));
const total = [...shares.values()].reduce((sum, share) => sum + share, 0);
const parts = [...shares]
  .filter(([, share]) => share > total / 1000)
  .sort(([, a], [, b]) => b - a)
  .map(([name, share]) => `${name} ${((100 * share) / total).toFixed(1)} %`);
console.log(`\nThe pipeline's CPU: ${parts.join(', ')}.`);
