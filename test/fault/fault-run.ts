/** One channel under a fault: published through RTMP, watched through the edge, and judged when all is over. */
import { gridOf, timeOfSegment } from '#common/grid';
import type { Published } from '#common/contracts/segment';
import { segmentNumber } from '#common/time';
import type { Ladder, Profile } from '#common/contracts/channel';
import { fetchBytes } from '../helpers/broadcast-download.ts';
import { waitForAir } from '../helpers/broadcast-run.ts';
import type { Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import type { Row } from '../helpers/report-table.ts';
import { makeClip, RECIPES, type Clip } from '../helpers/sources.ts';
import { LoopingPublisher } from './looping-publisher.ts';
import {
  keptBroadcasts,
  missingNumbers,
  refetchAll,
  repeatAll,
  storeOf,
  type Kept,
  type Repeated,
} from './proof.ts';
import { TaskWatch } from './task-watch.ts';
import { redisUrlOf } from './victims.ts';
import { Viewer, type Seen } from './viewer.ts';

/** Small pictures: what is measured is who recovers, not who encodes. */
export const FAULT_LADDER: Ladder = {
  video: [
    { height: 180, maxBitrateBps: 300_000 },
    { height: 90, maxBitrateBps: 150_000 },
  ],
  audio: { bitrateBps: 96_000 },
  preset: 'superfast',
};

/** A channel that is on air, for a fault to be done to. */
export interface OnAir {
  readonly pipeline: Pipeline;
  readonly channel: string;
  readonly viewer: Viewer;
  readonly publisher: LoopingPublisher;
  readonly watch: TaskWatch;
  /** Notes the moment of a blow, for the time of recovery. */
  readonly struck: () => void;
  /** Resolves when so many more numbers have been listed. */
  readonly numbers: (count: number) => Promise<void>;
}

/** What is allowed. */
export interface Allowed {
  /** Milliseconds by which a number may be published later than the run's median. */
  readonly lateMs: number;
  /** Milliseconds without a new number, beyond a segment's own two seconds. */
  readonly stallMs: number;
  /** Segments whose last raw frames died with ingest. */
  readonly inputGone: number;
  /** Broadcasts it may take. */
  readonly broadcasts: number;
}

/** See {@link OnAir}. */
export interface FaultPlan {
  readonly name: string;
  readonly channel: string;
  /** `standard` by default. */
  readonly profile?: Profile;
  readonly allowed?: Partial<Allowed>;
  readonly inflict: (onAir: OnAir) => Promise<void>;
}

/**
 * The same blows for several channels: none falls before all of them are on air, and none of them ends before the last has fallen.
 * @returns what each of their plans has to inflict
 */
export function inflictTogether(
  channels: number,
  inflict: (onAir: readonly OnAir[]) => Promise<void>,
): FaultPlan['inflict'] {
  const onAir: OnAir[] = [];
  let begin: (over: Promise<void>) => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    begin = resolve;
  });
  return async (one) => {
    onAir.push(one);
    if (onAir.length === channels) {
      begin(inflict(onAir));
    }
    await over;
  };
}

/** What came of it. */
export interface Verdict {
  readonly name: string;
  readonly faults: readonly string[];
  readonly row: Row;
}

const STRICT: Allowed = { lateMs: 10_000, stallMs: 10_000, inputGone: 0, broadcasts: 1 };
const SEGMENT_MS = 2_000;

/** The clip of every run. */
export const faultClip = (): Promise<Clip> =>
  makeClip({ ...RECIPES['steady-30'], name: 'fault', sizes: [{ width: 320, height: 180 }] }, 16);

/** Puts a channel on air, lets the plan do its worst, ends the broadcast and judges all of it. */
export async function runFault(pipeline: Pipeline, plan: FaultPlan): Promise<Verdict> {
  const { channel, profile = 'standard' } = plan;
  const clip = await faultClip();
  const watch = new TaskWatch(await redisUrlOf(pipeline));
  const key = await pipeline.api.createChannel({
    id: channel,
    ladder: FAULT_LADDER,
    fps: '30',
    profile,
  });
  if (profile !== 'standard') {
    watch.follow(channel);
  }
  const publisher = await LoopingPublisher.start(clip, { port: pipeline.rtmpPort, key });
  const blows: number[] = [];
  const store = storeOf(pipeline.dataDir);
  let viewer: Viewer | undefined;
  let kept: Kept[] = [];
  try {
    await waitForAir(pipeline, channel);
    // Viewers are told of a broadcast once the origin knows of it.
    await eventually('the first playlist', () =>
      fetchBytes(`${pipeline.edge}/live/${channel}/index.m3u8`),
    );
    viewer = new Viewer(pipeline.edge, channel);
    const watching = viewer;
    const numbers = (count: number): Promise<void> => newNumbers(watching, count);
    await numbers(3);
    const struck = (): void => {
      blows.push(Date.now());
    };
    await plan.inflict({ pipeline, channel, viewer, publisher, watch, struck, numbers });
    await numbers(3);
    await publisher.stop();
    kept = await settled(store, channel);
  } finally {
    await publisher.stop();
    await watch.close();
    await viewer?.stop();
  }
  const { seen } = viewer;
  const commits = kept.flatMap((broadcast) => broadcast.commits);
  const origin = await originOf(pipeline);
  const repeated = await repeatAll(store, channel, commits, watch.tasks);
  const wrong = await refetchAll(origin, channel, commits, seen.objects);
  return judge(plan, { kept, seen, repeated, wrong, blows, connections: publisher.connections });
}

async function newNumbers(viewer: Viewer, count: number): Promise<void> {
  const wanted = viewer.seen.listedAt.size + count;
  const reached = (): Promise<true | undefined> =>
    Promise.resolve(viewer.seen.listedAt.size >= wanted ? true : undefined);
  await eventually(`${count} more numbers`, reached, { timeoutMs: 60_000 });
}

/** Every broadcast has ended and all its numbers are committed, or time is up and the judge sees what is missing. */
async function settled(store: ReturnType<typeof storeOf>, channel: string): Promise<Kept[]> {
  const whole = async (): Promise<Kept[] | undefined> => {
    const kept = await keptBroadcasts(store, channel);
    const isWhole = kept.every(
      (one) => one.record.last !== null && missingNumbers(one).length === 0,
    );
    return isWhole ? kept : undefined;
  };
  try {
    return await eventually('the recording', whole, { timeoutMs: 40_000, everyMs: 250 });
  } catch {
    return keptBroadcasts(store, channel);
  }
}

async function originOf(pipeline: Pipeline): Promise<string> {
  return eventually('the origin', async () => {
    const body = await pipeline.api.call('GET', '/v1/services', 200);
    const { services } = body as { services: { service: string; url: string }[] };
    return services.find(({ service }) => service === 'aggregator')?.url;
  });
}

interface Evidence {
  readonly kept: readonly Kept[];
  readonly seen: Seen;
  readonly repeated: Repeated;
  readonly wrong: readonly string[];
  readonly blows: readonly number[];
  readonly connections: number;
}

const lagOf = (kept: Kept, published: Published): number =>
  published.at - timeOfSegment(gridOf(kept.record.fps), segmentNumber(published.n + 1));

function judge(plan: FaultPlan, evidence: Evidence): Verdict {
  const { kept, seen, repeated, wrong, blows } = evidence;
  const allowed = { ...STRICT, ...plan.allowed };
  const missing = kept.flatMap((one) => missingNumbers(one));
  const ended = kept.filter(({ record }) => record.last !== null);
  const lags = kept.flatMap((one) =>
    one.commits.map((published) => ({ n: published.n, lag: lagOf(one, published) })),
  );
  const sorted = lags.toSorted((a, b) => a.lag - b.lag);
  const median = sorted[Math.floor(sorted.length / 2)]?.lag ?? 0;
  const { n: latest = 0, lag: worst = 0 } = sorted.at(-1) ?? {};
  const listed = [...seen.listedAt.values()];
  const stall = Math.max(0, ...listed.slice(1).map((at, i) => at - (listed[i] ?? at) - SEGMENT_MS));
  const recoveries = blows.map((blow) => (listed.find((at) => at > blow) ?? Infinity) - blow);
  // Numbers beyond a broadcast's end are no numbers; players ask for them while they play to the end.
  const isNumber = (n: number | undefined): boolean =>
    n === undefined ||
    kept.some(({ record, commits }) => {
      return n >= record.broadcast && n <= (commits.at(-1)?.n ?? 0);
    });
  const notFound = seen.notFound.filter(({ n }) => isNumber(n));
  const say = (isFault: boolean, text: string): string[] => (isFault ? [text] : []);
  const faults = [
    ...say(missing.length > 0, `missing: ${missing.join(' ')}`),
    ...say(ended.length < kept.length, 'a broadcast has no end'),
    ...say(kept.length > allowed.broadcasts, `${kept.length} broadcasts`),
    ...say(notFound.length > 0, `404: ${notFound.map(({ path }) => path).join(' ')}`),
    ...seen.complaints,
    ...wrong,
    ...repeated.different.map((text) => `made again, differs: ${text}`),
    ...say(
      repeated.inputGone.length > allowed.inputGone,
      `raw frames gone for ${repeated.inputGone.join(' ')}`,
    ),
    ...say(
      worst - median > allowed.lateMs,
      `${latest} published ${ms(worst - median)} after the median`,
    ),
    ...say(stall > allowed.stallMs, `stalled for ${ms(stall)}`),
  ];
  const statuses = [...seen.answers].filter(([name]) => !name.endsWith(' 200'));
  return {
    name: plan.name,
    faults,
    row: {
      what: plan.name,
      'longest stall, s': (stall / 1000).toFixed(1),
      'segments lost': `${missing.length} of ${sorted.length + missing.length}`,
      'recovery, s': recoveries.length === 0 ? '–' : (Math.max(...recoveries) / 1000).toFixed(1),
      'lag median / worst, s': `${(median / 1000).toFixed(1)} / ${(worst / 1000).toFixed(1)}`,
      'same when made again': `${repeated.same} of ${sorted.length}`,
      'broadcasts, connections': `${kept.length}, ${evidence.connections}`,
      'answers not 200': statuses.map(([name, count]) => `${name}: ${count}`).join(', ') || 'none',
      verdict: faults.length === 0 ? 'good' : `${faults.length} faults`,
    },
  };
}

const ms = (value: number): string => `${Math.round(value)} ms`;
