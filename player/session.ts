/**
 * What the page is doing about its channel: waiting for a broadcast, playing it, mending what broke, offering the
 * recording, and going over to the next broadcast by itself.
 */
import { deliveryPath, presentationPath } from '#common/contracts/delivery';
import { lookForBroadcast, readFrom } from './broadcast.ts';
import type { EdgeRoute } from './edge-route.ts';
import type { Edges } from './edges.ts';
import type { Company } from './company.ts';
import type { Engine, EngineName } from './engine.ts';
import { rangeAt } from './engine/ranges.ts';
import { UnsupportedError, automaticEngine, startEngine } from './engines.ts';
import { isAtLive } from './timeline.ts';
import { reporting } from './viewer-report.ts';
import { createWatchdog } from './watchdog.ts';

/** See {@link Session}. */
export type SessionState =
  'looking' | 'waiting' | 'starting' | 'live' | 'ended' | 'recording' | 'trouble' | 'unsupported';

/** What the session needs. */
export interface SessionOptions {
  readonly video: HTMLVideoElement;
  readonly channel: string;
  /** Undefined: whichever suits the channel. */
  readonly engine: EngineName | undefined;
  readonly edges: Edges;
  readonly now: () => number;
  /** Resolves once `now` is the edge's clock, or that cannot be had: engines play by it. */
  readonly clockReady: Promise<void>;
  /** It plays beside others: by our own engine whatever the profile, which alone keeps company. */
  readonly company?: Company;
  /** State, engine or qualities changed. */
  readonly onChange: () => void;
}

const BEGINNING_POLL_MS = 1_000;
const WAITING_POLL_MS = 2_500;
const OVER_POLL_MS = 4_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 10_000;
/** After so many that were its own, and not for want of media, another engine is given the channel. */
const OWN_FAILURES = 3;
/** Thousands wait for one kick-off: they must not all ask in the same moment. */
const POLL_SPREAD = 0.25;

/** Seconds of media that an element goes on with, whatever the engine. */
const IN_HAND = 0.5;

const hasInHand = ({ buffered, currentTime }: HTMLVideoElement): boolean =>
  (rangeAt(buffered, currentTime)?.end ?? 0) - currentTime > IN_HAND;

/** See the head of this file. */
export class Session {
  readonly #options: SessionOptions;
  /** The edges, for engines: told on the way how far behind the picture is. */
  readonly #edges: EdgeRoute;
  #state: SessionState = 'looking';
  #wish: EngineName | undefined;
  #isLowLatency = false;
  /** Times that our own engine could not go on. */
  #ownFailures = 0;
  #engine: Engine | undefined;
  #broadcast: number | undefined;
  /** Its playlist does not grow any more. */
  #isOver = false;
  #nextBroadcast: number | undefined;
  #failures = 0;
  #isReachable = true;
  #lastError: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Tells a late answer or event of an engine given up from one of the current. */
  #turn = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#wish = options.engine;
    const { video } = options;
    this.#edges = reporting(options.edges, {
      channel: options.channel,
      now: options.now,
      latency: () => this.#latencyAtLive(),
    });
    video.addEventListener('playing', () => {
      this.#onPlaying();
    });
    video.addEventListener('ended', () => {
      this.#onPlayedOut();
    });
    createWatchdog(
      video,
      () => this.#state === 'starting' && this.#engine !== undefined,
      () => {
        if (this.isLive) {
          this.#onFailed('playback stood still', !hasInHand(video));
        }
      },
    );
  }

  get state(): SessionState {
    return this.#state;
  }

  get engine(): Engine | undefined {
    return this.#engine;
  }

  /** What the viewer wants to be played by; undefined: whichever suits. */
  get wish(): EngineName | undefined {
    return this.#wish;
  }

  get broadcast(): number | undefined {
    return this.#broadcast;
  }

  /** On air while something older is on the screen. */
  get nextBroadcast(): number | undefined {
    return this.#nextBroadcast;
  }

  /** The broadcast on the screen is growing. */
  get isLive(): boolean {
    return !this.#isOver && (this.#state === 'live' || this.#state === 'starting');
  }

  /** Whether an edge answered when last asked what is on. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Looks what is on and does what follows. */
  start(): void {
    void this.#options.edges.ready.then(() => this.#look());
  }

  /** Plays the recording of the broadcast that ended. */
  watchRecording(): void {
    if (this.#broadcast !== undefined) {
      const { channel } = this.#options;
      void this.#play(presentationPath(channel, this.#broadcast), 'recording');
    }
  }

  /** Goes to what is on air now. */
  goToBroadcast(): void {
    this.#nextBroadcast = undefined;
    this.#giveUpEngine();
    this.#set('starting');
    void this.#look();
  }

  /** Plays on with another engine, or with whichever suits. */
  useEngine(name: EngineName | undefined): void {
    this.#wish = name;
    this.#ownFailures = 0;
    if (this.#state === 'recording') {
      this.watchRecording();
    } else if (this.#engine !== undefined) {
      this.goToBroadcast();
    }
    this.#options.onChange();
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    const turn = this.#turn;
    const playlist = new URL(
      deliveryPath({ kind: 'multivariant', channel: this.#options.channel }),
      location.href,
    ).href;
    const known = this.#isOver ? this.#broadcast : undefined;
    const { edges } = this.#options;
    const read = readFrom((path) => edges.fetch(path, { cache: 'no-cache' }));
    // Most look in order to play at once: what that takes is on its way meanwhile.
    const manifest = this.#state === 'looking' ? this.#askForManifest() : undefined;
    const onAir = await lookForBroadcast(playlist, read, known);
    if (turn !== this.#turn) {
      return;
    }
    this.#isReachable = onAir.kind !== 'unreachable';
    const isWatching = this.#engine !== undefined;
    switch (onAir.kind) {
      case 'live':
        if (isWatching) {
          this.#nextBroadcast = onAir.broadcast;
          this.#options.onChange();
          this.#lookAgain(OVER_POLL_MS);
          return;
        }
        this.#broadcast = onAir.broadcast;
        this.#isLowLatency = onAir.isLowLatency;
        await this.#play(presentationPath(this.#options.channel), 'starting', manifest);
        return;
      case 'ended':
        if (!isWatching) {
          this.#broadcast = onAir.broadcast;
          this.#isOver = true;
          this.#set('ended');
        }
        this.#lookAgain(OVER_POLL_MS);
        return;
      case 'beginning':
        if (!isWatching) {
          this.#set('starting');
        }
        this.#lookAgain(BEGINNING_POLL_MS);
        return;
      case 'nothing':
        if (!isWatching) {
          this.#set('waiting');
        }
        this.#lookAgain(WAITING_POLL_MS);
        return;
      case 'unreachable':
        if (!isWatching && this.#state !== 'ended') {
          this.#failures += 1;
          this.#set('trouble');
        }
        this.#lookAgain(this.#retryDelay());
    }
  }

  #lookAgain(delay: number): void {
    clearTimeout(this.#timer);
    const spread = 1 + (Math.random() * 2 - 1) * POLL_SPREAD;
    this.#timer = setTimeout(() => void this.#look(), delay * spread);
  }

  #retryDelay(): number {
    return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, this.#failures - 1));
  }

  /** The MPD, for our own engine. */
  #askForManifest(): Promise<string | undefined> | undefined {
    if (this.#wish !== undefined && this.#wish !== 'engine') {
      return undefined;
    }
    const { edges, channel } = this.#options;
    return edges
      .fetch(`${presentationPath(channel)}.mpd`)
      .then((response) => (response.ok ? response.text() : undefined))
      .catch(() => undefined);
  }

  async #play(
    presentation: string,
    state: 'starting' | 'recording',
    manifest?: Promise<string | undefined>,
  ): Promise<void> {
    this.#giveUpEngine();
    const turn = this.#turn;
    this.#isOver = state === 'recording';
    this.#nextBroadcast = undefined;
    this.#set(state);
    const ifCurrent =
      <Args extends readonly unknown[]>(action: (...args: Args) => void) =>
      (...args: Args): void => {
        if (turn === this.#turn) {
          action(...args);
        }
      };
    await this.#options.clockReady;
    if (turn !== this.#turn) {
      return;
    }
    try {
      const engine = await startEngine(this.#suitable(), this.#options.edges.forCode(), {
        video: this.#options.video,
        presentation,
        isLive: state === 'starting',
        manifest,
        edges: this.#edges,
        now: this.#options.now,
        company: this.#options.company,
        events: {
          onQualities: ifCurrent(this.#options.onChange),
          onEnded: ifCurrent(() => {
            this.#isOver = true;
            this.#options.onChange();
            this.#lookAgain(OVER_POLL_MS);
          }),
          onFailed: ifCurrent((reason: string, isWithoutMedia?: boolean) => {
            this.#onFailed(reason, isWithoutMedia);
          }),
          onUnsupported: ifCurrent((reason: string) => {
            this.#onUnsupported(reason);
          }),
        },
      });
      if (turn !== this.#turn) {
        engine.destroy();
        return;
      }
      this.#engine = engine;
      this.#options.onChange();
      if (state === 'recording') {
        this.#lookAgain(OVER_POLL_MS);
      }
    } catch (error) {
      if (error instanceof UnsupportedError) {
        this.#set('unsupported');
      } else {
        this.#onFailed(error instanceof Error ? error.message : 'player did not load');
      }
    }
  }

  /** Milliseconds from the picture's moment until now; undefined for who is not watching live. */
  #latencyAtLive(): number | undefined {
    const { video, now } = this.#options;
    const live = this.#engine?.livePosition();
    const picture = this.#engine?.pictureTime();
    return this.#state === 'live' &&
      this.isLive &&
      !video.paused &&
      picture !== undefined &&
      live !== undefined &&
      isAtLive(video.currentTime, live)
      ? now() - picture
      : undefined;
  }

  #onPlaying(): void {
    this.#failures = 0;
    if (this.#state === 'starting') {
      this.#set('live');
    }
  }

  /** The last frame has been shown. */
  #onPlayedOut(): void {
    if (this.#engine === undefined) {
      return;
    }
    const isNextOn = this.#nextBroadcast !== undefined;
    this.#giveUpEngine();
    this.#isOver = true;
    if (isNextOn) {
      this.goToBroadcast();
    } else {
      this.#set('ended');
      this.#lookAgain(0);
    }
  }

  /** Our own engine only where there is something to be gained by it, and while it does what it should. */
  #suitable(): EngineName {
    const isGain = this.#isLowLatency || this.#options.company !== undefined;
    const suitsOwn = isGain && this.#ownFailures < OWN_FAILURES;
    return this.#wish === undefined || this.#wish === 'engine'
      ? automaticEngine(suitsOwn)
      : this.#wish;
  }

  #onUnsupported(reason: string): void {
    const isOwn = this.#engine?.name === 'engine';
    this.#lastError = reason;
    this.#giveUpEngine();
    if (isOwn) {
      this.#ownFailures = OWN_FAILURES;
      this.#set('starting');
      void this.#look();
    } else {
      this.#set('unsupported');
    }
  }

  #onFailed(reason: string, isWithoutMedia = false): void {
    this.#lastError = reason;
    this.#ownFailures += this.#engine?.name === 'engine' && !isWithoutMedia ? 1 : 0;
    this.#failures += 1;
    this.#giveUpEngine();
    this.#set('trouble');
    this.#lookAgain(this.#retryDelay());
  }

  #giveUpEngine(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
    const engine = this.#engine;
    this.#engine = undefined;
    engine?.destroy();
  }

  #set(state: SessionState): void {
    this.#state = state;
    this.#options.onChange();
  }
}
