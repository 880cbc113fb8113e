/** Feeds of which one track is lost for a while, is late, or stutters, and what viewers must get of each. */
import { readFile } from 'node:fs/promises';
import { recordClip } from '../helpers/broadcast-run.ts';
import type { FeedGate } from '../helpers/feed-gate.ts';
import { readFlv } from '../helpers/flv.ts';
import {
  judgePictures,
  keptFrames,
  losing,
  reportTracks,
  type Losses,
  type ShownPictures,
  type TracksReport,
} from '../helpers/lost-tracks.ts';
import { SMALL_LADDER, type Pipeline } from '../helpers/pipeline.ts';
import type { Pace, Punctuality } from '../helpers/publish-clip.ts';
import { RECIPES, type Clip, type ClipRecipe } from '../helpers/sources.ts';

const GOP = 60;
const FPS = 30;

/** A tone, and pictures in B-frame order with a keyframe every two seconds. */
export const RECIPE: ClipRecipe = {
  ...RECIPES['steady-30'],
  name: 'tracks-apart',
  sizes: [{ width: 320, height: 180 }],
  sound: 'tone',
  x264: `-preset superfast -g ${GOP} -keyint_min ${GOP} -sc_threshold 0 -bf 2`.split(' '),
};

/** Shorter than the longest hole, and than any silence that is borne. */
const RECONNECT_SECONDS = 5;

/** One feed. */
export interface TrackFeed {
  readonly name: string;
  readonly seconds: number;
  readonly losses: Losses;
  readonly pace?: Pick<Pace, 'stall' | 'behind'>;
}

const hole = (
  from: number,
  seconds: number,
): { readonly fromMs: number; readonly toMs: number } => ({
  fromMs: from * 1000,
  toMs: (from + seconds) * 1000,
});

/** On for as long as off. */
const HICCUPS = Array.from({ length: 10 }, (_, i) => hole(88 + 3 * i, 1.5));

/** As many seconds as CI can wait for; the longest is first, as each waits for its turn. */
export const SHORT_FEEDS = {
  holes: {
    name: 'holes',
    seconds: 32,
    losses: {
      pictures: [hole(6, 1), hole(8.5, 4.5), { ...hole(15.5, 11.5), hasKeyframes: true }],
    },
  },
  microphone: {
    name: 'microphone',
    seconds: 30,
    losses: { sound: [hole(7, 3), hole(13, 13)] },
  },
  camera: { name: 'camera', seconds: 28, losses: { pictures: [hole(6.5, 15.5)] } },
  stutter: {
    name: 'stutter',
    seconds: 24,
    losses: {},
    pace: { stall: { fromMs: 9_000, ms: 3_000 } },
  },
} as const satisfies Record<string, TrackFeed>;

/** What `npm run tracks` sends. */
export const LONG_FEEDS: readonly TrackFeed[] = [
  { name: 'camera gone for 180 s', seconds: 206, losses: { pictures: [hole(10.5, 180)] } },
  { name: 'microphone gone for 180 s', seconds: 206, losses: { sound: [hole(10.5, 180)] } },
  {
    name: 'picture holes of 1, 2, 4, 8, 15, 30 s; keyframes only for 30 s',
    seconds: 156,
    losses: {
      pictures: [
        ...[hole(6, 1), hole(12, 2), hole(20, 4), hole(30, 8), hole(46, 15), hole(70, 30)],
        { ...hole(110, 30), hasKeyframes: true },
      ],
    },
  },
  {
    name: 'sound holes of 1, 4, 13, 30 s, then ten of 1.5 s',
    seconds: 126,
    losses: { sound: [hole(8, 1), hole(14, 4), hole(24, 13), hole(45, 30), ...HICCUPS] },
  },
  {
    name: 'camera and microphone gone in turn, and both for 8 s',
    seconds: 116,
    losses: {
      pictures: [hole(8, 10), hole(40, 30), hole(80, 20)],
      sound: [hole(24, 10), hole(86, 8)],
    },
  },
  {
    name: 'pictures 2.5 s behind, gone for 9 and 30 s',
    seconds: 76,
    losses: { pictures: [hole(12, 9), hole(30, 30)] },
    pace: { behind: { track: 'pictures', ms: 2_500 } },
  },
  {
    name: 'sound 2 s behind, gone for 9 and 30 s',
    seconds: 76,
    losses: { sound: [hole(12, 9), hole(30, 30)] },
    pace: { behind: { track: 'sound', ms: 2_000 } },
  },
  { ...SHORT_FEEDS.stutter, name: 'stall of 3 s, then all of it' },
];

/** A broadcast made of a feed, judged. */
export interface TrackOutcome extends TracksReport {
  readonly pictures: ShownPictures;
  readonly sender: Punctuality;
}

/** The channel of a feed. */
const channelOf = ({ name }: TrackFeed): string =>
  name
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .slice(0, 40)
    .replace(/-$/u, '');

/** What a feed is sent with. */
export interface FeedRun {
  readonly pipeline: Pipeline;
  readonly clip: Clip;
  /** Feeds wait here for their turn; the end of the recording and judging do not. */
  readonly gate: FeedGate;
}

/** Sends a feed through RTMP on a channel of its own; gives what judges its recording. */
export async function recordFeed(
  feed: TrackFeed,
  { pipeline, clip, gate }: FeedRun,
): Promise<() => Promise<TrackOutcome>> {
  const untilMs = feed.seconds * 1000;
  const { hls, fps, sender } = await gate.run((leave) =>
    recordClip(pipeline, clip, {
      onSent: leave,
      channel: channelOf(feed),
      ladder: { ...SMALL_LADDER, video: SMALL_LADDER.video.slice(-1) },
      reconnectSeconds: RECONNECT_SECONDS,
      pace: { ...feed.pace, keeps: losing(feed.losses), untilMs },
    }),
  );
  return async () => {
    const report = await reportTracks(hls, fps, clip, feed.losses.sound);
    const keeps = losing(feed.losses);
    // Stamps are those of the whole clip, whatever of it is sent.
    const kept = keptFrames(
      readFlv(await readFile(clip.path)),
      (tag) => tag.timestamp <= untilMs && keeps(tag),
    );
    return { ...report, pictures: judgePictures(report, kept, FPS), sender };
  };
}

/** Joins must be this clean, dB; a stretch may be a little noisier. */
const JOIN_DB = 30;
/** Stretches of sound that are measured in a second: one of 4096 samples after another. */
const STRETCHES = 11;
/** AAC frames straddle a hole's edges. */
const SILENCE_SECONDS = 0.1;

/** Everything that is not as it must be, one sentence each. */
export function faultsOf(feed: TrackFeed, outcome: TrackOutcome): string[] {
  return [...pictureFaults(feed, outcome), ...soundFaults(feed, outcome)];
}

/** What is wrong with the pictures. */
export function pictureFaults(
  { seconds }: TrackFeed,
  { pictures, stamps }: TrackOutcome,
): string[] {
  const first = stamps[0] ?? Number.POSITIVE_INFINITY;
  return [
    ...(first <= 4 * GOP && first < (seconds * FPS) / 2 ? [] : [`begins with frame ${first}`]),
    ...(pictures.lost.length === 0
      ? []
      : [`${pictures.lost.length} of ${pictures.sent} frames lost: ${sayLost(pictures.lost)}`]),
    ...(pictures.wrong === 0
      ? []
      : [`${pictures.wrong} places show neither their frame nor hold or slate in their turn`]),
  ];
}

/** A few lost frames by their numbers, and what is shown in their places. */
const sayLost = (lost: ShownPictures['lost']): string =>
  lost
    .slice(0, 8)
    .map(({ frame, shown }) => `${shown ?? 'none'} for ${frame}`)
    .join(', ') + (lost.length > 8 ? '…' : '');

/** What is wrong with the sound. */
export function soundFaults({ seconds, losses }: TrackFeed, outcome: TrackOutcome): string[] {
  const { sound, unclean, joins, silences } = outcome;
  const holes = losses.sound ?? [];
  const silent = holes.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs) / 1000, 0);
  // Half a second at each edge of a hole, and a few seconds at the ends of the broadcast, are not measured.
  const measured = seconds - silent - holes.length - 5;
  const faults = [
    ...(sound.places >= measured * STRETCHES ? [] : [`only ${sound.places} stretches of sound`]),
    ...(joins.places >= measured / 2 - 2 - holes.length ? [] : [`only ${joins.places} joins`]),
    ...(unclean.length === 0
      ? []
      : [
          `sound is down to ${sound.worstDb.toFixed(1)} dB, from ${(unclean[0] ?? 0).toFixed(2)} s on the air to ${(unclean.at(-1) ?? 0).toFixed(2)} s`,
        ]),
    ...(joins.worstDb >= JOIN_DB ? [] : [`joins are down to ${joins.worstDb.toFixed(1)} dB`]),
  ];
  const wrong = silences.filter((difference) => Math.abs(difference) >= SILENCE_SECONDS);
  return wrong.length === 0
    ? faults
    : [...faults, `${wrong.length} silences differ from their holes, by ${wrong.join(', ')} s`];
}
