/** The feeds that every release must carry without a fault, and what a broadcast made of each must be like. */
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import type { Ladder, Profile } from '#common/contracts/channel';
import { gridOf, type FpsName } from '#common/grid';
import { analyseApart, playerComplaints, type BroadcastReport } from '../helpers/analyse.ts';
import { recordClip } from '../helpers/broadcast-run.ts';
import type { FeedGate } from '../helpers/feed-gate.ts';
import { readLateness, type Lateness } from '../helpers/lateness.ts';
import { SMALL_LADDER, type Pipeline } from '../helpers/pipeline.ts';
import type { Pace, Punctuality } from '../helpers/publish-clip.ts';
import { makeClip, RECIPES, SOURCE_NAMES, type Clip, type ClipRecipe } from '../helpers/sources.ts';

/** One feed. */
export interface GridCase {
  readonly name: string;
  readonly recipe: ClipRecipe;
  readonly pace: Pace;
  readonly ladder: Ladder;
  /** The renditions' sizes, where they are what is tried. */
  readonly sizes?: Readonly<Record<string, string>>;
}

/** What came of it. */
export interface GridOutcome {
  readonly clip: Clip;
  /** The frame rate that the channel was given. */
  readonly fps: FpsName;
  readonly report: BroadcastReport;
  /** What ffmpeg said while reading HLS and DASH. */
  readonly complaints: readonly string[];
  /** How late the test's own sender was, and how late the pictures came into the log; the latter where the clock is the world's. */
  readonly sender: Punctuality;
  readonly log: Lateness | undefined;
}

/** How to run a case. */
export interface CaseRun {
  readonly seconds: number;
  /** Times real time, of clock and feed; 1 by default. */
  readonly rate?: number;
  /** Of the channel; its default if none is named. */
  readonly profile?: Profile;
  /** Feeds wait here for their turn; the end of the recording and judging do not. */
  readonly gate: FeedGate;
}

/** Flash and beep may be this far apart. */
const SYNC_MS = 10;
/** RTMP's timestamps are whole milliseconds. */
const ROUNDING_MS = 1;
/** Phases at which a clean feed meets the grid. */
const PHASES = 5;
const DRIFT_PPM = 200;
/** A tone needs this at every join; programme-like sound may be this much worse there than at equal places. */
const TONE_JOIN_DB = 30;
const PROGRAMME_JOIN_DB = 1;

/** A stamp in a picture that lies in an upright frame is small: the lower rendition needs some pixels more. */
const UPRIGHT: Pick<GridCase, 'ladder' | 'sizes'> = {
  ladder: {
    ...SMALL_LADDER,
    video: SMALL_LADDER.video.map((rung) =>
      rung.height === 180 ? { ...rung, height: 240 } : rung,
    ),
  },
  sizes: { v360: '360x640', v240: '240x426' },
};

/** The sources. */
export const SOURCE_CASES: readonly GridCase[] = SOURCE_NAMES.map((name) => ({
  name,
  recipe: RECIPES[name],
  pace: {},
  ladder: SMALL_LADDER,
  ...(name === 'upright' ? UPRIGHT : {}),
}));

/** Small pictures, and one rendition of them: enough where neither pictures nor ladder are the subject. */
const SMALL: { readonly sizes: ClipRecipe['sizes']; readonly ladder: Ladder } = {
  sizes: [{ width: 320, height: 180 }],
  ladder: { ...SMALL_LADDER, video: SMALL_LADDER.video.slice(-1) },
};

/** Clean feeds: millisecond rounding, 10 ms of jitter, 200 ppm of drift either way, at five phases. */
export const CLEAN_CASES: readonly GridCase[] = Array.from({ length: PHASES }, (_, phase) => ({
  name: `clean-phase-${phase}`,
  recipe: { ...RECIPES['steady-30'], name: 'clean', sizes: SMALL.sizes },
  pace: {
    jitterMs: 10,
    driftPpm: phase % 2 === 0 ? DRIFT_PPM : -DRIFT_PPM,
    phase: { ms: (phase * 1000) / 30 / PHASES, ofMs: 1000 / 30 },
  },
  ladder: SMALL.ladder,
}));

const soundCase = (name: string, part: Partial<ClipRecipe>): GridCase => ({
  name,
  recipe: { ...RECIPES['steady-30'], ...part, name, sizes: SMALL.sizes },
  pace: {},
  ladder: SMALL.ladder,
});

/** Sound for judging joins, at 48 and 44.1 kHz. */
export const SOUND_CASES: readonly GridCase[] = [
  soundCase('tone-48k', { sound: 'tone' }),
  soundCase('tone-44k1', { sound: 'tone', rate: 44_100 }),
  soundCase('programme-48k', { sound: 'programme' }),
  soundCase('programme-44k1', { sound: 'programme', rate: 44_100 }),
];

/** Makes all clips ahead: drawing while others publish would hold these up. */
export async function makeClips(
  cases: readonly GridCase[],
  secondsOf: (gridCase: GridCase) => number,
): Promise<void> {
  const limit = pLimit(availableParallelism());
  await Promise.all(
    cases.map((gridCase) => limit(() => makeClip(gridCase.recipe, secondsOf(gridCase)))),
  );
}

/** Publishes a case's clip through RTMP on a channel of its own, and judges the recording. */
export async function runCase(
  pipeline: Pipeline,
  gridCase: GridCase,
  { seconds, rate = 1, profile, gate }: CaseRun,
): Promise<GridOutcome> {
  const clip = await makeClip(gridCase.recipe, seconds);
  const { hls, dash, fps, sender } = await gate.run((leave) =>
    recordClip(pipeline, clip, {
      onSent: leave,
      channel: gridCase.name,
      ladder: gridCase.ladder,
      ...(profile === undefined ? {} : { profile }),
      pace: { ...gridCase.pace, rate },
    }),
  );
  return {
    clip,
    fps,
    report: await analyseApart({ url: hls, fps, clip }),
    complaints: [await playerComplaints(hls), await playerComplaints(dash)],
    sender,
    log: rate === 1 ? await readLateness(pipeline, gridCase.name, fps) : undefined,
  };
}

/** Everything that is not as it must be, one sentence each. */
export function faultsOf(gridCase: GridCase, outcome: GridOutcome): string[] {
  const { report, clip } = outcome;
  const players = outcome.complaints.map((text) => text.trim()).filter((text) => text !== '');
  const faults = [
    ...report.problems,
    ...players.map((text) => `ffmpeg: ${text.slice(0, 500)}`),
    ...(outcome.fps === clip.recipe.fps ? [] : [`channel runs at ${outcome.fps}`]),
    ...sizeFaults(gridCase, outcome),
    ...stampFaults(gridCase, outcome),
    ...syncFaults(gridCase, outcome),
    ...soundFaults(outcome),
  ];
  return faults.length === 0 ? [] : [...faults, `(${sayLateness(outcome)})`];
}

/** Who was late, and by how much: beside a fault it says whether the test, the machine or the product is to blame. */
export function sayLateness({ sender, log }: GridOutcome): string {
  const [late, blocked] = [sender.lateMs, sender.blockedMs].map((ms) => ms.toFixed(0));
  const own = `sender at most ${late} ms late, ${blocked} ms blocked`;
  return log === undefined
    ? own
    : `${own}; log at most ${log.worstMs.toFixed(0)} ms after a picture's time, ${log.afterClosing} after closing`;
}

const sizeFaults = ({ sizes = {} }: GridCase, { report }: GridOutcome): string[] =>
  Object.entries(sizes)
    .filter(([id, size]) => report.sizes.get(id) !== size)
    .map(([id, size]) => `${id} is ${report.sizes.get(id) ?? 'missing'}, not ${size}`);

function stampFaults(gridCase: GridCase, { clip, report, fps }: GridOutcome): string[] {
  const grid = gridOf(fps);
  const frameMs = (1000 * grid.den) / grid.num;
  const drift = Math.abs(gridCase.pace.driftPpm ?? 0) / 1e6;
  const allowed = Math.round(drift * clip.times.length);
  const faults = report.stamps.size === 0 ? ['no picture rendition'] : [];
  for (const [id, stamps] of report.stamps) {
    const say = (what: string): void => void faults.push(`${id}: ${what}`);
    if (stamps.unreadable > 0 || stamps.backwards > 0) {
      say(`${stamps.unreadable} pictures unreadable, ${stamps.backwards} out of order`);
    }
    if (clip.recipe.isVariable === true) {
      // The map's hysteresis lets a picture be up to 0.75 of a frame off either way, and timestamps are rounded.
      if (stamps.spreadMs > 1.5 * frameMs + 2) {
        say(`pictures are shown up to ${stamps.spreadMs.toFixed(1)} ms apart from their times`);
      }
    } else if (stamps.repeated + stamps.missing > allowed) {
      say(`${stamps.repeated} frames repeated, ${stamps.missing} lost, ${allowed} allowed`);
    }
    if (stamps.firstStamp > grid.segmentFrames) {
      say(`begins with source frame ${stamps.firstStamp}`);
    }
    if (stamps.lastStamp !== clip.times.length - 1) {
      say(`ends with source frame ${stamps.lastStamp} of ${clip.times.length}`);
    }
  }
  return faults;
}

/** Sound follows the publisher's clock, pictures the grid: with drift they come up to one frame apart. */
function syncFaults(gridCase: GridCase, { clip, report, fps }: GridOutcome): string[] {
  const grid = gridOf(fps);
  if (clip.recipe.sound !== 'beeps') {
    return [];
  }
  const frameMs = (1000 * grid.den) / grid.num;
  const hasDrift = gridCase.pace.driftPpm !== undefined;
  const allowed = hasDrift
    ? frameMs + ROUNDING_MS
    : SYNC_MS + (clip.recipe.isVariable === true ? 0.75 * frameMs : 0);
  const wanted = clip.events.length - 3;
  return report.sync.flatMap((sync) => [
    ...(sync.pairs < wanted ? [`${sync.rendition}: ${sync.pairs} of ${wanted} flashes`] : []),
    ...(Math.max(-sync.lowMs, sync.highMs) <= allowed
      ? []
      : [
          `${sync.rendition}: flash ${sync.lowMs.toFixed(1)} to ${sync.highMs.toFixed(1)} ms after beep`,
        ]),
  ]);
}

function soundFaults({ clip, report }: GridOutcome): string[] {
  const { sound } = report;
  if (clip.recipe.sound !== 'tone' && clip.recipe.sound !== 'programme') {
    return [];
  }
  if (sound === undefined || sound.loss.joins < clip.seconds / 2 - 6) {
    return [`only ${sound?.loss.joins ?? 0} joins measured`];
  }
  const { joins, away, loss } = sound;
  const isGood =
    clip.recipe.sound === 'tone' ? joins.worstDb >= TONE_JOIN_DB : loss.meanDb <= PROGRAMME_JOIN_DB;
  const figures = `${joins.overallDb.toFixed(1)} dB at joins, ${joins.worstDb.toFixed(1)} at worst`;
  const compared = `${loss.meanDb.toFixed(1)} ± ${loss.errorDb.toFixed(1)} dB worse than equal places`;
  return isGood ? [] : [`${figures}, ${away.overallDb.toFixed(1)} away from them: ${compared}`];
}
