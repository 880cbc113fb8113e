/** What was withheld of a broadcast, by its record, and whether its recording has it now. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { storeKeys } from '#common/contracts/names';
import { broadcastSchema, type Broadcast } from '#common/contracts/segment';
import { withheldAt } from '#common/contracts/shed';
import { segmentNumber } from '#common/time';
import { fetchBytes } from '../helpers/broadcast-download.ts';
import type { Pipeline } from '../helpers/pipeline.ts';

/** A segment of a rendition that was withheld on air. */
export interface Owed {
  readonly rendition: string;
  readonly n: number;
}

/** The broadcast's record, from the folder that stands for S3. */
export async function recordOf(
  { dataDir }: Pick<Pipeline, 'dataDir'>,
  channel: string,
  broadcast: number,
): Promise<Broadcast> {
  const key = storeKeys.broadcast(channel, segmentNumber(broadcast));
  const text = await readFile(path.join(dataDir, 'store', ...key.split('/')), 'utf8');
  return broadcastSchema.parse(JSON.parse(text));
}

/** All that was withheld of a broadcast that is over. */
export function owedOf(record: Broadcast): readonly Owed[] {
  const last = record.last ?? record.broadcast - 1;
  return Array.from({ length: last - record.broadcast + 1 }, (_, i) =>
    segmentNumber(record.broadcast + i),
  ).flatMap((n) => [...withheldAt(record, n)].map((rendition) => ({ rendition, n })));
}

/** What a recording lacks, in words; nothing when it is whole and every segment that was owed is there. */
export async function lackOf(
  { edge }: Pick<Pipeline, 'edge'>,
  record: Broadcast,
): Promise<readonly string[]> {
  const { channel, broadcast, last, renditions } = record;
  if (last === null) {
    return ['the broadcast has not ended'];
  }
  const lacks: string[] = [];
  for (const { id } of renditions) {
    const url = `${edge}/vod/${channel}/${broadcast}/${id}.m3u8`;
    const playlist = (await fetchBytes(url)).toString('utf8');
    const listed = playlist.match(/^#EXTINF:/gm)?.length ?? 0;
    const gaps = playlist.match(/^#EXT-X-GAP/gm)?.length ?? 0;
    if (!playlist.includes('#EXT-X-ENDLIST')) {
      lacks.push(`${id} has not ended`);
    } else if (gaps > 0 || listed !== last - broadcast + 1) {
      lacks.push(
        `${id}: ${listed} of ${last - broadcast + 1} segments listed, ${gaps} of them gaps`,
      );
    }
  }
  return lacks;
}

/** Segments that were owed and are not served. */
export async function missingOf(
  { edge }: Pick<Pipeline, 'edge'>,
  { channel }: Pick<Broadcast, 'channel'>,
  owed: readonly Owed[],
): Promise<number> {
  let missing = 0;
  for (const { rendition, n } of owed) {
    const { ok, body } = await fetch(`${edge}/live/${channel}/${rendition}/${n}.m4s`);
    await body?.cancel();
    missing += ok ? 0 : 1;
  }
  return missing;
}
