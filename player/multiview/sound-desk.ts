/**
 * The sound of one channel among several, by an engine of its own on an element of its own: pictures go on undisturbed
 * when the sound moves, and browsers, which have six connections to a host, fetch no sound that nobody hears.
 */
import { presentationPath } from '#common/contracts/delivery';
import type { Edges } from '../edges.ts';
import type { Company } from '../company.ts';
import type { Engine } from '../engine.ts';
import { startOwnEngine } from '../engine/start.ts';
import { preferredVolume, rememberSound, wantsSound } from '../preferences.ts';
import type { ServerClock } from '../server-clock.ts';
import type { Tile } from './tile.ts';

/** What it needs. */
export interface SoundDeskOptions {
  /** Shows nothing. */
  readonly element: HTMLVideoElement;
  readonly edges: Edges;
  readonly clock: ServerClock;
  readonly company: Company;
  readonly onChange: () => void;
}

/** See the head of this file. */
export interface SoundDesk {
  /** Whether sound is wanted. */
  readonly isOn: () => boolean;
  /** The viewer has said whether he wants sound. */
  readonly hasBeenAsked: () => boolean;
  readonly set: (isOn: boolean) => void;
  /** Time of the sound, seconds; undefined while there is none. */
  readonly time: () => number | undefined;
  /** Looks what is to be heard: the sound of this tile, if it plays and is wanted. */
  readonly follow: (chosen: Tile | undefined, tiles: readonly Tile[]) => void;
}

/** An engine that could not go on is started anew after this. */
const AGAIN_MS = 1_000;

/** Makes one; sound is on if the viewer wanted it on his last visit. */
export function createSoundDesk(options: SoundDeskOptions): SoundDesk {
  const { element, edges, clock, company, onChange } = options;
  let isOn = wantsSound();
  let hasBeenAsked = isOn;
  /** The picture's engine whose sound is played: a new one is another broadcast, or the same anew. */
  let of: Engine | undefined;
  let engine: Engine | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  /** Broadcasts that have no sound, by their pictures' engines. */
  const silent = new WeakSet<Engine>();

  const stop = (): void => {
    engine?.destroy();
    engine = undefined;
    of = undefined;
  };
  const play = async (): Promise<void> => {
    try {
      await element.play();
    } catch (error) {
      // Without a click browsers play no sound: the page then offers one.
      if (error instanceof DOMException && error.name === 'NotAllowedError') {
        isOn = false;
        hasBeenAsked = false;
        stop();
        onChange();
      }
    }
  };
  element.addEventListener('canplay', () => {
    if (element.paused && engine !== undefined) {
      void play();
    }
  });
  const start = (channel: string, picture: Engine): void => {
    element.volume = preferredVolume();
    of = picture;
    const ifCurrent = (action: () => void) => (): void => {
      if (of === picture) {
        stop();
        action();
        onChange();
      }
    };
    engine = startOwnEngine({
      video: element,
      presentation: presentationPath(channel),
      isLive: true,
      edges,
      now: clock.now,
      company,
      events: {
        onQualities: () => undefined,
        // What is left of it is still played.
        onEnded: () => undefined,
        onFailed: ifCurrent(() => {
          notBefore = performance.now() + AGAIN_MS;
        }),
        onUnsupported: ifCurrent(() => {
          silent.add(picture);
        }),
      },
    });
  };
  return {
    isOn: () => isOn,
    hasBeenAsked: () => hasBeenAsked,
    set: (wanted) => {
      isOn = wanted;
      hasBeenAsked = true;
      if (wanted) {
        // Some browsers let an element play only if it was told to within the click; what it plays comes later.
        element.play().catch(() => undefined);
      }
      rememberSound(wanted);
      onChange();
    },
    time: () => (engine?.pictureTime() === undefined ? undefined : element.currentTime),
    follow: (chosen, tiles) => {
      const picture = chosen?.session.engine;
      const isApart = picture?.name === 'engine';
      for (const tile of tiles) {
        // Engines that keep no company play their sound themselves.
        tile.video.muted = !(isOn && tile === chosen && picture !== undefined && !isApart);
      }
      const isWanted = isOn && isApart && chosen?.video.paused === false;
      if (of !== undefined && (!isWanted || of !== picture)) {
        stop();
      }
      const isPlaying = chosen?.session.isLive === true && picture?.pictureTime() !== undefined;
      if (
        isWanted &&
        isPlaying &&
        engine === undefined &&
        !silent.has(picture) &&
        performance.now() >= notBefore
      ) {
        start(chosen.channel, picture);
      }
    },
  };
}
