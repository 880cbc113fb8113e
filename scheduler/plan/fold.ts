/** Folds the channel's log into its state, one entry at a time: the same log gives the same state, always. */
import type { LogEntry } from '#common/contracts/log';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, gridOf, type Grid } from '#common/grid';
import { currentSource, sourcesSince } from './sources.ts';
import { lastShowable, searchFrames } from './start-points.ts';
import { sessionOf, type AirState, type ChannelState, type SessionState } from './state.ts';

/** Sessions that never came on air are remembered up to this many. */
const MOST_WAITING_SESSIONS = 8;
/** Frames a session may gather before it comes on air; half are dropped beyond. About ten minutes at 60 fps. */
const MOST_WAITING_FRAMES = 36_000;

/** 48 kHz position, rounded down, of a source sample of a run. */
export const positionInRun = (origin: number, rate: number, sourceSample: number): number =>
  origin + Math.floor((sourceSample * SAMPLE_RATE) / rate);

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
        renditions: entry.renditions,
        ...(entry.admission === undefined ? {} : { admission: entry.admission }),
        sources: [],
        next: entry.broadcast,
        closed: { frame: 0, sample: 0 },
      };
      return;
    case 'source':
      if (state.air !== null && entry.from > (state.air.sources.at(-1)?.from ?? -1)) {
        state.air.sources.push({ from: entry.from, source: entry.source });
      }
      return;
    case 'closed':
      if (state.air !== null && entry.frame > state.air.closed.frame) {
        foldClosed(state, state.air, entry.frame, entry.sample);
      }
      return;
    case 'off-air':
      foldOffAir(state, entry.broadcast, entry.last);
  }
}

type EntryOf<T extends LogEntry['t']> = Extract<LogEntry, { t: T }>;

function foldSession(state: ChannelState, entry: EntryOf<'session'>): void {
  if (sessionOf(state, entry.session) !== undefined) {
    return;
  }
  state.sessions.push({
    session: entry.session,
    fps: entry.fps,
    width: entry.video.width,
    height: entry.video.height,
    video: [],
    sound: [],
    lastSeq: { video: -1, sound: -1 },
    highest: -1,
    lastShown: -1,
    soundEnd: 0,
    ended: null,
    spent: false,
  });
  const isShown = shownSessions(state.air);
  const idle = state.sessions.filter(({ session }) => !isShown.has(session));
  const surplus = new Set(idle.slice(0, Math.max(0, idle.length - MOST_WAITING_SESSIONS)));
  state.sessions = state.sessions.filter((session) => !surplus.has(session));
}

function foldFrames(state: ChannelState, entry: EntryOf<'frames'>): void {
  const session = sessionOf(state, entry.session);
  if (session === undefined || session.spent) {
    return;
  }
  const closed = state.air?.closed ?? { frame: 0, sample: 0 };
  for (const [seq, index, chunk, , flags] of entry.v) {
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
  for (const [seq, origin, k, rate, channels, chunk] of entry.a) {
    const late = positionInRun(origin, rate, k * AAC_FRAME_SAMPLES) < closed.sample;
    const place = { seq, origin, k, rate, channels, chunk, late };
    if (!insert(session.sound, place, session.lastSeq.sound)) {
      continue;
    }
    session.lastSeq.sound = Math.max(session.lastSeq.sound, seq);
    const end = positionInRun(origin, rate, (k + 1) * AAC_FRAME_SAMPLES);
    session.soundEnd = Math.max(session.soundEnd, end);
  }
  if (state.air === null) {
    for (const list of [session.video, session.sound]) {
      if (list.length > MOST_WAITING_FRAMES) {
        list.splice(0, MOST_WAITING_FRAMES / 2);
      }
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

function foldClosed(state: ChannelState, air: AirState, frame: number, sample: number): void {
  const grid = gridOf(air.fps);
  air.closed = { frame, sample };
  air.next = Math.floor(frame / grid.segmentFrames);
  closeGap(state, air, frame);
  // What the segment just closed needs is kept: its task is made from this state.
  const first = frame - grid.segmentFrames;
  const firstSound = sample - 2 * grid.segmentSamples;
  air.sources = sourcesSince(air, first);
  const isShown = shownSessions(air);
  const oldest = state.sessions.findIndex(({ session }) => isShown.has(session));
  state.sessions.splice(0, Math.max(0, oldest));
  for (const session of state.sessions) {
    dropBefore(session, grid, first, firstSound);
  }
}

/** Frames that reached the log while the leader already held the one before them were not shown in time. */
function closeGap(state: ChannelState, air: AirState, frame: number): void {
  const current = currentSource(air);
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
function dropBefore(session: SessionState, grid: Grid, first: number, firstSound: number): void {
  const { video, sound } = session;
  const seq = lastShowable(session, grid, first)?.start.seq;
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

function foldOffAir(state: ChannelState, broadcast: number, last: number): void {
  const isShown = shownSessions(state.air);
  for (const session of state.sessions) {
    if (isShown.has(session.session)) {
      session.spent = true;
      session.video = [];
      session.sound = [];
    }
  }
  state.air = null;
  state.floor = Math.max(state.floor, last + 1, broadcast + 1);
}

const shownSessions = (air: AirState | null): ReadonlySet<string> =>
  new Set(
    (air?.sources ?? []).flatMap(({ source }) =>
      source.kind === 'session' ? [source.session] : [],
    ),
  );
