/**
 * `npm run faults`: every scenario through a pipeline of its own, as a table for docs/faults.md. Words choose scenarios
 * whose names contain them; `--seed 7` decides the random moments; `--keep folder` copies the logs there; `--profile low` is the
 * channel's latency profile; `--parallel 2` runs two
 * pipelines at a time.
 */
import { parseArgs } from 'node:util';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import pLimit from 'p-limit';
import { profileSchema } from '#common/contracts/channel';
import { startPipeline } from '../helpers/pipeline.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';
import { faultClip, runFault, type FaultPlan } from './fault-run.ts';
import { scenarios } from './scenarios.ts';

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    keep: { type: 'string' },
    parallel: { type: 'string', default: '1' },
    profile: { type: 'string', default: 'standard' },
  },
  allowPositionals: true,
});

async function runOne(plan: FaultPlan): Promise<Row> {
  console.error(`${plan.name} …`);
  const pipeline = await startPipeline({ WORKERS: '2' });
  try {
    const verdict = await runFault(pipeline, {
      ...plan,
      profile: profileSchema.parse(values.profile),
    });
    for (const fault of verdict.faults) {
      console.error(`${plan.name}: ${fault}`);
      process.exitCode = 1;
    }
    console.error(`${plan.name}: ${verdict.row['verdict'] ?? ''}`);
    return verdict.row;
  } catch (error) {
    console.error(`${plan.name}:`, error);
    process.exitCode = 1;
    return { what: plan.name, verdict: 'failed' };
  } finally {
    if (values.keep !== undefined) {
      const logs = path.join(pipeline.dataDir, 'logs');
      await cp(logs, path.join(values.keep, plan.channel), { recursive: true });
    }
    await pipeline.close();
  }
}

const chosen = scenarios(Number(values.seed)).filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
console.error(`seed ${values.seed}`);
await faultClip();
const limit = pLimit(Number(values.parallel));
const rows = await Promise.all(chosen.map((plan) => limit(() => runOne(plan))));
console.log(markdownTable(rows));
