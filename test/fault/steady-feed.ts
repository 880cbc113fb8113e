/** An honest publisher beside the attacks: a long clip in real time, every frame counted. */
import { setTimeout as delay } from 'node:timers/promises';
import { runOk, words } from '../helpers/child.ts';
import { isPicture, isSequenceHeader, readFlv, FLV_TAG, type FlvTag } from '../helpers/flv.ts';
import { RtmpPublisher, type PublishTarget } from '../helpers/rtmp-publisher.ts';

/** A small clip with B pictures and sound. */
export async function makeClip(seconds: number): Promise<FlvTag[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=160x90:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000
      -t ${seconds} -c:v libx264 -preset ultrafast -g 60 -bf 2 -c:a aac -f flv pipe:1`,
  );
  return readFlv(stdout);
}

const isFrame = (tag: FlvTag): boolean =>
  isPicture(tag) || (tag.type === FLV_TAG.audio && !isSequenceHeader(tag));

/** A feed under way. */
export interface SteadyFeed {
  /** Milliseconds from the first connection attempt to the server's Publish.Start. */
  readonly connectedAfter: number;
  /** Whether the server has closed it. */
  readonly isClosed: boolean;
  /** Stops cleanly. @returns frames of picture and sound that were sent */
  stop(): Promise<number>;
}

/** Publishes the clip until it is stopped, or over. */
export async function startSteadyFeed(
  clip: readonly FlvTag[],
  target: PublishTarget,
): Promise<SteadyFeed> {
  const began = performance.now();
  const publisher = await RtmpPublisher.publish(target);
  const connectedAfter = performance.now() - began;
  const stop = new AbortController();
  let frames = 0;
  const send = async (): Promise<void> => {
    const start = performance.now();
    for (const tag of clip) {
      const wait = start + tag.timestamp - performance.now();
      if (wait > 1) {
        await delay(wait);
      }
      if (stop.signal.aborted || publisher.isClosed) {
        return;
      }
      await publisher.send(tag);
      frames += isFrame(tag) ? 1 : 0;
    }
  };
  const sent = send();
  sent.catch(() => undefined);
  return {
    connectedAfter,
    get isClosed() {
      return publisher.isClosed;
    },
    stop: async () => {
      stop.abort();
      await sent;
      await publisher.stop();
      return frames;
    },
  };
}
