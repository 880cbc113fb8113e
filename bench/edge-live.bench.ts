/**
 * How soon do those who wait on one edge have what they wait for? 2,000 held playlists are released, and 1,000 readers of
 * one growing segment are given fragment after fragment, by the edge and by a bare `socket.write` loop (`bare-relay.ts`)
 * in turns; both on one core, viewers in a process of their own on another. It fails beyond twice the loop's time (p99),
 * more than one upstream request, or 20 kB a held request.
 *
 * `npm run bench edge-live`; longer: `node --import tsx bench/edge-live.bench.ts --rounds 9 --fragments 60`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as passTime } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { endChild, run } from '../test/helpers/child.ts';
import { eventually } from '../test/helpers/poll.ts';
import { freePort, startRedis } from '../test/helpers/redis-server.ts';
import { markdownTable } from '../test/helpers/report-table.ts';
import type { RelayReport } from './bare-relay.ts';
import { now, type LoadOrder, type LoadReport } from './live-load.ts';

const HELD = 2_000;
const READERS = 1_000;
/** One frame of 30 a second at 3.5 Mb/s. */
const FRAGMENT_BYTES = 15_000;
const FRAGMENT_MS = 1000 / 30;
/** A delta update with parts. */
const PLAYLIST_BYTES = 3_000;
const PROMISED_RATIO = 2;
const PROMISED_BYTES = 20_000;
const FIRST = 897_500_000;
const SERVER_CORE = 0;
const LOAD_CORE = 1;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    fragments: { type: 'string', default: '30' },
  },
});
const rounds = Number(options.rounds);
const fragments = Number(options.fragments);

/** Whether programs can be told which core to use, and there is more than one. */
async function canPin(): Promise<boolean> {
  try {
    return (await run('taskset', ['-V'])).code === 0 && availableParallelism() > 1;
  } catch {
    return false;
  }
}

const isPinned = await canPin();

/** Starts a script of Node's on one core, with a channel to it. */
function startNode(core: number, args: readonly string[], env = process.env): ChildProcess {
  const command = [process.execPath, ...args];
  const [program = '', ...rest] = isPinned ? ['taskset', '-c', String(core), ...command] : command;
  return spawn(program, rest, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

const script = (name: string): string => path.join(import.meta.dirname, name);

/** The upstream: holds what it is asked for until told. */
class Origin {
  readonly asked = new Map<string, number>();
  readonly #held = new Map<string, ServerResponse>();
  readonly #server = createServer((request, response) => {
    const target = request.url ?? '';
    if (target === '/healthz') {
      response.end('ok');
      return;
    }
    this.asked.set(target, (this.asked.get(target) ?? 0) + 1);
    this.#held.set(target, response);
  });

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** The answer to a target, once it is asked for. */
  answerTo(target: string): Promise<ServerResponse> {
    return eventually(`${target} to be asked for`, () => Promise.resolve(this.#held.get(target)));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Viewers in a process of their own. */
class Load {
  readonly process = startNode(LOAD_CORE, ['--import', 'tsx', script('live-load.ts')]);
  readonly #reports: LoadReport[] = [];
  #wake = (): void => undefined;

  constructor() {
    this.process.on('message', (report: LoadReport) => {
      this.#reports.push(report);
      this.#wake();
    });
  }

  /** Says what to do, and waits until that is done. */
  async tell<Done extends LoadReport['done']>(
    order: LoadOrder,
    done: Done,
  ): Promise<Extract<LoadReport, { done: Done }>> {
    this.process.send(order);
    return this.until(done);
  }

  /** The next report of a kind. */
  async until<Done extends LoadReport['done']>(
    done: Done,
  ): Promise<Extract<LoadReport, { done: Done }>> {
    for (;;) {
      const report = this.#reports.shift();
      if (report?.done === done) {
        return report as Extract<LoadReport, { done: Done }>;
      }
      if (report === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** A server whose viewers wait. */
interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Requests that wait now. */
  readonly waiting: () => Promise<number>;
  readonly forget: () => Promise<void>;
}

async function startEdge(folder: string, upstream: number, redis: string): Promise<Contestant> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = startNode(SERVER_CORE, [script('../dist/edge/main.js')], {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    HTTP_PORT: String(port),
    EDGE_UPSTREAM: `http://127.0.0.1:${upstream}`,
    // The load is one client that asks for the same over and over.
    REPEAT_PAUSE_MS: '0',
    REDIS_URL: redis,
    DATA_DIR: path.join(folder, 'data'),
    LOG_LEVEL: 'warn',
  });
  const lookups = async (): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const found = metrics.matchAll(
      /^edge_cache_lookups_total\{outcome="(?:join|miss)".*\} (\d+)$/gm,
    );
    return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  await eventually(`${url} to answer`, async () =>
    (await fetch(`${url}/healthz`)).ok ? true : undefined,
  );
  let before = await lookups();
  return {
    name: 'edge',
    port,
    process: server,
    waiting: async () => (await lookups()) - before,
    forget: async () => {
      before = await lookups();
    },
  };
}

async function startRelay(upstream: number): Promise<Contestant> {
  const args = ['--import', 'tsx', script('bare-relay.ts'), String(upstream)];
  const server = startNode(SERVER_CORE, args);
  const next = async (): Promise<RelayReport> =>
    ((await once(server, 'message')) as [RelayReport])[0];
  const hello = await next();
  const say = async (order: 'count' | 'forget'): Promise<number> => {
    const answer = next();
    server.send(order);
    const report = await answer;
    return 'waiting' in report ? report.waiting : 0;
  };
  return {
    name: 'bare loop',
    port: 'port' in hello ? hello.port : 0,
    process: server,
    waiting: () => say('count'),
    forget: async () => {
      await say('forget');
    },
  };
}

const residentBytes = ({ process: { pid } }: Contestant): number =>
  Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** Milliseconds from the upstream's word to each viewer. */
interface Turn {
  readonly delays: readonly number[];
  readonly upstreamRequests: number;
  readonly bytesEach: number;
}

const untilAllWait = (contestant: Contestant, count: number): Promise<true> =>
  eventually(
    `${count} requests to wait on the ${contestant.name}`,
    async () => ((await contestant.waiting()) >= count ? true : undefined),
    { timeoutMs: 60_000 },
  );

/** All viewers wait for one playlist, which comes. */
async function releasePlaylists(
  origin: Origin,
  load: Load,
  contestant: Contestant,
  target: string,
): Promise<Turn> {
  const before = residentBytes(contestant);
  await load.tell({ order: 'connect', port: contestant.port, connections: HELD }, 'connected');
  await load.tell({ order: 'ask', target, marks: [PLAYLIST_BYTES] }, 'asked');
  await untilAllWait(contestant, HELD);
  const bytesEach = (residentBytes(contestant) - before) / HELD;
  const answer = await origin.answerTo(target);
  const body = Buffer.alloc(PLAYLIST_BYTES, '#EXT-X-PART:DURATION=0.2,URI="897500000.1.m4s"\n');
  const reached = load.until('reached');
  const began = now();
  answer.writeHead(200, { 'content-length': body.length, 'cache-control': 'max-age=12' }).end(body);
  await reached;
  const { moments } = await load.tell({ order: 'tell' }, 'told');
  await load.tell({ order: 'close' }, 'closed');
  await contestant.forget();
  return {
    delays: (moments[0] ?? []).map((at) => at - began),
    upstreamRequests: origin.asked.get(target) ?? 0,
    bytesEach,
  };
}

/** All viewers read one segment, fragment by fragment; the last of them joins when all others are there. */
async function feedReaders(
  origin: Origin,
  load: Load,
  contestant: Contestant,
  target: string,
): Promise<Turn> {
  const marks = Array.from({ length: fragments }, (_, k) => (k + 1) * FRAGMENT_BYTES);
  await load.tell({ order: 'connect', port: contestant.port, connections: READERS }, 'connected');
  await load.tell({ order: 'ask', target, marks }, 'asked');
  await untilAllWait(contestant, READERS);
  const answer = await origin.answerTo(target);
  answer.writeHead(200, { etag: `"${target}"` });
  const began: number[] = [];
  for (const k of marks.keys()) {
    const reached = load.until('reached');
    began.push(now());
    answer.write(Buffer.alloc(FRAGMENT_BYTES, k + 1));
    // A fragment that takes longer than a frame is not to delay the next one's.
    await Promise.all([reached, passTime(FRAGMENT_MS)]);
  }
  answer.end();
  const told = await eventually('all answers to end', async () => {
    const report = await load.tell({ order: 'tell' }, 'told');
    return report.ended === READERS ? report : undefined;
  });
  await load.tell({ order: 'close' }, 'closed');
  await contestant.forget();
  return {
    delays: told.moments.flatMap((all, k) => all.map((at) => at - (began[k] ?? 0))),
    upstreamRequests: origin.asked.get(target) ?? 0,
    bytesEach: 0,
  };
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ] ?? Number.NaN;

/** Of the turns the middle one: what else runs on a machine spoils some of them. */
const middle = (turns: readonly Turn[], share: number): number =>
  quantile(
    turns.map(({ delays }) => quantile(delays, share)),
    0.5,
  );

const CASES = [
  {
    name: `${HELD} held playlists`,
    targetOf: (turn: number) =>
      `/live/main/v720/${FIRST}.m3u8?_HLS_msn=${FIRST + turn}&_HLS_part=3&_HLS_skip=YES`,
    play: releasePlaylists,
  },
  {
    name: `${READERS} readers of a growing segment`,
    targetOf: (turn: number) => `/live/main/v720/${FIRST + turn}.m4s`,
    play: feedReaders,
  },
] as const;

const folder = await mkdtemp(path.join(tmpdir(), 'touchline-bench-edge-live-'));
const redis = await startRedis();
const origin = new Origin();
const upstream = await origin.listen();
const relay = await startRelay(upstream);
const edge = await startEdge(folder, upstream, redis.url);
const load = new Load();
try {
  const rows = [];
  const misses: string[] = [];
  let number = 0;
  for (const one of CASES) {
    const turns = new Map<Contestant, Turn[]>([
      [relay, []],
      [edge, []],
    ]);
    let bytesEach = 0;
    // The first turn of each does not count for time: Node compiles. For memory it alone does: nothing is there to be used again.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [contestant, all] of turns) {
        number += 1;
        const turn = await one.play(origin, load, contestant, one.targetOf(number));
        if (round > 0) {
          all.push(turn);
        } else if (contestant === edge) {
          ({ bytesEach } = turn);
        }
      }
    }
    const [theirs = [], ours = []] = [...turns.values()];
    const ratio = middle(ours, 0.99) / middle(theirs, 0.99);
    const asked = Math.max(...ours.map(({ upstreamRequests }) => upstreamRequests));
    const ms = (all: readonly Turn[]): string =>
      `${middle(all, 0.5).toFixed(1)} / ${middle(all, 0.99).toFixed(1)} ms`;
    rows.push({
      'one core each': one.name,
      'loop, p50 / p99': ms(theirs),
      'edge, p50 / p99': ms(ours),
      'ratio of p99': ratio.toFixed(2),
      promised: `≤ ${PROMISED_RATIO}`,
      'upstream requests': String(asked),
      'kB a held request': bytesEach === 0 ? '–' : (bytesEach / 1000).toFixed(1),
    });
    if (ratio > PROMISED_RATIO) {
      misses.push(`${one.name}: ${ratio.toFixed(2)} of a bare loop, promised ${PROMISED_RATIO}`);
    }
    if (asked !== 1) {
      misses.push(`${one.name}: ${asked} upstream requests`);
    }
    if (bytesEach > PROMISED_BYTES) {
      misses.push(`${one.name}: ${bytesEach.toFixed(0)} bytes a held request`);
    }
  }
  process.stdout.write(`\n${markdownTable(rows)}\n`);
  if (misses.length > 0) {
    process.stdout.write(`\n${misses.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all([load, edge, relay].map(({ process: child }) => endChild(child)));
  origin.close();
  await redis.close();
  await rm(folder, { recursive: true, force: true });
}
