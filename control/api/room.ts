/** What the control room shows: gathered once a second, whoever listens, with the last minutes of every channel. */
import {
  MOST_READINGS,
  readingOf,
  type EdgeView,
  type QueueView,
  type Reading,
  type RoomChannel,
  type RoomHistory,
  type Snapshot,
  type WorkerView,
} from '#common/contracts/control-room';
import type { ServiceRecord } from '#common/contracts/status';
import { toPipelineError } from '#common/errors';
import { withDeadline, type Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { EventStream, eventText } from './event-stream.ts';
import { workerViews } from './worker-views.ts';

const EVERY_MS = 1_000;
/** Commands wait while Redis is away; whoever looks at the room must hear of it. */
const DEADLINE_MS = 3_000;
/** Channels whose past is kept. */
const MOST_CHANNELS = 100;

/** What is gathered. */
export interface RoomSources {
  readonly now: () => number;
  readonly channels: () => Promise<readonly RoomChannel[]>;
  readonly queues: () => Promise<readonly QueueView[]>;
  readonly services: () => Promise<readonly ServiceRecord[]>;
  readonly edges: (services: readonly ServiceRecord[]) => readonly EdgeView[];
  readonly missing: () => Promise<readonly string[]>;
}

/** See the head of this file. */
export class Room implements Closable {
  readonly events = new EventStream();
  readonly #sources: RoomSources;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #history = new Map<string, Reading[]>();
  #last: string | undefined;
  #gathering: Promise<Snapshot> | undefined;
  #hasTrouble = false;
  #isClosed = false;

  constructor(sources: RoomSources, logger: Logger) {
    this.#sources = sources;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#tick(), EVERY_MS);
    void this.#tick();
  }

  /** Texts of the events a new listener begins with. */
  first(): readonly string[] {
    const history: RoomHistory = Object.fromEntries(this.#history);
    return [eventText('history', history), ...(this.#last === undefined ? [] : [this.#last])];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.events.close();
  }

  /** Never rejects. */
  async #tick(): Promise<void> {
    try {
      // Whatever is late is waited for again and not asked twice.
      this.#gathering ??= gather(this.#sources).finally(() => {
        this.#gathering = undefined;
      });
      const snapshot = await withDeadline(this.#gathering, DEADLINE_MS, 'redis');
      this.#remember(snapshot);
      this.#last = eventText('snapshot', snapshot);
      this.events.publish(this.#last);
      this.#hasTrouble = false;
    } catch (error) {
      if (this.#isClosed) {
        return;
      }
      if (!this.#hasTrouble) {
        this.#hasTrouble = true;
        this.#logger.warn({ error: toPipelineError(error) }, 'control room not refreshed');
      }
      const message = 'Redis does not answer, so these numbers stand still.';
      this.events.publish(eventText('trouble', { message }));
    }
  }

  #remember(snapshot: Snapshot): void {
    for (const entry of snapshot.channels) {
      const reading = readingOf(snapshot.at, entry);
      const { id } = entry.channel;
      const known = this.#history.get(id) ?? [];
      if (reading === undefined) {
        this.#history.delete(id);
      } else if (known.at(-1)?.at !== reading.at) {
        this.#history.delete(id);
        this.#history.set(id, [...known, reading].slice(-MOST_READINGS));
      }
    }
    const present = new Set(snapshot.channels.map(({ channel }) => channel.id));
    for (const id of this.#history.keys()) {
      if (!present.has(id) || this.#history.size > MOST_CHANNELS) {
        this.#history.delete(id);
      }
    }
  }
}

async function gather(sources: RoomSources): Promise<Snapshot> {
  const [channels, queues, services, missing] = await Promise.all([
    sources.channels(),
    sources.queues(),
    sources.services(),
    sources.missing(),
  ]);
  const workers: readonly WorkerView[] = workerViews(services);
  return {
    at: sources.now(),
    missing: [...missing],
    rtmpUrl: rtmpUrlOf(services),
    channels: [...channels],
    workers: [...workers],
    queues: [...queues],
    edges: [...sources.edges(services)],
    services: [...services],
  };
}

function rtmpUrlOf(services: readonly ServiceRecord[]): string | null {
  const ingest = services.find(({ service, ready }) => service === 'ingest' && ready);
  const port = ingest?.detail['rtmpPort'];
  return ingest === undefined || typeof port !== 'number' || !URL.canParse(ingest.url)
    ? null
    : `rtmp://${new URL(ingest.url).hostname}:${port}/live`;
}
