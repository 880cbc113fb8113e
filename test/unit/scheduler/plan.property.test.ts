import { describe, expect, test } from '@jest/globals';
import type { LogEntry } from '#common/contracts/log';
import { taskSchema, type Task } from '#common/contracts/task';
import { aacFramesOf, firstFrame, gridOf, type Grid } from '#common/grid';
import { fold } from '../../../scheduler/plan/fold.ts';
import { planSegment } from '../../../scheduler/plan/plan.ts';
import { channelStateSchema, emptyChannel, nextSegment } from '../../../scheduler/plan/state.ts';
import { seeded } from '../../helpers/seeded.ts';
import { simulateLife } from './simulated-feed.ts';

/** Plans every segment as its closed mark is folded; before entry `restartAt` the state is written down and read again. */
function tasksOf(entries: readonly LogEntry[], restartAt = -1): Task[] {
  let state = emptyChannel();
  const tasks: Task[] = [];
  entries.forEach((entry, at) => {
    if (at === restartAt) {
      state = channelStateSchema.parse(JSON.parse(JSON.stringify(state)));
    }
    const n = state.air === null ? undefined : nextSegment(state.air);
    fold(state, entry);
    if (n !== undefined && state.air !== null && nextSegment(state.air) > n) {
      tasks.push(planSegment('final', state, n));
    }
  });
  return tasks;
}

interface InTime {
  readonly broadcast: number;
  readonly session: string;
  readonly positions: readonly number[];
}

/** The middle of every AAC frame of a session that was heard, from its mark to its broadcast's end, unless it came late. */
function soundInTime(entries: readonly LogEntry[]): InTime[] {
  const found: { broadcast: number; session: string; positions: number[] }[] = [];
  let closed = 0;
  let broadcast = 0;
  let mark: { readonly session: string; readonly from: number } | undefined;
  const early = new Map<string, number[]>();
  entries.forEach((entry, at) => {
    switch (entry.t) {
      case 'on-air':
        ({ broadcast } = entry);
        closed = 0;
        break;
      case 'frames': {
        const middles = entry.a
          .filter(({ origin, k, rate }) => origin + (1024 * k * 48_000) / rate >= closed)
          .map(({ origin, k, rate }) => origin + Math.round(((k + 0.5) * 1024 * 48_000) / rate));
        if (mark?.session === entry.session) {
          const { from } = mark;
          found.at(-1)?.positions.push(...middles.filter((position) => position >= from));
        } else {
          early.set(entry.session, [...(early.get(entry.session) ?? []), ...middles]);
        }
        break;
      }
      case 'sound': {
        mark = entry;
        const { from, session } = entry;
        const positions = (early.get(session) ?? []).filter((position) => position >= from);
        found.push({ broadcast, session, positions });
        break;
      }
      case 'sound-closed':
        closed = entry.sample;
        break;
      case 'off-air': {
        mark = undefined;
        const end = (entry.last + 1) * gridOfBroadcast(entries, at).segmentSamples;
        for (const stretch of found.filter((known) => known.broadcast === entry.broadcast)) {
          stretch.positions = stretch.positions.filter((position) => position < end);
        }
        break;
      }
      default:
    }
  });
  return found;
}

function gridOfBroadcast(entries: readonly LogEntry[], before: number): Grid {
  const mark = entries.slice(0, before).findLast(({ t }) => t === 'on-air');
  return gridOf(mark?.t === 'on-air' ? mark.fps : '30');
}

const seeds = Array.from({ length: 24 }, (_, seed) => seed);

describe.each(seeds)('a channel life from seed %i', (seed) => {
  const { entries, state } = simulateLife(seeded(seed), 160);
  const tasks = tasksOf(entries);

  test('plans every number between on air and off air exactly once', () => {
    const planned = tasks.map(({ n }) => n);
    const due: number[] = [];
    let broadcast = 0;
    for (const entry of entries) {
      if (entry.t === 'on-air') {
        expect(entry.broadcast).toBeGreaterThan(due.at(-1) ?? 0);
        broadcast = entry.broadcast;
      } else if (entry.t === 'off-air') {
        expect(entry.last).toBeGreaterThanOrEqual(broadcast);
        for (let n = broadcast; n <= entry.last; n += 1) {
          due.push(n);
        }
      }
    }
    expect(state.air).toBeNull();
    expect(due.length).toBeGreaterThan(0);
    expect(planned).toEqual(due);
  });

  test('covers every segment, in order, and refers only to frames the log told before', () => {
    for (const task of tasks) {
      taskSchema.parse(task);
      const grid = gridOf(task.fps);
      const first = firstFrame(grid, task.n);
      expect(task.video[0]?.from).toBeLessThanOrEqual(first);
      const starts = task.video.map(({ from }) => from);
      expect(starts).toEqual(starts.toSorted((a, b) => a - b));
      const { first: aac, end } = aacFramesOf(grid, task.n);
      let cursor = 1024 * (aac - 3);
      for (const span of task.sound) {
        expect(span.from).toBeGreaterThanOrEqual(cursor);
        expect(span.to).toBeGreaterThan(span.from);
        expect(span.lastK).toBeGreaterThanOrEqual(span.firstK);
        const begins = span.origin + (1024 * span.firstK * 48_000) / span.rate;
        const ends = span.origin + (1024 * (span.lastK + 1) * 48_000) / span.rate;
        expect(begins).toBeLessThanOrEqual(span.from);
        expect(ends).toBeGreaterThanOrEqual(span.to);
        cursor = span.to;
      }
      expect(cursor).toBeLessThanOrEqual(1024 * (end + 3));
    }
  });

  test('closes in order, each segment once, and never sets a source before what is closed', () => {
    let frame = 0;
    let sample = 0;
    for (const entry of entries) {
      if (entry.t === 'on-air') {
        // Its first segment's context may be what another broadcast ended with.
        sample = 0;
      } else if (entry.t === 'picture-closed') {
        expect(entry.frame).toBeGreaterThan(frame);
        frame = entry.frame;
      } else if (entry.t === 'sound-closed') {
        expect(entry.sample).toBeGreaterThan(sample);
        sample = entry.sample;
      } else if (entry.t === 'picture') {
        expect(entry.from).toBeGreaterThanOrEqual(frame);
      } else if (entry.t === 'sound') {
        expect(entry.from).toBeGreaterThanOrEqual(sample);
      }
    }
  });

  test('has all sound that came in time, whatever came of the pictures', () => {
    for (const stretch of soundInTime(entries)) {
      const heard = tasks
        .filter(({ broadcast }) => broadcast === stretch.broadcast)
        .flatMap(({ sound }) => sound)
        .filter(({ session }) => session === stretch.session);
      let at = 0;
      const silenced = stretch.positions.filter((position) => {
        while ((heard[at]?.to ?? Number.POSITIVE_INFINITY) <= position) {
          at += 1;
        }
        return (heard[at]?.from ?? Number.POSITIVE_INFINITY) > position;
      });
      expect(silenced).toEqual([]);
    }
  });

  test('gives the same tasks when the state is written down and read at any point', () => {
    const random = seeded(seed + 1_000);
    for (let round = 0; round < 5; round += 1) {
      expect(tasksOf(entries, Math.floor(random() * entries.length))).toEqual(tasks);
    }
  });

  test('gives the same tasks when entries come twice, as from a writer that got no answer', () => {
    const random = seeded(seed + 2_000);
    const twice: LogEntry[] = [];
    for (let at = 0; at < entries.length;) {
      const batch = entries.slice(at, at + 1 + Math.floor(random() * 3));
      // A leader's batch is all marks, a publisher's has none.
      const isMark = (entry: LogEntry): boolean => 'epoch' in entry;
      const length = batch.findIndex((entry) => isMark(entry) !== isMark(batch[0] ?? entry));
      const whole = length === -1 ? batch : batch.slice(0, length);
      twice.push(...whole, ...(random() < 0.5 ? whole : []));
      at += whole.length;
    }
    expect(twice.length).toBeGreaterThan(entries.length);
    expect(tasksOf(twice)).toEqual(tasks);
  });

  test('remembers a bounded number of frames', () => {
    const again = emptyChannel();
    let most = 0;
    for (const entry of entries) {
      fold(again, entry);
      if (entry.t === 'picture-closed') {
        most = Math.max(most, ...again.sessions.map(({ video }) => video.length));
      }
    }
    // 30 s before the segment, and what the leader's longest absence let gather.
    expect(most).toBeLessThan(60 * 60);
  });
});
