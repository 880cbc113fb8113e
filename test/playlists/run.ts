/**
 * `npm run playlists -- --minutes 3`: every version of every playlist and manifest of a channel in each latency profile, as
 * its viewers get them, held against two parsers and the rules of `test/helpers/ll-hls-rules.ts`, as a table. `--profile low`
 * takes one; `--schema DASH-MPD.xsd` validates each manifest by xmllint against MPEG's schema (github.com/MPEGGroup/DASHSchema).
 */
import { execFile } from 'node:child_process';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { profileSchema, type Profile } from '#common/contracts/channel';
import { LoopingPublisher } from '../fault/looping-publisher.ts';
import { fetchBytes, mediaPlaylistUris } from '../helpers/broadcast-download.ts';
import { waitForAir } from '../helpers/broadcast-run.ts';
import { SMALL_LADDER, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';
import { followManifest, followPlaylist, type Followed } from './follow.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    profile: { type: 'string' },
    schema: { type: 'string' },
  },
});

/** What xmllint says against a manifest; nothing where no schema was named. */
async function validate(text: string): Promise<readonly string[]> {
  const { schema } = values;
  if (schema === undefined) {
    return [];
  }
  return new Promise((resolve) => {
    const child = execFile(
      'xmllint',
      ['--noout', '--nonet', '--schema', schema, '-'],
      (error, _stdout, stderr) => {
        resolve(error === null ? [] : stderr.trim().split('\n').slice(0, 3));
      },
    );
    child.stdin?.end(text);
  });
}

async function followChannel(pipeline: Pipeline, profile: Profile): Promise<readonly Row[]> {
  const channel = `rules-${profile}`;
  const clip = await makeClip(
    { ...RECIPES['steady-30'], name: 'playlists', sizes: [{ width: 320, height: 180 }] },
    16,
  );
  const key = await pipeline.api.createChannel({
    id: channel,
    profile,
    fps: '30',
    ladder: SMALL_LADDER,
  });
  const publisher = await LoopingPublisher.start(clip, { port: pipeline.rtmpPort, key });
  const stop = new AbortController();
  try {
    await waitForAir(pipeline, channel);
    const base = `${pipeline.edge}/live/${channel}/index`;
    const master = await eventually('the first playlist', async () =>
      (await fetchBytes(`${base}.m3u8`)).toString('utf8'),
    );
    const uris = mediaPlaylistUris(master);
    const following: Promise<Followed>[] = [
      ...uris.map((uri) =>
        followPlaylist(new URL(uri, `${base}.m3u8`).href, uris.length - 1, stop.signal),
      ),
      followManifest(`${base}.mpd`, validate, stop.signal),
    ];
    await delay(Number(values.minutes) * 60_000);
    stop.abort();
    return (await Promise.all(following)).map((followed) => rowOf(profile, followed));
  } finally {
    stop.abort();
    await publisher.stop();
  }
}

function rowOf(profile: Profile, { url, versions, deltas, problems }: Followed): Row {
  for (const [problem, count] of problems) {
    console.error(`${url}: ${problem} (${count} times)`);
    process.exitCode = 1;
  }
  return {
    profile,
    what: url.split('/').slice(-2).join('/'),
    versions: String(versions),
    deltas: String(deltas),
    problems: problems.size === 0 ? 'none' : String(problems.size),
  };
}

const profiles: readonly Profile[] =
  values.profile === undefined
    ? ['standard', 'low', 'instant']
    : [profileSchema.parse(values.profile)];
const rows: Row[] = [];
for (const profile of profiles) {
  const pipeline = await startPipeline();
  try {
    rows.push(...(await followChannel(pipeline, profile)));
  } finally {
    await pipeline.close();
  }
}
console.log(markdownTable(rows));
