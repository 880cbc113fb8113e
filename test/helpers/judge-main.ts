/**
 * Judges one broadcast in a process of its own, so that a publisher in the test's process never waits for the
 * arithmetic: a {@link JudgeOrder} as JSON on standard input, a serialized report on standard output.
 */
import os from 'node:os';
import { serialize } from 'node:v8';
import { analyseBroadcast, type JudgeOrder } from './analyse.ts';

os.setPriority(os.constants.priority.PRIORITY_LOW);
const pieces: Buffer[] = [];
for await (const piece of process.stdin) {
  pieces.push(Buffer.from(piece));
}
const order = JSON.parse(Buffer.concat(pieces).toString('utf8')) as JudgeOrder;
process.stdout.write(serialize(await analyseBroadcast(order)));
