/** A channel's status, put together from what its services tell. Pure. */
import type { Channel } from '#common/contracts/channel';
import type { StatusView } from '#common/contracts/channel-status';
import type { Broadcast } from '#common/contracts/segment';
import {
  FEED_REFUSED,
  type FeedStatus,
  type OriginStatus,
  type ServiceRecord,
  type Warning,
} from '#common/contracts/status';
import type { ViewersView } from '#common/contracts/viewer-latency';
import type { DiskState } from '#common/disk';
import type { Filler } from '#common/fillers';
import { gridOf, timeOfSegment, type FpsName } from '#common/grid';
import { segmentNumber } from '#common/time';
import { loadWarning } from '#common/load-warning';
import { shedWarning, withheldNow } from '#common/shed-warning';

/** Ingest refreshes a feed each second; one not refreshed for this long is not connected. */
const FEED_FRESH_MS = 5_000;
/** Why a publisher was sent away is told for so long; encoders try again within seconds. */
const REFUSAL_TOLD_MS = 600_000;
/** A segment that became filler is told for so long after its time. */
const FILLER_TOLD_MS = 60_000;
/** More tasks than this mean that workers do not keep up. */
const MOST_UNFINISHED = 4;

/** What is known of a channel. */
export interface Known {
  readonly channel: Channel;
  readonly air: Broadcast | undefined;
  readonly feed: FeedStatus | undefined;
  readonly origin: OriginStatus | undefined;
  /** Whether a scheduler leads: without one nothing of the channel's life goes on. */
  readonly isLed: boolean;
  readonly unfinished: number;
  /** Segments that became filler lately, newest first. */
  readonly fillers: readonly Filler[];
  readonly rawStored: number | undefined;
  readonly viewers: ViewersView | undefined;
  readonly disk: DiskState;
  readonly now: number;
}

/** See the head of this file. */
export function statusOf(known: Known): StatusView {
  const { channel, air, feed, unfinished } = known;
  const origin = known.origin?.broadcast === air?.broadcast ? known.origin : undefined;
  const withheld = new Map(
    (air === undefined ? [] : withheldNow(air)).map(({ id, ...rest }) => [id, rest]),
  );
  const connected = feed?.connected === true && known.now - feed.at < FEED_FRESH_MS;
  return {
    id: channel.id,
    onAir: air !== undefined,
    broadcast: air?.broadcast ?? null,
    fps: air?.fps ?? channel.fps,
    profile: air?.profile ?? channel.profile,
    renditions: (air?.renditions ?? []).map((rendition) => {
      const made = origin?.renditions.find(({ id }) => id === rendition.id);
      const away = withheld.get(rendition.id);
      const isAway = away !== undefined && away.since <= known.now;
      return {
        id: rendition.id,
        ...(rendition.kind === 'video' ? { width: rendition.width, height: rendition.height } : {}),
        published: made?.published ?? null,
        lagMs:
          air === undefined || made === undefined || isAway
            ? null
            : lagOf(made, air.fps, known.now),
        ...(away === undefined ? {} : { withheld: away }),
      };
    }),
    feeds: feed === undefined ? [] : [feedView(feed, connected)],
    unfinished,
    rawStored: known.rawStored ?? null,
    viewers: known.viewers ?? null,
    warnings: onePerCode([
      ...feedWarnings(feed, connected, known.now),
      ...leaderWarnings(known.isLed || (air === undefined && !connected)),
      ...ownWarnings(air, connected, unfinished),
      ...loadWarnings(air),
      ...profileWarnings(channel, air),
      ...diskWarnings(known.disk),
      ...fillerWarnings(air, known.fillers, known.now),
    ]),
  };
}

/** The lag of the last publication, or that of the next one once it is later: a lag must not stand still with the pipeline. */
function lagOf(
  { published, lagMs }: { readonly published: number; readonly lagMs: number },
  fps: FpsName,
  now: number,
): number {
  const nextEnds = timeOfSegment(gridOf(fps), segmentNumber(published + 2));
  return Math.max(lagMs, Math.round(now - nextEnds));
}

/** A broadcast keeps the profile that it began with. */
function profileWarnings({ profile }: Channel, air: Broadcast | undefined): readonly Warning[] {
  if (air === undefined || air.profile === profile) {
    return [];
  }
  const message = `On air as '${air.profile}', not '${profile}': interlaced pictures are made as 'standard', and a changed profile counts from the next broadcast on.`;
  return [{ code: 'PROFILE_NOT_KEPT', message }];
}

/** Two services may see the same trouble, the full disk for one. */
const onePerCode = (warnings: readonly Warning[]): Warning[] => [
  ...new Map(warnings.toReversed().map((warning) => [warning.code, warning])).values(),
];

const feedView = (feed: FeedStatus, connected: boolean): StatusView['feeds'][number] => ({
  slot: feed.slot,
  connected,
  bitrateBps: connected ? feed.bitrateBps : 0,
  fps: feed.fps,
  keyframeSeconds: feed.keyframeSeconds,
  width: feed.width,
  height: feed.height,
  encoder: feed.encoder,
});

function feedWarnings(
  feed: FeedStatus | undefined,
  connected: boolean,
  now: number,
): readonly Warning[] {
  if (feed === undefined || connected) {
    return feed?.warnings ?? [];
  }
  return now - feed.at < REFUSAL_TOLD_MS
    ? feed.warnings.filter(({ code }) => code === FEED_REFUSED)
    : [];
}

function leaderWarnings(isWell: boolean): readonly Warning[] {
  const message =
    'No scheduler leads: no segment is made until one is back, which then makes up for it.';
  return isWell ? [] : [{ code: 'SCHEDULER_AWAY', message }];
}

function ownWarnings(
  air: Broadcast | undefined,
  connected: boolean,
  unfinished: number,
): readonly Warning[] {
  const warnings: Warning[] = [];
  if (air !== undefined && !connected) {
    const message = 'The publisher is gone; viewers see the held frame, then the slate.';
    warnings.push({ code: 'FEED_LOST', message });
  }
  if (unfinished > MOST_UNFINISHED) {
    const message = `${unfinished} segments wait for workers: add workers or shorten the ladder.`;
    warnings.push({ code: 'TRANSCODE_BEHIND', message });
  }
  return warnings;
}

function loadWarnings(air: Broadcast | undefined): readonly Warning[] {
  const warnings = [air?.admission && loadWarning(air.admission), air && shedWarning(air)];
  return warnings.filter((warning) => warning !== undefined);
}

function diskWarnings(disk: DiskState): readonly Warning[] {
  switch (disk) {
    case 'full': {
      const message =
        'The disk under DATA_DIR is full: live goes on, recordings have gaps. Free space there.';
      return [{ code: 'DISK_FULL', message }];
    }
    case 'low': {
      const message = 'The disk under DATA_DIR is nearly full: free space there.';
      return [{ code: 'DISK_LOW', message }];
    }
    case 'ok':
      return [];
  }
}

function fillerWarnings(
  air: Broadcast | undefined,
  fillers: readonly Filler[],
  now: number,
): readonly Warning[] {
  if (air === undefined) {
    return [];
  }
  const grid = gridOf(air.fps);
  const recent = new Map(
    fillers
      .filter(({ n }) => n >= air.broadcast)
      .filter(({ n }) => now - timeOfSegment(grid, n) < FILLER_TOLD_MS)
      .map(({ n, reason }) => [n, reason]),
  );
  const [newest] = recent;
  if (newest === undefined) {
    return [];
  }
  const message = `${recent.size} of the last minute's segments could not be made and show the slate, ${newest[0]} the newest (${newest[1]}): restart the encoder if it goes on`;
  return [{ code: 'SEGMENTS_FILLED', message }];
}

const NEEDED = ['ingest', 'transcoder', 'aggregator', 'edge'] as const;

/** What keeps the pipeline from taking a stream; empty when nothing does. */
export function missingFor(
  services: readonly ServiceRecord[],
  own: { readonly isLed: boolean; readonly isStoreUp: boolean; readonly disk: DiskState },
): readonly string[] {
  const missing: string[] = NEEDED.filter(
    (service) => !services.some((record) => record.service === service && record.ready),
  );
  if (!own.isLed) {
    missing.push('leadership');
  }
  if (!own.isStoreUp) {
    missing.push('store');
  }
  if (own.disk === 'full') {
    missing.push('disk space in DATA_DIR');
  }
  return missing;
}
