/**
 * A process that beats as a worker does: `beating-main.ts <url of Redis> <worker>`. It says `up`; after a line on its standard input its
 * main thread does nothing any more, for ever.
 */
import { createInterface } from 'node:readline';
import { redisKeys } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import { startBeats } from '../../transcoder/beats.ts';

const [, , url = '', worker = ''] = process.argv;
startBeats({ url, worker, logLevel: 'silent' });
const presence = connectRedis(url, 'presence', createLogger('test', 'silent'));
await presence.subscribe(redisKeys.workerPresence(worker));
createInterface(process.stdin).once('line', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
console.log('up');
