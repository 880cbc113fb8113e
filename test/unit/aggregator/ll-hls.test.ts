import { describe, expect, test } from '@jest/globals';
import { growingPlaylist, type GrowingPlaylistOptions } from '../../../aggregator/hls.ts';
import { reloadState } from '../../../aggregator/reload.ts';
import { divisionOf } from '#common/division';
import {
  AAC_FRAME_SAMPLES,
  FPS_NAMES,
  SAMPLE_RATE,
  aacFramesOf,
  gridOf,
  segmentSeconds,
} from '#common/grid';
import { greatest, segmentNumber } from '#common/time';
import { changesAgainstRules, problemsOf } from '../../helpers/ll-hls-rules.ts';
import { complaintsOf } from '../../helpers/playlist-parsers.ts';
import { RENDITIONS, broadcastOf } from './segments-made.ts';

/** Three minutes where most broadcasts are; the window has slid, and deltas have begun, after one. */
const secondsAt = (fps: string): number => (fps === '30' ? 180 : 66);
const HASH = 'a'.repeat(64);

/** What the origin gives for a rendition that has so many parts, its window sliding after a minute. */
function optionsAt(
  fps: (typeof FPS_NAMES)[number],
  profile: 'low' | 'instant',
  id: string,
  total: number,
  changes: Partial<GrowingPlaylistOptions> = {},
): GrowingPlaylistOptions {
  const { broadcast } = broadcastOf();
  const grid = gridOf(fps);
  const division = divisionOf(grid, profile);
  const rendition = RENDITIONS.find((known) => known.id === id);
  if (rendition === undefined) {
    throw new Error(`no rendition ${id}`);
  }
  const next = segmentNumber(broadcast + Math.floor(total / division.parts));
  const first = greatest(broadcast, segmentNumber(next - 31));
  return {
    grid,
    profile,
    division,
    rendition,
    renditions: RENDITIONS,
    init: HASH,
    first,
    next,
    partsFrom: greatest(first, segmentNumber(next - 12)),
    parts: total % division.parts,
    isGap: () => false,
    partsOfGap: () => 0,
    isEnded: false,
    reports: RENDITIONS.filter((other) => other.id !== id).map((other) => ({
      uri: `../${other.id}/${broadcast}.m3u8`,
      msn: next,
      part: 0,
    })),
    isDelta: false,
    ...changes,
  };
}

/** How much later than it truly ends a player places the last segment of sound that a playlist lists, by its date and its durations; seconds. */
function latenessOfSound(text: string, fps: (typeof FPS_NAMES)[number], first: number): number {
  const date = /#EXT-X-PROGRAM-DATE-TIME:(.+)/.exec(text)?.[1] ?? '';
  const durations = [...text.matchAll(/#EXTINF:([\d.]+)/g)].map(([, value]) => Number(value));
  const grid = gridOf(fps);
  const start = aacFramesOf(grid, segmentNumber(first)).first;
  const { end } = aacFramesOf(grid, segmentNumber(first + durations.length - 1));
  const dated = Date.parse(date) / 1000 - (start * AAC_FRAME_SAMPLES) / SAMPLE_RATE;
  const listed = durations.reduce((sum, value) => sum + value, 0);
  return dated + listed - ((end - start) * AAC_FRAME_SAMPLES) / SAMPLE_RATE;
}

describe('sound is never placed after where it plays', () => {
  // Where a segment's end lies after the end of the buffer, hls.js 1.7.4 goes on looking for what that segment lacks.
  test.each(FPS_NAMES)('at %s, wherever the window begins', (fps) => {
    const options = optionsAt(fps, 'low', 'a128', 240);
    for (let slid = 0; slid < 8; slid += 1) {
      const first = segmentNumber(options.first + slid);
      const late = latenessOfSound(growingPlaylist({ ...options, first }), fps, first);
      // Seconds since the epoch have no more digits than that in a double.
      expect(late).toBeLessThan(1e-6);
      expect(late).toBeGreaterThan(-0.001);
    }
  });
});

describe.each(['low', 'instant'] as const)('low-latency playlists in %s', (profile) => {
  test.each(FPS_NAMES)('at %s keep every rule as they grow, and so do their deltas', (fps) => {
    const grid = gridOf(fps);
    const { parts } = divisionOf(grid, profile);
    const count = Math.floor((secondsAt(fps) / segmentSeconds(grid)) * parts);
    for (const id of ['v720', 'a128']) {
      let before: string | undefined;
      for (let total = 1; total <= count; total += 1) {
        const text = growingPlaylist(optionsAt(fps, profile, id, total));
        const delta = growingPlaylist(optionsAt(fps, profile, id, total, { isDelta: true }));
        expect(problemsOf(text, 2)).toEqual([]);
        expect(problemsOf(delta, 2)).toEqual([]);
        expect(changesAgainstRules(before ?? text, text)).toEqual([]);
        expect(changesAgainstRules(before ?? text, delta)).toEqual([]);
        if (total % 23 === 0) {
          expect(complaintsOf(text)).toEqual([]);
        }
        before = text;
      }
      const end = growingPlaylist(
        optionsAt(fps, profile, id, count - (count % parts), { isEnded: true, reports: [] }),
      );
      expect(problemsOf(end, 0)).toEqual([]);
    }
  });
});

describe.each(['low', 'instant'] as const)(
  'a rendition that is withheld for a while, in %s',
  (profile) => {
    const { broadcast } = broadcastOf();
    const { parts } = divisionOf(gridOf('30'), profile);
    const isGap = (n: number): boolean => n >= broadcast + 4 && n < broadcast + 9;

    test('lists gaps in step with the others, keeps the rules and hints at nothing that is not made', () => {
      let before: string | undefined;
      for (let total = 1; total <= 14 * parts; total += 1) {
        const text = growingPlaylist(optionsAt('30', profile, 'v720', total, { isGap }));
        const delta = growingPlaylist(
          optionsAt('30', profile, 'v720', total, { isGap, isDelta: true }),
        );
        expect(problemsOf(text, 2)).toEqual([]);
        expect(problemsOf(delta, 2)).toEqual([]);
        expect(changesAgainstRules(before ?? text, text)).toEqual([]);
        if (total % parts === 1) {
          expect(complaintsOf(text)).toEqual([]);
        }
        expect(text.includes('PRELOAD-HINT')).toBe(!isGap(broadcast + Math.floor(total / parts)));
        before = text;
      }
      const text = growingPlaylist(optionsAt('30', profile, 'v720', 14 * parts, { isGap }));
      const gaps = [...text.matchAll(/#EXT-X-GAP\n#EXTINF:[\d.]+,\n(\d+)\.m4s/g)];
      expect(gaps.map(([, n]) => Number(n) - broadcast)).toEqual([4, 5, 6, 7, 8]);
    });
  },
);

describe('the rules find a seeded fault', () => {
  const text = growingPlaylist(optionsAt('30', 'low', 'v720', 123));
  const delta = growingPlaylist(optionsAt('30', 'low', 'v720', 123, { isDelta: true }));
  const n = broadcastOf().broadcast + 20;

  test.each<[string, RegExp, string, RegExp]>([
    ['a short PART-HOLD-BACK', /PART-HOLD-BACK=[\d.]+/, 'PART-HOLD-BACK=0.6', /PART-HOLD-BACK/],
    ['a short HOLD-BACK', /,HOLD-BACK=[\d.]+/, ',HOLD-BACK=4', /HOLD-BACK/],
    ['a short CAN-SKIP-UNTIL', /CAN-SKIP-UNTIL=[\d.]+/, 'CAN-SKIP-UNTIL=6', /CAN-SKIP-UNTIL/],
    ['no blocking reload', /CAN-BLOCK-RELOAD=YES,/, '', /CAN-BLOCK-RELOAD/],
    ['no part target', /#EXT-X-PART-INF.*\n/, '', /PART-TARGET/],
    ['a part that is too long', /PART-TARGET=[\d.]+/, 'PART-TARGET=0.3', /longer than PART-TARGET/],
    ['a part that is too short', /PART-TARGET=[\d.]+/, 'PART-TARGET=0.5', /85 %/],
    ['a dependent first part', /,INDEPENDENT=YES/, '', /INDEPENDENT/],
    ['a wrong hint', /TYPE=PART,URI="\d+\.\d+/, 'TYPE=PART,URI="1.0', /hint/],
    ['no hint', /#EXT-X-PRELOAD-HINT.*\n/, '', /hint/],
    ['a missing report', /#EXT-X-RENDITION-REPORT.*\n/, '', /report/],
    ['a report without its part', /,LAST-PART=\d+/, '', /LAST-PART/],
    ['a missing part', new RegExp(`#EXT-X-PART:.*"${n - 1}\\.2\\.m4s".*\\n`), '', /part/],
    [
      'parts gone too soon',
      new RegExp(`(#EXT-X-PART:.*"${n - 2}\\.\\d\\.m4s".*\\n)+`),
      '',
      /too soon/,
    ],
    ['a segment under another number', /^\d+\.m4s$/m, '5.m4s', /media sequence number/],
    ['a segment that is too long', /#EXTINF:2\.0/, '#EXTINF:3.0', /too long/],
  ])('%s', (_, from, to, problem) => {
    expect(problemsOf(text, 2)).toEqual([]);
    const wrong = text.replace(from, to);
    expect(wrong).not.toBe(text);
    expect(problemsOf(wrong, 2).join('\n')).toMatch(problem);
  });

  test('more skipped than may be, and a version that knows no skipping', () => {
    const over = growingPlaylist(optionsAt('30', 'low', 'v720', 123, { isDelta: true }))
      .replace(
        /(SKIPPED-SEGMENTS=)(\d+)/,
        (__, name: string, count) => `${name}${Number(count) + 1}`,
      )
      .replace(/#EXTINF:.*\n\d+\.m4s\n/, '');
    expect(problemsOf(over, 2).join()).toMatch(/more is skipped/);
    expect(problemsOf(delta.replace('VERSION:9', 'VERSION:8'), 2).join()).toMatch(/version 9/);
  });

  test('a playlist that goes back or changes', () => {
    const next = growingPlaylist(optionsAt('30', 'low', 'v720', 124));
    expect(changesAgainstRules(next, text).join()).toMatch(/taken back/);
    const moved = text.replace(
      /MEDIA-SEQUENCE:(\d+)/,
      (__, first) => `MEDIA-SEQUENCE:${Number(first) - 1}`,
    );
    expect(changesAgainstRules(text, moved).join()).toMatch(/went back/);
    expect(
      changesAgainstRules(text, next.replace(/PART-TARGET=[\d.]+/, 'PART-TARGET=0.4')).join(),
    ).toMatch(/PART-TARGET changed/);
    expect(changesAgainstRules(text, next.replace(/HOLD-BACK=6/, 'HOLD-BACK=8')).join()).toMatch(
      /SERVER-CONTROL/,
    );
    expect(
      changesAgainstRules(text, next.replace(/TARGETDURATION:2/, 'TARGETDURATION:3')).join(),
    ).toMatch(/target duration/);
    expect(
      changesAgainstRules(text, next.replace(/DURATION=0.333333/, 'DURATION=0.3')).join(),
    ).toMatch(/part of/);
    expect(changesAgainstRules(text, next.replace(/EXTINF:2.000000/, 'EXTINF:1.9')).join()).toMatch(
      /changed/,
    );
  });
});

describe('blocking reload', () => {
  const grid = gridOf('30');
  const division = divisionOf(grid, 'instant');
  const at = { next: segmentNumber(100), parts: 3 };
  const state = (msn: number, part?: number): string =>
    reloadState(grid, division, at, {
      msn: segmentNumber(msn),
      ...(part === undefined ? {} : { part }),
    });

  test.each([
    [99, undefined, 'ready'],
    [100, undefined, 'wait'],
    [101, undefined, 'wait'],
    [102, undefined, 'too-far'],
    [100, 2, 'ready'],
    [100, 3, 'wait'],
    // Beyond the last part: the first of the next segment.
    [99, 10, 'ready'],
    [100, 10, 'wait'],
    [101, 7, 'wait'],
    [101, 8, 'too-far'],
  ] as const)('of segment %i, part %s: %s', (msn, part, expected) => {
    expect(state(msn, part)).toBe(expected);
  });

  test.each([
    [99, undefined, 'ready'],
    [100, undefined, 'wait'],
    [101, undefined, 'wait'],
    [102, undefined, 'too-far'],
    [99, 5, 'ready'],
    [100, 0, 'wait'],
    [101, 30, 'wait'],
    [102, 0, 'too-far'],
  ] as const)('of segment %i where there are no parts, part %s: %s', (msn, part, expected) => {
    expect(
      reloadState(
        grid,
        divisionOf(grid, 'standard'),
        { next: segmentNumber(100), parts: 0 },
        { msn: segmentNumber(msn), ...(part === undefined ? {} : { part }) },
      ),
    ).toBe(expected);
  });
});
