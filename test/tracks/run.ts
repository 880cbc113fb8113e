/**
 * `npm run tracks`: feeds whose pictures or sound are gone for up to three minutes, behind the other track or stuttering,
 * through a whole pipeline, as many at once as the machine carries; what viewers get of each, as a table. Parts of names choose feeds.
 */
import { parseArgs } from 'node:util';
import { FeedGate } from '../helpers/feed-gate.ts';
import { startPipeline } from '../helpers/pipeline.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';
import { makeClip } from '../helpers/sources.ts';
import {
  faultsOf,
  LONG_FEEDS,
  RECIPE,
  recordFeed,
  type TrackFeed,
  type TrackOutcome,
} from './feeds.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const feeds = LONG_FEEDS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);

function rowOf(feed: TrackFeed, outcome: TrackOutcome): Row {
  const { pictures, sound, joins, silences, sender } = outcome;
  const faults = faultsOf(feed, outcome);
  for (const fault of faults) {
    console.error(`${feed.name}: ${fault}`);
    process.exitCode = 1;
  }
  const worst = Math.max(0, ...silences.map(Math.abs));
  return {
    feed: feed.name,
    s: String(feed.seconds),
    'frames sent, lost': `${pictures.sent}, ${pictures.lost.length}`,
    'places held, slate, wrong': `${pictures.held}, ${pictures.slate}, ${pictures.wrong}`,
    'sound: stretches, overall, worst (dB)': `${sound.places}, ${sound.overallDb.toFixed(1)}, ${sound.worstDb.toFixed(1)}`,
    'joins: count, overall, worst (dB)': `${joins.places}, ${joins.overallDb.toFixed(1)}, ${joins.worstDb.toFixed(1)}`,
    'silence − hole, at most (ms)': silences.length === 0 ? '–' : (1000 * worst).toFixed(0),
    'sender late, blocked (ms)': `${sender.lateMs.toFixed(0)}, ${sender.blockedMs.toFixed(0)}`,
    verdict: faults.length === 0 ? 'good' : `${faults.length} faults`,
  };
}

const clip = await makeClip(RECIPE, Math.max(...feeds.map(({ seconds }) => seconds)));
const pipeline = await startPipeline();
try {
  // Judging takes a core for itself: it waits until nothing is on air.
  const run = { pipeline, clip, gate: new FeedGate() };
  const recorded = await Promise.allSettled(feeds.map((feed) => recordFeed(feed, run)));
  const rows: Row[] = [];
  for (const [i, feed] of feeds.entries()) {
    const judge = recorded[i];
    if (judge?.status === 'fulfilled') {
      rows.push(rowOf(feed, await judge.value()));
    } else {
      console.error(`${feed.name}:`, judge?.reason);
      process.exitCode = 1;
    }
  }
  console.log(markdownTable(rows));
} finally {
  await pipeline.close();
}
