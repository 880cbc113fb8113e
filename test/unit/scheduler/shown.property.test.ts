import { describe, expect, test } from '@jest/globals';
import {
  shownEntrySchema,
  tellsPlaces,
  type ShownEntry,
  type ShownSound,
} from '#common/contracts/early-task';
import type { VideoFrame } from '#common/contracts/frame';
import type { LogEntry } from '#common/contracts/log';
import type { SoundSpan, Task } from '#common/contracts/task';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, firstFrame, gridOf } from '#common/grid';
import { DECODER_LEAD_FRAMES, RESAMPLER_LEAD_FRAMES, encodedSamplesOf } from '#common/sound-grid';
import { segmentNumber } from '#common/time';
import { fold } from '../../../scheduler/plan/fold.ts';
import { planSegment } from '../../../scheduler/plan/plan.ts';
import { shownBy, shownSoFar } from '../../../scheduler/plan/shown.ts';
import { emptyChannel, nextSegment } from '../../../scheduler/plan/state.ts';
import { FIRST_PLACE, planPictures, type PictureSource } from '../../../transcoder/picture-plan.ts';
import { seeded } from '../../helpers/seeded.ts';
import { LOW_LATENCY, simulateLife } from './simulated-feed.ts';

/** The tasks of a log as its segments are closed, and what was told of them before. */
function made(entries: readonly LogEntry[]): { tasks: Task[]; told: ShownEntry[] } {
  const state = emptyChannel();
  const tasks: Task[] = [];
  const told: ShownEntry[] = [];
  for (const entry of entries) {
    const n = state.air === null ? undefined : nextSegment(state.air);
    const soFar = 'epoch' in entry ? shownSoFar(state) : undefined;
    fold(state, entry);
    if ('epoch' in entry) {
      told.push(...shownBy(soFar, entry, state));
    }
    if (n !== undefined && state.air !== null && nextSegment(state.air) > n) {
      tasks.push(planSegment('final', state, n));
    }
  }
  return { tasks, told };
}

/** What a worker shows in each place of a task, by its own plan: `session:seq`, or the slate. */
function picturesOf(task: Task, frames: ReadonlyMap<string, readonly VideoFrame[]>): string[] {
  const grid = gridOf(task.fps);
  const names = new Map<Uint8Array, string>();
  const sources = task.video.map((span): PictureSource => {
    if (span.kind === 'slate') {
      const data = new Uint8Array([0]);
      names.set(data, 'slate');
      return { kind: 'slate', from: span.from, data };
    }
    const read = (frames.get(span.session) ?? []).filter(
      ({ seq }) => seq >= span.fromSeq && seq <= span.toSeq,
    );
    read.forEach(({ seq, data }) => names.set(data, `${span.session}:${seq}`));
    return { kind: 'session', from: span.from, to: span.to, late: span.late, frames: read };
  });
  const plan = planPictures(grid, firstFrame(grid, segmentNumber(task.n)), sources);
  const placeTicks = (plan.timescale * grid.den) / grid.num;
  const up = plan.pictures
    .filter(({ pts }) => pts % placeTicks === 0)
    .map(({ pts, data }) => ({ place: pts / placeTicks - FIRST_PLACE, name: names.get(data) }))
    .toSorted((a, b) => a.place - b.place);
  return Array.from(
    { length: grid.segmentFrames },
    (_, place) => up.findLast((picture) => picture.place <= place)?.name ?? 'nothing',
  );
}

/** What entries say is shown in each place. */
function toldPictures(told: readonly ShownEntry[]): Map<number, string> {
  const places = new Map<number, string>();
  let up = 'nothing';
  for (const entry of told) {
    if (entry.t === 'pictures') {
      const changes = new Map(
        entry.shown.map((picture) => [
          Number(picture.place),
          picture.kind === 'slate' ? 'slate' : `${entry.decode?.session}:${picture.seq}`,
        ]),
      );
      for (let place: number = entry.from; place < entry.to; place += 1) {
        up = changes.get(place) ?? up;
        places.set(place, up);
      }
    } else if (entry.t === 'end') {
      up = 'nothing';
    }
  }
  return places;
}

/** Spans of one run that touch are one. */
function merged(told: readonly ShownEntry[]): ShownSound[] {
  const spans: ShownSound[] = [];
  for (const span of told.flatMap((entry) => (entry.t === 'sound' ? entry.spans : []))) {
    const last = spans.at(-1);
    const goesOn =
      last?.to === span.from &&
      last.session === span.session &&
      last.origin === span.origin &&
      last.rate === span.rate &&
      last.channels === span.channels;
    if (goesOn) {
      spans.splice(-1, 1, { ...last, to: span.to, lastK: Math.max(last.lastK, span.lastK) });
    } else {
      spans.push(span);
    }
  }
  return spans;
}

/** The part of merged spans that a segment is coded from. */
function soundOf(task: Task, spans: readonly ShownSound[]) {
  const needed = encodedSamplesOf(gridOf(task.fps), segmentNumber(task.n));
  return spans.flatMap(({ session, origin, rate, channels, firstK, lastK, ...span }) => {
    const from = Math.max(needed.from, span.from);
    const to = Math.min(needed.to, span.to);
    const frameAt = (position: number): number =>
      Math.floor(((position - origin) * rate) / (SAMPLE_RATE * AAC_FRAME_SAMPLES));
    const lead = DECODER_LEAD_FRAMES + (rate === SAMPLE_RATE ? 0 : RESAMPLER_LEAD_FRAMES);
    return from < to
      ? [
          {
            session,
            origin,
            rate,
            channels,
            from,
            to,
            firstK: Math.max(firstK, frameAt(from) - lead),
            lastK: Math.min(lastK, frameAt(to - 1) + 1),
          },
        ]
      : [];
  });
}

const sourceOf = ({ session, origin, rate, channels, from, to, firstK, lastK }: SoundSpan) => ({
  session,
  origin,
  rate,
  channels,
  from,
  to,
  firstK,
  lastK,
});

function framesOf(entries: readonly LogEntry[]): Map<string, VideoFrame[]> {
  const frames = new Map<string, VideoFrame[]>();
  for (const entry of entries) {
    if (entry.t === 'frames') {
      const known = frames.get(entry.session) ?? [];
      known.push(
        ...entry.v.map(({ seq, index, flags }): VideoFrame => {
          // One NAL unit of a slice that others refer to.
          const data = Buffer.from([0, 0, 0, 2, 0x61, 0x80]);
          return { kind: 'video', seq, index, dts: seq, flags, data };
        }),
      );
      frames.set(entry.session, known);
    }
  }
  return frames;
}

/** The last three have a held picture of two fields and then the slate in one segment. */
const seeds = [...Array.from({ length: 14 }, (_, seed) => seed), 59, 86, 115];
const lives = seeds.map((seed) => ({
  seed,
  profile: seed % 2 === 0 ? ('low' as const) : ('instant' as const),
  hasFields: seed % 4 >= 2,
}));

describe.each(lives)(
  'in $profile, fields $hasFields, seed $seed',
  ({ seed, profile, hasFields }) => {
    const settings = { ...LOW_LATENCY, profile };
    const life = simulateLife(seeded(seed), 60, settings, { hasFields, shake: seeded(seed + 50) });
    const { tasks, told } = made(life.entries);

    test('a life has what is to be compared', () => {
      expect(life.state.air).toBeNull();
      expect(tasks.length).toBeGreaterThan(3);
      told.forEach((entry) => shownEntrySchema.parse(entry));
    });

    test('entries of each kind follow one another without gap or overlap', () => {
      const at = { pictures: 0, sound: 0 };
      for (const entry of told) {
        if (entry.t === 'end') {
          at.pictures = 0;
          at.sound = 0;
        } else if (tellsPlaces(entry)) {
          expect(entry.to).toBeGreaterThan(entry.from);
          expect(at[entry.t] === 0 || at[entry.t] === entry.from).toBe(true);
          at[entry.t] = entry.to;
        }
      }
    });

    test('what was told is shown in each place of each segment made afterwards', () => {
      const places = toldPictures(told);
      const frames = framesOf(life.entries);
      for (const task of tasks) {
        const first = firstFrame(gridOf(task.fps), segmentNumber(task.n));
        const expected = picturesOf(task, frames);
        expect(expected.map((_, place) => places.get(first + place))).toEqual(expected);
      }
    });

    test('a session can be decoded from where an entry says', () => {
      for (const entry of told) {
        if (entry.t === 'pictures') {
          const shown = entry.shown.flatMap((picture) =>
            picture.kind === 'frame' ? [picture.seq] : [],
          );
          expect(
            shown.length === 0 || (entry.decode?.fromSeq ?? Infinity) <= Math.min(...shown),
          ).toBe(true);
        }
      }
    });

    test('what was told is heard in each sample of each segment made afterwards', () => {
      for (const task of tasks) {
        const spans = merged(
          told.filter((entry) => entry.t === 'sound' && entry.broadcast === task.broadcast),
        );
        expect(soundOf(task, spans)).toEqual(task.sound.map(sourceOf));
      }
    });
  },
);

test('nothing is told in standard', () => {
  const life = simulateLife(seeded(3), 40);
  expect(made(life.entries).told).toEqual([]);
});
