/**
 * The part of a worker that is ahead of time: it takes the early tasks placed with it, makes their segments while they happen,
 * and hands out each fragment when its last frame is encoded. As many at once as the leader places: it knows what fits.
 */
import { createHash } from 'node:crypto';
import { Counter } from 'prom-client';
import { earlyTaskSchema, type EarlyProgress, type EarlyTask } from '#common/contracts/early-task';
import { redisKeys } from '#common/contracts/names';
import { generationOf, lastStretch } from '#common/contracts/restart';
import type { Made, Result } from '#common/contracts/segment';
import { divisionOf } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { gridOf } from '#common/grid';
import { appendHotFragment, newestGeneration, readFirstFragments } from '#common/hot-fragments';
import { readHotFrames } from '#common/hot-frames';
import { readJson } from '#common/json';
import type { Closable } from '#common/lifecycle';
import { execute } from '#common/redis';
import type { ServiceContext } from '#common/service';
import { greatest, type SegmentNumber } from '#common/time';
import { openStreamFollower, type StreamEntry } from '#common/stream-follower';
import type { TranscoderConfig } from '../config.ts';
import type { MadeSegment } from '../made-segment.ts';
import type { Results } from '../results.ts';
import type { WorkerTools } from '../worker.ts';
import { ChannelWork } from './channel-work.ts';
import { frameSizeOf, segmentOf } from './low-segment.ts';
import { HandedOut } from './part-count.ts';
import type { RenditionFragment } from './picture-encoder.ts';
import { decodeSlate } from './slate-picture.ts';
import { Standby } from './standby.ts';
import { Turns } from './turns.ts';

/** Segments whose fragments a rendition's stream keeps. */
const KEPT_SEGMENTS = 8;
/** Entries of a channel's progress: the leader reads them as they come. */
const KEPT_PROGRESS = 128;
const PROGRESS_SECONDS = 60;
/** Real milliseconds from one sign of life to the next. */
const PULSE_MS = 100;
/** Signs of life kept: leaders read them as they come. */
const KEPT_PULSES = 256;
/** A channel without a task for so long, real milliseconds, is not followed any more. */
const IDLE_MS = 10_000;
/**
 * A worker that was silent for so long, real milliseconds, was frozen: others have what it had, and to catch up with that would only take
 * cores from them. One that waits for a core is not silent for so long.
 */
const FROZEN_MS = 2_000;
/** A task is dropped so long after its deadline, for its segment has long been made otherwise. */
const GIVE_UP_MS = 12_000;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const madeOf = ({ rendition, init, data, frames, first, end }: MadeSegment): Made => ({
  rendition,
  bytes: data.byteLength,
  sha256: sha256(data),
  frames,
  first,
  end,
  initSha256: sha256(init),
  // Its bytes lie in the stream of fragments.
  hotId: '',
});

type Progress = Pick<EarlyProgress, 'parts' | 'leastParts'>;

interface Worked {
  readonly work: ChannelWork;
  /** Of which channel and broadcast it is. */
  readonly air: string;
  /** The newest segment that it was given. */
  newest: SegmentNumber;
  idle: NodeJS.Timeout | undefined;
}

/** Starts to take early tasks. */
export function startEarlyWorker(
  context: ServiceContext<TranscoderConfig>,
  { encoder: program, fingerprint, slate, tally }: WorkerTools,
  results: Results,
): Closable {
  const { logger, clock, redis, hotRedis, metrics } = context;
  const encoder = { ...program, isOnTime: true };
  const outcomes = new Counter({
    name: 'touchline_early_tasks_total',
    help: 'Early tasks by outcome',
    labelNames: ['outcome'],
    registers: [metrics],
  });
  const closing = new AbortController();
  const orders = openStreamFollower({
    redis,
    readRedis: context.connect('early orders'),
    logger,
  });
  const frames = openStreamFollower({
    redis: hotRedis,
    readRedis: context.connectHot('early frames'),
    logger,
  });
  const channels = new Map<string, Worked>();
  const running = new Map<string, Promise<void>>();
  const droppers = new Set<AbortController>();
  /** What makes a segment, by channel and number, and of which generation. */
  const makers = new Map<
    string,
    { readonly generation: number; readonly abort: AbortController }
  >();
  const turns = new Turns();
  const standby = new Standby({
    encoder,
    logger,
    signal: closing.signal,
    frameOf: async (channel, { session, fromSeq }) => {
      const [frame] = await readHotFrames(hotRedis, channel, session, fromSeq, fromSeq);
      return frame?.kind === 'video' ? frame : undefined;
    },
  });

  const restWhenIdle = (worked: Worked): void => {
    clearTimeout(worked.idle);
    if (worked.work.underWay > 0) {
      return;
    }
    // Where pictures of another size have taken its place it is not waited for: its decoder would run on beside theirs.
    const isReplaced = [...channels.values()].some(
      ({ air, newest }) => air === worked.air && newest > worked.newest,
    );
    worked.idle = setTimeout(
      () => {
        void worked.work.close();
        for (const [key, one] of channels) {
          if (one === worked) {
            channels.delete(key);
          }
        }
      },
      isReplaced ? 0 : IDLE_MS,
    );
    worked.idle.unref();
  };

  const workOf = (task: EarlyTask): Worked => {
    const size = frameSizeOf(task);
    const air = `${task.channel}/${task.broadcast}`;
    const key = `${air}/${size.width}x${size.height}`;
    const known = channels.get(key);
    if (known !== undefined) {
      clearTimeout(known.idle);
      known.newest = greatest(known.newest, task.n);
      return known;
    }
    const work = new ChannelWork(task, size, {
      follower: orders,
      hotFollower: frames,
      encoder,
      logger: logger.child({ channel: task.channel }),
      signal: closing.signal,
      turns,
      standby,
      slate: async (wanted) => decodeSlate(await slate(), wanted, encoder, closing.signal),
    });
    const worked: Worked = { work, air, newest: task.n, idle: undefined };
    const others = [...channels.values()];
    channels.set(key, worked);
    for (const other of others) {
      restWhenIdle(other);
    }
    return worked;
  };

  /** Others have had it since: the leader is told, for where there are no others. */
  const dropAll = (): void => {
    for (const dropper of droppers) {
      dropper.abort(new PipelineError('TIMEOUT', 'this worker was frozen'));
    }
    for (const { work, idle } of channels.values()) {
      clearTimeout(idle);
      void work.close();
    }
    channels.clear();
  };

  const tellProgress = async (
    { channel, broadcast, n, restarts }: EarlyTask,
    how: Omit<EarlyProgress, 'broadcast' | 'n' | 'worker' | 'generation'>,
  ): Promise<void> => {
    const generation = generationOf(restarts);
    const progress: EarlyProgress = { broadcast, n, worker: context.id, generation, ...how };
    const key = redisKeys.earlyProgress(channel);
    const pipeline = redis.pipeline();
    pipeline.xadd(key, 'MAXLEN', '~', KEPT_PROGRESS, '*', 'e', JSON.stringify(progress));
    pipeline.expire(key, PROGRESS_SECONDS);
    await execute(pipeline);
  };

  /** @throws PipelineError `ABORTED` where another went on with a segment behind fragments of ours that do not count */
  const checkNewest = async ({ channel, n, renditions, restarts }: EarlyTask): Promise<void> => {
    const own = generationOf(restarts);
    const newest = await Promise.all(
      renditions.map(({ id }) => newestGeneration(hotRedis, { channel, rendition: id }, n)),
    );
    if (newest.some((generation) => generation > own)) {
      throw new PipelineError('ABORTED', 'another worker went on with it');
    }
  };

  const make = async (task: EarlyTask): Promise<void> => {
    const { channel, broadcast, n, profile } = task;
    const grid = gridOf(task.fps);
    const generation = generationOf(task.restarts);
    const stretch = lastStretch(task.restarts, divisionOf(grid, profile).fragments);
    const kept = KEPT_SEGMENTS * divisionOf(grid, profile).fragments;
    const made: RenditionFragment[] = [];
    const sent: Promise<unknown>[] = [];
    const withheld: string[] = [];
    const handedOut = new HandedOut(task.renditions, divisionOf(grid, profile));
    const before = task.renditions
      .map(({ id }) => ({ rendition: id, count: stretch.from(id) }))
      .filter(({ count }) => count > 0);
    for (const { rendition, count } of before) {
      for (let k = 0; k < count; k += 1) {
        handedOut.add(rendition, k);
      }
    }
    const tellIfFurther = async (progress: Progress | undefined): Promise<void> => {
      if (progress !== undefined) {
        await tellProgress(task, progress);
      }
    };
    const worked = workOf(task);
    tally.begins(task);
    const late = new AbortController();
    droppers.add(late);
    const maker = { generation, abort: late };
    const segment = `${channel}/${n}`;
    const former = makers.get(segment);
    if (former !== undefined && former.generation < generation) {
      former.abort.abort(new PipelineError('ABORTED', 'it begins anew here'));
    }
    makers.set(segment, maker);
    const timer = setTimeout(
      () => {
        late.abort(new PipelineError('TIMEOUT', 'not finished long after its deadline'));
      },
      (task.deadline - clock.now()) / clock.rate + GIVE_UP_MS,
    );
    try {
      const preview = await worked.work.make(task, late.signal, {
        onFragment: (fragment) => {
          made.push(fragment);
          const { k, bytes, init, rendition } = fragment;
          const hot = { n, k, bytes, init, fingerprint, worker: context.id, generation };
          sent.push(
            appendHotFragment(hotRedis, { channel, rendition }, hot, kept)
              .then(() => tellIfFurther(handedOut.add(rendition, k)))
              .catch((error: unknown) => {
                logger.warn({ channel, n, k, error }, 'fragment not handed out');
              }),
          );
        },
        onLeftOff: (renditions) => {
          logger.info({ channel, n, renditions }, 'left off: withheld');
          withheld.push(...renditions);
          sent.push(
            tellIfFurther(handedOut.leaveOff(renditions)).catch((error: unknown) => {
              logger.warn({ channel, n, error }, 'progress not told');
            }),
          );
        },
      });
      await Promise.all(sent);
      await checkNewest(task);
      for (const { rendition, count } of before.filter(
        (one) => !withheld.includes(one.rendition),
      )) {
        const first = await readFirstFragments(hotRedis, { channel, rendition }, n, count);
        made.unshift(
          ...first.map(({ k, bytes, init }) => {
            return { rendition, k, bytes: Buffer.from(bytes), init: Buffer.from(init) };
          }),
        );
      }
      const segments = task.renditions
        .filter(({ id }) => !withheld.includes(id))
        .map((rendition) => segmentOf(grid, n, rendition, made));
      const result: Result = {
        channel,
        broadcast,
        n,
        taskHash: sha256(
          Buffer.from(JSON.stringify([channel, n, task.fps, profile, task.renditions])),
        ),
        fingerprint,
        worker: context.id,
        made: segments.map(madeOf),
      };
      await results.add(result, { segments, preview });
      const { parts } = divisionOf(grid, profile);
      await tellProgress(task, { parts, leastParts: parts, isHandedIn: true }).catch(
        (error: unknown) => {
          // It is made all the same: at worst it is made again.
          logger.warn({ channel, n, error }, 'not told that it is handed in');
        },
      );
      outcomes.inc({ outcome: 'done' });
      tally.madeOnTime();
    } finally {
      tally.ends(task);
      clearTimeout(timer);
      droppers.delete(late);
      if (makers.get(segment) === maker) {
        makers.delete(segment);
      }
      restWhenIdle(worked);
    }
  };

  const take = ({ id, fields }: StreamEntry): void => {
    const task = readJson(earlyTaskSchema, fields[1]?.toString('utf8') ?? '');
    if (task === undefined) {
      logger.error({ id }, 'early task is none of ours, skipped');
      return;
    }
    if (clock.now() > task.deadline) {
      return;
    }
    if (task.isStandby === true) {
      standby.keep(task);
      return;
    }
    const { channel, broadcast, n, renditions } = task;
    // A new leader does not know what the one before has placed.
    const generation = generationOf(task.restarts);
    const key = JSON.stringify([channel, broadcast, n, generation, renditions.map(({ id }) => id)]);
    if (running.has(key)) {
      return;
    }
    const log = logger.child({ channel, n });
    const run = make(task)
      .catch((error: unknown) => {
        const { code, message } = toPipelineError(error);
        outcomes.inc({ outcome: code });
        if (!closing.signal.aborted) {
          log.warn({ code, reason: message }, 'early task failed');
        }
        if (code === 'ABORTED') {
          return undefined;
        }
        tally.failed();
        return tellProgress(task, { parts: 0, leastParts: 0, hasFailed: true });
      })
      .catch((error: unknown) => {
        log.warn({ error }, 'failure not told');
      })
      .finally(() => {
        running.delete(key);
      });
    running.set(key, run);
  };

  let isPulsing = false;
  let pulsedAt = performance.now();
  const pulse = setInterval(() => {
    const since = pulsedAt;
    pulsedAt = performance.now();
    if (pulsedAt - since > FROZEN_MS) {
      logger.warn({ ms: Math.round(pulsedAt - since) }, 'this worker was frozen, drops its tasks');
      dropAll();
    }
    if (channels.size > 0 && !isPulsing) {
      isPulsing = true;
      redis
        .xadd(redisKeys.workerPulses, 'MAXLEN', '~', KEPT_PULSES, '*', 'w', context.id)
        .catch((error: unknown) => {
          logger.debug({ error }, 'no sign of life given');
        })
        .finally(() => {
          isPulsing = false;
        });
    }
  }, PULSE_MS / clock.rate);
  pulse.unref();

  // A connection of its own, which ends with this process and is known to have ended at once.
  context
    .connect('presence')
    .subscribe(redisKeys.workerPresence(context.id))
    .catch((error: unknown) => {
      logger.debug({ error }, 'presence not told');
    });

  // What was placed with an earlier life of this worker has been placed elsewhere since.
  const stopFollowing = orders.follow(redisKeys.earlyTasks(context.id), '0', (entries) => {
    for (const entry of entries) {
      take(entry);
    }
  });

  return {
    close: async () => {
      stopFollowing();
      clearInterval(pulse);
      closing.abort();
      await standby.close();
      for (const { idle } of channels.values()) {
        clearTimeout(idle);
      }
      await Promise.all([...channels.values()].map(({ work }) => work.close()));
      await Promise.all(running.values());
      await orders.close();
      await frames.close();
    },
  };
}
