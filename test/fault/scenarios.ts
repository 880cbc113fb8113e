/** What is done to a pipeline on air. Moments are random and come from a seed, so that a run can be had again. */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../helpers/poll.ts';
import { seeded } from '../helpers/seeded.ts';
import type { FaultPlan, OnAir } from './fault-run.ts';
import { busyTranscoder, freeze, kill, strike, victims, type VictimName } from './victims.ts';

/** How late a number may be when a worker died with it: its lock runs out, another begins anew. */
export const WORKER_LATE_MS = 4_000;

/** Kills a worker in the middle of a task, again and again. */
export async function killWorkers(
  { pipeline, struck }: Pick<OnAir, 'pipeline' | 'struck'>,
  times: number,
  seed: number,
): Promise<void> {
  const random = seeded(seed);
  for (let time = 0; time < times; time += 1) {
    await delay(3_000 + random() * 6_000);
    const entry = await busyTranscoder(pipeline);
    // Somewhere within the task, which takes a few hundred milliseconds.
    await delay(random() * 200);
    struck();
    strike(entry, 'SIGKILL');
  }
}

const killed = (victim: VictimName, at = 0): FaultPlan['inflict'] => {
  return async ({ pipeline, struck, numbers }) => {
    struck();
    await kill(pipeline, victim, at);
    await numbers(6);
  };
};

/** Kills control and waits until operators have it again. */
export async function killControl({
  pipeline,
  struck,
  numbers,
}: Pick<OnAir, 'pipeline' | 'struck' | 'numbers'>): Promise<void> {
  struck();
  await kill(pipeline, 'control');
  await numbers(3);
  await eventually('the control room to be back', async () => {
    const answer = await fetch(`${pipeline.control}/readyz`).catch(() => undefined);
    return answer?.ok === true ? true : undefined;
  });
  await numbers(2);
}

/** Every scenario; the seed decides the random moments. */
export function scenarios(seed: number): readonly FaultPlan[] {
  return [
    {
      name: 'worker killed ten times in the middle of a task, two workers',
      channel: 'workers',
      allowed: { lateMs: WORKER_LATE_MS },
      inflict: (onAir) => killWorkers(onAir, 10, seed),
    },
    {
      name: 'ingest killed',
      channel: 'ingest',
      // A quarter of a second that had not reached the disk may lie across two segments.
      allowed: { inputGone: 2 },
      inflict: killed('ingest'),
    },
    { name: 'scheduler killed', channel: 'scheduler', inflict: killed('scheduler') },
    {
      name: 'control killed, and the control room back',
      channel: 'control',
      // No part of it is on a frame's way: what is on air must not even be late.
      allowed: { lateMs: 2_000, stallMs: 2_000 },
      inflict: killControl,
    },
    { name: 'aggregator killed', channel: 'aggregator', inflict: killed('aggregator') },
    { name: 'edge killed', channel: 'edge', inflict: killed('edge') },
    { name: 'first worker killed', channel: 'worker-1', inflict: killed('transcoder', 0) },
    { name: 'second worker killed', channel: 'worker-2', inflict: killed('transcoder', 1) },
    {
      name: 'worker and scheduler killed at once, three times',
      channel: 'worker-leader',
      allowed: { lateMs: WORKER_LATE_MS },
      inflict: async ({ pipeline, struck, numbers }) => {
        for (let time = 0; time < 3; time += 1) {
          const entry = await busyTranscoder(pipeline);
          struck();
          strike(entry, 'SIGKILL');
          await kill(pipeline, 'scheduler');
          await numbers(4);
        }
      },
    },
    { name: 'redis-server killed', channel: 'redis', inflict: killed('redis-server') },
    {
      name: 'redis killed eight times in a row',
      channel: 'redis-row',
      inflict: async ({ pipeline, struck, numbers }) => {
        for (let time = 0; time < 8; time += 1) {
          struck();
          await kill(pipeline, 'redis-server');
          await numbers(2);
        }
      },
    },
    {
      name: 'Redis emptied (FLUSHALL)',
      channel: 'emptied',
      inflict: async ({ watch, struck, numbers }) => {
        struck();
        await watch.redis.flushall();
        await numbers(8);
      },
    },
    {
      name: 'worker frozen for 5 s in the middle of a task (SIGSTOP)',
      channel: 'frozen',
      allowed: { lateMs: WORKER_LATE_MS },
      inflict: async ({ pipeline, struck, numbers }) => {
        const entry = await busyTranscoder(pipeline);
        struck();
        await freeze(entry, 5_000);
        await numbers(3);
      },
    },
    {
      name: 'both workers killed at once',
      channel: 'all-workers',
      inflict: async ({ pipeline, struck, numbers }) => {
        struck();
        for (const entry of victims(pipeline, 'transcoder')) {
          strike(entry, 'SIGKILL');
        }
        await numbers(5);
      },
    },
  ];
}
