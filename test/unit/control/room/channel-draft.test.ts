import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LADDER } from '#common/contracts/channel';
import { createBodySchema } from '../../../../control/api/schemas.ts';
import {
  NEW_DRAFT,
  draftOf,
  problemsFrom,
  problemsOf,
  requestOf,
  type ChannelDraft,
  type DraftField,
} from '../../../../control/room/channel-draft.ts';

const draft = (changed: Partial<ChannelDraft> = {}): ChannelDraft => ({
  ...NEW_DRAFT,
  id: 'final',
  ...changed,
});
const rungs = (rate: string, isOn = true) =>
  NEW_DRAFT.rungs.map((rung) => ({ ...rung, rate, isOn: isOn && rung.isOn }));

test('the form as it opens asks for what the API makes by itself', () => {
  const request = requestOf(draft());
  expect(createBodySchema.parse(request)).toEqual({
    id: 'final',
    name: 'final',
    fps: null,
    profile: 'low',
    ladder: DEFAULT_LADDER,
    fixedLadder: false,
    priority: 50,
    dvrSeconds: 7_200,
    reconnectSeconds: 60,
  });
  expect(problemsOf(draft(), [])).toEqual({});
});

test('a channel comes out of the form as it went in', () => {
  const ladder = {
    ...DEFAULT_LADDER,
    video: [
      { height: 900, maxBitrateBps: 4_250_000 },
      { height: 360, maxBitrateBps: 900_000 },
    ],
  };
  const channel = {
    id: 'final',
    name: 'Cup final',
    fps: '30000/1001' as const,
    ladder,
    dvrSeconds: 90,
    fixedLadder: true,
    priority: 80,
    profile: 'low' as const,
    reconnectSeconds: 5,
    createdAt: '2026-01-01T00:00:00Z',
  };
  const { createdAt: _createdAt, ...settings } = channel;
  expect(requestOf(draftOf(channel))).toEqual(settings);
});

describe('problems', () => {
  test.each<[DraftField, Partial<ChannelDraft>]>([
    ['id', { id: '' }],
    ['id', { id: 'Cup Final' }],
    ['id', { id: 'taken' }],
    ['name', { name: 'x'.repeat(201) }],
    ['ladder', { rungs: rungs('3', false) }],
    ['ladder', { rungs: rungs('') }],
    ['ladder', { rungs: rungs('41') }],
    ['ladder', { rungs: rungs('much') }],
    ['soundRate', { soundRate: '16' }],
    ['dvrMinutes', { dvrMinutes: '' }],
    ['dvrMinutes', { dvrMinutes: '2000' }],
    ['reconnectSeconds', { reconnectSeconds: '1.5' }],
  ])('with %s of %j are told there, and only there', (field, changed) => {
    expect(Object.keys(problemsOf(draft(changed), ['taken']))).toEqual([field]);
  });

  test('that the API has are told beside their fields', () => {
    const message = 'ladder.video.0.height: too large; dvrSeconds: too small';
    expect(problemsFrom(message)).toEqual({ ladder: 'too large', dvrMinutes: 'too small' });
    expect(problemsFrom('channel x is on air')).toBeUndefined();
  });
});
