/** Renditions that were withheld on air and made afterwards, on their way into the record: a second record stands beside the commit record, created once. */
import { initHash } from '#common/contracts/delivery';
import { storeKeys } from '#common/contracts/names';
import type { Broadcast, Published, Result } from '#common/contracts/segment';
import { withheldAt } from '#common/contracts/shed';
import type { ObjectStore } from '#common/store/store';
import type { SegmentObjects } from './memory.ts';

/** Whether a result is of nothing but what was withheld of its segment. */
export function isCompletion(broadcast: Broadcast, { n, made }: Result): boolean {
  const withheld = withheldAt(broadcast, n);
  return made.length > 0 && made.every(({ rendition }) => withheld.has(rendition));
}

/** A segment's record with what was made of it afterwards, in the ladder's order. */
export function withCompletion(
  { renditions: ladder }: Pick<Broadcast, 'renditions'>,
  published: Published,
  completion: Published | undefined,
): Published {
  if (completion === undefined) {
    return published;
  }
  const items = new Map(
    [...completion.renditions, ...published.renditions].map((item) => [item.rendition, item]),
  );
  return { ...published, renditions: ladder.flatMap(({ id }) => items.get(id) ?? []) };
}

/**
 * Puts verified objects into the store and then the record that says so; what is there already stays.
 * @throws PipelineError `STORE_FAILED`
 */
export async function storeCompletion(
  store: Pick<ObjectStore, 'put'>,
  channel: string,
  completion: Published,
  objects: SegmentObjects,
): Promise<void> {
  const { broadcast, n } = completion;
  for (const { rendition, initSha256 } of completion.renditions) {
    const bytes = objects.get(rendition);
    if (bytes !== undefined) {
      const video = { contentType: 'video/mp4' };
      const init = storeKeys.init(channel, rendition, initHash(initSha256));
      await store.put(init, bytes.init, video);
      await store.put(storeKeys.segment(channel, rendition, n), bytes.data, video);
    }
  }
  const key = storeKeys.completion(channel, broadcast, n);
  await store.put(key, Buffer.from(JSON.stringify(completion)), {
    ifAbsent: true,
    contentType: 'application/json',
  });
}
