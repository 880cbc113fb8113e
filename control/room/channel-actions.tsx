/** What can be done to a channel, as a row of buttons. */
import type { JSX } from 'preact';
import type { RoomChannel } from '#common/contracts/control-room';

/** What a button asks for. */
export type ChannelAction = 'edit' | 'key' | 'recordings' | 'end' | 'delete';

interface ChannelActionsProps {
  readonly entry: RoomChannel;
  readonly watchUrl: string | undefined;
  readonly onAction: (action: ChannelAction) => void;
}

/** See the head of this file. */
export function ChannelActions({ entry, watchUrl, onAction }: ChannelActionsProps): JSX.Element {
  const { channel, status } = entry;
  const button = (action: ChannelAction, label: string, look = ''): JSX.Element => (
    <button
      type="button"
      class={`button ${look}`}
      data-action={action}
      onClick={() => {
        onAction(action);
      }}
    >
      {label}
      <span class="unseen"> of {channel.name}</span>
    </button>
  );
  return (
    <div class="actions">
      {watchUrl !== undefined && (
        <a class="button" href={watchUrl} target="_blank" rel="noreferrer">
          Watch<span class="unseen"> {channel.name} in a new window</span>
          <span aria-hidden="true"> ↗</span>
        </a>
      )}
      {button('key', 'Connect OBS')}
      {button('recordings', 'Recordings')}
      {button('edit', 'Settings')}
      {status.onAir
        ? button('end', 'End broadcast', 'is-dangerous')
        : button('delete', 'Delete', 'is-dangerous')}
    </div>
  );
}
