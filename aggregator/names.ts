/** Names only the origin uses: its own Redis keys, and file names within a rendition. */
import type { SegmentNumber } from '#common/time';

/** Hash, segment number to JSON result: accepted from out_MQ and not published yet. Survives a restart. */
export const acceptedKey = (channel: string): string => `accepted:{${channel}}`;
/** String: JSON of what a broadcast's manifests have declared so far. */
export const declaredKey = (channel: string): string => `declared:{${channel}}`;

/** Hex digits of an init segment's SHA-256 that its name carries. */
const INIT_HASH_DIGITS = 16;
/** The part of an init segment's hash that names it. */
export const initName = (sha256: string): string => sha256.slice(0, INIT_HASH_DIGITS);
/** File name of an init segment. */
export const initFile = (sha256: string): string => `init-${initName(sha256)}.mp4`;
/** File name of a segment. */
export const segmentFile = (n: SegmentNumber | number): string => `${n}.m4s`;
