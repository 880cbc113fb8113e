/**
 * Publishes one feed in a process of its own, so that neither a test's arithmetic nor another feed makes it late: a
 * {@link FeedOrder} on standard input, {@link FeedNews} and {@link FeedCommand}s as messages.
 */
import os from 'node:os';
import { deserialize } from 'node:v8';
import { publishTags, type FeedCommand, type FeedNews, type FeedOrder } from './publish-clip.ts';

/** An encoder is a machine of its own: it does not wait for ours. */
const URGENT = -10;

try {
  os.setPriority(URGENT);
} catch {
  // Without the right to it, it is as urgent as everything else.
}

const tell = (news: FeedNews): void => void process.send?.(news);
const pieces: Buffer[] = [];
for await (const piece of process.stdin) {
  pieces.push(Buffer.from(piece));
}
const order = deserialize(Buffer.concat(pieces)) as FeedOrder;
const halt = new AbortController();
// Whoever started it is gone: nobody else will end it.
process.once('disconnect', () => process.exit());

try {
  const { publisher, startedAt, sent } = await publishTags(order.tags, order.target, {
    ...order.pace,
    signal: halt.signal,
  });
  let told = 0;
  const tellStatuses = (): void => {
    for (const status of publisher.statuses.slice(told)) {
      tell({ t: 'status', status });
    }
    told = publisher.statuses.length;
    if (publisher.isClosed) {
      tell({ t: 'closed' });
      clearInterval(watch);
    }
  };
  const watch = setInterval(tellStatuses, 50);
  process.on('message', (command: FeedCommand) => {
    switch (command) {
      case 'halt':
        halt.abort();
        break;
      case 'stop':
        halt.abort();
        void publisher.stop().finally(() => process.exit());
        break;
      case 'drop':
        publisher.drop();
        process.exit();
    }
  });
  tell({ t: 'started', startedAt });
  tell({ t: 'sent', punctuality: await sent });
} catch (error) {
  tell({ t: 'failed', message: error instanceof Error ? error.message : String(error) });
}
