/**
 * `npm run capacity -- --seconds 100`: a fresh pipeline gets 1920x1080 at 30 fps, key frames every 250 frames, on its
 * channel `main`, and the best rendition has to stay within 4 s of the camera. `--live` encodes the feed here meanwhile,
 * as OBS on the same machine does; `--fixed` insists on the whole ladder, for comparison; `--workers 2` is the default.
 * Prints a table; ends with 1 when a lag is larger.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { workerCapacitySchema } from '#common/contracts/worker-capacity';
import { waitForAir } from '../helpers/broadcast-run.ts';
import { endChild, runOk, words } from '../helpers/child.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';

const MOST_LAG_MS = 4_000;
const ROW_SECONDS = 10;
/** Grain and motion: neither a still picture nor noise that no encoder can code. */
const PICTURES = 'testsrc2=size=1920x1080:rate=30,noise=alls=12:allf=t:all_seed=1';
const SOUND = 'sine=frequency=440:sample_rate=48000';
/** As OBS does when nobody changes its settings. */
const ENCODER = words`-c:v libx264 -preset veryfast -pix_fmt yuv420p -b:v 6000k -maxrate 6000k -bufsize 6000k
  -g 250 -bf 2 -c:a aac -ac 2 -b:a 160k`;
const CLIP_SECONDS = 50;

async function madeClip(): Promise<string> {
  const folder = path.join(tmpdir(), 'touchline-capacity');
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'full-hd.flv');
  const made = await readFile(file).catch(() => undefined);
  if (made === undefined) {
    process.stderr.write('making the clip\n');
    await runOk('ffmpeg', [
      ...words`-v error -y -f lavfi -i ${PICTURES} -f lavfi -i ${SOUND} -t ${CLIP_SECONDS}`,
      ...ENCODER,
      ...words`-f flv ${file}`,
    ]);
  }
  return file;
}

/** Cores in use on this machine, and of them those of programs with a lowered priority, since the last call. */
function coresInUse(): () => { readonly all: number; readonly lowered: number } {
  const read = () => {
    const times = cpus().map((core) => core.times);
    const sum = (of: (one: (typeof times)[number]) => number): number =>
      times.reduce((total, one) => total + of(one), 0);
    return { idle: sum((one) => one.idle), nice: sum((one) => one.nice), all: total(times) };
  };
  const total = (times: readonly object[]): number =>
    times.reduce<number>(
      (all, one) => all + Object.values(one).reduce<number>((sum, ms) => sum + Number(ms), 0),
      0,
    );
  let last = read();
  return () => {
    const now = read();
    const passed = Math.max(1, now.all - last.all) / cpus().length;
    const used = {
      all: cpus().length - (now.idle - last.idle) / passed,
      lowered: (now.nice - last.nice) / passed,
    };
    last = now;
    return used;
  };
}

interface Reading {
  readonly bestLagMs: number | null;
  readonly worstLagMs: number | null;
  readonly unfinished: number;
}

async function read(pipeline: Pipeline, best: string): Promise<Reading> {
  const status = await pipeline.api.status('main');
  const lags = status.renditions.map(({ id, lagMs }) => ({
    id,
    lagMs: typeof lagMs === 'number' ? lagMs : null,
  }));
  const known = lags.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs]));
  return {
    bestLagMs: lags.find(({ id }) => id === best)?.lagMs ?? null,
    worstLagMs: known.length === 0 ? null : Math.max(...known),
    unfinished: Number(status['unfinished']),
  };
}

const seconds = (ms: number | null): string => (ms === null ? '–' : (ms / 1000).toFixed(1));

async function watch(pipeline: Pipeline, best: string, forSeconds: number): Promise<Row[]> {
  const rows: Row[] = [];
  const used = coresInUse();
  let peak = 0;
  for (let second = 1; second <= forSeconds; second += 1) {
    await delay(1_000);
    const reading = await read(pipeline, best);
    peak = Math.max(peak, reading.bestLagMs ?? 0);
    if (second % ROW_SECONDS === 0 || second === forSeconds) {
      const { all, lowered } = used();
      rows.push({
        'seconds on air': String(second),
        [`${best}, lag (s)`]: seconds(reading.bestLagMs),
        'worst so far (s)': seconds(peak),
        'worst of all renditions (s)': seconds(reading.worstLagMs),
        'tasks unfinished': String(reading.unfinished),
        'cores in use, of them ffmpeg of workers': `${all.toFixed(2)}, ${lowered.toFixed(2)}`,
      });
    }
  }
  process.exitCode = peak > MOST_LAG_MS ? 1 : 0;
  return rows;
}

/** Clock ticks a second in /proc: the same on every Linux that runs Node. */
const TICKS = 100;

/** CPU seconds of every service of the pipeline so far: its own, and its ended children's. */
async function cpuSeconds(pipeline: Pipeline): Promise<ReadonlyMap<string, readonly number[]>> {
  const { services } = z
    .object({ services: z.array(z.object({ id: z.string(), service: z.string(), pid: z.int() })) })
    .parse(await pipeline.api.call('GET', '/v1/services', 200));
  const found = new Map<string, readonly number[]>();
  for (const { id, service, pid } of services) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): after the name in brackets come state, 10 fields, then utime, stime, cutime, cstime.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    found.set(`${service} ${id}`, [(user + system) / TICKS, (childUser + childSystem) / TICKS]);
  }
  return found;
}

/** What the workers told of the machine when the broadcast began, or soon after. */
async function machineTold(pipeline: Pipeline): Promise<string> {
  const { services } = z
    .object({ services: z.array(z.object({ service: z.string(), detail: z.unknown() })) })
    .parse(await pipeline.api.call('GET', '/v1/services', 200));
  return services
    .filter(({ service }) => service === 'transcoder')
    .map(({ detail }) => workerCapacitySchema.parse(detail))
    .map(({ otherCores, slowness }) => `${otherCores?.toFixed(2)} (${slowness?.toFixed(2)})`)
    .join(', ');
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '100' },
    workers: { type: 'string', default: '2' },
    live: { type: 'boolean', default: false },
    fixed: { type: 'boolean', default: false },
  },
});
const clip = values.live ? undefined : await madeClip();
const pipeline = await startPipeline({ WORKERS: values.workers });
if (values.fixed) {
  await pipeline.api.call('PATCH', '/v1/channels/main', 200, { fixedLadder: true });
}
const key = (await readFile(path.join(pipeline.dataDir, 'stream-key-main'), 'utf8')).trim();
const target = `rtmp://127.0.0.1:${pipeline.rtmpPort}/live/${key}`;
const input =
  clip === undefined
    ? [...words`-re -f lavfi -i ${PICTURES} -re -f lavfi -i ${SOUND}`, ...ENCODER]
    : words`-re -stream_loop -1 -i ${clip} -c copy`;
const publisher = spawn(
  'ffmpeg',
  [...words`-v error -nostdin`, ...input, ...words`-f flv`, target],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
try {
  await waitForAir(pipeline, 'main');
  const { renditions, warnings } = await pipeline.api.status('main');
  console.log(`on air with ${renditions.map(({ id }) => id).join(', ')}`);
  console.log(`cores that others took, by worker (slowness): ${await machineTold(pipeline)}`);
  for (const { code, message } of warnings) {
    console.log(`${code}: ${message}`);
  }
  const newest = async (): Promise<number | undefined> =>
    (await pipeline.api.status('main')).renditions[0]?.published ?? undefined;
  const publishedBefore = await eventually('the first segment', newest, { timeoutMs: 60_000 });
  const cpuBefore = await cpuSeconds(pipeline);
  const rows = await watch(pipeline, renditions[0]?.id ?? '', Number(values.seconds));
  console.log(markdownTable(rows));
  const cpuAfter = await cpuSeconds(pipeline);
  const segments = ((await newest()) ?? publishedBefore) - publishedBefore;
  const each = (after: number | undefined, before: number | undefined): string =>
    (((after ?? 0) - (before ?? 0)) / (2 * segments)).toFixed(3);
  const cpuRows = [...cpuAfter].map(([name, [own, children]]) => ({
    service: name,
    'own CPU, cores': each(own, cpuBefore.get(name)?.[0]),
    'ended children, cores': each(children, cpuBefore.get(name)?.[1]),
  }));
  console.log(`CPU seconds for each second published (${segments} segments of 2 s)`);
  console.log(markdownTable(cpuRows));
  const { warnings: later } = await pipeline.api.status('main');
  console.log(`warnings at the end: ${later.map(({ code }) => code).join(', ') || 'none'}`);
  const said = pipeline.output().split('\n');
  console.log(said.filter((line) => line.includes('whole ladder')).join('\n'));
} finally {
  await endChild(publisher, 5_000);
  await pipeline.close();
}
