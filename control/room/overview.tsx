/** The pipeline in six figures. */
import type { JSX } from 'preact';
import type { Snapshot } from '#common/contracts/control-room';
import { Figure } from './figure.tsx';
import { formatBitrate, formatCount, formatLag } from './format.ts';
import { lagLevel, type Level } from './judgement.ts';
import { totalsOf } from './totals.ts';

interface TileProps {
  readonly label: string;
  readonly source: string;
  readonly text: string;
  readonly level?: Level;
}

const Tile = ({ label, source, text, level = 'none' }: TileProps): JSX.Element => (
  <div class="tile">
    <dt>{label}</dt>
    <dd>
      <Figure source={`overview/${source}`} text={text} level={level} />
    </dd>
  </div>
);

/** See the head of this file. */
export function Overview({ snapshot }: { readonly snapshot: Snapshot }): JSX.Element {
  const totals = totalsOf(snapshot);
  return (
    <dl class="overview" aria-label="Overview">
      <Tile
        label="On air"
        source="onAir"
        text={`${formatCount(totals.onAir)} of ${formatCount(totals.channels)}`}
      />
      <Tile label="Coming in" source="ingestBps" text={formatBitrate(totals.ingestBps)} />
      <Tile
        label="Worst lag"
        source="worstLagMs"
        text={formatLag(totals.worstLagMs)}
        level={lagLevel(totals.worstLagMs)}
      />
      <Tile
        label="Workers busy"
        source="busy"
        text={`${formatCount(totals.busy)} of ${formatCount(totals.workers)}`}
      />
      <Tile
        label="Jobs waiting"
        source="waiting"
        text={formatCount(totals.waiting)}
        level={totals.waiting > totals.workers * 4 ? 'watch' : 'none'}
      />
      <Tile label="Going out" source="egressBps" text={formatBitrate(totals.egressBps)} />
    </dl>
  );
}
