/**
 * Jest's runner with turns: test files that need no real time run side by side, one for each core; after them those
 * that need it run one at a time, each in a process of its own, so that nothing but their own pipeline makes them late.
 * Those that pace themselves run beside them where the machine has nothing else to do, else after them.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { watchIdleCores } from './idle-cores.mjs';
import { turnOf } from './turn.mjs';

// Its declarations describe the CommonJS module, so that is what is loaded.
/** @type {{ default: typeof import('jest-runner', { with: { 'resolution-mode': 'require' } }).default }} */
const { default: TestRunner } = createRequire(import.meta.url)('jest-runner');

/** At this heap a process of the first group makes way for a fresh one. */
const LARGEST_HEAP_BYTES = 512 * 1024 ** 2;
/** Before the turns begin the machine is watched so long, and counts as idle with so little taken of it. */
const WATCH_MS = 5_000;
const TAKEN_CORES = 0.5;

/** Three of Jest's runners: all at once, then one at a time and beside it those that pace themselves. */
// oxlint-disable-next-line import/no-default-export -- this is what jest's `runner` option asks for
export default class TurnRunner extends TestRunner {
  #free;
  #turns;
  #paced;

  /**
   * @param {import('@jest/types').Config.GlobalConfig} globalConfig
   * @param {import('jest-runner').TestRunnerContext} context
   */
  constructor(globalConfig, context) {
    super(globalConfig, context);
    this.#free = new TestRunner(
      { ...globalConfig, workerIdleMemoryLimit: LARGEST_HEAP_BYTES },
      context,
    );
    // Over one byte every process is too large: each file gets its own.
    const alone = { ...globalConfig, maxWorkers: 1, workerIdleMemoryLimit: 1 };
    this.#turns = new TestRunner(alone, context);
    this.#paced = new TestRunner(alone, context);
  }

  /**
   * @override
   * @param {import('@jest/test-result').Test[]} tests
   * @param {import('jest-runner').TestWatcher} watcher
   * @param {import('jest-runner').TestRunnerOptions} options
   */
  async runTests(tests, watcher, options) {
    // In this very process only for who says so (`-i`): an open handle would keep it from ending.
    const { runInBand, detectOpenHandles } = this._globalConfig;
    const serial = options.serial && (runInBand || detectOpenHandles);
    const turns = new Map(
      tests.map((test) => [test, turnOf(test.path, readFileSync(test.path, 'utf8'))]),
    );
    /**
     * @param {InstanceType<typeof TestRunner>} runner
     * @param {ReturnType<typeof turnOf>} turn
     */
    const runAll = async (runner, turn) => {
      const some = tests.filter((test) => turns.get(test) === turn);
      if (some.length > 0) {
        await runner.runTests(some, watcher, { ...options, serial });
      }
    };
    await runAll(this.#free, 'free');
    const kinds = new Set(turns.values());
    const isIdle =
      !serial &&
      kinds.has('turn') &&
      kinds.has('paced') &&
      (await watchIdleCores(WATCH_MS)) >= availableParallelism() - TAKEN_CORES;
    if (isIdle) {
      await Promise.all([runAll(this.#turns, 'turn'), runAll(this.#paced, 'paced')]);
    } else {
      await runAll(this.#turns, 'turn');
      await runAll(this.#paced, 'paced');
    }
  }

  /**
   * @override
   * @template {keyof import('@jest/test-result').TestEvents} Name
   * @param {Name} eventName
   * @param {(eventData: import('@jest/test-result').TestEvents[Name]) => void | Promise<void>} listener
   */
  on(eventName, listener) {
    const ends = [this.#free, this.#turns, this.#paced].map((runner) =>
      runner.on(eventName, listener),
    );
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }
}
