/** Puts the origin together: what was published before, out_MQ, the server. */
import { QUEUES } from '#common/contracts/names';
import { segmentJobSchema, type PublishedFragment } from '#common/contracts/segment';
import { divisionOf } from '#common/division';
import { drainsServer } from '#common/drain';
import { listen } from '#common/listen';
import { closeWorker, openWorker, URGENT_LOCKS } from '#common/queues';
import { watchRedisLife } from '#common/redis-life';
import type { ServiceContext } from '#common/service';
import { Channels } from './channels.ts';
import { Committer } from './committer.ts';
import { storeCompletion } from './completions.ts';
import type { AggregatorConfig } from './config.ts';
import { FragmentReader } from './fragment-reader.ts';
import { Holds, subjectOf } from './holds.ts';
import { InitSegments } from './init-segments.ts';
import { Intake } from './intake.ts';
import { LiveBroadcast } from './live-broadcast.ts';
import { SegmentMemory } from './memory.ts';
import { createMetrics, exposeLevels } from './metrics.ts';
import { Origin } from './origin.ts';
import { Playlists } from './playlists.ts';
import { Previews } from './previews.ts';
import { Recordings } from './recordings.ts';
import { Segments } from './segments.ts';
import { createOriginServer } from './server.ts';
import type { Timeline } from './timeline.ts';

/** Jobs in hand at a time. */
const CONCURRENCY = 16;
/** Starts the aggregator; it listens once all that was published before is listed again. */
export async function startAggregator(context: ServiceContext<AggregatorConfig>): Promise<void> {
  const { config, logger, clock, redis, hotRedis, store, lifecycle, health } = context;
  const metrics = createMetrics(context.metrics);
  const memory = new SegmentMemory(config.MEMORY_BYTES);
  const holds = new Holds(clock);
  const recordings = new Recordings(store);
  const inits = new InitSegments(store);

  const committer = new Committer(
    { store, clock, logger, memory },
    {
      onCommitted: (channel, published) => {
        metrics.committed.inc();
        recordings.committed(channel, published);
        releaseAll(channel);
      },
      onLost: (channel, published) => {
        metrics.lost.inc();
        channels.find(channel, published.broadcast)?.forget(published);
      },
    },
  );
  /** Wakes whoever waits for anything of a channel. */
  const releaseAll = (channel: string): void => {
    holds.release(channel);
    const renditions = channels
      .all()
      .flatMap(({ timeline, growing }) =>
        growing === undefined || timeline.broadcast.channel !== channel
          ? []
          : timeline.broadcast.renditions.map(({ id }) => id),
      );
    for (const rendition of new Set(renditions)) {
      holds.release(subjectOf(channel, rendition));
    }
  };
  const open = (timeline: Timeline, noted: readonly PublishedFragment[]): LiveBroadcast => {
    const { channel, profile } = timeline.broadcast;
    const { fragmentsOfPart } = divisionOf(timeline.grid, profile);
    return new LiveBroadcast(
      {
        redis,
        sources: { hotRedis, store },
        clock,
        logger,
        memory,
        metrics,
        onPublished: (published) => {
          for (const [rendition, { init }] of memory.get(channel, published.n) ?? []) {
            const item = published.renditions.find((known) => known.rendition === rendition);
            if (item !== undefined) {
              inits.keep(channel, rendition, item.initSha256, init);
            }
          }
          committer.add(channel, published);
        },
        onCompleted: (completion, objects) => storeCompletion(store, channel, completion, objects),
        onChange: () => {
          releaseAll(channel);
        },
        onInit: (rendition, hash, init) => {
          inits.keep(channel, rendition, hash, init);
        },
        onGrown: (rendition, k) => {
          // Who waits, waits for a part's beginning or for its end.
          const inPart = (k ?? 0) % fragmentsOfPart;
          if (inPart === 0 || inPart === fragmentsOfPart - 1) {
            holds.release(subjectOf(channel, rendition));
            // Who opens a broadcast's index waits for its first parts.
            holds.release(channel);
          }
        },
      },
      timeline,
      noted,
    );
  };
  const channels = new Channels();
  exposeLevels(context.metrics, {
    held: () => holds.held,
    memoryBytes: () => memory.bytes,
    pendingCommits: () => committer.pending,
  });
  lifecycle.own('committer', committer);
  lifecycle.own('broadcasts', {
    close: async () => {
      await Promise.all(channels.all().map((live) => live.close()));
    },
  });

  const blocking = hotRedis.duplicate({ connectionName: 'aggregator:fragments' });
  // What is wrong with Redis is told by the connection for commands.
  blocking.on('error', () => undefined);
  const reader = new FragmentReader({
    redis: hotRedis,
    blocking,
    clock,
    logger,
    streams: () =>
      channels
        .growing()
        .flatMap(({ timeline: { broadcast } }) =>
          broadcast.renditions.map(({ id }) => ({ channel: broadcast.channel, rendition: id })),
        ),
    take: ({ channel, rendition }, fragment) => {
      channels.holding(channel, fragment.n)?.offerFragment(rendition, fragment);
    },
  });
  lifecycle.own('fragments', reader);

  const intake = new Intake({
    rebuild: { redis, hotRedis, store, memory, clock, logger },
    channels,
    committer,
    recordings,
    open,
    readFragments: (channel) => {
      reader.restart(channel);
    },
  });
  await intake.restoreAll();

  const origin = new Origin({
    clock,
    channels,
    recordings,
    playlists: new Playlists(),
    holds,
    segments: new Segments({
      clock,
      store,
      channels,
      recordings,
      memory,
      committer,
      holds,
      inits,
    }),
    previews: new Previews(store),
  });
  const server = createOriginServer({ origin, health, logger, metrics });
  const draining = drainsServer(server);
  await listen(server, config.ORIGIN_PORT, config.BIND_HOST, 'ORIGIN_PORT');
  const jobs = context.connect('segments');
  const worker = openWorker(
    QUEUES.segments,
    jobs,
    logger,
    segmentJobSchema,
    (job) => intake.take(job),
    { concurrency: CONCURRENCY, ...URGENT_LOCKS },
  );
  lifecycle.own(
    'life of redis',
    watchRedisLife(redis, logger, () => intake.noteAgain()),
  );
  lifecycle.own('segments', { close: () => closeWorker(worker, jobs) });
  // Closed first: what held requests wait for still comes in while they are answered.
  lifecycle.own('server', draining);
  context.setReady(true);
}
