/** The scheduler service, put together: the channels it follows, leadership, in_MQ. */
import { Gauge } from 'prom-client';
import { redisKeys } from '#common/contracts/names';
import { openLogFollower } from '#common/log-follower';
import type { ServiceContext } from '#common/service';
import { openStreamFollower } from '#common/stream-follower';
import { openChannels } from './channels.ts';
import { takeChunkJobs } from './chunk-jobs.ts';
import type { SchedulerConfig } from './config.ts';
import { ChannelMemory } from './leader/channel-memory.ts';
import { startLeader, type Leader } from './leader/leader.ts';
import { keepLease } from './leader/lease.ts';
import { holderName } from './leader/lease-holder.ts';

/** What the service uses of its context. */
export type SchedulerContext = Pick<
  ServiceContext<SchedulerConfig>,
  | 'config'
  | 'logger'
  | 'clock'
  | 'redis'
  | 'hotRedis'
  | 'connect'
  | 'store'
  | 'metrics'
  | 'lifecycle'
  | 'id'
  | 'setReady'
>;

/** Starts the service: ready as soon as it can lead, whether it does or stands by. */
export async function startScheduler(context: SchedulerContext): Promise<void> {
  const { config, connect, logger, clock, redis, hotRedis, store, lifecycle } = context;
  const subscriber = connect('channels');
  const channels = lifecycle.own(
    'channels',
    await openChannels({ redis, subscriber, store, logger }),
  );

  let leader: Leader | undefined;
  const follower = lifecycle.own(
    'log',
    openLogFollower({ redis, logRedis: connect('log'), logger }),
  );
  const streams = lifecycle.own(
    'streams',
    openStreamFollower({ redis, readRedis: connect('streams'), logger }),
  );
  const memory = new ChannelMemory();
  const lease = keepLease({
    redis,
    holder: holderName(context.id),
    logger,
    lead: (held) => {
      const { closeAfter, LATE_AFTER_PARTS: lateAfterParts, ON_OVERLOAD: onOverload } = config;
      const started = startLeader(
        {
          redis,
          hotRedis,
          follower,
          streams,
          store,
          clock,
          logger,
          closeAfter,
          lateAfterParts,
          mayShed: onOverload === 'shed',
          channels,
          memory,
        },
        held,
      );
      leader = started;
      return Promise.resolve({
        close: async () => {
          leader = undefined;
          await started.close();
        },
      });
    },
  });
  lifecycle.own('leadership', lease);
  channels.watch((id) => {
    leader?.channelChanged(id);
  });
  lifecycle.own('chunks', takeChunkJobs(redis, logger));

  const news = connect('news');
  news.on('message', (_topic, id) => {
    leader?.lookForEnd(id);
  });
  // A notice that came while the connection was gone is made up for.
  news.on('ready', () => {
    leader?.lookForEnds();
  });
  await news.subscribe(redisKeys.endNews);
  gauges(context, () => leader);
  loadGauges(context, () => leader);
  context.setReady(true);
}

/** What of the broadcasts on air is withheld, and how late their work is. */
function loadGauges({ metrics }: SchedulerContext, leader: () => Leader | undefined): void {
  const registers = [metrics];
  new Gauge({
    name: 'touchline_shed_renditions',
    help: 'Renditions that are withheld because more was to be made than the workers carry',
    labelNames: ['channel'],
    registers,
    collect() {
      this.reset();
      for (const { channel, sheds } of leader()?.loads() ?? []) {
        this.set({ channel }, sheds.at(-1)?.withheld.length ?? 0);
      }
    },
  });
  new Gauge({
    name: 'touchline_shed_decisions',
    help: 'Decisions of the broadcast on air about what is withheld, by reason',
    labelNames: ['channel', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const { channel, sheds } of leader()?.loads() ?? []) {
        for (const reason of ['late', 'room'] as const) {
          const count = sheds.filter((shed) => shed.reason === reason).length;
          this.set({ channel, reason }, count);
        }
      }
    },
  });
  new Gauge({
    name: 'touchline_shed_owed_segments',
    help: 'Segments of which something that was withheld is yet to be made',
    registers,
    collect() {
      this.set(leader()?.owed() ?? 0);
    },
  });
  new Gauge({
    name: 'touchline_work_late_seconds',
    help: 'How late the work of a broadcast is, after all that it needs was there',
    labelNames: ['channel'],
    registers,
    collect() {
      this.reset();
      for (const { channel, lateMs } of leader()?.loads() ?? []) {
        this.set({ channel }, lateMs / 1000);
      }
    },
  });
}

function gauges({ metrics }: SchedulerContext, leader: () => Leader | undefined): void {
  const registers = [metrics];
  new Gauge({
    name: 'touchline_scheduler_leader',
    help: '1 on the scheduler that leads',
    registers,
    collect() {
      this.set(leader() === undefined ? 0 : 1);
    },
  });
  new Gauge({
    name: 'touchline_transcode_unfinished',
    help: 'Tasks given out and not finished',
    labelNames: ['channel'],
    registers,
    collect() {
      this.reset();
      for (const [channel, count] of leader()?.unfinished() ?? []) {
        this.set({ channel }, count);
      }
    },
  });
}
