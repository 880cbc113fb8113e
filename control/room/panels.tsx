/** The pipeline behind the channels: workers, queues, edges, services. */
import type { ComponentChildren, JSX } from 'preact';
import type { EdgeView, QueueView, ServiceView, WorkerView } from '#common/contracts/control-room';
import { Figure } from './figure.tsx';
import {
  formatAge,
  formatBitrate,
  formatCount,
  formatLag,
  formatNumber,
  formatRate,
  formatRatio,
  formatSpeed,
} from './format.ts';
import { ageLevel, hitLevel, speedLevel } from './judgement.ts';

interface PanelProps {
  readonly id: string;
  readonly title: string;
  readonly aside?: ComponentChildren;
  /** Shown instead of a table without rows. */
  readonly empty: string;
  readonly columns: readonly (readonly [name: string, isNumber?: boolean])[];
  readonly rows: readonly JSX.Element[];
}

/** Tables are wider than narrow windows: they scroll, by keyboard as well. */
const Panel = ({ id, title, aside, empty, columns, rows }: PanelProps): JSX.Element => (
  <section class="panel card" id={id} aria-labelledby={`${id}-title`}>
    <div class="panel-head">
      <h2 id={`${id}-title`}>{title}</h2>
      {aside}
    </div>
    {rows.length === 0 ? (
      <p class="empty">{empty}</p>
    ) : (
      <div
        class="scroller"
        tabIndex={0}
        role="group"
        aria-label={`Table of ${title.toLowerCase()}`}
      >
        <table class="table">
          <thead>
            <tr>
              {columns.map(([name, isNumber = false]) => (
                <th key={name} scope="col" class={isNumber ? 'is-number' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{rows}</tbody>
        </table>
      </div>
    )}
  </section>
);

/** Transcoder workers. */
export const WorkersPanel = ({ workers }: { readonly workers: readonly WorkerView[] }) => (
  <Panel
    id="workers"
    title="Workers"
    empty="No worker has reported. Nothing is transcoded until one starts."
    columns={[
      ['Worker'],
      ['Now'],
      ['Speed', true],
      ['A task', true],
      ['Done', true],
      ['Failed', true],
    ]}
    rows={workers.map(({ id, state, task, speed, taskMs, done, failed }) => {
      const from = `workers/${id}`;
      return (
        <tr key={id}>
          <th scope="row" data-source={`${from}/id`} class="mono">
            {id}
          </th>
          <td>
            {task === null ? (
              <span class="level" data-level={state === 'idle' ? 'none' : 'watch'}>
                {state}
              </span>
            ) : (
              <Figure source={`${from}/task`} text={`${task.channel} ${formatNumber(task.n)}`} />
            )}
          </td>
          <td class="is-number">
            <Figure source={`${from}/speed`} text={formatSpeed(speed)} level={speedLevel(speed)} />
          </td>
          <td class="is-number">
            <Figure source={`${from}/taskMs`} text={formatLag(taskMs)} />
          </td>
          <td class="is-number">
            <Figure source={`${from}/done`} text={formatCount(done)} />
          </td>
          <td class="is-number">
            <Figure
              source={`${from}/failed`}
              text={formatCount(failed)}
              level={(failed ?? 0) > 0 ? 'watch' : 'none'}
            />
          </td>
        </tr>
      );
    })}
  />
);

const QUEUE_WORDS: Readonly<Record<QueueView['name'], string>> = {
  chunks: 'chunks, from ingest',
  transcode: 'transcode, to workers',
  segments: 'segments, to the origin',
};

/** Queues. */
export const QueuesPanel = ({ queues }: { readonly queues: readonly QueueView[] }) => (
  <Panel
    id="queues"
    title="Queues"
    aside={
      <a class="link" href="/queues">
        Queue board
      </a>
    }
    empty="Nothing is known of the queues yet."
    columns={[
      ['Queue'],
      ['Waiting', true],
      ['Active', true],
      ['Delayed', true],
      ['Oldest', true],
      ['Failed', true],
    ]}
    rows={queues.map(({ name, waiting, active, delayed, oldestMs, failed }) => {
      const from = `queues/${name}`;
      return (
        <tr key={name}>
          <th scope="row">{QUEUE_WORDS[name]}</th>
          <td class="is-number">
            <Figure source={`${from}/waiting`} text={formatCount(waiting)} />
          </td>
          <td class="is-number">
            <Figure source={`${from}/active`} text={formatCount(active)} />
          </td>
          <td class="is-number">
            <Figure source={`${from}/delayed`} text={formatCount(delayed)} />
          </td>
          <td class="is-number">
            <Figure
              source={`${from}/oldestMs`}
              text={formatAge(oldestMs)}
              level={ageLevel(oldestMs)}
            />
          </td>
          <td class="is-number">
            <Figure
              source={`${from}/failed`}
              text={formatCount(failed)}
              level={failed > 0 ? 'watch' : 'none'}
            />
          </td>
        </tr>
      );
    })}
  />
);

/** Edges. */
export const EdgesPanel = ({ edges }: { readonly edges: readonly EdgeView[] }) => (
  <Panel
    id="edges"
    title="Edges"
    empty="No edge has reported. Nobody can watch until one starts."
    columns={[['Edge'], ['Hit ratio', true], ['Requests', true], ['Egress', true]]}
    rows={edges.map(({ id, ready, hitRatio, requestsPerSecond, bitsPerSecond }) => {
      const from = `edges/${id}`;
      return (
        <tr key={id}>
          <th scope="row">
            <span data-source={`${from}/id`} class="mono">
              {id}
            </span>
            {!ready && (
              <span class="level" data-level="bad">
                {' '}
                not ready
              </span>
            )}
          </th>
          <td class="is-number">
            <Figure
              source={`${from}/hitRatio`}
              text={formatRatio(hitRatio)}
              level={hitLevel(hitRatio, requestsPerSecond)}
            />
          </td>
          <td class="is-number">
            <Figure source={`${from}/requestsPerSecond`} text={formatRate(requestsPerSecond)} />
          </td>
          <td class="is-number">
            <Figure source={`${from}/bitsPerSecond`} text={formatBitrate(bitsPerSecond)} />
          </td>
        </tr>
      );
    })}
  />
);

/** Every process that reports. */
export const ServicesPanel = ({ services }: { readonly services: readonly ServiceView[] }) => (
  <Panel
    id="services"
    title="Services"
    empty="No service has reported."
    columns={[['Service'], ['State'], ['Up', true], ['Address']]}
    rows={services.map(({ id, service, ready, url, startedAt, at }) => (
      <tr key={id}>
        <th scope="row">
          {service}{' '}
          <span class="quiet mono" data-source={`services/${id}/id`}>
            {id}
          </span>
        </th>
        <td>
          <span class="level" data-level={ready ? 'good' : 'bad'}>
            {ready ? 'ready' : 'not ready'}
          </span>
        </td>
        <td class="is-number">
          <Figure source={`services/${id}/up`} text={formatAge(at - startedAt)} />
        </td>
        <td class="quiet mono" data-source={`services/${id}/url`}>
          {url}
        </td>
      </tr>
    ))}
  />
);
