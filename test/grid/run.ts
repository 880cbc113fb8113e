/**
 * `npm run grid -- --minutes 5`: the sources, clean feeds and sounds at length through a whole pipeline, as a table.
 * The first three sources and everything with drift or joins run that long, the other sources a fifth of it.
 * `--parallel 4` says how many at once, `--rate 2` runs clock and publishers twice as fast, names choose cases.
 */
import { parseArgs } from 'node:util';
import { fastClock, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { markdownTable, reportRow, type Row } from '../helpers/report-table.ts';
import {
  CLEAN_CASES,
  faultsOf,
  makeClips,
  runCase,
  SOUND_CASES,
  SOURCE_CASES,
  type GridCase,
} from './cases.ts';

const LONG_SOURCES = ['steady-30', 'obs-like', 'ntsc-2997'];
/** Joins to measure: a little more than fifty segments of two seconds. */
const SOUND_SECONDS = 112;

interface Settings {
  readonly seconds: number;
  readonly parallel: number;
  readonly rate: number;
}

function secondsOf(gridCase: GridCase, seconds: number): number {
  if (SOUND_CASES.includes(gridCase)) {
    return SOUND_SECONDS;
  }
  const isShort = SOURCE_CASES.includes(gridCase) && !LONG_SOURCES.includes(gridCase.name);
  return isShort ? Math.max(20, seconds / 5) : seconds;
}

async function runOne(pipeline: Pipeline, gridCase: GridCase, settings: Settings): Promise<Row> {
  const seconds = secondsOf(gridCase, settings.seconds);
  console.error(`${gridCase.name}: ${seconds} s`);
  const outcome = await runCase(pipeline, gridCase, seconds, settings.rate);
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
    verdict: faults.length === 0 ? 'good' : `${faults.length} faults`,
  };
}

async function runAll(cases: readonly GridCase[], settings: Settings): Promise<Row[]> {
  await makeClips(cases, (gridCase) => secondsOf(gridCase, settings.seconds));
  const pipeline = await startPipeline(fastClock(settings.rate));
  const rows = new Map<GridCase, Row>();
  const waiting = [...cases];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        rows.set(next, await runOne(pipeline, next, settings));
      } catch (error) {
        console.error(`${next.name}:`, error);
        process.exitCode = 1;
        rows.set(next, { source: next.name, verdict: 'failed' });
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: settings.parallel }, lane));
  } finally {
    await pipeline.close();
  }
  return cases.flatMap((gridCase) => {
    const row = rows.get(gridCase);
    return row === undefined ? [] : [row];
  });
}

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    parallel: { type: 'string', default: '3' },
    rate: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const all = [...SOURCE_CASES, ...CLEAN_CASES, ...SOUND_CASES];
const chosen = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const rows = await runAll(chosen, {
  seconds: Number(values.minutes) * 60,
  parallel: Number(values.parallel),
  rate: Number(values.rate),
});
console.log(markdownTable(rows));
