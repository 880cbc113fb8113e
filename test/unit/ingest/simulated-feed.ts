/** Feeds as their timestamps and arrivals: no bytes, only time. */
import { acceptAacConfig } from '../../../ingest/media/aac-policy.ts';
import {
  SessionMap,
  type MappedPacket,
  type MediaPacket,
} from '../../../ingest/mapping/session-map.ts';
import { gridOf, type FpsName } from '#common/grid';
import { frameIndex } from '#common/time';
import { seeded } from '../../helpers/seeded.ts';

const AAC_48K = acceptAacConfig(Uint8Array.of(0x11, 0x90));
const AAC_44K = acceptAacConfig(Uint8Array.of(0x12, 0x10));
const NOTHING = Buffer.alloc(0);

/** How a feed is made. Times in milliseconds. */
export interface FeedShape {
  readonly fps: number;
  readonly seconds: number;
  /** Clock time at which the feed begins: its fraction of a frame is its phase. */
  readonly start: number;
  /** Timestamps are moved by up to this, evenly, to both sides. */
  readonly jitter?: number;
  /** How much faster the source's clock runs than ours. */
  readonly ppm?: number;
  /** Frames between two that are not B-frames, minus one. */
  readonly bFrames?: number;
  /** Frames left out. */
  readonly isMissing?: (n: number) => boolean;
  /** Added to the timestamps from some moment on. */
  readonly shift?: (seconds: number) => number;
  readonly delay?: (seconds: number) => number;
  readonly sound?: 44_100 | 48_000;
  readonly seed?: number;
}

/** The packets of a feed, in order of arrival. */
export function feedPackets(shape: FeedShape): MediaPacket[] {
  const random = seeded(shape.seed ?? 1);
  const speed = 1 + (shape.ppm ?? 0) / 1e6;
  const jitter = (): number => (random() * 2 - 1) * (shape.jitter ?? 0);
  const stamp = (seconds: number): number =>
    Math.round(seconds * 1000 * speed + (shape.shift?.(seconds) ?? 0) + jitter());
  // TCP keeps the order of what was sent.
  let latest = 0;
  const arrival = (seconds: number): number => {
    const due = shape.start + seconds * 1000 + 20 + random() * 5 + (shape.delay?.(seconds) ?? 0);
    latest = Math.max(latest, due);
    return latest;
  };
  const packets: MediaPacket[] = [];
  const count = Math.floor(shape.seconds * shape.fps);
  const group = (shape.bFrames ?? 0) + 1;
  const order: number[] = [0];
  for (let anchor = group; anchor < count; anchor += group) {
    order.push(anchor);
    for (let b = anchor - group + 1; b < anchor; b += 1) {
      order.push(b);
    }
  }
  order.forEach((n, decoded) => {
    if (shape.isMissing?.(n) === true) {
      return;
    }
    const seconds = decoded / shape.fps;
    const dts = stamp(seconds);
    const ahead = Math.round(((n - decoded + (group > 1 ? 1 : 0)) * 1000) / shape.fps);
    const at = arrival(seconds);
    packets.push({ kind: 'video', dts, pts: dts + ahead, arrival: at, flags: n, data: NOTHING });
  });
  if (shape.sound !== undefined) {
    const config = shape.sound === 48_000 ? AAC_48K : AAC_44K;
    latest = 0;
    for (let k = 0; (k * 1024) / shape.sound < shape.seconds; k += 1) {
      const seconds = (k * 1024) / shape.sound;
      packets.push({
        kind: 'audio',
        dts: stamp(seconds),
        arrival: arrival(seconds + 1024 / shape.sound),
        config,
        data: NOTHING,
      });
    }
  }
  return packets.sort((a, b) => a.arrival - b.arrival);
}

/** Maps a feed as ingest does: the first second held, then one by one. */
export function mapFeed(
  fps: FpsName,
  packets: readonly MediaPacket[],
  floor?: number,
): { readonly mapped: MappedPacket[]; readonly map: SessionMap } {
  const map = new SessionMap(gridOf(fps), floor === undefined ? undefined : frameIndex(floor));
  const first = packets[0]?.arrival ?? 0;
  const held = packets.findIndex(({ arrival }) => arrival >= first + 1000);
  const split = held < 0 ? packets.length : held + 1;
  const mapped = map.begin(packets.slice(0, split));
  for (const packet of packets.slice(split)) {
    mapped.push(...map.push(packet));
  }
  mapped.push(...map.end());
  return { mapped, map };
}

/** Places used and what was lost or repeated between the first and the last. */
export function placesOf(mapped: readonly MappedPacket[]): {
  readonly shown: number[];
  readonly lost: number;
  readonly repeated: number;
} {
  const indices = mapped.flatMap((item) => (item.kind === 'video' ? [item.index] : []));
  const shown = [...new Set<number>(indices)].sort((a, b) => a - b);
  const places = (shown.at(-1) ?? 0) - (shown[0] ?? 0) + 1;
  return { shown, lost: indices.length - shown.length, repeated: places - shown.length };
}
