/**
 * What does making segments one by one cost? CPU of the whole pipeline (every service, its ffmpegs and Redis) over
 * CPU of one ffmpeg that makes the same ladder, with the same preset, from the same RTMP feed. Both take turns, so
 * that neither slows the other; the publisher's own CPU counts for neither. A short broadcast goes ahead, unmeasured:
 * a pipeline runs for days, and Node compiles its code in the first seconds. The promise is about the default ladder;
 * a smaller one shows what the services cost when the encoders have less to do.
 *
 * `npm run bench pipeline`; at length: `node --import tsx bench/pipeline.bench.ts --seconds 120 --rounds 3`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_LADDER, type Ladder } from '#common/contracts/channel';
import { gridOf } from '#common/grid';
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
import { publishHere } from '../test/helpers/publish-clip.ts';
import { freePort } from '../test/helpers/redis-server.ts';
import { markdownTable, type Row } from '../test/helpers/report-table.ts';
import { makeClip, type Clip, type ClipRecipe } from '../test/helpers/sources.ts';

/** What is measured. */
interface Case {
  readonly name: string;
  readonly ladder: Ladder;
  /** Frames from keyframe to keyframe. */
  readonly keyframes: number;
  readonly isPromised: boolean;
}

const SMALLER: Ladder = {
  ...DEFAULT_LADDER,
  video: DEFAULT_LADDER.video.filter(({ height }) => height <= 720),
};
const SMALLEST: Case = {
  name: '720, 480, 360 from 720p',
  ladder: SMALLER,
  keyframes: 60,
  isPromised: false,
};
const CASES: readonly Case[] = [
  { name: 'default, from 1080p', ladder: DEFAULT_LADDER, keyframes: 60, isPromised: true },
  { name: 'default, from 1080p', ladder: DEFAULT_LADDER, keyframes: 250, isPromised: false },
  SMALLEST,
];
const GRID = gridOf('30');
/** The ratio that is promised for two-second keyframes. */
const PROMISED_RATIO = 1.1;
const WARM_UP_SECONDS = 30;

/** Width of a picture of this height and the source's shape. */
const widthOf = (height: number): number => 2 * Math.round((height * 16) / 18);

const recipe = ({ ladder, keyframes }: Case): ClipRecipe => {
  const height = Math.max(...ladder.video.map((video) => video.height));
  return {
    name: `bench-${height}-${keyframes}`,
    fps: '30',
    sizes: [{ width: widthOf(height), height }],
    x264: words`-preset superfast -g ${keyframes} -keyint_min ${keyframes} -sc_threshold 0 -bf 2`,
    sound: 'programme',
    rate: 48_000,
    channels: 2,
  };
};

/** CPU seconds for each second of media made. */
type Cost = number;

async function pipelineCost(
  pipeline: Pipeline,
  clip: Clip,
  channel: string,
  ladder: Ladder,
): Promise<ReadonlyMap<string, Cost>> {
  const ticks = (): Map<string, number> => ticksByName(processTree(pipeline.pid));
  const before = ticks();
  const recorded = await recordClip(pipeline, clip, { channel, ladder });
  const after = ticks();
  const listed = await downloadBroadcast(recorded.hls);
  const count = listed.renditions[0]?.segments.length ?? 0;
  const seconds = (count * GRID.segmentFrames * GRID.den) / GRID.num;
  return new Map(
    [...after].map(([name, ticksAfter]) => [
      name,
      (ticksAfter - (before.get(name) ?? 0)) / TICKS_PER_SECOND / seconds,
    ]),
  );
}

async function singleCost(clip: Clip, ladder: Ladder): Promise<Cost> {
  const folder = await mkdtemp(path.join(tmpdir(), 'touchline-bench-'));
  try {
    const port = await freePort();
    const before = childTicks();
    const ended = runOk(
      'ffmpeg',
      singleArguments(`rtmp://127.0.0.1:${port}/live/key`, folder, ladder),
    );
    // Whoever awaits it sees the error; until then it must not end the process.
    ended.catch(() => undefined);
    const publication = await eventually('ffmpeg to listen', async () =>
      publishHere(clip.path, { port, key: 'key' }),
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
function singleArguments(address: string, folder: string, ladder: Ladder): string[] {
  const { video, audio, preset } = ladder;
  const graph = [
    `[0:v]fps=30,split=${video.length}${video.map((_, i) => `[s${i}]`).join('')}`,
    ...video.map(({ height }, i) => `[s${i}]scale=${widthOf(height)}:${height}[v${i}]`),
  ].join(';');
  const fragments = words`-movflags +empty_moov+default_base_moof+frag_keyframe -f mp4`;
  const outputs = video.map(
    ({ maxBitrateBps }, i) => words`-map [v${i}] -c:v libx264
      -preset ${preset} -profile:v high -crf 23 -maxrate ${maxBitrateBps}
      -bufsize ${maxBitrateBps} -g 60 -keyint_min 60 -sc_threshold 0
      ${fragments} ${path.join(folder, `${i}.mp4`)}`,
  );
  return [
    words`-v error -nostdin -listen 1 -i ${address} -filter_complex ${graph}`,
    ...outputs,
    words`-map 0:a -c:a aac -b:a ${audio.bitrateBps} ${fragments} ${path.join(folder, 'a.mp4')}`,
  ].flat();
}

const sum = (costs: Iterable<Cost>): Cost => [...costs].reduce((total, cost) => total + cost, 0);

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '1' },
  },
});
const pipeline = await startPipeline();
const rows: Row[] = [];
try {
  const warmUp = await makeClip(recipe(SMALLEST), WARM_UP_SECONDS);
  await pipelineCost(pipeline, warmUp, 'bench-warm-up', SMALLEST.ladder);
  for (const [number, each] of CASES.entries()) {
    const clip = await makeClip(recipe(each), Number(values.seconds));
    const ours: ReadonlyMap<string, Cost>[] = [];
    const single: Cost[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      ours.push(await pipelineCost(pipeline, clip, `bench-${number}-${round}`, each.ladder));
      single.push(await singleCost(clip, each.ladder));
    }
    const cost = (of: (name: string) => boolean): Cost =>
      sum(ours.flatMap((run) => [...run].flatMap(([name, value]) => (of(name) ? value : []))));
    const rounds = ours.length;
    const all = cost(() => true);
    const ratio = all / sum(single);
    rows.push({
      ladder: each.name,
      'keyframe interval': `${each.keyframes} frames`,
      'pipeline, CPU s per s': (all / rounds).toFixed(3),
      'of it services and Redis': (cost((name) => !name.endsWith('programs')) / rounds).toFixed(3),
      'one ffmpeg': (sum(single) / rounds).toFixed(3),
      ratio: ratio.toFixed(3),
    });
    if (each.isPromised && !(ratio <= PROMISED_RATIO)) {
      process.exitCode = 1;
    }
  }
} finally {
  await pipeline.close();
}
console.log(markdownTable(rows));
