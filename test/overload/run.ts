/**
 * `npm run overload -- --share 0.8 --seconds 60 --channels 1`: live broadcasts in `low` whose encoders get less than they need for a
 * while, as a share of what they take in step; then all of it again. Prints how far behind every picture was, what was withheld
 * when and why, whether it was made afterwards, and the memory of every service; ends with 1 when something is not as it should be.
 * `--log` names a file for what the services said.
 * Every phase has an end of its own, whatever the pipeline does. It needs a machine that nobody else uses.
 */
import { copyFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Ladder } from '#common/contracts/channel';
import type { Broadcast } from '#common/contracts/segment';
import { LoopingPublisher } from '../fault/looping-publisher.ts';
import { victims } from '../fault/victims.ts';
import { waitForAir } from '../helpers/broadcast-run.ts';
import { governEncoders, measureEncoders } from '../helpers/cpu-governor.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';
import { readProcesses } from '../soak/processes.ts';
import { LagWatch, type Look, type Watched } from './lag-watch.ts';
import { lackOf, missingOf, owedOf, recordOf } from './recording-watch.ts';
import { bestLags, lagRow, memoryOf, memoryRows, shedRow, summaryOf, unjustOf } from './report.ts';

/** What is pushed, and made of it. The largest picture outweighs the rest, and what starting ffmpeg takes. */
interface Programme {
  readonly source: { readonly width: number; readonly height: number };
  readonly ladder: Ladder;
}
const audio = { bitrateBps: 96_000 };
const ALONE: Programme = {
  source: { width: 1280, height: 720 },
  ladder: {
    video: [
      { height: 720, maxBitrateBps: 2_500_000 },
      { height: 240, maxBitrateBps: 400_000 },
      { height: 120, maxBitrateBps: 150_000 },
    ],
    audio,
    preset: 'veryfast',
  },
};
/** Several of which two cores carry. */
const ONE_OF_SEVERAL: Programme = {
  source: { width: 640, height: 360 },
  ladder: {
    video: [
      { height: 360, maxBitrateBps: 900_000 },
      { height: 180, maxBitrateBps: 300_000 },
      { height: 120, maxBitrateBps: 150_000 },
    ],
    audio,
    preset: 'medium',
  },
};
/** What the issue allows. */
const MOST_BEHIND = 4;
/** A segment has to be finished 1.5 s after its end (`scheduler/plan/early.ts`): a part that is listed later is out of time. */
const DEADLINE = 1.5;
const BOUNDS = [DEADLINE, MOST_BEHIND];
/** Looks in a row by which everything is in step, and how far behind it is then at most. */
const IN_STEP = { looks: 16, lag: 1.3, seconds: 30 };
const MEASURE_SECONDS = 6;
const ROOM_SECONDS = 30;
/** What a segment that is owed may take to be made with nothing on air, and all of them beside that, seconds. */
const MAKING = { each: 1.5, all: 30 };
/** What a service's memory may grow by in the second half of the overload, bytes. */
const MOST_GROWTH = 50e6;
const HIGHEST_PRIORITY = 90;

const { values } = parseArgs({
  options: {
    share: { type: 'string', default: '0.8' },
    seconds: { type: 'string', default: '60' },
    channels: { type: 'string', default: '1' },
    log: { type: 'string' },
  },
});
const share = Number(values.share);
const seconds = Number(values.seconds);
const problems: string[] = [];
const memory = new Map<string, ReadonlyMap<string, number>>();
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** The first channel is the most important. */
const programme = Number(values.channels) > 1 ? ONE_OF_SEVERAL : ALONE;
const PICTURES = programme.ladder.video.map(({ height }) => `v${height}`);
const channels = Array.from({ length: Number(values.channels) }, (_, i) => ({
  id: `cup-${i + 1}`,
  priority: HIGHEST_PRIORITY - 10 * i,
}));

interface OnAir extends Watched {
  readonly publisher: LoopingPublisher;
}

async function goOnAir(pipeline: Pipeline): Promise<readonly OnAir[]> {
  const { source, ladder } = programme;
  const recipe = { ...RECIPES['steady-30'], name: `steady-${source.height}`, sizes: [source] };
  const clip = await makeClip(recipe, 16);
  const publishers: [string, LoopingPublisher][] = [];
  for (const { id, priority } of channels) {
    const key = await pipeline.api.createChannel({ id, priority, ladder, profile: 'low' });
    publishers.push([id, await LoopingPublisher.start(clip, { port: pipeline.rtmpPort, key })]);
  }
  return Promise.all(
    publishers.map(async ([channel, publisher]) => ({
      channel,
      publisher,
      pictures: PICTURES,
      broadcast: (await waitForAir(pipeline, channel)).broadcast,
    })),
  );
}

async function waitForStep(watch: LagWatch): Promise<void> {
  let looks = 0;
  await watch.during('start', IN_STEP.seconds, (all) => {
    const isInStep =
      all.length === channels.length * PICTURES.length &&
      all.every(({ lag }) => lag !== undefined && lag < IN_STEP.lag);
    looks = isInStep ? looks + 1 : 0;
    return looks >= IN_STEP.looks;
  });
  if (looks < IN_STEP.looks) {
    throw new Error(`not in step within ${IN_STEP.seconds} s, before anything was taken away`);
  }
}

function lagRows(watch: LagWatch): Row[] {
  return ['in step', 'overload', 'room again'].flatMap((phase) =>
    channels.flatMap(({ id }) => {
      const looks = (watch.looks.get(phase) ?? []).filter(({ channel }) => channel === id);
      const of = (own: readonly Look[]): number[] => own.flatMap(({ lag }) => lag ?? []);
      return [
        ...PICTURES.map((picture): Row => {
          const own = looks.filter(({ rendition }) => rendition === picture);
          const names = { phase, channel: id, picture };
          return lagRow(names, of(own), { looks: own.length, bounds: BOUNDS });
        }),
        lagRow({ phase, channel: id, picture: 'the best' }, bestLags(looks), {
          looks: new Set(looks.map(({ at }) => at)).size,
          bounds: BOUNDS,
        }),
      ];
    }),
  );
}

/** One picture is always within its deadline, and none is further behind than what players bear, also one that goes. */
function judgeLags(watch: LagWatch): void {
  for (const { id } of channels) {
    for (const phase of ['overload', 'room again']) {
      const looks = (watch.looks.get(phase) ?? []).filter(({ channel }) => channel === id);
      const best = summaryOf(bestLags(looks), DEADLINE);
      const all = summaryOf(
        looks.flatMap(({ lag }) => lag ?? []),
        MOST_BEHIND,
      );
      if (best.inTime < 1) {
        const late = (100 * (1 - best.inTime)).toFixed(1);
        problems.push(`${phase}, ${id}: no picture within its deadline in ${late} % of the looks`);
      }
      if (all.worst > MOST_BEHIND) {
        problems.push(`${phase}, ${id}: a picture was ${all.worst.toFixed(2)} s behind`);
      }
    }
  }
}

function judgeMemory(): void {
  const before = memory.get('half way') ?? new Map<string, number>();
  for (const [name, bytes] of memory.get('overload ends') ?? []) {
    const growth = bytes - (before.get(name) ?? bytes);
    if (name !== 'ffmpeg' && growth > MOST_GROWTH) {
      const grown = (growth / 1e6).toFixed(0);
      problems.push(`${name} has grown by ${grown} MB in the second half of the overload`);
    }
  }
}

/** Waits until a broadcast's recording is whole; says how long all that was owed took. */
async function checkRecording(pipeline: Pipeline, { channel, broadcast }: Watched): Promise<Row> {
  const began = performance.now();
  const passed = (): number => (performance.now() - began) / 1000;
  let lacks: readonly string[] = ['no record'];
  let record: Broadcast | undefined;
  let owed: ReturnType<typeof owedOf> = [];
  while (lacks.length > 0 && passed() < MAKING.all + MAKING.each * owed.length) {
    await delay(500);
    try {
      record = await recordOf(pipeline, channel, broadcast);
      owed = owedOf(record);
      lacks = await lackOf(pipeline, record);
    } catch (error) {
      lacks = [String(error)];
    }
  }
  problems.push(...lacks.map((lack) => `recording of ${channel}: ${lack}`));
  const missing = record === undefined ? 0 : await missingOf(pipeline, record, owed);
  if (missing > 0) {
    problems.push(`recording of ${channel}: ${missing} of ${owed.length} owed are not served`);
  }
  return {
    recording: channel,
    segments: String((record?.last ?? broadcast - 1) - broadcast + 1),
    'withheld on air': String(owed.length),
    'made afterwards': String(owed.length - missing),
    whole: lacks.length === 0 ? `${passed().toFixed(0)} s after the end` : 'no',
  };
}

// What workers may take is said: what else the machine does decides nothing here.
const pipeline = await startPipeline({ WORKERS: '2', ON_OVERLOAD: 'shed', TRANSCODE_CORES: '2' });
const tables: Row[][] = [];
try {
  const onAir = await goOnAir(pipeline);
  const watch = new LagWatch(pipeline.edge, onAir);
  const roots = (): number[] => victims(pipeline, 'transcoder').map(({ pid }) => pid);
  const remember = (when: string): void => {
    memory.set(when, memoryOf(readProcesses(pipeline.pid)));
  };
  await waitForStep(watch);
  const [cores] = await Promise.all([
    measureEncoders(roots, MEASURE_SECONDS),
    watch.during('in step', MEASURE_SECONDS),
  ]);
  remember('in step');
  say(`ffmpeg takes ${cores.toFixed(2)} cores in step, and gets ${share} of it for ${seconds} s`);
  const began = Date.now();
  const governor = governEncoders(roots, share * cores);
  await watch.during('overload', seconds / 2);
  remember('half way');
  await watch.during('overload', seconds / 2);
  remember('overload ends');
  await governor.close();
  await watch.during('room again', ROOM_SECONDS);
  await Promise.all(onAir.map(({ publisher }) => publisher.stop()));
  const recordings: Row[] = [];
  const records: Broadcast[] = [];
  for (const one of onAir) {
    recordings.push(await checkRecording(pipeline, one));
    records.push(await recordOf(pipeline, one.channel, one.broadcast));
  }
  const sheds = records.flatMap((record) =>
    record.sheds.map((shed) => shedRow(record.channel, record.fps, shed, began)),
  );
  remember('recorded');
  judgeLags(watch);
  problems.push(...unjustOf(records, PICTURES.length));
  judgeMemory();
  tables.push(lagRows(watch), sheds, recordings, memoryRows(memory));
} catch (error) {
  problems.push(`the run broke off: ${String(error)}`);
} finally {
  if (values.log !== undefined) {
    await copyFile(pipeline.logFile, values.log);
  }
  const left = await pipeline.close();
  problems.push(...left.map(({ name }) => `${name} has outlived the pipeline`));
}
for (const rows of tables.filter((table) => table.length > 0)) {
  process.stdout.write(`${markdownTable(rows)}\n\n`);
}
process.stdout.write(
  problems.length === 0
    ? 'All as it should be.\n'
    : `Not as it should be:\n${problems.map((problem) => `- ${problem}\n`).join('')}`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
