/** Init segments: few, small, wanted by every player at its start. Kept in memory, else read from the store. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { initHash } from '#common/contracts/delivery';
import { storeKeys } from '#common/contracts/names';
import type { ObjectStore } from '#common/store/store';

/** Some kilobytes each. */
const MAX_KEPT = 1_000;

/** See the head of this file. */
export class InitSegments {
  readonly #store: Pick<ObjectStore, 'get'>;
  readonly #kept = new LRUCache<string, Buffer>({ max: MAX_KEPT });

  constructor(store: Pick<ObjectStore, 'get'>) {
    this.#store = store;
  }

  /** Keeps one that belongs to a published segment. */
  keep(channel: string, rendition: string, sha256: string, bytes: Buffer): void {
    this.#kept.set(`${channel}/${rendition}/${initHash(sha256)}`, bytes);
  }

  /** The init segment whose hash begins so; its bytes prove the name. */
  async get(channel: string, rendition: string, hash: string): Promise<Buffer | undefined> {
    const key = `${channel}/${rendition}/${hash}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      return kept;
    }
    const bytes = await this.#store.get(storeKeys.init(channel, rendition, hash));
    if (
      bytes === undefined ||
      initHash(createHash('sha256').update(bytes).digest('hex')) !== hash
    ) {
      return undefined;
    }
    this.#kept.set(key, bytes);
    return bytes;
  }
}
