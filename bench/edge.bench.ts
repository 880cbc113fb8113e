/**
 * What does the edge cost beside nginx? Both serve the same files, each has the same one core, and the load comes
 * from another. They take turns, so that neither has the quieter machine, and of each the best turn counts: what else
 * runs on a machine only ever takes away.
 *
 * `npm run bench edge`; longer: `node --import tsx bench/edge.bench.ts --seconds 10 --rounds 5`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { endChild, run, runOk } from '../test/helpers/child.ts';
import { eventually } from '../test/helpers/poll.ts';
import { processTree, ticksByName, TICKS_PER_SECOND } from '../test/helpers/process-tree.ts';
import { freePort, startRedis } from '../test/helpers/redis-server.ts';
import { markdownTable } from '../test/helpers/report-table.ts';
import { nginxConf } from './nginx-conf.ts';

/** What is asked for, and the share of nginx's rate that is promised. */
interface Case {
  readonly name: string;
  readonly path: string;
  readonly body: Buffer;
  readonly connections: number;
  /** The command that asks for it; prints `<n> requests in <seconds>s`. */
  readonly load: (url: string, connections: number, seconds: number) => readonly string[];
  readonly promised: number;
}

/** A server under load. */
interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly process: ChildProcess;
}

/** Answers, and what they cost. */
interface Measured {
  readonly requests: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const FOLDER = 'live/main/v720';
const SEGMENT_BYTES = 1_500_000;
const LISTED_SEGMENTS = 60;
const FIRST = 897_500_000;
const GIGABIT = 1e9;

function playlist(): Buffer {
  const lines = Array.from(
    { length: LISTED_SEGMENTS },
    (_, index) => `#EXTINF:2.000000,\n${FIRST + index}.m4s`,
  );
  return Buffer.from(`#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n${lines.join('\n')}\n`);
}

const byWrk: Case['load'] = (url, connections, seconds) => [
  ...['wrk', '--threads=1', `--connections=${connections}`, `--duration=${seconds}s`, url],
];
const byOurs: Case['load'] = (url, connections, seconds) => [
  ...[process.execPath, '--import', 'tsx', path.join(import.meta.dirname, 'segment-load.ts')],
  ...[url, String(connections), String(seconds)],
];

const CASES: readonly Case[] = [
  {
    name: 'playlists',
    path: `${FOLDER}/${FIRST}.m3u8`,
    body: playlist(),
    connections: 64,
    load: byWrk,
    promised: 0.7,
  },
  {
    name: '1.5 MB segments',
    path: `${FOLDER}/${FIRST}.m4s`,
    body: Buffer.alloc(SEGMENT_BYTES, 7),
    connections: 16,
    load: byOurs,
    promised: 1.5,
  },
];

/** Whether programs can be told which core to use, and there is more than one. */
async function canPin(): Promise<boolean> {
  try {
    return (await run('taskset', ['-V'])).code === 0 && availableParallelism() > 1;
  } catch {
    return false;
  }
}

const SERVER_CORE = 0;
const LOAD_CORE = 1;

/** A command on one core. */
const pinned = (isPinned: boolean, core: number, command: readonly string[]): string[] =>
  isPinned ? ['taskset', '-c', String(core), ...command] : [...command];

function start([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

const untilItAnswers = (url: string): Promise<true> =>
  eventually(`${url} to answer`, async () => ((await fetch(url)).ok ? true : undefined));

const cpuSeconds = (pid: number | undefined): number =>
  [...ticksByName(processTree(pid ?? 0)).values()].reduce((sum, ticks) => sum + ticks, 0) /
  TICKS_PER_SECOND;

/** Loads a server for some seconds. */
async function measure(
  { url, process: server }: Contestant,
  { path: file, connections, load }: Case,
  seconds: number,
  isPinned: boolean,
): Promise<Measured> {
  const command = load(`${url}/${file}`, connections, seconds);
  const [program = '', ...args] = pinned(isPinned, LOAD_CORE, command);
  const before = cpuSeconds(server.pid);
  const { stdout } = await runOk(program, args);
  const text = stdout.toString();
  const found = /([0-9]+) requests in ([0-9.]+)s/.exec(text);
  if (found === null || /Non-2xx|Socket errors/.test(text)) {
    throw new Error(`${program} said:\n${text}`);
  }
  return {
    requests: Number(found[1]),
    seconds: Number(found[2]),
    cpuSeconds: cpuSeconds(server.pid) - before,
  };
}

const sum = (all: readonly Measured[]): Measured =>
  all.reduce((a, b) => ({
    requests: a.requests + b.requests,
    seconds: a.seconds + b.seconds,
    cpuSeconds: a.cpuSeconds + b.cpuSeconds,
  }));

/** Requests a second of the best turn. */
const bestRate = (all: readonly Measured[]): number =>
  Math.max(...all.map(({ requests, seconds: took }) => requests / took));

const cpuPerGigabit = (all: readonly Measured[], { body }: Case): number => {
  const { requests, cpuSeconds: cpu } = sum(all);
  return cpu / ((requests * body.length * 8) / GIGABIT);
};

/** The origin of the edge: it is asked once a second at most. */
async function startUpstream(): Promise<{ readonly url: string; readonly close: () => void }> {
  const bodies = new Map(CASES.map((one) => [`/${one.path}`, one.body]));
  const server = createServer((request, response) => {
    const body = bodies.get(request.url ?? '') ?? Buffer.from('ok');
    response.writeHead(200, { 'content-length': body.length, 'cache-control': 'max-age=1' });
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function startNginx(folder: string, isPinned: boolean): Promise<Contestant> {
  const port = await freePort();
  const root = path.join(folder, 'files');
  await mkdir(path.join(root, FOLDER), { recursive: true });
  for (const one of CASES) {
    await writeFile(path.join(root, one.path), one.body);
  }
  const file = path.join(folder, 'nginx.conf');
  await writeFile(file, nginxConf({ port, root, folder, user: userInfo().username }));
  const command = ['nginx', '-e', path.join(folder, 'error.log'), '-c', file];
  const url = `http://127.0.0.1:${port}`;
  const server = start(pinned(isPinned, SERVER_CORE, command), process.env);
  return { name: 'nginx', url, process: server };
}

async function startEdge(
  folder: string,
  isPinned: boolean,
  upstream: string,
  redis: string,
): Promise<Contestant> {
  const port = await freePort();
  const script = path.join(import.meta.dirname, '../dist/edge/main.js');
  const server = start(pinned(isPinned, SERVER_CORE, [process.execPath, script]), {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    HTTP_PORT: String(port),
    EDGE_UPSTREAM: upstream,
    // The load is one client that asks for the same over and over.
    REPEAT_PAUSE_MS: '0',
    REDIS_URL: redis,
    DATA_DIR: path.join(folder, 'data'),
    LOG_LEVEL: 'warn',
  });
  return { name: 'edge', url: `http://127.0.0.1:${port}`, process: server };
}

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '9' },
  },
});
const seconds = Number(options.seconds);
const folder = await mkdtemp(path.join(tmpdir(), 'touchline-bench-edge-'));
const isPinned = await canPin();
const redis = await startRedis();
const upstream = await startUpstream();
const nginx = await startNginx(folder, isPinned);
const edge = await startEdge(folder, isPinned, upstream.url, redis.url);
try {
  const rows = [];
  const misses: string[] = [];
  for (const one of CASES) {
    const turns = new Map<Contestant, Measured[]>([
      [nginx, []],
      [edge, []],
    ]);
    for (const contestant of turns.keys()) {
      await untilItAnswers(`${contestant.url}/${one.path}`);
      // The first turn does not count: Node compiles, and the page cache fills.
      await measure(contestant, one, 1, isPinned);
    }
    for (let round = 0; round < Number(options.rounds); round += 1) {
      for (const [contestant, all] of turns) {
        all.push(await measure(contestant, one, seconds, isPinned));
      }
    }
    const [theirs = [], ours = []] = [...turns.values()];
    const ratio = bestRate(ours) / bestRate(theirs);
    rows.push({
      'one core each': one.name,
      'nginx, a second': bestRate(theirs).toFixed(0),
      'edge, a second': bestRate(ours).toFixed(0),
      ratio: ratio.toFixed(2),
      promised: `≥ ${one.promised}`,
      'nginx, CPU s a gigabit': cpuPerGigabit(theirs, one).toFixed(4),
      'edge, CPU s a gigabit': cpuPerGigabit(ours, one).toFixed(4),
    });
    if (ratio < one.promised) {
      misses.push(`${one.name}: ${ratio.toFixed(2)} of nginx, promised ${one.promised}`);
    }
  }
  process.stdout.write(`\n${markdownTable(rows)}\n`);
  if (misses.length > 0) {
    process.stdout.write(`\n${misses.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all([nginx, edge].map(({ process: child }) => endChild(child)));
  upstream.close();
  await redis.close();
  await rm(folder, { recursive: true, force: true });
}
