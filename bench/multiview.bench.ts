/**
 * Do four channels on one page show the same frame? Two in `low` and two in `instant`, real media through origin and edge to
 * Chromium; what is compared are the frames that reach the screen. It fails where more than one frame lies between any two
 * of them for more than a hundredth of the time.
 *
 * `npm run bench multiview`; longer: `npm run bench multiview -- --minutes 5`.
 */
import { parseArgs } from 'node:util';
import { setTimeout as passTime } from 'node:timers/promises';
import { multiviewPath } from '#common/contracts/delivery';
import { startGrowingFeed, type GrowingFeed } from '../test/e2e/growing-feed.ts';
import { compare, watchTogether } from '../test/e2e/shown-together.ts';
import { GRID, makeWatchMedia } from '../test/e2e/watch-media.ts';
import { startChromium } from '../test/helpers/chromium.ts';
import { eventually } from '../test/helpers/poll.ts';
import { markdownTable } from '../test/helpers/report-table.ts';
import { openHarness } from '../test/integration/aggregator-harness.ts';
import { runEdge } from '../test/integration/edge-run.ts';
import { spreadOf } from './latency/percentiles.ts';

const CHANNELS = ['one', 'two', 'three', 'four'];
const FPS = GRID.num / GRID.den;
/** Joining and finding the distance are not looked at. */
const SETTLE_MS = 10_000;
const LOOK_MS = 500;
const MOST_APART = 0.01;

const { values: options } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } });
const lookMs = Number(options.minutes) * 60_000;

interface Seen {
  readonly tiles: readonly { readonly state: string; readonly currentTime: number }[];
  readonly distance: number;
}

const media = await makeWatchMedia([{ height: 180, bitrateBps: 250_000 }]);
const chromium = await startChromium({ width: 1280, height: 800 });
const harness = await openHarness(true);
const edge = await runEdge(await harness.start(), { channels: () => CHANNELS });
const feeds: GrowingFeed[] = [];
try {
  for (const [i, channel] of CHANNELS.entries()) {
    const profile = i % 2 === 0 ? 'low' : 'instant';
    feeds.push(await startGrowingFeed({ harness, media }, { channel, profile, pastSegments: 3 }));
  }
  const page = await chromium.context.newPage();
  await page.goto(edge.url + multiviewPath(CHANNELS));
  const look = async (): Promise<Seen> =>
    JSON.parse(await page.evaluate<string>('JSON.stringify(__multiview.stats())')) as Seen;
  await eventually('all to play', async () =>
    (await look()).tiles.every(({ state }) => state === 'live') ? true : undefined,
  );
  await passTime(SETTLE_MS);
  const read = await watchTogether(page);
  const spreads: number[] = [];
  const distances: number[] = [];
  for (let passed = 0; passed < lookMs; passed += LOOK_MS) {
    await passTime(LOOK_MS);
    const { tiles, distance } = await look();
    const times = tiles.map(({ currentTime }) => currentTime);
    spreads.push((Math.max(...times) - Math.min(...times)) * 1000);
    distances.push(distance);
  }
  const { shares, longestStandstill, duration } = compare(await read(), FPS);
  const [same = 0, next = 0] = shares;
  const further = Math.max(0, 1 - same - next);
  const spread = spreadOf(spreads);
  const behind = spreadOf(distances.map((seconds) => seconds * 1000));
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  process.stdout.write(
    `${markdownTable([
      {
        seconds: (duration / 1000).toFixed(0),
        'same frame': percent(same),
        next: percent(next),
        further: percent(further),
        'playheads apart, p50 / p95 / worst': [spread.p50, spread.p95, spread.worst]
          .map(ms)
          .join(' / '),
        'behind the clock, p50 / worst': [behind.p50, behind.worst].map(ms).join(' / '),
        'longest standstill': ms(longestStandstill),
      },
    ])}\n`,
  );
  if (further > MOST_APART) {
    process.exitCode = 1;
  }
} finally {
  await chromium.close();
  await Promise.all(feeds.map((feed) => feed.stop()));
  await edge.close();
  await harness.close();
}
