/**
 * Pictures missing under sound, sound missing under pictures, and a feed that stutters: what viewers get of each.
 *
 * @takes-seconds 60
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FeedGate } from '../helpers/feed-gate.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { makeClip } from '../helpers/sources.ts';
import {
  faultsOf,
  pictureFaults,
  RECIPE,
  recordFeed,
  SHORT_FEEDS,
  soundFaults,
  type TrackOutcome,
} from '../tracks/feeds.ts';

const TIMEOUT_MS = 400_000;
const FPS = 30;

type FeedName = keyof typeof SHORT_FEEDS;

let pipeline: Pipeline;
const outcomes = new Map<FeedName, Promise<TrackOutcome>>();

async function outcomeOf(name: FeedName): Promise<TrackOutcome> {
  const outcome = await outcomes.get(name);
  if (outcome === undefined) {
    throw new Error(`${name} did not run`);
  }
  return outcome;
}

beforeAll(async () => {
  const feeds = Object.values(SHORT_FEEDS);
  const clip = await makeClip(RECIPE, Math.max(...feeds.map(({ seconds }) => seconds)));
  pipeline = await startPipeline();
  const run = { pipeline, clip, gate: new FeedGate() };
  for (const feed of feeds) {
    const outcome = recordFeed(feed, run).then((judge) => judge());
    // Its own test tells what went wrong.
    outcome.catch(() => undefined);
    outcomes.set(feed.name, outcome);
  }
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.allSettled(outcomes.values());
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

describe('while pictures are missing', () => {
  test(
    'sound is unbroken, through holes and keyframes alone',
    async () => {
      expect(soundFaults(SHORT_FEEDS.holes, await outcomeOf('holes'))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'each keyframe is shown, and what comes after the hole',
    async () => {
      const outcome = await outcomeOf('holes');
      expect(pictureFaults(SHORT_FEEDS.holes, outcome)).toEqual([]);
      expect(outcome.pictures.held).toBeGreaterThan(13 * FPS);
    },
    TIMEOUT_MS,
  );

  test(
    'of a camera that is gone for longer than a reconnect, the slate is shown and sound is unbroken',
    async () => {
      const outcome = await outcomeOf('camera');
      expect(faultsOf(SHORT_FEEDS.camera, outcome)).toEqual([]);
      expect(outcome.pictures.slate).toBeGreaterThan(12 * FPS);
    },
    TIMEOUT_MS,
  );
});

describe('while sound is missing', () => {
  test(
    'pictures lose and repeat nothing',
    async () => {
      const outcome = await outcomeOf('microphone');
      expect(pictureFaults(SHORT_FEEDS.microphone, outcome)).toEqual([]);
      expect(outcome.pictures.held + outcome.pictures.slate).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    'there is silence, as long as the hole and no longer',
    async () => {
      const outcome = await outcomeOf('microphone');
      expect(outcome.silences).toHaveLength(2);
      expect(soundFaults(SHORT_FEEDS.microphone, outcome)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('a feed that stalls for three seconds and then sends all of it', () => {
  test(
    'loses and repeats nothing, neither pictures nor sound',
    async () => {
      const outcome = await outcomeOf('stutter');
      expect(faultsOf(SHORT_FEEDS.stutter, outcome)).toEqual([]);
      expect(outcome.pictures.held + outcome.pictures.slate).toBe(0);
    },
    TIMEOUT_MS,
  );
});
