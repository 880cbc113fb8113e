/**
 * Which renditions a broadcast has, from RTMP to what status, terminal and viewers are told.
 *
 * @takes-seconds 35
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fetchBytes } from '../helpers/broadcast-download.ts';
import { waitForAir, waitForRecording } from '../helpers/broadcast-run.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip } from '../helpers/publish-clip.ts';
import { makeClip, RECIPES, type Clip } from '../helpers/sources.ts';

const TIMEOUT_MS = 240_000;
/** Too little for two pictures on any machine: the last one is made all the same. */
const CORES = '0.1';

let pipeline: Pipeline;
let clip: Clip;

beforeAll(async () => {
  const recipe = { ...RECIPES.upright, name: 'upright-480', sizes: [{ width: 480, height: 854 }] };
  clip = await makeClip(recipe, 10);
  pipeline = await startPipeline({ TRANSCODE_CORES: CORES });
}, TIMEOUT_MS);

afterAll(async () => {
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

const saidOfLoad = (): number =>
  pipeline.output().split('cannot carry the whole ladder').length - 1;

/** Publishes the clip into `main`; what is told while it is on air, and what its recording offers. */
async function broadcastIntoMain() {
  const key = await readFile(path.join(pipeline.dataDir, 'stream-key-main'), 'utf8');
  const target = { port: pipeline.rtmpPort, key: key.trim() };
  const { publisher, sent } = await publishClip(clip.path, target);
  try {
    const { broadcast, fps } = await waitForAir(pipeline, 'main');
    const { renditions, warnings } = await pipeline.api.status('main');
    await sent;
    await publisher.stop();
    const { hls } = await waitForRecording(pipeline, 'main', broadcast, fps);
    const sizes = (await fetchBytes(hls)).toString('utf8').match(/RESOLUTION=\d+x\d+/g);
    return { renditions, warnings, sizes };
  } finally {
    publisher.drop();
  }
}

test(
  'a broadcast has what its workers carry, upright pictures by their shorter edge, and says what it lacks',
  async () => {
    const { renditions, warnings, sizes } = await broadcastIntoMain();
    expect(renditions).toMatchObject([{ id: 'v360', width: 360, height: 640 }, { id: 'a128' }]);
    expect(sizes).toEqual(['RESOLUTION=360x640']);
    expect(warnings).toContainEqual({
      code: 'RENDITIONS_LEFT_OUT',
      message: expect.stringMatching(/^Begun without v480: .* cores, and 0\.\d were free/),
    });
    await eventually('the terminal', () => Promise.resolve(saidOfLoad() > 0 ? true : undefined));
    expect(saidOfLoad()).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  'an owner who insists on the ladder gets it, with a warning',
  async () => {
    await pipeline.api.call('PATCH', '/v1/channels/main', 200, { fixedLadder: true });
    const { renditions, warnings, sizes } = await broadcastIntoMain();
    expect(renditions.map(({ id }) => id)).toEqual(['v480', 'v360', 'a128']);
    expect(sizes).toEqual(['RESOLUTION=480x854', 'RESOLUTION=360x640']);
    expect(warnings.map(({ code }) => code)).toContain('LADDER_TOO_HEAVY');
  },
  TIMEOUT_MS,
);
