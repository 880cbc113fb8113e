import { describe, expect, test } from '@jest/globals';
import { milliseconds } from '#common/time';
import {
  WHATEVER_THE_TIME,
  decide,
  nextDue,
  type DecideSettings,
} from '../../../scheduler/plan/decide.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { emptyChannel, type ChannelState } from '../../../scheduler/plan/state.ts';
import { seeded } from '../../helpers/seeded.ts';
import { SETTINGS, simulateLife } from './simulated-feed.ts';

/** Later than anything in these lives by far. */
const MUCH_LATER = milliseconds(Date.UTC(2100, 0, 1));
/** Less than any two things of the grid are apart, more than numbers of that size are rounded by. */
const A_MOMENT = 0.01;

/** What is wrong with the moment that is named for a state. */
function wrongs(state: ChannelState, settings: DecideSettings): string[] {
  const due = nextDue(state, settings);
  const isDue = (at: number): boolean => decide(state, milliseconds(at), settings).length > 0;
  if (due === WHATEVER_THE_TIME) {
    return isDue(due) ? [] : ['nothing at any time'];
  }
  if (due === Number.POSITIVE_INFINITY) {
    return isDue(MUCH_LATER) ? ['something, though never'] : [];
  }
  return [
    ...(isDue(WHATEVER_THE_TIME) ? ['something whatever the time'] : []),
    ...(isDue(due - A_MOMENT) ? ['something too soon'] : []),
    ...(isDue(due) ? [] : ['nothing when due']),
  ];
}

const seeds = Array.from({ length: 24 }, (_, seed) => seed);

describe.each(seeds)('in a channel life from seed %i', (seed) => {
  const { entries } = simulateLife(seeded(seed), 160);

  test.each([
    { title: 'as it is', settings: SETTINGS },
    { title: 'while its end is asked for', settings: { ...SETTINGS, isEndAsked: true } },
    {
      title: 'with places open for long',
      settings: { ...SETTINGS, closeAfter: milliseconds(9_000) },
    },
  ])('nothing is due before the moment named, and something at it: $title', ({ settings }) => {
    const state = emptyChannel();
    const found: string[] = [];
    const kinds = { whatever: 0, byTime: 0, never: 0 };
    for (const entry of entries) {
      fold(state, entry);
      found.push(...wrongs(state, settings));
      const due = nextDue(state, settings);
      kinds.whatever += due === WHATEVER_THE_TIME ? 1 : 0;
      kinds.byTime += Number.isFinite(due) ? 1 : 0;
      kinds.never += due === Number.POSITIVE_INFINITY ? 1 : 0;
    }
    expect(found).toEqual([]);
    expect(kinds.whatever).toBeGreaterThan(0);
    expect(kinds.never).toBeGreaterThan(0);
    expect(kinds.byTime > 0 || settings.isEndAsked).toBe(true);
  });
});

test('a channel without any session waits for nothing', () => {
  expect(nextDue(emptyChannel(), SETTINGS)).toBe(Number.POSITIVE_INFINITY);
});
