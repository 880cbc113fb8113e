/** The channels a fresh installation begins with, and their keys' files. */
import {
  DEFAULT_LADDER,
  DEFAULT_PRIORITY,
  DEFAULT_PROFILE,
  type Channel,
  type Ladder,
} from '#common/contracts/channel';
import type { Logger } from '#common/logger';
import type { Catalogue } from './catalogue.ts';
import { hashOfStreamKey, keepStreamKey, newStreamKey, readStreamKey } from './stream-keys.ts';

/** Settings of a channel whose owner sets nothing. */
export const CHANNEL_DEFAULTS = {
  fps: null,
  profile: DEFAULT_PROFILE,
  ladder: DEFAULT_LADDER,
  fixedLadder: false,
  priority: DEFAULT_PRIORITY,
  dvrSeconds: 1_800,
  reconnectSeconds: 60,
} as const satisfies Partial<Channel>;

/** The generated match is 720p: three renditions, so that one small machine keeps up. */
const DEMO_LADDER: Ladder = {
  ...DEFAULT_LADDER,
  video: DEFAULT_LADDER.video.filter(({ height }) => height <= 720),
};

/** What boot channels are made with. */
export interface BootOptions {
  readonly catalogue: Catalogue;
  readonly folder: string;
  readonly logger: Logger;
  readonly now: Date;
}

/** Makes the channels that are missing. The file is the owner's only copy of a key: one that is lost is renewed. */
export async function makeBootChannels(
  ids: readonly string[],
  { catalogue, folder, logger, now }: BootOptions,
): Promise<void> {
  for (const id of ids) {
    const kept = await readStreamKey(folder, id);
    const key = kept ?? newStreamKey();
    if (kept === undefined) {
      await keepStreamKey(folder, id, key);
    }
    const streamKeyHash = hashOfStreamKey(key);
    const channel = catalogue.find(id);
    if (channel === undefined) {
      const ladder = id === 'demo' ? DEMO_LADDER : DEFAULT_LADDER;
      const createdAt = now.toISOString();
      await catalogue.create({
        ...CHANNEL_DEFAULTS,
        id,
        name: id,
        ladder,
        // What the demo shows is promised.
        fixedLadder: id === 'demo',
        streamKeyHash,
        createdAt,
      });
      logger.info({ channel: id }, 'channel made');
    } else if (channel.streamKeyHash !== streamKeyHash) {
      await catalogue.update(id, async (present) => {
        // Another control may have renewed it since, first in the file and then in the record.
        const newest = (await readStreamKey(folder, id)) ?? key;
        return { ...present, streamKeyHash: hashOfStreamKey(newest) };
      });
      logger.info({ channel: id }, 'stream key taken from its file');
    }
  }
}
