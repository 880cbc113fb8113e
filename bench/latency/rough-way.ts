/**
 * A way to an edge as networks are: what comes down it is delayed, some of it more than the rest, and some of it is lost and
 * sent again. It stands for `tc netem` below TCP where the kernel has none: packets arrive in order, so one that is late or
 * lost holds up all that follow it on its connection.
 */
import { seeded } from '../../test/helpers/seeded.ts';
import { openTcpWay, type TcpWay } from '../../test/helpers/tcp-way.ts';

/** What a way does to packets. */
export interface Roughness {
  readonly delayMs: number;
  /** Each is up to so much sooner or later. */
  readonly jitterMs: number;
  /** Of all packets, the share that is lost once. */
  readonly loss: number;
}

const PACKET = 1_448;

/** When a packet that is sent now arrives, milliseconds later; one that is lost is missed and sent again a round trip later. */
function delayOf({ delayMs, jitterMs, loss }: Roughness, random: () => number): number {
  const once = (): number => delayMs + jitterMs * (2 * random() - 1);
  return random() < loss ? once() + 2 * delayMs + once() : once();
}

/** Opens one on a free port; the same seed makes it as rough at the same packets. */
export function openRoughWay(target: string, roughness: Roughness, seed = 1): Promise<TcpWay> {
  const random = seeded(seed);
  return openTcpWay(target, ({ viewer, upstream }) => {
    let last = 0;
    const later = (act: () => void, arrival: number): void => {
      last = Math.max(last, arrival);
      setTimeout(() => {
        if (!viewer.destroyed) {
          act();
        }
      }, last - performance.now());
    };
    upstream.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.byteLength; at += PACKET) {
        const packet = bytes.subarray(at, at + PACKET);
        later(() => viewer.write(packet), performance.now() + delayOf(roughness, random));
      }
    });
    upstream.on('end', () => {
      later(() => viewer.end(), performance.now());
    });
    upstream.on('close', (hasFailed) => {
      if (hasFailed) {
        viewer.destroy();
      }
    });
    viewer.on('data', (bytes: Buffer) => {
      upstream.write(bytes);
    });
  });
}
