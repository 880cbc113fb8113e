/** What the control room should be showing, read from where its figures come from: API, Redis, metrics, queues. */
import { z } from 'zod';
import { channelViewSchema, statusViewSchema } from '#common/contracts/channel-status';
import { redisKeys } from '#common/contracts/names';
import { broadcastSchema } from '#common/contracts/segment';
import {
  originStatusSchema,
  serviceRecordSchema,
  type ServiceRecord,
} from '#common/contracts/status';
import { VIEWERS_FIELD, readViewersFields } from '#common/contracts/viewer-latency';
import type { Queue } from '#common/queues';
import type { Redis } from '#common/redis';
import * as show from '../../control/room/format.ts';
import type { ControlApi } from '../helpers/control-api.ts';

/** Texts by the name of their source, as the page has them in `data-source`. */
export type Texts = Map<string, string>;

/** Where to look. */
export interface Sources {
  readonly api: ControlApi;
  readonly redis: Redis;
  readonly queues: readonly Queue[];
}

/** Heartbeats of the edges, gathered by whoever reads again and again. */
export type Beats = Map<string, { at: number; detail: ServiceRecord['detail'] }[]>;

const channelsSchema = z.object({ channels: z.array(channelViewSchema) });

/** Reads everything once. */
export async function readTexts(sources: Sources, beats: Beats): Promise<Texts> {
  const texts: Texts = new Map();
  const services = await readServices(sources.redis);
  const sums = await channelTexts(sources, services, texts);
  const waiting = await queueTexts(sources, texts);
  const workers = await workerTexts(services, texts);
  const egress = edgeTexts(services, beats, texts);
  for (const { id, url, startedAt, at } of services) {
    texts.set(`services/${id}/id`, id);
    texts.set(`services/${id}/url`, url);
    texts.set(`services/${id}/up`, show.formatAge(at - startedAt));
  }
  texts.set('overview/onAir', `${sums.onAir} of ${sums.channels}`);
  texts.set('overview/ingestBps', show.formatBitrate(sums.ingestBps));
  texts.set('overview/worstLagMs', show.formatLag(sums.worstLagMs));
  texts.set('overview/busy', `${workers.busy} of ${workers.all}`);
  texts.set('overview/waiting', show.formatCount(waiting));
  texts.set('overview/egressBps', show.formatBitrate(egress));
  return texts;
}

const readServices = async (redis: Redis): Promise<readonly ServiceRecord[]> =>
  (await redis.hvals(redisKeys.services))
    .map((text) => serviceRecordSchema.parse(JSON.parse(text)))
    .filter(({ at }) => Date.now() - at < 10_000);

interface ChannelSums {
  readonly onAir: number;
  readonly channels: number;
  readonly ingestBps: number;
  readonly worstLagMs: number | null;
}

async function channelTexts(
  { api, redis }: Sources,
  services: readonly ServiceRecord[],
  texts: Texts,
): Promise<ChannelSums> {
  const scheduler = services.find(({ service }) => service === 'scheduler');
  const unfinished = await metricsOf(scheduler);
  const { channels } = channelsSchema.parse(await api.call('GET', '/v1/channels', 200));
  let [onAir, ingestBps] = [0, 0];
  let worstLagMs: number | null = null;
  for (const channel of channels) {
    const { id } = channel;
    const path = `/v1/channels/${id}/status`;
    const status = statusViewSchema.parse(await api.call('GET', path, 200));
    const [airText, originText] = await Promise.all([
      redis.hget(redisKeys.air, id),
      redis.hget(redisKeys.origin, id),
    ]);
    const air = airText === null ? undefined : broadcastSchema.parse(JSON.parse(airText));
    const origin =
      originText === null ? undefined : originStatusSchema.parse(JSON.parse(originText));
    const feed = status.feeds[0];
    const set = (name: string, text: string): void => {
      texts.set(`channels/${id}/${name}`, text);
    };
    onAir += air === undefined ? 0 : 1;
    ingestBps += feed?.bitrateBps ?? 0;
    const isShown = feed?.connected === true || air !== undefined;
    set('duration', show.formatDuration(air && Date.now() - air.startedAt));
    set('broadcast', show.formatNumber(air?.broadcast));
    set('bitrateBps', show.formatBitrate(feed?.bitrateBps));
    set('feedFps', show.formatFps(feed?.fps));
    set('keyframeSeconds', show.formatSeconds(feed?.keyframeSeconds));
    set('size', feed === undefined ? '' : show.formatSize(feed.width, feed.height));
    set('encoder', feed?.encoder === '' ? 'does not say' : (feed?.encoder ?? ''));
    set('rawStored', show.formatNumber(status.rawStored));
    const viewers = readViewersFields(services.map(({ detail }) => detail[VIEWERS_FIELD])).get(id);
    set('viewersP50', show.formatDelay(viewers?.p50Ms));
    set('viewersP95', show.formatDelay(viewers?.p95Ms));
    set('viewersCount', show.formatCount(viewers?.count ?? 0));
    set('unfinished', show.formatCount(unfinished(`touchline_transcode_unfinished`, `"${id}"`)));
    set('ladder', channel.ladder.video.map(({ height }) => `${height}p`).join(' · '));
    const rate = status.fps ?? undefined;
    const noRate = isShown ? 'from the first feed' : 'frame rate from the first feed';
    set('grid', rate === undefined ? noRate : `${rate} fps`);
    const own = origin?.broadcast === air?.broadcast ? origin : undefined;
    for (const rendition of air?.renditions ?? []) {
      const made = own?.renditions.find((known) => known.id === rendition.id);
      const name = `renditions/${rendition.id}`;
      set(`${name}/published`, show.formatNumber(made?.published));
      set(`${name}/lagMs`, show.formatLag(made?.lagMs));
      set(
        `${name}/name`,
        rendition.kind === 'video'
          ? `${Math.min(rendition.width, rendition.height)}p`
          : `Sound ${rendition.bitrateBps / 1000}k`,
      );
      worstLagMs = made === undefined ? worstLagMs : Math.max(worstLagMs ?? 0, made.lagMs);
    }
    set('worstLagMs', show.formatLag(worstLagMs));
    for (const { code, message } of status.warnings) {
      set(`warnings/${code}`, message);
    }
  }
  return { onAir, channels: channels.length, ingestBps, worstLagMs };
}

async function queueTexts({ queues }: Sources, texts: Texts): Promise<number> {
  let sum = 0;
  for (const queue of queues) {
    const [waiting, prioritized, active, delayed, failed, jobs] = await Promise.all([
      queue.getWaitingCount(),
      queue.getPrioritizedCount(),
      queue.getActiveCount(),
      queue.getDelayedCount(),
      queue.getFailedCount(),
      queue.getJobs(['waiting', 'prioritized', 'active', 'delayed']),
    ]);
    const added = jobs.map(({ timestamp }) => timestamp);
    const from = `queues/${queue.name}`;
    texts.set(`${from}/waiting`, show.formatCount(waiting + prioritized));
    texts.set(`${from}/active`, show.formatCount(active));
    texts.set(`${from}/delayed`, show.formatCount(delayed));
    texts.set(`${from}/failed`, show.formatCount(failed));
    const oldest = added.length === 0 ? null : Date.now() - Math.min(...added);
    texts.set(`${from}/oldestMs`, show.formatAge(oldest));
    sum += waiting + prioritized;
  }
  return sum;
}

async function workerTexts(
  services: readonly ServiceRecord[],
  texts: Texts,
): Promise<{ readonly busy: number; readonly all: number }> {
  const workers = services.filter(({ service }) => service === 'transcoder');
  let busy = 0;
  for (const worker of workers) {
    const { task, taskMs, speed } = worker.detail;
    const value = await metricsOf(worker);
    const done = value('touchline_tasks_total', 'outcome="done"');
    const all = value('touchline_tasks_total');
    const from = `workers/${worker.id}`;
    const number = (told: unknown): number | null => (typeof told === 'number' ? told : null);
    texts.set(`${from}/id`, worker.id);
    texts.set(`${from}/task`, typeof task === 'string' ? task.replace(/-(\d+)$/, ' $1') : '');
    texts.set(`${from}/done`, show.formatCount(done));
    texts.set(`${from}/failed`, show.formatCount(all - done));
    texts.set(`${from}/taskMs`, show.formatLag(number(taskMs)));
    texts.set(`${from}/speed`, show.formatSpeed(number(speed)));
    busy += typeof task === 'string' ? 1 : 0;
  }
  return { busy, all: workers.length };
}

function edgeTexts(services: readonly ServiceRecord[], beats: Beats, texts: Texts): number | null {
  let egress: number | null = null;
  for (const { id, service, at, detail } of services) {
    if (service !== 'edge') {
      continue;
    }
    const known = (beats.get(id) ?? []).filter((beat) => beat.at !== at && at - beat.at <= 10_000);
    beats.set(id, [...known, { at, detail }]);
    const first = known[0] ?? { at, detail };
    const grown = (name: string): number => Number(detail[name]) - Number(first.detail[name]);
    const seconds = (at - first.at) / 1000;
    const lookups = grown('hits') + grown('misses');
    const bps = (grown('bytesSent') * 8) / seconds;
    const from = `edges/${id}`;
    texts.set(`${from}/id`, id);
    texts.set(`${from}/hitRatio`, show.formatRatio(grown('hits') / lookups));
    texts.set(`${from}/requestsPerSecond`, show.formatRate(grown('requests') / seconds));
    texts.set(`${from}/bitsPerSecond`, show.formatBitrate(bps));
    egress = Number.isFinite(bps) ? (egress ?? 0) + bps : egress;
  }
  return egress;
}

/** Sums of a service's samples by name and a piece of their labels. */
async function metricsOf(
  service: Pick<ServiceRecord, 'url'> | undefined,
): Promise<(name: string, label?: string) => number> {
  const text = service === undefined ? '' : await (await fetch(`${service.url}/metrics`)).text();
  const lines = text.split('\n');
  return (name, label = '') =>
    lines
      .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
