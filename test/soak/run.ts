/**
 * `npm run soak -- --minutes 15 --rate 1`: a whole pipeline under one small publisher and one viewer, everything it
 * holds read every five seconds, and what grows or passes its bound told in tables; ends with 1 when anything does.
 * `--rate auto` takes the highest rate of the clock at which this machine keeps up. `--minutes` are the clock's.
 * `--broadcasts` begins and ends a broadcast every 20 s of the clock. `--warm-up 5`: real minutes that do not count.
 */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { gridOf, segmentSeconds } from '#common/grid';
import { markdownTable } from '../helpers/report-table.ts';
import { highestRate, MOST_LAG_MS, RATES } from './auto-rate.ts';
import { diskBounds, keyFamilies, redisBytes, type Load } from './bounds.ts';
import { judgeDisk, judgeProcesses, judgeRedis, type Reading } from './report.ts';
import { medianOf, type Point } from './slope.ts';
import { CHANNEL, LADDER, lagsAt, makeLoop, soak, type Soaked } from './soak.ts';

const PROBE_SECONDS = 40;
/** Supervisor, Redis and its guardian, control, scheduler, aggregator, ingest, edge, and a worker a core, four at most. */
const PROCESSES = 8 + Math.min(4, cpus().length);
const CYCLE = { on: 14, off: 6 };

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'no commit';
  }
}

const lagsOf = (readings: readonly Reading[]): Point[] =>
  readings.flatMap(({ at, lagMs }) => (lagMs === undefined ? [] : [{ at, value: lagMs }]));

function faultsOf({ viewed, recorded, wentBad, readings }: Soaked, isCycling: boolean): string[] {
  const faults = [...wentBad];
  if (viewed.missing > 0 || viewed.steppedBack > 0) {
    faults.push(`the viewer missed ${viewed.missing} numbers, ${viewed.steppedBack} steps back`);
  }
  // Before a channel's first broadcast and in a broadcast's first moments there is nothing to list.
  for (const [what, count] of viewed.refused) {
    if (!isCycling || what.startsWith('segment')) {
      faults.push(`the viewer got ${count} × ${what}`);
    }
  }
  if (recorded.missing > 0) {
    faults.push(`recordings lack ${recorded.missing} segments`);
  }
  const third = Math.floor(readings.length / 3);
  const lag = medianOf(lagsOf(readings.slice(-third)));
  if (lag > MOST_LAG_MS) {
    faults.push(`segments come ${Math.round(lag)} ms after their end`);
  }
  return faults;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '15' },
    rate: { type: 'string', default: '1' },
    broadcasts: { type: 'boolean', default: false },
    'warm-up': { type: 'string', default: '5' },
  },
});
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    interrupted.abort();
  });
}
const say = (text: string): void => {
  console.error(text);
};
const { loop, bps } = await makeLoop();
const rate =
  values.rate === 'auto'
    ? await highestRate(async (tried) => {
        const lags = await lagsAt(tried, loop, PROBE_SECONDS);
        say(`rate ${tried}: lag ${lags.map(Math.round).join(' ')} ms`);
        return lags;
      })
    : Number(values.rate);
const minutes = Number(values.minutes);
const warmUp = Number(values['warm-up']);
const framesPerSecond = (1_000 * loop.body.length) / loop.period;
const load: Load = {
  rate,
  dvrSeconds: CHANNEL.dvrSeconds,
  segmentSeconds: segmentSeconds(gridOf('30')),
  feed: { bps, framesPerSecond },
  renditions: LADDER.video.length + 1,
  channels: 1,
  cycleSeconds: values.broadcasts ? CYCLE.on + CYCLE.off : undefined,
  processes: PROCESSES,
};
const mediaBps =
  LADDER.audio.bitrateBps + LADDER.video.reduce((sum, { maxBitrateBps }) => sum + maxBitrateBps, 0);
const families = keyFamilies(load);
const limit = redisBytes(load, mediaBps);
const cycle = values.broadcasts ? CYCLE : undefined;
say(`rate ${rate}, ${minutes} clock minutes, ${(minutes / rate).toFixed(1)} real ones`);
const soaked = await soak(
  { rate, minutes, cycle, families, say, signal: interrupted.signal },
  loop,
);

const { readings, viewed, recorded, store, publishes } = soaked;
const criteria = { warmUp, rate };
const judged = [
  judgeProcesses(readings, criteria),
  judgeRedis(readings, criteria, families, limit),
  judgeDisk(readings, diskBounds(load, Math.max(...readings.map(({ redisBytes: used }) => used)))),
];
const lags = lagsOf(readings);
const mostLag = Math.max(...lags.map(({ value }) => value));
const growth = (store.after - store.before) / 1e6 / minutes;
const how = values.rate === 'auto' ? `, the highest of ${RATES.join(', ')} it kept up with` : '';
const facts = [
  `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}.`,
  `Clock rate ${rate}${how}: ${minutes} minutes of the clock in ${(minutes / rate).toFixed(1)} real ones, the first ${warmUp} real ones not counted.`,
  `Slopes are Theil–Sen over the lowest reading of every half minute. ${publishes} publishes, ${recorded.broadcasts} broadcasts.`,
  `Published ${Math.round(medianOf(lags))} ms of the clock after a segment's end (median; at most ${Math.round(mostLag)}).`,
  `Recordings: ${recorded.segments} segments, ${recorded.missing} missing. Viewer: ${viewed.segments} segments, ${(viewed.bytes / 1e6).toFixed(0)} MB, ${viewed.missing} missing, ${viewed.steppedBack} steps back.`,
  `The store grows by design, until its lifecycle removes what is old: media by ${growth.toFixed(2)} MB a clock minute; the ladder's rates allow ${((mediaBps * 60) / 8e6).toFixed(2)}.`,
];
console.log(facts.join('\n'));
for (const { rows } of judged) {
  console.log(`\n${markdownTable(rows)}`);
}
const faults = [...judged.flatMap((part) => part.faults), ...faultsOf(soaked, values.broadcasts)];
for (const fault of faults) {
  say(`BROKEN: ${fault}`);
  process.exitCode = 1;
}
say(faults.length === 0 ? 'every bound held' : `${faults.length} faults`);
