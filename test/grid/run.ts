/**
 * `npm run grid -- --minutes 5`: the sources, clean feeds and sounds at length through a whole pipeline, as a table.
 * The first three sources and everything with drift or joins run that long, the other sources a fifth of it.
 * As many run at once as the machine carries; `--rate 2` runs clock and publishers twice as fast, `--profile low` is the channels'
 * latency profile, names choose cases.
 */
import { parseArgs } from 'node:util';
import { profileSchema, type Profile } from '#common/contracts/channel';
import { FeedGate } from '../helpers/feed-gate.ts';
import { fastClock, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { markdownTable, reportRow, type Row } from '../helpers/report-table.ts';
import {
  CLEAN_CASES,
  faultsOf,
  makeClips,
  runCase,
  sayLateness,
  SOUND_CASES,
  SOURCE_CASES,
  type GridCase,
} from './cases.ts';

const LONG_SOURCES = ['steady-30', 'obs-like', 'ntsc-2997'];
/** Joins to measure: a little more than fifty segments of two seconds. */
const SOUND_SECONDS = 112;

interface Settings {
  readonly seconds: number;
  readonly rate: number;
  readonly profile: Profile;
}

function secondsOf(gridCase: GridCase, seconds: number): number {
  if (SOUND_CASES.includes(gridCase)) {
    return SOUND_SECONDS;
  }
  const isShort = SOURCE_CASES.includes(gridCase) && !LONG_SOURCES.includes(gridCase.name);
  return isShort ? Math.max(20, seconds / 5) : seconds;
}

async function runOne(
  pipeline: Pipeline,
  gridCase: GridCase,
  { seconds: most, rate, profile, gate }: Settings & { readonly gate: FeedGate },
): Promise<Row> {
  const seconds = secondsOf(gridCase, most);
  console.error(`${gridCase.name}: ${seconds} s`);
  const outcome = await runCase(pipeline, gridCase, { seconds, rate, profile, gate });
  const faults = faultsOf(gridCase, outcome);
  for (const fault of faults) {
    console.error(`${gridCase.name}: ${fault}`);
    process.exitCode = 1;
  }
  const { sound } = outcome.report;
  const isSilent = outcome.complaints.every((text) => text === '');
  return {
    ...reportRow(gridCase.name, outcome.report),
    'joins: count, overall, worst, away, loss (dB)':
      sound === undefined
        ? '–'
        : [
            sound.joins.places,
            ...[
              sound.joins.overallDb,
              sound.joins.worstDb,
              sound.away.overallDb,
              sound.loss.meanDb,
            ].map((db) => db.toFixed(1)),
          ].join(', '),
    'ffmpeg on HLS and DASH': isSilent ? 'silent' : 'ERRORS',
    lateness: sayLateness(outcome),
    verdict: faults.length === 0 ? 'good' : `${faults.length} faults`,
  };
}

async function runAll(cases: readonly GridCase[], settings: Settings): Promise<Row[]> {
  await makeClips(cases, (gridCase) => secondsOf(gridCase, settings.seconds));
  const pipeline = await startPipeline(fastClock(settings.rate));
  const gate = new FeedGate();
  try {
    return await Promise.all(
      cases.map(async (gridCase): Promise<Row> => {
        try {
          return await runOne(pipeline, gridCase, { ...settings, gate });
        } catch (error) {
          console.error(`${gridCase.name}:`, error);
          process.exitCode = 1;
          return { source: gridCase.name, verdict: 'failed' };
        }
      }),
    );
  } finally {
    await pipeline.close();
  }
}

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    rate: { type: 'string', default: '1' },
    profile: { type: 'string', default: 'standard' },
  },
  allowPositionals: true,
});
const all = [...SOURCE_CASES, ...CLEAN_CASES, ...SOUND_CASES];
const chosen = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const rows = await runAll(chosen, {
  seconds: Number(values.minutes) * 60,
  rate: Number(values.rate),
  profile: profileSchema.parse(values.profile),
});
console.log(markdownTable(rows));
