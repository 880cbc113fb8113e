/** A channel's broadcasts, newest first, with the addresses of their recordings. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { RoomChannel } from '#common/contracts/control-room';
import { presentationPath } from '#common/contracts/delivery';
import type { Broadcast } from '#common/contracts/segment';
import { gridOf, segmentSeconds } from '#common/grid';
import { listBroadcasts } from './api.ts';
import { Dialog } from './dialog.tsx';
import { formatDuration, formatMoment, formatNumber } from './format.ts';

interface RecordingsDialogProps {
  readonly entry: RoomChannel;
  /** Base address of an edge. */
  readonly edgeUrl: string | undefined;
  readonly onClose: () => void;
}

const lengthOf = ({ fps, broadcast, last }: Broadcast): string =>
  last === null
    ? 'on air'
    : formatDuration((last - broadcast + 1) * segmentSeconds(gridOf(fps)) * 1000);

/** See the head of this file. */
export function RecordingsDialog({ entry, edgeUrl, onClose }: RecordingsDialogProps): JSX.Element {
  const { id, name } = entry.channel;
  const [broadcasts, setBroadcasts] = useState<readonly Broadcast[] | undefined>(undefined);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    listBroadcasts(id).then(setBroadcasts, (error: unknown) => {
      setProblem(error instanceof Error ? error.message : String(error));
    });
    // Asked again when a broadcast begins or ends.
  }, [id, entry.status.broadcast]);
  return (
    <Dialog title={`Recordings of ${name}`} onClose={onClose} isWide>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {broadcasts === undefined && problem === '' && <p class="empty">Looking…</p>}
      {broadcasts?.length === 0 && (
        <p class="empty">Nothing has been on air on this channel yet.</p>
      )}
      {broadcasts !== undefined && broadcasts.length > 0 && (
        <div class="scroller" tabIndex={0} role="group" aria-label="Table of recordings">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Began</th>
                <th scope="col" class="is-number">
                  Length
                </th>
                <th scope="col" class="is-number">
                  Broadcast
                </th>
                <th scope="col">Play</th>
              </tr>
            </thead>
            <tbody>
              {broadcasts.map((broadcast) => (
                <tr key={broadcast.broadcast}>
                  <th scope="row">{formatMoment(broadcast.startedAt)}</th>
                  <td class="is-number">{lengthOf(broadcast)}</td>
                  <td class="is-number">{formatNumber(broadcast.broadcast)}</td>
                  <td>
                    {edgeUrl === undefined ? (
                      <span class="quiet">no edge is running</span>
                    ) : (
                      <Addresses base={`${edgeUrl}${presentationPath(id, broadcast.broadcast)}`} />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Dialog>
  );
}

const Addresses = ({ base }: { readonly base: string }): JSX.Element => (
  <span class="addresses">
    <a class="link" href={`${base}.m3u8`} target="_blank" rel="noreferrer">
      HLS
    </a>
    <a class="link" href={`${base}.mpd`} target="_blank" rel="noreferrer">
      DASH
    </a>
  </span>
);
