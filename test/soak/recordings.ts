/** Whether recordings have every number of their broadcasts. */
import { z } from 'zod';
import { broadcastSchema } from '#common/contracts/segment';
import { fetchBytes, mediaPlaylistUris, readMediaPlaylist } from '../helpers/broadcast-download.ts';
import type { Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';

/** What the recordings have. */
export interface Recorded {
  readonly broadcasts: number;
  /** Over all renditions. */
  readonly segments: number;
  readonly missing: number;
}

const answerSchema = z.looseObject({ broadcasts: z.array(broadcastSchema) });

/** Waits until a channel is off air and everything is stored, as far as it ever is; counts what recordings list. */
export async function readRecordings(
  pipeline: Pipeline,
  channel: string,
  timeoutMs: number,
): Promise<Recorded> {
  let found: Recorded | undefined;
  await eventually(
    'whole recordings',
    async () => {
      const answer = await pipeline.api.call('GET', `/v1/channels/${channel}/broadcasts`, 200);
      const { broadcasts } = answerSchema.parse(answer);
      if (broadcasts.some(({ last }) => last === null)) {
        return undefined;
      }
      const counts = [];
      for (const { broadcast, last } of broadcasts) {
        counts.push(await countOf(pipeline, channel, broadcast, last ?? broadcast));
      }
      found = {
        broadcasts: broadcasts.length,
        segments: counts.reduce((sum, { segments }) => sum + segments, 0),
        missing: counts.reduce((sum, { missing }) => sum + missing, 0),
      };
      return found.missing === 0 ? true : undefined;
    },
    { timeoutMs, everyMs: 1_000 },
  ).catch(() => undefined);
  // What is still missing then is the answer; without any answer all of it is.
  return found ?? { broadcasts: 0, segments: 0, missing: Infinity };
}

async function countOf(
  pipeline: Pipeline,
  channel: string,
  broadcast: number,
  last: number,
): Promise<{ readonly segments: number; readonly missing: number }> {
  const master = `${pipeline.edge}/vod/${channel}/${broadcast}/index.m3u8`;
  let segments = 0;
  let missing = 0;
  for (const uri of mediaPlaylistUris((await fetchBytes(master)).toString('utf8'))) {
    const text = (await fetchBytes(new URL(uri, master).href)).toString('utf8');
    const numbers = new Set(
      readMediaPlaylist(text).segments.map((item) =>
        Number.parseInt(item.uri.split('/').at(-1) ?? '', 10),
      ),
    );
    segments += numbers.size;
    for (let n = broadcast; n <= last; n += 1) {
      missing += numbers.has(n) ? 0 : 1;
    }
  }
  return { segments, missing };
}
