import { expect, test } from '@jest/globals';
import { eventually } from '../helpers/poll.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { STREAM_KEY, ended, makeClip, picturesOf, play, startHarness } from './ingest-harness.ts';

test('a publisher under whom Redis is emptied is announced again, with its last seconds', async () => {
  const clip = await makeClip();
  const harness = await startHarness();
  try {
    const publisher = await RtmpPublisher.publish({ port: harness.port, key: STREAM_KEY });
    const half = clip.filter((tag) => tag.timestamp < 2500);
    await play(publisher, half);
    await eventually('the session', async () => (await harness.log('main'))[0]);
    await harness.redis.flushall();
    const entries = await eventually('the session again', async () => {
      const log = await harness.log('main');
      return log.some(({ t }) => t === 'session') ? log : undefined;
    });
    const { session } = entries.find((entry) => entry.t === 'session') ?? { session: '' };
    for (const tag of clip.filter(({ timestamp }) => timestamp >= 2500)) {
      await publisher.send(tag);
    }
    await publisher.stop();
    await ended(harness, 'main');
    const seqs = (await harness.log('main')).flatMap((entry) =>
      entry.t === 'frames' ? [...entry.v, ...entry.a].map(({ seq }) => seq) : [],
    );
    const whole = [...new Set(seqs)].toSorted((a, b) => a - b);
    expect(whole).toEqual(Array.from({ length: whole.length }, (_, seq) => seq));
    expect(whole.length).toBeGreaterThanOrEqual(picturesOf(clip));
    const hot = await harness.hot('main', session);
    expect(hot.map(({ seq }) => seq)).toEqual(whole);
  } finally {
    await harness.close();
  }
}, 30_000);
