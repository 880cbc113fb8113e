/** A coded frame as it travels: in a session's hot stream, and in raw chunks beside their record. */
import type { FrameIndex, SamplePosition } from '../time.ts';

/** A coded picture: AVCC samples with 4-byte NAL lengths, parameter sets in-band before each start point. */
export interface VideoFrame {
  readonly kind: 'video';
  /** Running number within the session, over both tracks, in order of arrival. */
  readonly seq: number;
  /** Its place on the grid, in presentation order. */
  readonly index: FrameIndex;
  /** Decode time in grid ticks, for raw chunks; strictly increasing within a session. */
  readonly dts: number;
  /** Bits of {@link FRAME_FLAGS}. */
  readonly flags: number;
  readonly data: Uint8Array;
}

/** A coded AAC access unit without ADTS header. */
export interface AudioFrame {
  readonly kind: 'audio';
  readonly seq: number;
  /** 48 kHz position of the first sample of the run this frame belongs to. */
  readonly origin: SamplePosition;
  /** The frame's number within its run: its first source sample is `1024·k` after the origin, at `rate`. */
  readonly k: number;
  readonly rate: number;
  readonly channels: number;
  /** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), 2 to 64 bytes. */
  readonly config: Uint8Array;
  readonly data: Uint8Array;
}

/** Either. */
export type CodedFrame = VideoFrame | AudioFrame;
