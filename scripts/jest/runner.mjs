/**
 * Jest's runner with turns: test files that need no real time run side by side, one for each core; after them those
 * that need it run one at a time, each in a process of its own, so that nothing but their own pipeline makes them late.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { needsTurn } from './turn.mjs';

// Its declarations describe the CommonJS module, so that is what is loaded.
/** @type {{ default: typeof import('jest-runner', { with: { 'resolution-mode': 'require' } }).default }} */
const { default: TestRunner } = createRequire(import.meta.url)('jest-runner');

/** At this heap a process of the first group makes way for a fresh one. */
const LARGEST_HEAP_BYTES = 512 * 1024 ** 2;

/** Two of Jest's runners, one after the other. */
// oxlint-disable-next-line import/no-default-export -- this is what jest's `runner` option asks for
export default class TurnRunner extends TestRunner {
  #free;
  #turns;

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
    this.#turns = new TestRunner(
      { ...globalConfig, maxWorkers: 1, workerIdleMemoryLimit: 1 },
      context,
    );
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
    const isTurn = new Map(
      tests.map((test) => [test, needsTurn(test.path, readFileSync(test.path, 'utf8'))]),
    );
    const free = tests.filter((test) => isTurn.get(test) === false);
    const turns = tests.filter((test) => isTurn.get(test) === true);
    if (free.length > 0) {
      await this.#free.runTests(free, watcher, { ...options, serial });
    }
    if (turns.length > 0) {
      await this.#turns.runTests(turns, watcher, { ...options, serial });
    }
  }

  /**
   * @override
   * @template {keyof import('@jest/test-result').TestEvents} Name
   * @param {Name} eventName
   * @param {(eventData: import('@jest/test-result').TestEvents[Name]) => void | Promise<void>} listener
   */
  on(eventName, listener) {
    const ends = [this.#free, this.#turns].map((runner) => runner.on(eventName, listener));
    return () => {
      for (const end of ends) {
        end();
      }
    };
  }
}
