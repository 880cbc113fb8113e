/** A channel with a feed or a broadcast: picture, graphs, renditions, warnings. */
import type { JSX } from 'preact';
import type { Reading, RoomChannel } from '#common/contracts/control-room';
import { ChannelActions, type ChannelAction } from './channel-actions.tsx';
import { Figure } from './figure.tsx';
import {
  formatBitrate,
  formatCount,
  formatDelay,
  formatDuration,
  formatFps,
  formatLag,
  formatNumber,
  formatSeconds,
  formatSize,
} from './format.ts';
import { Graph } from './graph.tsx';
import { Preview } from './preview.tsx';
import { Renditions } from './renditions.tsx';

interface OnAirCardProps {
  readonly entry: RoomChannel;
  readonly at: number;
  readonly readings: readonly Reading[];
  readonly watchUrl: string | undefined;
  readonly onAction: (action: ChannelAction) => void;
}

/** See the head of this file. */
export function OnAirCard(props: OnAirCardProps): JSX.Element {
  const { entry, at, readings, watchUrl, onAction } = props;
  const { channel, status, startedAt } = entry;
  const published = status.renditions.reduce<number | null>(
    (newest, rendition) => (rendition.published === null ? newest : rendition.published),
    null,
  );
  const from = `channels/${channel.id}`;
  return (
    <article class="card on-air" aria-labelledby={`name-${channel.id}`}>
      <div class="on-air-picture">
        <Preview channel={channel.id} name={channel.name} published={published}>
          <p class="preview-badges">
            {status.onAir ? (
              <>
                <span class="badge is-live">On air</span>
                <Figure
                  class="badge is-dark"
                  source={`${from}/duration`}
                  text={formatDuration(startedAt === null ? null : at - startedAt)}
                />
              </>
            ) : (
              <span class="badge">Starting</span>
            )}
          </p>
        </Preview>
      </div>
      {status.renditions.length > 0 && <Renditions entry={entry} />}
      <div class="on-air-main">
        <header class="card-head">
          <div>
            <h3 id={`name-${channel.id}`}>{channel.name}</h3>
            <p class="quiet mono">{channel.id}</p>
          </div>
          <ChannelActions entry={entry} watchUrl={watchUrl} onAction={onAction} />
        </header>
        <Warnings entry={entry} />
        <Facts entry={entry} />
        <Graphs entry={entry} readings={readings} />
      </div>
    </article>
  );
}

const Warnings = ({ entry }: { readonly entry: RoomChannel }): JSX.Element | null =>
  entry.status.warnings.length === 0 ? null : (
    <ul class="warnings">
      {entry.status.warnings.map(({ code, message }) => (
        <li key={code} data-source={`channels/${entry.channel.id}/warnings/${code}`}>
          {message}
        </li>
      ))}
    </ul>
  );

function Facts({ entry }: { readonly entry: RoomChannel }): JSX.Element {
  const { channel, status } = entry;
  const from = `channels/${channel.id}`;
  const feed = status.feeds[0];
  return (
    <dl class="facts">
      <div>
        <dt>Source</dt>
        <dd>
          {feed === undefined ? (
            'none yet'
          ) : (
            <Figure source={`${from}/size`} text={formatSize(feed.width, feed.height)} />
          )}
        </dd>
      </div>
      <div>
        <dt>Encoder</dt>
        <dd data-source={`${from}/encoder`}>
          {feed === undefined || feed.encoder === '' ? 'does not say' : feed.encoder}
        </dd>
      </div>
      <div>
        <dt>Grid</dt>
        <dd>
          <Figure
            source={`${from}/grid`}
            text={status.fps === null ? 'from the first feed' : `${status.fps} fps`}
          />
        </dd>
      </div>
      <div>
        <dt>Viewers behind: median / most</dt>
        <dd title="The median of what their players tell, and what 95 % do not exceed">
          {status.viewers === null ? (
            'nobody tells'
          ) : (
            <>
              <Figure source={`${from}/viewersP50`} text={formatDelay(status.viewers.p50Ms)} />{' '}
              <span class="quiet">/</span>{' '}
              <Figure source={`${from}/viewersP95`} text={formatDelay(status.viewers.p95Ms)} />
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>Viewers who tell</dt>
        <dd>
          <Figure source={`${from}/viewersCount`} text={formatCount(status.viewers?.count ?? 0)} />
        </dd>
      </div>
      <div>
        <dt>Broadcast</dt>
        <dd>
          <Figure source={`${from}/broadcast`} text={formatNumber(status.broadcast)} />
        </dd>
      </div>
      <div>
        <dt>Recorded up to</dt>
        <dd>
          <Figure source={`${from}/rawStored`} text={formatNumber(status.rawStored)} />
        </dd>
      </div>
      <div>
        <dt>In the making</dt>
        <dd>
          <Figure source={`${from}/unfinished`} text={formatCount(status.unfinished)} />
        </dd>
      </div>
    </dl>
  );
}

function Graphs({ entry, readings }: Pick<OnAirCardProps, 'entry' | 'readings'>): JSX.Element {
  const { channel, status } = entry;
  const from = `channels/${channel.id}`;
  const feed = status.feeds.find(({ connected }) => connected);
  const times = readings.map(({ at }) => at / 1000);
  const line = (name: 'bitrateBps' | 'fps' | 'keyframeSeconds', scale = 1) => [
    {
      label: 'feed',
      values: readings.map((reading) => {
        const value = reading[name];
        return value === null ? null : value * scale;
      }),
    },
  ];
  const worst = status.renditions.reduce<number | null>(
    (lag, { lagMs }) => (lagMs === null ? lag : Math.max(lag ?? 0, lagMs)),
    null,
  );
  return (
    <div class="graphs">
      <Graph
        title="Ingest bitrate"
        figure={<Figure source={`${from}/bitrateBps`} text={formatBitrate(feed?.bitrateBps)} />}
        times={times}
        lines={line('bitrateBps', 1e-6)}
        format={(value) => `${value.toFixed(1)} M`}
        atLeast={0.5}
      />
      <Graph
        title="Frame rate"
        figure={<Figure source={`${from}/feedFps`} text={formatFps(feed?.fps)} />}
        times={times}
        lines={line('fps')}
        format={(value) => value.toFixed(0)}
        atLeast={30}
      />
      <Graph
        title="Keyframe interval"
        figure={
          <Figure source={`${from}/keyframeSeconds`} text={formatSeconds(feed?.keyframeSeconds)} />
        }
        times={times}
        lines={line('keyframeSeconds')}
        format={(value) => `${value.toFixed(1)} s`}
        atLeast={4}
      />
      <Graph
        title="Lag, worst rendition"
        figure={<Figure source={`${from}/worstLagMs`} text={formatLag(worst)} />}
        times={times}
        lines={status.renditions.map(({ id }) => ({
          label: id,
          values: readings.map(({ lagMs }) => {
            const value = lagMs[id] ?? null;
            return value === null ? null : value / 1000;
          }),
        }))}
        format={(value) => `${value.toFixed(1)} s`}
        atLeast={4}
      />
    </div>
  );
}
