/** out_MQ: what workers made, what the scheduler began and ended. Every job may come twice and in any order. */
import type { Broadcast, PublishedFragment, Result, SegmentJob } from '#common/contracts/segment';
import { PipelineError, toPipelineError } from '#common/errors';
import { milliseconds, type SegmentNumber } from '#common/time';
import type { Channels } from './channels.ts';
import type { Committer } from './committer.ts';
import { isCompletion } from './completions.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import { noteAgain } from './note-again.ts';
import { findBroadcasts, isDone, rebuildBroadcast, type RebuildDeps } from './rebuild.ts';
import { readBroadcast, type Recordings } from './recordings.ts';
import type { Timeline } from './timeline.ts';

/** A result may come before its broadcast's record: looked for this often, this far apart. */
const UNKNOWN = { looks: 20, apart: milliseconds(500) } as const;
/** Newest broadcasts of each channel that a start takes up again. */
const RESTORED = 2;

/** Names one restoration: of a record that was given, or one to be found in the store. */
const nameOf = (channel: string, number: SegmentNumber, from: 'given' | 'found'): string =>
  `${channel}/${number}/${from}`;

/** What taking jobs needs. */
export interface IntakeDeps {
  readonly rebuild: RebuildDeps;
  readonly channels: Channels;
  readonly committer: Committer;
  readonly recordings: Recordings;
  readonly open: (timeline: Timeline, noted: readonly PublishedFragment[]) => LiveBroadcast;
  /** Broadcasts in hand are others than before, or Redis has lost its streams: hot fragments are read from their beginning. */
  readonly readFragments: (channel: string) => void;
}

/** See the head of this file. */
export class Intake {
  readonly #deps: IntakeDeps;
  readonly #restoring = new Map<string, Promise<LiveBroadcast | undefined>>();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** Takes up again what was published before this process started. */
  async restoreAll(): Promise<void> {
    const { rebuild } = this.#deps;
    for (const [channel, numbers] of await findBroadcasts(rebuild.store)) {
      for (const number of numbers.slice(-RESTORED)) {
        if (!(await isDone(rebuild, channel, number))) {
          await this.#restore(channel, number);
        }
      }
    }
  }

  /** Redis was emptied: what it must hold is noted again, and an end that was told through it is looked up. */
  async noteAgain(): Promise<void> {
    const { rebuild, channels, readFragments } = this.#deps;
    for (const live of channels.all()) {
      await noteAgain(rebuild.redis, live);
      const { channel, broadcast } = live.timeline.broadcast;
      readFragments(channel);
      const record = await readBroadcast(rebuild.store, channel, broadcast).catch(() => undefined);
      if (record !== undefined) {
        live.withhold(record);
        live.end(record);
      }
    }
  }

  /** Takes one job. */
  async take(job: SegmentJob): Promise<void> {
    const { committer } = this.#deps;
    switch (job.type) {
      case 'start':
      case 'shed':
      case 'end':
        await this.#begin(job.broadcast);
        return;
      case 'done':
        await (await this.#broadcastOf(job.result)).offer(job.result);
        return;
      case 'stored': {
        const live = await this.#broadcastOf(job.result);
        // What completes a segment is put from here, with its own record.
        if (!isCompletion(live.timeline.broadcast, job.result)) {
          committer.stored(job.result);
          await live.offer(job.result);
        }
      }
    }
  }

  /** It is new, or known, or was begun before a restart. */
  async #begin(broadcast: Broadcast): Promise<void> {
    const { channel, broadcast: number } = broadcast;
    const known =
      this.#deps.channels.find(channel, number) ??
      (await this.#restore(channel, number, broadcast));
    known?.withhold(broadcast);
    known?.end(broadcast);
  }

  async #broadcastOf({ channel, broadcast }: Result): Promise<LiveBroadcast> {
    const { channels, rebuild } = this.#deps;
    for (let look = 1; look <= UNKNOWN.looks; look += 1) {
      // One that begins just now needs no store, which may hang.
      const beginning = this.#restoring.get(nameOf(channel, broadcast, 'given'));
      const live =
        channels.find(channel, broadcast) ??
        (await (beginning ?? this.#restore(channel, broadcast)).catch((error: unknown) => {
          rebuild.logger.warn(
            { channel, broadcast, error: toPipelineError(error) },
            'not restored',
          );
          return undefined;
        }));
      if (live !== undefined) {
        return live;
      }
      await rebuild.clock.sleep(UNKNOWN.apart);
    }
    throw new PipelineError('INPUT_MISSING', `no record of broadcast ${broadcast}`);
  }

  /** Jobs that need one broadcast at the same time share one restoration. */
  #restore(
    channel: string,
    number: SegmentNumber,
    given?: Broadcast,
  ): Promise<LiveBroadcast | undefined> {
    const key = nameOf(channel, number, given === undefined ? 'found' : 'given');
    const restoring =
      this.#restoring.get(key) ??
      this.#restoreOne(channel, number, given).finally(() => {
        this.#restoring.delete(key);
      });
    this.#restoring.set(key, restoring);
    return restoring;
  }

  async #restoreOne(
    channel: string,
    number: SegmentNumber,
    given: Broadcast | undefined,
  ): Promise<LiveBroadcast | undefined> {
    const { rebuild, channels, committer, recordings, open, readFragments } = this.#deps;
    const rebuilt = await rebuildBroadcast(rebuild, channel, number, given);
    const known = channels.find(channel, number);
    if (rebuilt === undefined || known !== undefined) {
      return known;
    }
    const live = open(rebuilt.timeline, rebuilt.fragments);
    channels.add(live);
    readFragments(channel);
    for (const published of rebuilt.committed) {
      recordings.committed(channel, published);
    }
    for (const published of rebuilt.uncommitted) {
      committer.add(channel, published);
    }
    for (const result of rebuilt.accepted) {
      await live.offer(result);
    }
    return live;
  }
}
