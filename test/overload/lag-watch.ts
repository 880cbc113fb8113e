/** How far behind every picture of every channel is, looked at through the edge some times a second, as a player would see it. */
import { setTimeout as delay } from 'node:timers/promises';
import { fetchBytes } from '../helpers/broadcast-download.ts';

/** A channel on air. */
export interface Watched {
  readonly channel: string;
  readonly broadcast: number;
  /** Ids of its pictures, the dearest first. */
  readonly pictures: readonly string[];
}

/** What one look has seen of one picture. */
export interface Look {
  readonly channel: string;
  readonly rendition: string;
  /** Which look it belongs to. */
  readonly at: number;
  /** Seconds from the end of the newest part that is listed to now; undefined while it is withheld. */
  readonly lag: number | undefined;
}

const LOOK_MS = 250;

/**
 * How old the newest part that a playlist lists is: seconds from its end to `now`.
 * @returns undefined where it is a gap
 */
export function lagOf(playlist: string, now: number): number | undefined {
  const first = /#EXT-X-PROGRAM-DATE-TIME:(.+)/.exec(playlist)?.[1] ?? '';
  const lines = playlist.split('\n');
  const lastWhole = lines.findLastIndex((line) => line.startsWith('#EXTINF:'));
  let isGap = lines[lastWhole - 1] === '#EXT-X-GAP';
  let seconds = 0;
  lines.forEach((line, at) => {
    const part = at > lastWhole ? /^#EXT-X-PART:DURATION=([\d.]+)/.exec(line)?.[1] : undefined;
    const whole = /^#EXTINF:([\d.]+)/.exec(line)?.[1];
    isGap = part === undefined ? isGap : line.includes('GAP=YES');
    seconds += Number(part ?? whole ?? 0);
  });
  return isGap ? undefined : (now - Date.parse(first)) / 1000 - seconds;
}

/** See the head of this file. Its looks are kept by what is going on meanwhile. */
export class LagWatch {
  readonly #edge: string;
  readonly #watched: readonly Watched[];
  readonly looks = new Map<string, Look[]>();
  #count = 0;

  /** @param edge base URL */
  constructor(edge: string, watched: readonly Watched[]) {
    this.#edge = edge;
    this.#watched = watched;
  }

  /** Looks for so long. `isEnough` is asked after each look, and may end it sooner. */
  async during(
    phase: string,
    seconds: number,
    isEnough: (looks: readonly Look[]) => boolean = () => false,
  ): Promise<void> {
    const kept = this.looks.get(phase) ?? [];
    this.looks.set(phase, kept);
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      const looks = await this.#look();
      kept.push(...looks);
      if (isEnough(looks)) {
        return;
      }
      await delay(LOOK_MS);
    }
  }

  async #look(): Promise<readonly Look[]> {
    this.#count += 1;
    const at = this.#count;
    const all = this.#watched.flatMap(({ channel, broadcast, pictures }) =>
      pictures.map(async (rendition): Promise<readonly Look[]> => {
        const url = `${this.#edge}/live/${channel}/${rendition}/${broadcast}.m3u8`;
        try {
          const playlist = (await fetchBytes(url)).toString('utf8');
          return [{ channel, rendition, at, lag: lagOf(playlist, Date.now()) }];
        } catch {
          // Before its first part there is none.
          return [];
        }
      }),
    );
    return (await Promise.all(all)).flat();
  }
}
