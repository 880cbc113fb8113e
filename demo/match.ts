/** The match: where everybody is at a time. All movement repeats with the clip, so that the loop has no seam. */
import { PITCH } from './camera.ts';
import { seededRandom } from './random.ts';

/** Metres on the pitch; `height` above it. */
export interface Place {
  readonly along: number;
  readonly across: number;
  readonly height: number;
}
/** Someone on the pitch. */
export interface Player {
  readonly team: 'home' | 'away' | 'referee';
  readonly isKeeper: boolean;
  readonly place: Place;
}

/** A 4-4-2, as shares of the own half's depth and of the pitch's width; the keeper first. */
const FORMATION: readonly (readonly [number, number])[] = [
  [0.04, 0.5],
  [0.3, 0.15],
  [0.26, 0.38],
  [0.26, 0.62],
  [0.3, 0.85],
  [0.55, 0.12],
  [0.5, 0.4],
  [0.52, 0.63],
  [0.55, 0.88],
  [0.82, 0.4],
  [0.85, 0.6],
];
const PASS_SECONDS = 2;
const LOB_METRES = 22;
const TURN = 2 * Math.PI;

interface Gait {
  readonly along: number;
  readonly across: number;
  readonly turns: readonly [number, number];
  readonly phases: readonly [number, number];
}

/** A match that repeats after `seconds`, a multiple of the time of a pass. */
export interface Match {
  readonly players: (time: number) => readonly Player[];
  readonly ball: (time: number) => Place;
  /** Where along the pitch the camera looks. */
  readonly view: (time: number) => number;
}

/** See {@link Match}. */
export function createMatch(seconds: number, seed = 11): Match {
  const random = seededRandom(seed);
  const gaits: Gait[] = Array.from({ length: 23 }, () => ({
    along: 1 + 2 * random(),
    across: 1 + 2 * random(),
    turns: [wholeTurns(8 + 6 * random()), wholeTurns(8 + 6 * random())],
    phases: [TURN * random(), TURN * random()],
  }));

  function wholeTurns(period: number): number {
    return Math.max(1, Math.round(seconds / period));
  }

  /** The middle of play, towards which both teams lean. */
  const play = (time: number): { along: number; across: number } => {
    const at = (TURN * time) / seconds;
    const long = Math.sin(at * wholeTurns(40)) + 0.25 * Math.sin(at * wholeTurns(24) + 1);
    const wide = Math.sin(at * wholeTurns(30) + 2);
    return { along: PITCH.length * (0.5 + 0.2 * long), across: PITCH.width * (0.5 + 0.2 * wide) };
  };

  const stand = (index: number, time: number): Place => {
    const isReferee = index === 22;
    const isAway = index >= 11 && !isReferee;
    const middle = play(time);
    const [depth, side] = FORMATION[index % 11] ?? [0.5, 0.5];
    const isKeeper = index % 11 === 0 && !isReferee;
    const lean = isKeeper ? 0.04 : 0.55;
    const own = depth * PITCH.length * 0.72;
    const home = isReferee
      ? { along: middle.along - 9, across: middle.across + 7 }
      : { along: isAway ? PITCH.length - own : own, across: side * PITCH.width };
    const gait = gaits[index];
    const at = (TURN * time) / seconds;
    const [turnsAlong = 1, turnsAcross = 1] = gait?.turns ?? [];
    const [phaseAlong = 0, phaseAcross = 0] = gait?.phases ?? [];
    const calm = isKeeper ? 0.3 : 1;
    const swayAlong = calm * (gait?.along ?? 1) * Math.sin(at * turnsAlong + phaseAlong);
    const swayAcross = calm * (gait?.across ?? 1) * Math.sin(at * turnsAcross + phaseAcross);
    const along = home.along + lean * (middle.along - PITCH.length / 2) + swayAlong;
    const across = home.across + 0.45 * lean * (middle.across - PITCH.width / 2) + swayAcross;
    return {
      along: Math.min(PITCH.length - 1, Math.max(1, along)),
      across: Math.min(PITCH.width - 1, Math.max(1, across)),
      height: 0,
    };
  };

  const passes = Math.round(seconds / PASS_SECONDS);
  const receivers: number[] = [];
  for (let pass = 0; pass < passes; pass++) {
    const time = pass * PASS_SECONDS;
    const middle = play(time);
    const near = Array.from({ length: 22 }, (_, index) => index)
      .filter((index) => index % 11 !== 0 && index !== receivers.at(-1))
      .sort((a, b) => distance(stand(a, time), middle) - distance(stand(b, time), middle));
    receivers.push(near[Math.floor(random() * 5)] ?? 0);
  }

  const ball = (time: number): Place => {
    const pass = Math.floor(time / PASS_SECONDS);
    const share = time / PASS_SECONDS - pass;
    const from = stand(receivers[pass % passes] ?? 0, time);
    const to = stand(receivers[(pass + 1) % passes] ?? 0, time);
    // The ball stays at a foot for a third of the time, then leaves fast and arrives slowly.
    const travel = Math.max(0, (share - 0.35) / 0.65);
    const moved = 1 - (1 - travel) ** 1.7;
    const length = distance(from, to);
    const height = length > LOB_METRES ? 4 * moved * (1 - moved) * length * 0.16 : 0;
    return {
      along: from.along + 0.5 + (to.along - from.along) * moved,
      across: from.across - 0.3 + (to.across - from.across) * moved,
      height,
    };
  };

  return {
    ball,
    players: (time) =>
      Array.from({ length: 23 }, (_, index) => ({
        team: index === 22 ? 'referee' : index < 11 ? 'home' : 'away',
        isKeeper: index % 11 === 0 && index !== 22,
        place: stand(index, time),
      })),
    view: (time) => {
      let sum = 0;
      for (let step = -8; step <= 8; step++) {
        sum += ball((time + step * 0.2 + seconds) % seconds).along;
      }
      return sum / 17;
    },
  };
}

function distance(
  a: { readonly along: number; readonly across: number },
  b: { readonly along: number; readonly across: number },
): number {
  return Math.hypot(a.along - b.along, a.across - b.across);
}
