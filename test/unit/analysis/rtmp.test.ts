import { describe, expect, test } from '@jest/globals';
import { decodeAmf, encodeAmf } from '../../helpers/amf0.ts';
import { FLV_TAG } from '../../helpers/flv.ts';
import { withFaults } from '../../helpers/publish-clip.ts';
import { ChunkReader, encodeMessage, RTMP_MESSAGE } from '../../helpers/rtmp-chunks.ts';

describe('the test publisher', () => {
  test('AMF0 values come back as written', () => {
    const values = ['connect', 1, { app: 'live', deep: { yes: true, no: null } }, undefined];
    expect(decodeAmf(encodeAmf(...values))).toEqual(values);
  });

  test('cut short AMF0 is refused', () => {
    expect(() => decodeAmf(encodeAmf('connect').subarray(0, 6))).toThrow(RangeError);
  });

  test('messages come through chunks of any size, with extended timestamps', () => {
    const body = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
    const messages = [0, 0xfffffe, 0xffffff, 0xfffffff0].map((timestamp) => ({
      type: RTMP_MESSAGE.video,
      stream: 1,
      timestamp,
      body,
    }));
    const wire = Buffer.concat(messages.map((message) => encodeMessage(message, 6, 128)));
    const reader = new ChunkReader();
    const received = [];
    for (let at = 0; at < wire.length; at += 37) {
      received.push(...reader.push(wire.subarray(at, at + 37)));
    }
    expect(received).toEqual(messages);
  });

  test('jitter stays within its bound, drift grows, decode times never go back', () => {
    const tags = Array.from({ length: 3000 }, (_, i) => ({
      type: FLV_TAG.video,
      timestamp: Math.round((i * 1000) / 30),
      data: Buffer.from([0x27, 1, 0, 0, 0]),
    }));
    const faulty = withFaults(tags, { jitterMs: 10, driftPpm: 200 }).map(
      ({ tag }) => tag.timestamp,
    );
    for (const [i, timestamp] of faulty.entries()) {
      const wanted = (tags[i]?.timestamp ?? 0) * 1.0002;
      expect(Math.abs(timestamp - wanted)).toBeLessThanOrEqual(10.5);
      expect(timestamp).toBeGreaterThan(faulty[i - 1] ?? -1);
    }
    expect(new Set(faulty.map((t, i) => t - (tags[i]?.timestamp ?? 0))).size).toBeGreaterThan(15);
  });
});
