/** Ingest that is told to stop, with Redis and without: what encoders see of it, what is lost, and that it ends. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { Spool } from '../../ingest/raw/spool.ts';
import { command, opening } from '../fault/rtmp-bytes.ts';
import type { FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { RtmpEncoder } from '../helpers/rtmp-encoder.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { makeClip, play, startHarness, STREAM_KEY, type IngestHarness } from './ingest-harness.ts';

let clip: readonly FlvTag[];
let harness: IngestHarness;

beforeAll(async () => {
  clip = await makeClip();
});

afterEach(async () => {
  await harness.close();
});

test('without Redis it takes nobody any more, waits until its deadline, and says what is lost', async () => {
  const lines: string[] = [];
  const output = new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push(line.toString('utf8'));
      done();
    },
  });
  harness = await startHarness({ logger: pino({ level: 'warn' }, output) });
  const target = { port: harness.port, key: STREAM_KEY };
  const publisher = await RtmpPublisher.publish(target);
  await play(publisher, clip, 4);
  await eventually('frames in the log', async () =>
    (await harness.log('main')).some(({ t }) => t === 'frames') ? true : undefined,
  );
  const waiting = await RtmpEncoder.open(harness.port);
  await waiting.send(...opening());
  await waiting.command('_result', 2);
  await harness.server.close();
  await play(
    publisher,
    clip.map((tag) => ({ ...tag, timestamp: tag.timestamp + 4_000 })),
    4,
  );

  const closing = harness.ingest.close();
  await waiting.send(command(1, 'publish', 3, null, STREAM_KEY, 'live'));
  await expect(RtmpPublisher.publish(target)).rejects.toThrow('ECONNREFUSED');
  await eventually('the one who waits to be let go', () =>
    Promise.resolve(waiting.isClosed ? true : undefined),
  );
  expect(waiting.commands.filter(([name]) => name === 'onStatus')).toEqual([]);
  await eventually('the publisher to be told', () =>
    Promise.resolve(publisher.isClosed ? true : undefined),
  );
  expect(publisher.statuses.at(-1)).toMatchObject({ description: 'the server stops' });
  await closing;

  const lost = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => String(msg).includes('given up'));
  expect(lost).toEqual([expect.objectContaining({ channel: 'main', session: expect.any(String) })]);
  expect(lost[0]?.['frames']).toBeGreaterThan(0);
  // The next start puts the session's end into the log.
  const spooled = await new Spool(join(harness.dataDir, 'ingest-spool')).find();
  expect(spooled).toEqual([expect.objectContaining({ channel: 'main', isOpen: true })]);
}, 60_000);
