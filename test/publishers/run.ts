/**
 * Runs real publishers against a whole pipeline and judges what viewers get: `npm run publishers`, with
 * `-- --seconds 60` and names (`ffmpeg`, `gstreamer`, `obs`) to run less or longer.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { analyseBroadcast, playerComplaints } from '../helpers/analyse.ts';
import { waitForAir, waitForRecording } from '../helpers/broadcast-run.ts';
import { run } from '../helpers/child.ts';
import { SMALL_LADDER, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { markdownTable, reportRow, type Row } from '../helpers/report-table.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';

const PUBLISHERS = ['ffmpeg', 'gstreamer', 'obs'] as const;
const FOLDER = path.dirname(fileURLToPath(import.meta.url));
/** OBS needs a while until it streams; its clip goes on for longer than it is asked to run. */
const SPARE_SECONDS = 15;

/** Never resolves: rejects when a publisher ends badly, which nobody should wait for on air. */
function failed(ended: ReturnType<typeof run>, name: string): Promise<never> {
  return new Promise((_, reject) => {
    void ended.then(({ code, stderr }) => {
      if (code !== 0) {
        reject(new Error(`${name} ended with ${code}: ${stderr.trim().slice(-1_000)}`));
      }
    }, reject);
  });
}

async function publishWith(pipeline: Pipeline, name: string, seconds: number): Promise<Row> {
  const clip = await makeClip(RECIPES['steady-30'], seconds + SPARE_SECONDS);
  const channel = `by-${name}`;
  const key = await pipeline.api.createChannel({
    id: channel,
    ladder: SMALL_LADDER,
    reconnectSeconds: 5,
  });
  const server = `rtmp://127.0.0.1:${pipeline.rtmpPort}/live`;
  const script = path.join(FOLDER, `${name}.sh`);
  const ended = run(script, [server, key, clip.path, String(seconds)], {
    timeoutMs: (seconds + 60) * 1000,
  });
  const { broadcast, fps } = await Promise.race([
    waitForAir(pipeline, channel),
    failed(ended, name),
  ]);
  const outcome = await ended;
  process.stdout.write(outcome.stdout);
  process.stderr.write(outcome.stderr);
  const recorded = await waitForRecording(pipeline, channel, broadcast, fps);
  const report = await analyseBroadcast({ url: recorded.hls, fps, clip });
  const complaints = [await playerComplaints(recorded.hls), await playerComplaints(recorded.dash)];
  for (const text of [...report.problems, ...complaints].filter((line) => line !== '')) {
    console.error(`${name}: ${text.trim()}`);
  }
  const isClean = report.problems.length === 0 && complaints.every((text) => text === '');
  process.exitCode = isClean ? (process.exitCode ?? 0) : 1;
  return {
    ...reportRow(name, report),
    fps,
    'ffmpeg on HLS and DASH': complaints
      .map((text) => (text === '' ? 'silent' : 'ERRORS'))
      .join(', '),
  };
}

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '30' } },
  allowPositionals: true,
});
const names = PUBLISHERS.filter((name) => positionals.length === 0 || positionals.includes(name));
const pipeline = await startPipeline();
const rows: Row[] = [];
try {
  for (const name of names) {
    rows.push(await publishWith(pipeline, name, Number(values.seconds)));
  }
} finally {
  await pipeline.close();
}
console.log(markdownTable(rows));
