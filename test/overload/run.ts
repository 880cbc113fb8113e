/**
 * `npm run overload -- --share 0.8 --seconds 60`: a live broadcast in `low` whose encoders get less than they need for a while, as a
 * share of what they take in step; then all of it again. Prints what was withheld, how far the lowest rendition was behind, and
 * whether the recording is whole afterwards; ends with 1 when something is not as it should be. It needs a machine that nobody else uses.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Ladder } from '#common/contracts/channel';
import { LoopingPublisher } from '../fault/looping-publisher.ts';
import { victims } from '../fault/victims.ts';
import { fetchBytes } from '../helpers/broadcast-download.ts';
import { waitForAir, waitForRecording } from '../helpers/broadcast-run.ts';
import { governEncoders, measureEncoders } from '../helpers/cpu-governor.ts';
import { startPipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { markdownTable, type Row } from '../helpers/report-table.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';

/** Its largest picture outweighs what starting ffmpeg takes. */
const LADDER: Ladder = {
  video: [
    { height: 720, maxBitrateBps: 2_500_000 },
    { height: 240, maxBitrateBps: 400_000 },
    { height: 120, maxBitrateBps: 150_000 },
  ],
  audio: { bitrateBps: 96_000 },
  preset: 'medium',
};
const DEAREST = 'v720';
const LOWEST = 'v120';
const MOST_BEHIND_SECONDS = 4;
const LOOK_MS = 250;
/** Looks in a row by which the lowest rendition is in step, and how far behind it is then at most. */
const IN_STEP = { looks: 30, seconds: 1.5 };

const { values } = parseArgs({
  options: {
    share: { type: 'string', default: '0.8' },
    seconds: { type: 'string', default: '60' },
  },
});

/** How old the newest part that a playlist lists is: seconds from its end to now. */
function behind(playlist: string): number {
  const first = /#EXT-X-PROGRAM-DATE-TIME:(.+)/.exec(playlist)?.[1] ?? '';
  const lines = playlist.split('\n');
  const lastWhole = lines.findLastIndex((line) => line.startsWith('#EXTINF:'));
  const seconds = lines.flatMap((line, at) => {
    const whole = /^#EXTINF:([\d.]+)/.exec(line)?.[1];
    const part = at > lastWhole ? /^#EXT-X-PART:DURATION=([\d.]+)/.exec(line)?.[1] : undefined;
    return [whole, part].filter((length) => length !== undefined).map(Number);
  });
  const length = seconds.reduce((sum, value) => sum + value, 0);
  return (Date.now() - Date.parse(first)) / 1000 - length;
}

const sizes = [{ width: 1280, height: 720 }];
const clip = await makeClip({ ...RECIPES['steady-30'], name: 'steady-720', sizes }, 16);
const pipeline = await startPipeline({ WORKERS: '2', ON_OVERLOAD: 'shed' });
const problems: string[] = [];
const rows: Row[] = [];
try {
  const request = { id: 'cup', ladder: LADDER, profile: 'low' };
  const key = await pipeline.api.createChannel(request);
  const publisher = await LoopingPublisher.start(clip, { port: pipeline.rtmpPort, key });
  const { broadcast, fps } = await waitForAir(pipeline, 'cup');
  const playlistOf = async (id: string): Promise<string> =>
    (await fetchBytes(`${pipeline.edge}/live/cup/${id}/${broadcast}.m3u8`)).toString('utf8');
  const roots = (): number[] => victims(pipeline, 'transcoder').map(({ pid }) => pid);
  const inStep = async (): Promise<void> => {
    let looks = 0;
    await eventually(
      'work in step',
      async () => {
        const text = await playlistOf(LOWEST).catch(() => '');
        looks = text.includes('#EXTINF') && behind(text) < IN_STEP.seconds ? looks + 1 : 0;
        return looks >= IN_STEP.looks ? true : undefined;
      },
      { everyMs: LOOK_MS },
    );
  };
  /** Looks for so long; how far behind the lowest rendition was at the most. */
  const look = async (phase: string, seconds: number): Promise<void> => {
    let most = 0;
    let last = 0;
    for (const until = Date.now() + seconds * 1000; Date.now() < until; await delay(LOOK_MS)) {
      last = behind(await playlistOf(LOWEST));
      most = Math.max(most, last);
    }
    const { renditions } = await pipeline.api.status('cup');
    const withheld = renditions.filter((one) => one.withheld !== undefined).map(({ id }) => id);
    const shown = { most: `${most.toFixed(2)} s`, end: `${last.toFixed(2)} s` };
    rows.push({ phase, withheld: withheld.join(' '), ...shown });
    if (most > MOST_BEHIND_SECONDS) {
      problems.push(`${phase}: ${most.toFixed(2)} s behind`);
    }
  };
  await inStep();
  const cores = await measureEncoders(roots, 8);
  const share = Number(values.share);
  process.stderr.write(`ffmpeg takes ${cores.toFixed(2)} cores in step, and gets ${share} of it\n`);
  const governor = governEncoders(roots, share * cores);
  await look('overload', Number(values.seconds));
  if (!(await playlistOf(DEAREST)).includes('#EXT-X-GAP')) {
    problems.push('the dearest rendition has no gap');
  }
  await governor.close();
  await look('room again', 60);
  if ((await playlistOf(LOWEST)).includes('GAP')) {
    problems.push('the lowest rendition has a gap');
  }
  await publisher.stop();
  await waitForRecording(pipeline, 'cup', broadcast, fps);
  const vod = `${pipeline.edge}/vod/cup/${broadcast}/${DEAREST}.m3u8`;
  await eventually('a recording without gaps', async () =>
    (await fetchBytes(vod)).toString('utf8').includes('GAP') ? undefined : true,
  ).catch(() => problems.push('the recording has gaps'));
} finally {
  await pipeline.close();
}
process.stdout.write(`${markdownTable(rows)}\n`);
for (const problem of problems) {
  process.stdout.write(`${problem}\n`);
}
process.exitCode = problems.length > 0 ? 1 : 0;
