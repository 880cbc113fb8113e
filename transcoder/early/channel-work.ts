/**
 * A channel as a worker makes it on time: what is shown, told by its leader; its sessions, followed once for all segments
 * under way; and those segments.
 */
import { isBefore } from '#common/channel-log';
import {
  shownEntrySchema,
  tellsPlaces,
  type DecodeFrom,
  type EarlyTask,
  type ShownEntry,
} from '#common/contracts/early-task';
import { redisKeys } from '#common/contracts/names';
import { lastStretch } from '#common/contracts/restart';
import type { AudioRendition, VideoRendition } from '#common/contracts/rendition';
import { divisionOf, fragmentStart } from '#common/division';
import { PipelineError, toPipelineError } from '#common/errors';
import { firstFrame, gridOf } from '#common/grid';
import { readJson } from '#common/json';
import type { Logger } from '#common/logger';
import type { StreamFollower } from '#common/stream-follower';
import { encodedSamplesOf } from '#common/sound-grid';
import { frameIndex, type FrameIndex, type SegmentNumber } from '#common/time';
import type { Encoder } from '../transcode.ts';
import type { FrameSize } from './picture-commands.ts';
import type { RenditionFragment } from './picture-encoder.ts';
import { firstNeeded, openingOf, type Decoded, type PictureSource } from './picture-line.ts';
import { lastingFrame, type RawFrame } from './raw-frame.ts';
import { SegmentPicturesRun } from './segment-pictures.ts';
import { SegmentSoundRun } from './segment-sound.ts';
import { SessionFeed } from './session-feed.ts';
import type { Standby } from './standby.ts';
import { StartOrder } from './start-order.ts';
import type { Turns } from './turns.ts';

/** What a channel's work needs. */
export interface ChannelWorkDeps {
  /** Of what is shown, and of coded frames: they may lie in different Redises. */
  readonly follower: StreamFollower;
  readonly hotFollower: StreamFollower;
  readonly encoder: Encoder;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Of the worker: what it holds ready. */
  readonly standby: Pick<Standby, 'takeEncoders' | 'takeDecoder'>;
  /** Of the worker: whose pictures go first. */
  readonly turns: Turns;
  /** The slate, decoded to that size. */
  readonly slate: (size: FrameSize) => Promise<Buffer>;
}

/** What who has a segment made is told. */
export interface MakingTold {
  readonly onFragment: (fragment: RenditionFragment) => void;
  /** Of these renditions nothing more is made: what of them is not out never comes. */
  readonly onLeftOff: (renditions: readonly string[]) => void;
}

/** Entries kept for tasks that are yet to come: between ten and twenty seconds of them. */
const MOST_KEPT = 2_000;

interface Kept {
  readonly id: string;
  readonly entry: ShownEntry;
}

interface Run {
  readonly n: SegmentNumber;
  /** The first place that is made here. */
  readonly first: FrameIndex;
  /** Where each session's frames come from for it. */
  readonly feeds: Map<string, SessionFeed>;
  readonly pictures: SegmentPicturesRun | undefined;
  readonly sounds: readonly SegmentSoundRun[];
  readonly stop: (error: PipelineError) => void;
  /** Of these renditions nothing more is made. */
  readonly leaveOff: (renditions: readonly string[]) => void;
  /** Id of the last entry that it was told. */
  told: string;
  /** How far it was told of each kind, without a gap. */
  readonly toldTo: Record<'pictures' | 'sound', number>;
}

/** A segment whose processes are started, and what it is to be told of what came before. */
interface Begun {
  readonly run: Run;
  readonly stop: AbortController;
  readonly told: readonly Kept[];
}

const isVideo = (rendition: EarlyTask['renditions'][number]): rendition is VideoRendition =>
  rendition.kind === 'video';
const isAudio = (rendition: EarlyTask['renditions'][number]): rendition is AudioRendition =>
  rendition.kind === 'audio';

/** See the head of this file. */
export class ChannelWork {
  readonly #deps: ChannelWorkDeps;
  readonly #channel: string;
  readonly #size: FrameSize;
  /** By session, the newest last: one is decoded again for who needs what another has let go. */
  readonly #feeds = new Map<string, SessionFeed[]>();
  readonly #runs = new Set<Run>();
  readonly #broadcast: SegmentNumber;
  /** The entries told after {@link #knownAfter}, in order. */
  #kept: Kept[] = [];
  #knownAfter: string;
  #stopFollowing: () => void;
  #slate: Decoded<RawFrame> | undefined;
  readonly #order = new StartOrder((before) =>
    [...this.#runs].some(
      ({ first, pictures }) => first < before && pictures?.isCatchingUp === true,
    ),
  );

  /** @param first the first of its tasks, from which on the leader's word is followed */
  constructor(first: EarlyTask, size: FrameSize, deps: ChannelWorkDeps) {
    this.#deps = deps;
    this.#channel = first.channel;
    this.#broadcast = first.broadcast;
    this.#size = size;
    this.#knownAfter = first.after;
    this.#stopFollowing = this.#follow(first.after);
  }

  /** Segments under way. */
  get underWay(): number {
    return this.#runs.size;
  }

  /**
   * Makes a segment; resolves with its preview when all its fragments are out.
   * @param given drops it
   * @param told of fragments, and of renditions of which no more are made
   * @throws PipelineError as ffmpeg's failures do; `ABORTED` when the broadcast ends before the segment
   */
  async make(task: EarlyTask, given: AbortSignal, making: MakingTold): Promise<Buffer | undefined> {
    const grid = gridOf(task.fps);
    const first = firstFrame(grid, task.n);
    const started = await this.#order.turn(
      { first, isTakenOver: task.isTakenOver === true, mostTold: grid.segmentFrames / 2 },
      AbortSignal.any([given, this.#deps.signal]),
    );
    let begun: Begun;
    try {
      given.throwIfAborted();
      begun = this.#begin(task, given, making);
    } finally {
      started();
    }
    const { run, stop, told } = begun;
    const { pictures, sounds } = run;
    try {
      for (const { id, entry } of told) {
        this.#tell(run, id, entry);
      }
      const [preview] = await Promise.all([
        pictures?.finished(),
        ...sounds.map((sound) => sound.finished()),
      ]);
      return preview;
    } catch (error) {
      stop.signal.throwIfAborted();
      given.throwIfAborted();
      throw error;
    } finally {
      stop.abort();
      this.#runs.delete(run);
      this.#forget();
      this.#closeUnused();
      this.#order.look();
      await Promise.all([pictures?.ended(), ...sounds.map((sound) => sound.ended())]);
    }
  }

  /** Nothing more is made of this channel here. */
  async close(): Promise<void> {
    this.#stopFollowing();
    const feeds = [...this.#feeds.values()].flat();
    this.#feeds.clear();
    await Promise.all(feeds.map((feed) => feed.close()));
  }

  /**
   * Starts the processes of a segment.
   * @throws PipelineError `ABORTED`
   */
  #begin(task: EarlyTask, given: AbortSignal, { onFragment, onLeftOff }: MakingTold): Begun {
    const grid = gridOf(task.fps);
    const { profile, n } = task;
    const division = divisionOf(grid, profile);
    const stretch = lastStretch(task.restarts, division.fragments);
    const renditions = task.renditions.filter(isVideo);
    const begins = renditions
      .map(({ id }) => stretch.from(id))
      .filter((k) => k < division.fragments);
    const first = fragmentStart(grid, division, n, begins.length === 0 ? 0 : Math.min(...begins));
    if (isBefore(task.after, this.#knownAfter)) {
      // It takes over a segment from another worker: what is told of that came before anything that is known here.
      this.#stopFollowing();
      this.#kept = [];
      this.#knownAfter = task.after;
      this.#stopFollowing = this.#follow(task.after);
    }
    const told = this.#kept.filter(({ id }) => isBefore(task.after, id));
    const opening = openingOf(
      task,
      first,
      told.map(({ entry }) => entry),
    );
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, given, this.#deps.signal]);
    const { encoder, turns } = this.#deps;
    const feeds = new Map<string, SessionFeed>();
    const pictures =
      begins.length === 0
        ? undefined
        : new SegmentPicturesRun(
            { grid, profile, n, renditions, size: this.#size, stretch },
            opening.picture,
            {
              encoder,
              signal,
              onFragment,
              turns,
              find: (source) => this.#find(feeds, source),
              onTaken: () => {
                this.#forget();
              },
              isTakenOver: task.isTakenOver === true,
              held: (kind) =>
                task.isTakenOver === true ? this.#deps.standby.takeEncoders(kind) : undefined,
              isNextOfLarge: () =>
                ![...this.#runs].some((run) => run.n < n && run.pictures?.isLargestLate === true),
            },
          );
    const sounds = task.renditions.filter(isAudio).map(
      (rendition) =>
        new SegmentSoundRun(
          { grid, profile, n, rendition },
          {
            encoder,
            signal,
            frameOf: (session, origin, k) => feeds.get(session)?.sound(origin, k),
            onFragment,
          },
        ),
    );
    const run: Run = {
      n,
      first,
      feeds,
      pictures,
      sounds,
      stop: (error) => {
        stop.abort(error);
      },
      leaveOff: (withheld) => {
        pictures?.leaveOff(withheld);
        onLeftOff(withheld);
      },
      told: task.after,
      toldTo: {
        pictures: first,
        // What is heard before a broadcast is nobody's to tell.
        sound: n === task.broadcast ? Number.POSITIVE_INFINITY : encodedSamplesOf(grid, n).from,
      },
    };
    if (opening.decode !== null && opening.picture.kind === 'frame') {
      this.#feed(run, opening.decode, opening.picture.seq);
    } else if (opening.decode !== null) {
      this.#feed(run, opening.decode, undefined);
    }
    this.#runs.add(run);
    return {
      run,
      stop,
      told: told.filter(({ entry }) => entry.t !== 'pictures' || entry.to > opening.picture.place),
    };
  }

  #follow(after: string): () => void {
    return this.#deps.follower.follow(redisKeys.shown(this.#channel), after, (entries) => {
      for (const { id, fields } of entries) {
        this.#take(id, fields[1]?.toString('utf8') ?? '');
      }
    });
  }

  #take(id: string, text: string): void {
    const entry = readJson(shownEntrySchema, text);
    if (entry === undefined) {
      this.#deps.logger.error({ id }, 'entry of what is shown is none of ours, skipped');
      return;
    }
    if (entry.broadcast !== this.#broadcast) {
      return;
    }
    this.#kept.push({ id, entry });
    if (this.#kept.length > MOST_KEPT) {
      const gone = this.#kept.splice(0, MOST_KEPT / 2);
      this.#knownAfter = gone.at(-1)?.id ?? this.#knownAfter;
    }
    for (const run of [...this.#runs]) {
      this.#tell(run, id, entry);
    }
    if (entry.t === 'pictures') {
      this.#order.told(entry.to);
    }
  }

  #tell(run: Run, id: string, entry: ShownEntry): void {
    if (!isBefore(run.told, id)) {
      return;
    }
    run.told = id;
    if (tellsPlaces(entry)) {
      if (entry.from > run.toldTo[entry.t]) {
        run.stop(new PipelineError('INPUT_MISSING', `${entry.t}: not told what is before this`));
        return;
      }
      const known = run.toldTo[entry.t];
      run.toldTo[entry.t] = Number.isFinite(known) ? Math.max(known, entry.to) : entry.to;
    }
    switch (entry.t) {
      case 'pictures': {
        const needed = firstNeeded(entry, run.first);
        if (entry.decode !== null && needed?.kind === 'frame') {
          this.#feed(run, entry.decode, needed.seq);
        }
        run.pictures?.tell(entry);
        break;
      }
      case 'sound':
        for (const { session, fromSeq } of entry.spans) {
          if (!run.feeds.has(session)) {
            this.#feed(run, { session, fromSeq }, undefined);
          }
        }
        for (const sound of run.sounds) {
          sound.tell(entry);
        }
        break;
      case 'withheld':
        if (run.n >= entry.from) {
          run.leaveOff(entry.withheld);
        }
        break;
      case 'end':
        if (run.n > entry.last) {
          run.stop(new PipelineError('ABORTED', 'the broadcast ended before this segment'));
        }
    }
  }

  /**
   * Where a run has a session's frames from: as before, or from what is decoded already, if that has all that is needed from
   * a start point on, to show a picture first; else decoded for it.
   */
  #feed(
    run: Run,
    { session, fromSeq }: Pick<DecodeFrom, 'session' | 'fromSeq'>,
    picture: number | undefined,
  ): void {
    if (run.feeds.get(session)?.covers(fromSeq, picture) === true) {
      return;
    }
    const known = this.#feeds.get(session) ?? [];
    const usable = known.findLast((feed) => feed.covers(fromSeq, picture));
    if (usable !== undefined) {
      run.feeds.set(session, usable);
      return;
    }
    const feed = new SessionFeed(this.#channel, session, fromSeq, {
      follower: this.#deps.hotFollower,
      logger: this.#deps.logger,
      encoder: this.#deps.encoder,
      size: this.#size,
      signal: this.#deps.signal,
      held: (...wanted) => this.#deps.standby.takeDecoder(...wanted),
      onChange: () => {
        this.#advance();
      },
    });
    run.feeds.set(session, feed);
    this.#feeds.set(session, [...known, feed]);
  }

  #find(feeds: ReadonlyMap<string, SessionFeed>, source: PictureSource): Decoded<RawFrame> {
    if (source.kind === 'slate') {
      return this.#slate ?? this.#bringSlate();
    }
    return feeds.get(source.session)?.pictures.find(source.seq) ?? { state: 'coming' };
  }

  /** Most channels never show it: it is decoded when it is to be shown first. */
  #bringSlate(): Decoded<RawFrame> {
    this.#slate = { state: 'coming' };
    this.#deps.slate(this.#size).then(
      (picture) => {
        this.#slate = { state: 'here', picture: lastingFrame(picture) };
        this.#advance();
      },
      (error: unknown) => {
        // A segment that needs it stands still here, and is made elsewhere.
        this.#deps.logger.error({ error: toPipelineError(error) }, 'no slate');
      },
    );
    return this.#slate;
  }

  #advance(): void {
    for (const { pictures, sounds } of this.#runs) {
      pictures?.advance();
      for (const sound of sounds) {
        sound.advance();
      }
    }
    this.#forget();
    this.#order.look();
  }

  /** Pictures that no segment under way wants are let go. */
  #forget(): void {
    for (const feed of [...this.#feeds.values()].flat()) {
      const wanted = [...this.#runs].flatMap(({ feeds, pictures }) =>
        [...feeds].flatMap(([session, one]) =>
          one === feed && pictures !== undefined ? pictures.wantedFrom(session, feed.pictures) : [],
        ),
      );
      if (wanted.length > 0) {
        feed.pictures.forgetBefore(frameIndex(Math.min(...wanted)));
      }
    }
  }

  /** What no segment under way is made from goes, but for the newest: the next segment goes on with it. */
  #closeUnused(): void {
    const newest = [...this.#feeds.values()].at(-1)?.at(-1);
    for (const [session, feeds] of this.#feeds) {
      const isUsed = (feed: SessionFeed): boolean =>
        feed === newest || [...this.#runs].some((run) => [...run.feeds.values()].includes(feed));
      const kept = feeds.filter((feed) => isUsed(feed));
      for (const feed of feeds.filter((one) => !kept.includes(one))) {
        void feed.close();
      }
      if (kept.length > 0) {
        this.#feeds.set(session, kept);
      } else {
        this.#feeds.delete(session);
      }
    }
  }
}
