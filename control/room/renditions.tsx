/** How far each rendition of a broadcast is. */
import type { JSX } from 'preact';
import type { RoomChannel } from '#common/contracts/control-room';
import { Figure } from './figure.tsx';
import { formatLag, formatNumber } from './format.ts';
import { lineColour } from './graph.tsx';
import { lagLevel, levelWord } from './judgement.ts';

/** See the head of this file. */
export const Renditions = ({ entry }: { readonly entry: RoomChannel }): JSX.Element => (
  <div class="renditions">
    <table class="table">
      <caption class="unseen">Renditions of {entry.channel.name}</caption>
      <thead>
        <tr>
          <th scope="col">Rendition</th>
          <th scope="col" class="is-number">
            Published
          </th>
          <th scope="col" class="is-number">
            Lag
          </th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {entry.status.renditions.map(({ id, width, height, published, lagMs, withheld }, at) => {
          const from = `channels/${entry.channel.id}/renditions/${id}`;
          const level = lagLevel(lagMs);
          return (
            <tr key={id}>
              <th
                scope="row"
                title={width === undefined ? undefined : `${width} × ${height ?? '–'} pixels`}
              >
                <svg class="swatch" aria-hidden="true" viewBox="0 0 10 10">
                  <circle cx="5" cy="5" r="5" fill={lineColour(at)} />
                </svg>
                <Figure source={`${from}/name`} text={nameOf(id)} />
              </th>
              <td class="is-number">
                <Figure source={`${from}/published`} text={formatNumber(published)} />
              </td>
              <td class="is-number">
                <Figure source={`${from}/lagMs`} text={formatLag(lagMs)} level={level} />
              </td>
              <td>
                {withheld === undefined ? (
                  <span class="level" data-level={level}>
                    {levelWord(level)}
                  </span>
                ) : (
                  <span
                    class="level"
                    data-level="watch"
                    title={`Since ${new Date(withheld.since).toLocaleTimeString('en-GB')}: ${withheld.reason}; ${withheld.back}`}
                  >
                    withheld
                  </span>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  </div>
);

/** `v720` is 720p, lying or standing; `a128` is sound of 128 kb/s. */
const nameOf = (id: string): string =>
  id.startsWith('v') ? `${Number(id.slice(1))}p` : `Sound ${id.slice(1)}k`;
