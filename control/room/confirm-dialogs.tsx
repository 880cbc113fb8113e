/** Ending a broadcast and deleting a channel: what cannot be undone is asked for twice. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RoomChannel } from '#common/contracts/control-room';
import { deleteChannel, endBroadcast } from './api.ts';
import { Dialog, DialogActions } from './dialog.tsx';

interface ConfirmProps {
  readonly entry: RoomChannel;
  readonly onClose: () => void;
}

/** Ends what is on air. */
export const EndDialog = ({ entry, onClose }: ConfirmProps): JSX.Element => (
  <Dialog title={`End the broadcast of ${entry.channel.name}?`} onClose={onClose}>
    <p>
      Viewers see the end of the match, and then the recording. The publisher is dropped; if it
      connects again, a new broadcast begins.
    </p>
    <DialogActions
      label="End broadcast"
      isDangerous
      onClose={onClose}
      action={async () => {
        await endBroadcast(entry.channel.id);
        onClose();
      }}
    />
  </Dialog>
);

/** Deletes a channel once its id has been typed. */
export function DeleteDialog({ entry, onClose }: ConfirmProps): JSX.Element {
  const { id, name } = entry.channel;
  const [typed, setTyped] = useState('');
  return (
    <Dialog title={`Delete ${name}?`} onClose={onClose}>
      <p>
        Its settings and its stream key are gone at once. Its recordings stay in the store, but no
        page leads to them any more.
      </p>
      <div class="field">
        <label for="typed">
          Type <strong class="mono">{id}</strong> to delete it
        </label>
        <input
          id="typed"
          class="mono"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={typed}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
          }}
        />
      </div>
      <DialogActions
        label="Delete channel"
        isDangerous
        isDisabled={typed !== id}
        onClose={onClose}
        action={async () => {
          await deleteChannel(id);
          onClose();
        }}
      />
    </Dialog>
  );
}
