/**
 * Beats of a worker: signs that its process runs, from a thread that does nothing else. What keeps the main thread busy does not
 * keep it from beating, and the kernel lets run first who nearly always sleeps; what stops the process, its machine or its
 * network does. Whether the main thread goes on is told by the signs of life that it gives itself (`early/early-worker.ts`).
 */
import { Worker } from 'node:worker_threads';
import type { Closable } from '#common/lifecycle';

/** What the thread holds are one connection and a timer; two threads with the heap of a service would be two services. */
const HEAP = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 } as const;

/** Whose beats, and where they are told. */
export interface BeatsSettings {
  readonly url: string;
  readonly worker: string;
  readonly logLevel: string;
}

/** Begins to beat. What fails in the thread ends the process, as it would in the main thread: a worker that does not beat is taken for lost. */
export function startBeats(settings: BeatsSettings): Closable {
  const options = { workerData: settings, resourceLimits: HEAP };
  const thread = import.meta.url.endsWith('.ts')
    ? new Worker(fromSource(), { ...options, eval: true })
    : new Worker(new URL('beat-thread.js', import.meta.url), options);
  thread.unref();
  return {
    close: async () => {
      await thread.terminate();
    },
  };
}

/** tsx, by which sources run as they are, does not reach into threads by itself. */
function fromSource(): string {
  const [tsx, program] = ['tsx/esm/api', './beat-thread.ts'].map((name) =>
    JSON.stringify(import.meta.resolve(name)),
  );
  return `import(${tsx}).then(({ register }) => { register(); return import(${program}); });`;
}
