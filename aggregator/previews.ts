/** The latest preview picture of a channel. Workers put them beside the segments; they are a courtesy and may be missing. */
import { LRUCache } from 'lru-cache';
import { storeKeys } from '#common/contracts/names';
import type { ObjectStore } from '#common/store/store';
import { segmentNumber, type SegmentNumber } from '#common/time';

/** A preview and the segment it shows. */
export interface Preview {
  readonly n: SegmentNumber;
  readonly image: Buffer;
}

/** Channels whose preview is kept. */
const MAX_KEPT = 200;
/** How far back a preview still counts as the latest. */
const BACK = 5;

/** See the head of this file. */
export class Previews {
  readonly #store: Pick<ObjectStore, 'get'>;
  readonly #kept = new LRUCache<string, Preview>({ max: MAX_KEPT });
  readonly #looking = new Map<string, Promise<Preview | undefined>>();

  constructor(store: Pick<ObjectStore, 'get'>) {
    this.#store = store;
  }

  /** The preview of the newest segment, or of one just before it. Requests at one time share one look. */
  async latest(channel: string, newest: SegmentNumber): Promise<Preview | undefined> {
    const kept = this.#kept.get(channel);
    if (kept?.n === newest) {
      return kept;
    }
    const looking =
      this.#looking.get(channel) ??
      this.#look(channel, newest, kept).finally(() => {
        this.#looking.delete(channel);
      });
    this.#looking.set(channel, looking);
    return looking;
  }

  async #look(
    channel: string,
    newest: SegmentNumber,
    kept: Preview | undefined,
  ): Promise<Preview | undefined> {
    for (let n = newest; n > newest - BACK && n >= 0; n = segmentNumber(n - 1)) {
      if (kept?.n === n) {
        return kept;
      }
      const image = await this.#store.get(storeKeys.preview(channel, n));
      if (image !== undefined) {
        const found = { n, image };
        this.#kept.set(channel, found);
        return found;
      }
    }
    return undefined;
  }
}
