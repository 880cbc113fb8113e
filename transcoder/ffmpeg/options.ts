/** Options that every ffmpeg of ours is started with. */

/** Vector instructions of every x86-64. Each must be named: `sse2` alone leaves out the others. */
const BASELINE_X64 = 'mmx+mmxext+sse+sse2';

/**
 * Once per command: quiet, no keyboard, one thread for each graph. ffmpeg's AAC encoder and its resamplers give
 * different bytes with different vector instructions, so on x86 they are held to what every x86-64 has. That costs
 * decoding and scaling little, and x264 chooses for itself.
 * @param arch `process.arch` of the machine
 */
export const globalOptions = (arch: string): string[] => [
  ...(arch === 'x64' ? ['-cpuflags', BASELINE_X64] : []),
  ...['-hide_banner', '-nostdin', '-loglevel', 'error', '-y'],
  // What cannot be decoded is a hole, however much of it there is; what came out is counted afterwards.
  ...['-max_error_rate', '1'],
  ...['-filter_threads', '1', '-filter_complex_threads', '1', '-copyts'],
];

/** ffmpeg's name for the demuxer of MP4, as a whitelist wants it. */
const MP4_DEMUXER = 'mov,mp4,m4a,3gp,3g2,mj2';

/**
 * For an input that is a fragmented MP4 of our own writing: everything is in its `moov`, so next to nothing is
 * probed, and nothing but a pipe, this format and this codec is opened whatever the bytes say.
 */
export const mp4InputOptions = (codec: 'h264' | 'aac'): string[] => [
  ...['-f', 'mp4', '-format_whitelist', MP4_DEMUXER, '-protocol_whitelist', 'pipe'],
  ...['-codec_whitelist', codec, '-probesize', '32', '-analyzeduration', '0', '-threads', '1'],
  ...['-reinit_filter', '0'],
];

/** Raised with every change to arguments that changes bytes; part of the encoder's fingerprint. */
export const ARGUMENT_VERSION = 6;
