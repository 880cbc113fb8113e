/** The page: head, channels, the pipeline behind them, and the dialog that is open. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { RoomChannel, Snapshot } from '#common/contracts/control-room';
import { pagePath } from '#common/contracts/delivery';
import type { ChannelAction } from './channel-actions.tsx';
import { ChannelDialog } from './channel-dialog.tsx';
import { DeleteDialog, EndDialog } from './confirm-dialogs.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { OffAirCard } from './off-air-card.tsx';
import { OnAirCard } from './on-air-card.tsx';
import { Overview } from './overview.tsx';
import { EdgesPanel, QueuesPanel, ServicesPanel, WorkersPanel } from './panels.tsx';
import { reachable } from './reachable.ts';
import { RecordingsDialog } from './recordings-dialog.tsx';
import type { RoomState } from './room-state.ts';
import { RoomHead } from './room-head.tsx';

/** The dialog that is open. */
type Open =
  | { readonly kind: 'none' }
  | { readonly kind: 'new' }
  | { readonly kind: ChannelAction; readonly id: string; readonly streamKey?: string };

const isActive = ({ status }: RoomChannel): boolean =>
  status.onAir || status.feeds.some(({ connected }) => connected);

/** An edge that viewers can reach; the first that is ready. */
function edgeUrlOf({ edges }: Snapshot): string | undefined {
  const edge = edges.find(({ ready }) => ready);
  return edge && reachable(edge.publicUrl, location.hostname);
}

/** See the head of this file. */
export function RoomPage({ state }: { readonly state: RoomState }): JSX.Element {
  const { snapshot } = state;
  const [open, setOpen] = useState<Open>({ kind: 'none' });
  const onAir = snapshot?.channels.filter(({ status }) => status.onAir).length ?? 0;
  useEffect(() => {
    document.title = `${onAir > 0 ? `● ${onAir} on air · ` : ''}Control room · Touchline`;
  }, [onAir]);
  return (
    <>
      <RoomHead state={state} />
      <main id="main">
        <h1 class="unseen">Control room</h1>
        {snapshot === undefined ? (
          <p class="empty is-page" role="status">
            Looking at the pipeline…
          </p>
        ) : (
          <Content state={state} snapshot={snapshot} setOpen={setOpen} />
        )}
      </main>
      {snapshot !== undefined && <OpenDialog snapshot={snapshot} open={open} setOpen={setOpen} />}
    </>
  );
}

interface ContentProps {
  readonly state: RoomState;
  readonly snapshot: Snapshot;
  readonly setOpen: (open: Open) => void;
}

function Content({ state, snapshot, setOpen }: ContentProps): JSX.Element {
  const { channels, at } = snapshot;
  const edge = edgeUrlOf(snapshot);
  const common = (entry: RoomChannel) => ({
    entry,
    watchUrl: edge && `${edge}${pagePath({ page: 'watch', channel: entry.channel.id })}`,
    onAction: (kind: ChannelAction) => {
      setOpen({ kind, id: entry.channel.id });
    },
  });
  return (
    <>
      <Overview snapshot={snapshot} />
      <section aria-labelledby="channels-title" id="channels">
        <div class="section-head">
          <h2 id="channels-title">Channels</h2>
          <button
            type="button"
            class="button is-main"
            onClick={() => {
              setOpen({ kind: 'new' });
            }}
          >
            New channel
          </button>
        </div>
        {channels.length === 0 && (
          <p class="card empty">There is no channel yet. Make one, and connect OBS to it.</p>
        )}
        <div class="channels">
          {channels.filter(isActive).map((entry) => (
            <OnAirCard
              key={entry.channel.id}
              {...common(entry)}
              at={at}
              readings={state.history[entry.channel.id] ?? []}
            />
          ))}
          {channels
            .filter((entry) => !isActive(entry))
            .map((entry) => (
              <OffAirCard key={entry.channel.id} {...common(entry)} />
            ))}
        </div>
      </section>
      <div class="panels">
        <WorkersPanel workers={snapshot.workers} />
        <QueuesPanel queues={snapshot.queues} />
        <EdgesPanel edges={snapshot.edges} />
        <ServicesPanel services={snapshot.services} />
      </div>
    </>
  );
}

interface OpenDialogProps {
  readonly snapshot: Snapshot;
  readonly open: Open;
  readonly setOpen: (open: Open) => void;
}

function OpenDialog({ snapshot, open, setOpen }: OpenDialogProps): JSX.Element | null {
  const onClose = (): void => {
    setOpen({ kind: 'none' });
  };
  const onKey = (id: string, streamKey: string): void => {
    setOpen({ kind: 'key', id, streamKey });
  };
  if (open.kind === 'none') {
    return null;
  }
  const takenIds = snapshot.channels.map(({ channel }) => channel.id);
  if (open.kind === 'new') {
    return (
      <ChannelDialog
        entry={undefined}
        takenIds={takenIds}
        onClose={onClose}
        onKey={onKey}
        key="new"
      />
    );
  }
  const entry = snapshot.channels.find(({ channel }) => channel.id === open.id);
  if (open.kind === 'key') {
    // A channel that has just been made may not be in the snapshot yet.
    return (
      <KeyDialog
        key={`key ${open.id}`}
        id={open.id}
        name={entry?.channel.name ?? open.id}
        entry={entry}
        rtmpUrl={snapshot.rtmpUrl && reachable(snapshot.rtmpUrl, location.hostname)}
        streamKey={open.streamKey}
        onClose={onClose}
      />
    );
  }
  if (entry === undefined) {
    return null;
  }
  const key = `${open.kind} ${open.id}`;
  switch (open.kind) {
    case 'edit':
      return (
        <ChannelDialog
          entry={entry}
          takenIds={takenIds}
          onClose={onClose}
          onKey={onKey}
          key={key}
        />
      );
    case 'end':
      return <EndDialog entry={entry} onClose={onClose} key={key} />;
    case 'delete':
      return <DeleteDialog entry={entry} onClose={onClose} key={key} />;
    case 'recordings':
      return (
        <RecordingsDialog entry={entry} onClose={onClose} edgeUrl={edgeUrlOf(snapshot)} key={key} />
      );
  }
}
