/** The store's records of broadcasts, read: the scheduler's leader writes them. */
import { storeKeys } from './contracts/names.ts';
import { broadcastSchema, type Broadcast } from './contracts/segment.ts';
import { readJson } from './json.ts';
import type { ObjectStore } from './store/store.ts';
import { segmentNumber, type SegmentNumber } from './time.ts';

/** Every broadcast of a channel that the store knows, newest first. */
export async function readBroadcasts(
  store: ObjectStore,
  channel: string,
  most = Number.POSITIVE_INFINITY,
): Promise<Broadcast[]> {
  const numbers: SegmentNumber[] = [];
  for await (const key of store.list(storeKeys.broadcastPrefix(channel))) {
    const number = /\/(\d+)\.json$/.exec(key)?.[1];
    if (number !== undefined) {
      numbers.push(segmentNumber(Number(number)));
    }
  }
  const records: Broadcast[] = [];
  for (const number of numbers.toSorted((a, b) => b - a).slice(0, most)) {
    const body = await store.get(storeKeys.broadcast(channel, number));
    const record = readJson(broadcastSchema, body?.toString('utf8'));
    if (record !== undefined) {
      records.push(record);
    }
  }
  return records;
}
