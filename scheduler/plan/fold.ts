/** Folds the channel's log into its state, one entry at a time: the same log gives the same state, always. */
import type { LogEntry } from '#common/contracts/log';
import {
  AAC_FRAME_SAMPLES,
  firstFrame,
  gridOf,
  segmentOfFrame,
  timeOfFrame,
  timeOfSample,
  type Grid,
} from '#common/grid';
import { positionInRun, soundClosedAt } from '#common/sound-grid';
import {
  frameIndex,
  greatest,
  milliseconds,
  samplePosition,
  segmentNumber,
  type FrameIndex,
  type SamplePosition,
  type SegmentNumber,
} from '#common/time';
import { currentPicture, picturesSince, sessionsOnAir, soundsSince } from './sources.ts';
import { frameBefore, lastShowable, searchFrames } from './start-points.ts';
import {
  nextSegment,
  sessionOf,
  type AirState,
  type ChannelState,
  type SessionState,
} from './state.ts';

/** Restarts remembered: more than the segments that can be under way have. */
const MOST_RESTARTS = 64;
/** Sessions that never came on air are remembered up to this many. */
const MOST_WAITING_SESSIONS = 8;
/** Frames a session may gather before it comes on air; half are dropped beyond. About ten minutes at 60 fps. */
const MOST_WAITING_FRAMES = 36_000;

/**
 * Applies one entry, in place. Entries of unknown or spent sessions change nothing, nor does what comes again: a writer
 * whose Redis died before it answered appends twice.
 */
export function fold(state: ChannelState, entry: LogEntry): void {
  switch (entry.t) {
    case 'session':
      foldSession(state, entry);
      return;
    case 'frames':
      foldFrames(state, entry);
      return;
    case 'end': {
      const session = sessionOf(state, entry.session);
      if (session !== undefined && session.ended === null) {
        session.ended = { clean: entry.clean, at: entry.at };
      }
      return;
    }
    case 'on-air':
      if (state.air?.broadcast === entry.broadcast) {
        return;
      }
      state.air = {
        broadcast: entry.broadcast,
        fps: entry.fps,
        profile: entry.profile,
        renditions: entry.renditions,
        ...(entry.admission === undefined ? {} : { admission: entry.admission }),
        sheds: [],
        restarts: [],
        pictures: [],
        sounds: [],
        next: { picture: entry.broadcast, sound: entry.broadcast },
        closed: { frame: frameIndex(0), sample: samplePosition(0) },
      };
      return;
    case 'picture':
      if (state.air !== null && entry.from > (state.air.pictures.at(-1)?.from ?? -1)) {
        state.air.pictures.push({ from: entry.from, source: entry.source });
      }
      return;
    case 'sound':
      if (state.air !== null && entry.from > (state.air.sounds.at(-1)?.from ?? -1)) {
        state.air.sounds.push({ from: entry.from, session: entry.session });
      }
      return;
    case 'picture-closed':
      if (state.air !== null && entry.frame > state.air.closed.frame) {
        foldPictureClosed(state, state.air, entry.frame);
      }
      return;
    case 'sound-closed':
      if (state.air !== null && entry.sample > state.air.closed.sample) {
        foldSoundClosed(state, state.air, entry.sample);
      }
      return;
    case 'shed':
      if (state.air?.broadcast === entry.broadcast) {
        foldShed(state.air, entry);
      }
      return;
    case 'restart':
      if (state.air?.broadcast === entry.broadcast) {
        foldRestart(state.air, entry);
      }
      return;
    case 'off-air':
      foldOffAir(state, entry.broadcast, entry.last);
  }
}

type EntryOf<T extends LogEntry['t']> = Extract<LogEntry, { t: T }>;

function foldSession(state: ChannelState, entry: EntryOf<'session'>): void {
  const known = sessionOf(state, entry.session);
  if (known !== undefined) {
    known.picture ??= entry.video;
    return;
  }
  state.sessions.push({
    session: entry.session,
    fps: entry.fps,
    picture: entry.video,
    video: [],
    sound: [],
    lastSeq: { video: -1, sound: -1 },
    highest: -1,
    lastShown: -1,
    soundEnd: samplePosition(0),
    behind: { pictures: milliseconds(0), sound: milliseconds(0) },
    ended: null,
    spent: false,
  });
  const isOnAir = sessionsOnAir(state.air);
  const idle = state.sessions.filter(({ session }) => !isOnAir.has(session));
  const surplus = new Set(idle.slice(0, Math.max(0, idle.length - MOST_WAITING_SESSIONS)));
  state.sessions = state.sessions.filter((session) => !surplus.has(session));
}

function foldFrames(state: ChannelState, entry: EntryOf<'frames'>): void {
  const session = sessionOf(state, entry.session);
  if (session === undefined || session.spent) {
    return;
  }
  noteBehind(session, entry);
  const closed = state.air?.closed ?? { frame: 0, sample: 0 };
  for (const { seq, index, chunk, flags } of entry.v) {
    const late = index < closed.frame;
    if (!insert(session.video, { seq, index, chunk, flags, late }, session.lastSeq.video)) {
      continue;
    }
    session.lastSeq.video = Math.max(session.lastSeq.video, seq);
    session.highest = Math.max(session.highest, index);
    if (!late) {
      session.lastShown = Math.max(session.lastShown, index);
    }
  }
  for (const { seq, origin, k, rate, channels, chunk } of entry.a) {
    const late = positionInRun(origin, rate, k * AAC_FRAME_SAMPLES) < closed.sample;
    const place = { seq, origin, k, rate, channels, chunk, late };
    if (!insert(session.sound, place, session.lastSeq.sound)) {
      continue;
    }
    session.lastSeq.sound = Math.max(session.lastSeq.sound, seq);
    const end = positionInRun(origin, rate, (k + 1) * AAC_FRAME_SAMPLES);
    session.soundEnd = greatest(session.soundEnd, end);
  }
  if (state.air === null) {
    for (const list of [session.video, session.sound]) {
      if (list.length > MOST_WAITING_FRAMES) {
        list.splice(0, MOST_WAITING_FRAMES / 2);
      }
    }
  }
}

/** Compares each track with how far the other one was before this entry: what is in one entry came together. */
function noteBehind(session: SessionState, { v, a }: EntryOf<'frames'>): void {
  const { behind, lastSeq, highest, soundEnd } = session;
  const grid = gridOf(session.fps);
  const heard = timeOfSample(soundEnd);
  const seen = timeOfFrame(grid, frameIndex(highest + 1));
  for (const { seq, index } of v) {
    // What is appended again to an emptied log was told before.
    if (seq > lastSeq.video && soundEnd > 0) {
      const lag = heard - timeOfFrame(grid, index);
      behind.pictures = milliseconds(Math.max(behind.pictures, lag));
    }
  }
  for (const { seq, origin, k, rate } of a) {
    if (seq > lastSeq.sound && highest >= 0) {
      const lag = seen - timeOfSample(positionInRun(origin, rate, k * AAC_FRAME_SAMPLES));
      behind.sound = milliseconds(Math.max(behind.sound, lag));
    }
  }
}

/**
 * Puts a place where its seq belongs; false when it is known, or lies before all that is kept. An emptied Redis may
 * have lost rows that nobody had read, and their writer appends them again after newer ones.
 */
function insert<P extends { readonly seq: number }>(list: P[], place: P, lastSeq: number): boolean {
  if (place.seq > lastSeq) {
    list.push(place);
    return true;
  }
  const before = list.findLastIndex(({ seq }) => seq <= place.seq);
  if (before === -1 || list[before]?.seq === place.seq) {
    return false;
  }
  list.splice(before + 1, 0, place);
  return true;
}

function foldPictureClosed(state: ChannelState, air: AirState, frame: FrameIndex): void {
  air.closed.frame = frame;
  air.next.picture = segmentOfFrame(gridOf(air.fps), frame);
  closeGap(state, air, frame);
  forget(state, air);
}

function foldSoundClosed(state: ChannelState, air: AirState, sample: SamplePosition): void {
  const grid = gridOf(air.fps);
  air.closed.sample = sample;
  // In low latency a mark may lie inside the sound that a segment is coded from.
  while (soundClosedAt(grid, air.next.sound) <= sample) {
    air.next.sound = segmentNumber(air.next.sound + 1);
  }
  forget(state, air);
}

/** Lets go of what no later segment needs. What the segment closed last needs is kept: its task is made from this state. */
function forget(state: ChannelState, air: AirState): void {
  const grid = gridOf(air.fps);
  const n = segmentNumber(nextSegment(air) - 1);
  const first = firstFrame(grid, n);
  const firstSound = samplePosition(soundClosedAt(grid, n) - 2 * grid.segmentSamples);
  air.pictures = picturesSince(air, first);
  air.sounds = soundsSince(air, firstSound);
  const isOnAir = sessionsOnAir(air);
  const oldest = state.sessions.findIndex(({ session }) => isOnAir.has(session));
  state.sessions.splice(0, Math.max(0, oldest));
  for (const session of state.sessions) {
    dropBefore(session, grid, first, firstSound);
  }
}

/** Frames that reached the log while the leader already held the one before them were not shown in time. */
function closeGap(state: ChannelState, air: AirState, frame: FrameIndex): void {
  const current = currentPicture(air);
  if (current?.gapFrom === undefined) {
    return;
  }
  for (const place of sessionOf(state, current.session)?.video ?? []) {
    if (place.index >= current.gapFrom && place.index < frame) {
      place.late = true;
    }
  }
}

/** Drops frames that no segment from frame `first` on can need. */
function dropBefore(
  session: SessionState,
  grid: Grid,
  first: FrameIndex,
  firstSound: SamplePosition,
): void {
  const { video, sound } = session;
  const shown = lastShowable(session, grid, first);
  const before = shown && frameBefore(session, grid, shown.frame);
  const seq = (before ?? shown)?.start.seq;
  // Half as much again as is searched, because a held frame lies before its segment.
  const oldest = first - 1.5 * searchFrames(grid);
  const start = seq === undefined ? -1 : video.findIndex((frame) => frame.seq === seq);
  const near = video.findIndex((frame) => frame.index >= oldest);
  video.splice(0, Math.max(0, start, near));
  const heard = sound.findIndex(
    ({ origin, rate, k }) => positionInRun(origin, rate, k * AAC_FRAME_SAMPLES) >= firstSound,
  );
  sound.splice(0, heard === -1 ? sound.length : heard);
}

/** One that was decided no later than what is known says nothing new, unless it is of later numbers. */
function foldShed(
  air: AirState,
  { from, withheld, at, reason, lateMs, lateChannel }: EntryOf<'shed'>,
): void {
  const last = air.sheds.at(-1);
  if (last === undefined || from > last.from || at > last.at) {
    air.sheds.push({ from, withheld, at, reason, lateMs, lateChannel });
  }
}

/** Of a segment the generations only rise. */
function foldRestart(air: AirState, { n, generation, from }: EntryOf<'restart'>): void {
  const known = air.restarts.filter((restart) => restart.n === n);
  if (known.every((restart) => restart.generation < generation)) {
    air.restarts = [...air.restarts, { n, generation, from }].slice(-MOST_RESTARTS);
  }
}

function foldOffAir(state: ChannelState, broadcast: SegmentNumber, last: SegmentNumber): void {
  const isOnAir = sessionsOnAir(state.air);
  for (const session of state.sessions) {
    if (isOnAir.has(session.session)) {
      session.spent = true;
      session.video = [];
      session.sound = [];
    }
  }
  state.air = null;
  state.floor = greatest(state.floor, segmentNumber(greatest(last, broadcast) + 1));
}
