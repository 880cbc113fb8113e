/** A match on air, for pictures in docs/: a whole pipeline, the demo's clip on one channel, other channels waiting. */
import { mkdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Ladder } from '#common/contracts/channel';
import { clipPath } from '#common/contracts/demo-clip';
import { Viewer } from '../fault/viewer.ts';
import { waitForAir } from '../helpers/broadcast-run.ts';
import { runOk } from '../helpers/child.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip } from '../helpers/publish-clip.ts';

/** Light enough for two cores that also run a browser. */
const LADDER: Ladder = {
  video: [
    { height: 720, maxBitrateBps: 3_500_000 },
    { height: 480, maxBitrateBps: 1_600_000 },
    { height: 360, maxBitrateBps: 900_000 },
  ],
  audio: { bitrateBps: 128_000 },
  preset: 'ultrafast',
};

/** What is on air. */
export interface LiveMatch {
  readonly pipeline: Pipeline;
  readonly channel: string;
  readonly close: () => Promise<void>;
}

/** Rendering takes a minute, once a machine. */
async function renderedClip(): Promise<string> {
  const folder = path.join(os.tmpdir(), 'touchline-screenshots');
  await mkdir(folder, { recursive: true });
  const main = path.join(import.meta.dirname, '../../dist/demo/main.js');
  await runOk(process.execPath, [main], { env: { ...process.env, DATA_DIR: folder } });
  return clipPath(folder);
}

/** Resolves once the match is on air. It lasts a minute. */
export async function startLiveMatch(): Promise<LiveMatch> {
  const clip = await renderedClip();
  const pipeline = await startPipeline();
  const channel = 'final';
  try {
    const create = (body: object): Promise<unknown> =>
      pipeline.api.call('POST', '/v1/channels', 201, body);
    await create({ id: 'training', name: 'Training ground', fps: '50' });
    const made = await create({ id: channel, name: 'Cup final', ladder: LADDER });
    const { streamKey: key } = made as { streamKey: string };
    const target = { port: pipeline.rtmpPort, key };
    const publication = await eventually('the key to be accepted', () => publishClip(clip, target));
    await waitForAir(pipeline, channel);
    // Edges without viewers have nothing to tell.
    const viewers = Array.from({ length: 3 }, () => new Viewer(pipeline.edge, channel));
    return {
      pipeline,
      channel,
      close: async () => {
        await Promise.all(viewers.map((viewer) => viewer.stop()));
        publication.publisher.drop();
        await pipeline.close();
      },
    };
  } catch (error) {
    await pipeline.close();
    throw error;
  }
}
