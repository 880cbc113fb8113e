/** A channel that waits for its publisher. */
import type { JSX } from 'preact';
import type { RoomChannel } from '#common/contracts/control-room';
import { ChannelActions, type ChannelAction } from './channel-actions.tsx';
import { Figure } from './figure.tsx';

interface OffAirCardProps {
  readonly entry: RoomChannel;
  readonly watchUrl: string | undefined;
  readonly onAction: (action: ChannelAction) => void;
}

/** See the head of this file. */
export function OffAirCard({ entry, watchUrl, onAction }: OffAirCardProps): JSX.Element {
  const { channel } = entry;
  const from = `channels/${channel.id}`;
  const heights = channel.ladder.video.map(({ height }) => `${height}p`).join(' · ');
  return (
    <article class="card off-air" aria-labelledby={`name-${channel.id}`}>
      <header class="card-head">
        <div>
          <h3 id={`name-${channel.id}`}>
            {channel.name} <span class="badge">Off air</span>
          </h3>
          <p class="quiet">
            <span class="mono">{channel.id}</span> ·{' '}
            <Figure source={`${from}/ladder`} text={heights} /> ·{' '}
            <Figure
              source={`${from}/grid`}
              text={channel.fps === null ? 'frame rate from the first feed' : `${channel.fps} fps`}
            />
          </p>
        </div>
        <ChannelActions entry={entry} watchUrl={watchUrl} onAction={onAction} />
      </header>
    </article>
  );
}
