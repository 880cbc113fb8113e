/** OBS's two lines. The key is kept hashed, so it can be shown only at the moment it is made. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RoomChannel } from '#common/contracts/control-room';
import { renewKey } from './api.ts';
import { CopyLine } from './copy-button.tsx';
import { Dialog, DialogActions } from './dialog.tsx';

interface KeyDialogProps {
  readonly id: string;
  readonly name: string;
  readonly entry: RoomChannel | undefined;
  /** Null while no ingest is running. */
  readonly rtmpUrl: string | null;
  /** A key that has just been made. */
  readonly streamKey: string | undefined;
  readonly onClose: () => void;
}

/** See the head of this file. */
export function KeyDialog(props: KeyDialogProps): JSX.Element {
  const { id, name, entry, rtmpUrl, onClose } = props;
  const [streamKey, setStreamKey] = useState(props.streamKey);
  const [isAsking, setAsking] = useState(false);
  const isConnected = entry?.status.feeds.some(({ connected }) => connected) === true;
  const renew = async (): Promise<void> => {
    setStreamKey(await renewKey(id));
    setAsking(false);
  };
  return (
    <Dialog title={`Connect OBS to ${name}`} onClose={onClose}>
      <p class="quiet">
        In OBS: Settings → Stream → Service “Custom…”, then these two lines. Any other RTMP encoder
        takes them as well.
      </p>
      {rtmpUrl === null ? (
        <p class="problem">No ingest is running, so there is no server to publish to yet.</p>
      ) : (
        <CopyLine id="obs-server" label="Server" value={rtmpUrl} />
      )}
      {streamKey !== undefined && (
        <>
          <CopyLine id="obs-key" label="Stream key" value={streamKey} />
          <p class="note">
            This key is shown only now: it is stored as a hash that nobody can read back. Whoever
            has it can publish.
          </p>
        </>
      )}
      {streamKey === undefined && !isAsking && (
        <>
          <p class="note">
            The stream key was shown when it was made, and is stored only as a hash. If it is lost,
            make a new one: the old one stops working at once.
          </p>
          <div class="dialog-actions">
            <button
              type="button"
              class="button"
              onClick={() => {
                setAsking(true);
              }}
            >
              Make a new key…
            </button>
          </div>
        </>
      )}
      {streamKey === undefined && isAsking && (
        <>
          <p class="note is-warning">
            {isConnected
              ? 'The publisher that is connected now will be dropped, and must be given the new key.'
              : 'The old key stops working. Every encoder that has it must be given the new one.'}
          </p>
          <DialogActions
            label="Make a new key"
            isDangerous
            onClose={() => {
              setAsking(false);
            }}
            action={renew}
          />
        </>
      )}
    </Dialog>
  );
}
