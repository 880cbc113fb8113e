import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { FpsName } from '#common/grid';
import { encodeAmf } from '../helpers/amf0.ts';
import { runOk, words } from '../helpers/child.ts';
import { FLV_TAG, readFlv, type FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { ended, play, startHarness, testChannel, type IngestHarness } from './ingest-harness.ts';

let harness: IngestHarness;
beforeAll(async () => {
  harness = await startHarness({ env: { RTMP_MAX_CONNECTIONS_PER_ADDRESS: '100' } });
});
afterAll(async () => {
  await harness.close();
});

/** Frames of two fields, and progressive ones in a sequence that allows fields. */
const FIELDS = '-flags +ilme+ildct';
const ALLOWED = '-x264-params fake-interlaced=1';

interface Case {
  /** As ffmpeg takes it. */
  readonly rate: string;
  /** `framerate` of onMetaData, or none. */
  readonly declared: number | undefined;
  readonly options?: string;
  readonly fps: FpsName;
  /** Places from each picture to the next. */
  readonly stride: number;
}

/** Five seconds of picture without timing in its parameter sets, with onMetaData as wanted. */
async function clipOf({ rate, declared, options = '' }: Case): Promise<FlvTag[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=64x64:rate=${rate} -t 5 -c:v libx264 -preset ultrafast -g 30
      ${options.split(' ').filter((word) => word !== '')} -bsf:v filter_units=remove_types=6 -f flv pipe:1`,
  );
  const tags = readFlv(stdout).filter(({ type }) => type !== FLV_TAG.script);
  const metadata = declared === undefined ? {} : { framerate: declared };
  return [{ type: FLV_TAG.script, timestamp: 0, data: encodeAmf('onMetaData', metadata) }, ...tags];
}

async function published(channel: string, given: Case): Promise<{ fps: string; steps: number[] }> {
  const clip = await clipOf(given);
  await harness.setChannel(testChannel(channel, channel));
  const publisher = await eventually('the channel to be known', () =>
    RtmpPublisher.publish({ port: harness.port, key: channel }),
  );
  await play(publisher, clip);
  await publisher.stop();
  await ended(harness, channel);
  const log = await harness.log(channel);
  const shown = log
    .flatMap((entry) => (entry.t === 'frames' ? entry.v.map(({ index }) => index) : []))
    .toSorted((a, b) => a - b);
  return {
    fps: log[0]?.t === 'session' ? log[0].fps : '',
    steps: [...new Set(shown.slice(1).map((index, i) => index - (shown[i] ?? 0)))],
  };
}

describe('the frame rate of a channel', () => {
  const cases: readonly Case[] = [
    { rate: '30', declared: 60, fps: '30', stride: 1 },
    { rate: '60000/1001', declared: 30, fps: '60000/1001', stride: 1 },
    { rate: '25', declared: 50, fps: '25', stride: 1 },
    { rate: '30000/1001', declared: 29.97, fps: '30000/1001', stride: 1 },
    { rate: '24', declared: undefined, fps: '24', stride: 1 },
    { rate: '15', declared: 15, fps: '30', stride: 2 },
    { rate: '15000/1001', declared: 30, fps: '30000/1001', stride: 2 },
    { rate: '25/2', declared: undefined, fps: '25', stride: 2 },
    { rate: '10', declared: 10, fps: '30', stride: 3 },
    { rate: '25', declared: 25, options: FIELDS, fps: '50', stride: 2 },
    { rate: '25', declared: 50, options: FIELDS, fps: '50', stride: 2 },
    { rate: '30000/1001', declared: 29.97, options: FIELDS, fps: '60000/1001', stride: 2 },
    { rate: '50', declared: 50, options: ALLOWED, fps: '50', stride: 1 },
  ];

  test('follows from the first feed’s timestamps, whatever its metadata say, and slow ones are repeated evenly', async () => {
    const found = await Promise.all(
      cases.map((given, i) =>
        published(`rate-${i}`, given).then((seen) => ({ ...given, ...seen })),
      ),
    );
    expect(found).toEqual(cases.map((given) => ({ ...given, steps: [given.stride] })));
  }, 60_000);
});
