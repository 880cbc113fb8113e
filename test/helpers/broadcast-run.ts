/** One broadcast from first tag to recording: create a channel, publish a clip, stop, wait for the recording. */
import { fpsSchema, type Ladder, type Profile } from '#common/contracts/channel';
import type { FpsName } from '#common/grid';
import { fetchBytes, mediaPlaylistUris, readMediaPlaylist } from './broadcast-download.ts';
import { SMALL_LADDER, type Pipeline } from './pipeline.ts';
import { eventually } from './poll.ts';
import { publishClip, type Pace, type Punctuality } from './publish-clip.ts';
import type { Clip } from './sources.ts';

/** A broadcast that is over and recorded. */
export interface Recorded {
  readonly channel: string;
  readonly broadcast: number;
  readonly fps: FpsName;
  readonly hls: string;
  readonly dash: string;
}

/** Ingest hears of a new key a moment after the API's answer; encoders try again, and so do feeds of tests. */
const KEY_MS = 30_000;

/** How to run it. */
export interface RunOptions {
  readonly channel: string;
  readonly fps?: FpsName;
  readonly ladder?: Ladder;
  /** By default `standard`: it shows every frame, however late a busy machine sends it. */
  readonly profile?: Profile;
  readonly reconnectSeconds?: number;
  readonly pace?: Pace;
  /** The feed has been sent; what is left is waiting for the recording. */
  readonly onSent?: () => void;
}

/** Publishes a clip from its beginning to its end on a new channel. */
export async function recordClip(
  pipeline: Pipeline,
  clip: Clip,
  options: RunOptions,
): Promise<Recorded & { readonly sender: Punctuality }> {
  const { channel, pace = {} } = options;
  const key = await pipeline.api.createChannel({
    id: channel,
    ladder: options.ladder ?? SMALL_LADDER,
    profile: options.profile ?? 'standard',
    ...(options.fps === undefined ? {} : { fps: options.fps }),
    ...(options.reconnectSeconds === undefined
      ? {}
      : { reconnectSeconds: options.reconnectSeconds }),
  });
  const target = { port: pipeline.rtmpPort, key };
  const publication = await publishClip(clip.path, target, { patienceMs: KEY_MS, ...pace });
  try {
    const [{ broadcast, fps }, sender] = await Promise.all([
      waitForAir(pipeline, channel),
      publication.sent,
    ]);
    await publication.publisher.stop();
    options.onSent?.();
    return { ...(await waitForRecording(pipeline, channel, broadcast, fps)), sender };
  } finally {
    publication.publisher.drop();
  }
}

/** Resolves when a channel is on air. */
export async function waitForAir(
  pipeline: Pick<Pipeline, 'api'>,
  channel: string,
): Promise<{ readonly broadcast: number; readonly fps: FpsName }> {
  return eventually(
    `${channel} on air`,
    async () => {
      const { onAir, broadcast, fps } = await pipeline.api.status(channel);
      return onAir && typeof broadcast === 'number'
        ? { broadcast, fps: fpsSchema.parse(fps) }
        : undefined;
    },
    { timeoutMs: 60_000 },
  );
}

/** Resolves when every playlist of the recording has ended. */
export async function waitForRecording(
  pipeline: Pick<Pipeline, 'edge'>,
  channel: string,
  broadcast: number,
  fps: FpsName,
): Promise<Recorded> {
  const base = `${pipeline.edge}/vod/${channel}/${broadcast}/index`;
  const hls = `${base}.m3u8`;
  await eventually(
    `recording ${broadcast} of ${channel}`,
    async () => {
      const master = (await fetchBytes(hls)).toString('utf8');
      for (const uri of mediaPlaylistUris(master)) {
        const playlist = (await fetchBytes(new URL(uri, hls).href)).toString('utf8');
        if (!readMediaPlaylist(playlist).isEnded) {
          return undefined;
        }
      }
      return true;
    },
    { timeoutMs: 120_000, everyMs: 250 },
  );
  return { channel, broadcast, fps, hls, dash: `${base}.mpd` };
}
