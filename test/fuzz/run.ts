/** Mutated media through ingest's parsers and the worker's transcode, as a table: `npm run fuzz:media -- --rounds 300 --seed 1` */
import { parseArgs } from 'node:util';
import process from 'node:process';
import { ENCODER } from '../integration/transcoder-harness.ts';
import { cleanInits, fuzzClip, fuzzRound, type FuzzOutcome } from '../helpers/media-fuzz.ts';
import { MUTATIONS } from '../helpers/media-mutation.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '300' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const from = Number(values.from);
const clip = await fuzzClip();
const encoder = ENCODER;
const inits = await cleanInits(clip, encoder);
const outcomes: FuzzOutcome[] = [];
let wrong = 0;
for (let round = from; round < from + Number(values.rounds); round += 1) {
  try {
    const outcome = await fuzzRound(clip, round, seed, { encoder, inits, isTwice: true });
    outcomes.push(outcome);
    if (values.verbose) {
      process.stdout.write(`${round} ${JSON.stringify(outcome)}\n`);
    }
  } catch (error) {
    wrong += 1;
    process.stderr.write(`seed ${seed}, round ${round}: ${String(error)}\n`);
  }
}
const kinds = ['made', 'filler', 'refused', 'empty'] as const;
const rows = Object.keys(MUTATIONS).map((name) => {
  const own = outcomes.filter(({ mutation }) => mutation === name);
  const counts = kinds.map((kind) => own.filter(({ outcome }) => outcome === kind).length);
  const longest = Math.max(0, ...own.map(({ milliseconds }) => milliseconds));
  return `| ${name} | ${counts.join(' | ')} | ${(longest / 1000).toFixed(1)} |`;
});
process.stdout.write(
  `${[`| Mutation (seed ${seed}) | Made | Filler | Refused | Nothing to show | Longest, s |`, '|---|---|---|---|---|---|', ...rows].join('\n')}\n\n${outcomes.length} rounds as they should be, ${wrong} not\n`,
);
process.exitCode = wrong === 0 ? 0 : 1;
