/**
 * Jest's runner with turns: test files that need no real time run side by side, one more than there are cores and others
 * while these leave room; after them those that need it, each in a process of its own and only when the machine carries it
 * beside those that are running.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MachineGate, watchIdleCores } from './machine-gate.mjs';
import { needOf, secondsOf } from './turn.mjs';

// Its declarations describe the CommonJS module, so that is what is loaded.
/** @type {{ default: typeof import('jest-runner', { with: { 'resolution-mode': 'require' } }).default }} */
const { default: TestRunner } = createRequire(import.meta.url)('jest-runner');

/** At this heap a process of the first group makes way for a fresh one. */
const LARGEST_HEAP_BYTES = 512 * 1024 ** 2;
/**
 * What a pipeline with its browser takes: on average those of the tests take 0.8 cores. When two are at their busiest at
 * the same time each still has what a file that is alone has beside a burnt core.
 */
const TURN_CORES = 0.8;

/** What a file that needs no real time takes on average: many wait for what they started. */
const FREE_CORES = 0.6;
/** So many of these for each core are run at once at most, however idle the machine is. */
const FREE_PER_CORE = 2;
/** A file that needs real time begins with its modules, its clips and its services: what it costs is seen once these are there. */
const TURN_WATCH_MS = 8_000;

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
    const { maxWorkers } = globalConfig;
    this.#free = new TestRunner(
      {
        ...globalConfig,
        maxWorkers: maxWorkers * FREE_PER_CORE,
        workerIdleMemoryLimit: LARGEST_HEAP_BYTES,
      },
      context,
    );
    // Over one byte every process is too large: each file gets its own. One process more than cores: the gate decides.
    this.#turns = new TestRunner(
      { ...globalConfig, maxWorkers: maxWorkers + 1, workerIdleMemoryLimit: 1 },
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
    const looked = tests
      .map((test) => {
        const source = readFileSync(test.path, 'utf8');
        return { test, need: needOf(test.path, source), seconds: secondsOf(source) };
      })
      .toSorted((a, b) => b.seconds - a.seconds);
    /** @param {(need: ReturnType<typeof needOf>) => boolean} isMeant */
    const which = (isMeant) => looked.filter(({ need }) => isMeant(need)).map(({ test }) => test);
    const free = which((need) => need === 'nothing');
    const alone = which((need) => need === 'machine');
    const turns = [...which((need) => need === 'turn'), ...alone];
    const isAlone = (/** @type {import('@jest/test-result').Test} */ test) => alone.includes(test);
    if (free.length > 0) {
      const gate = new MachineGate(FREE_CORES, undefined, this._globalConfig.maxWorkers + 1);
      letIn(this.#free, gate, () => false);
      await this.#free.runTests(free, watcher, { ...options, serial });
    }
    if (turns.length > 0) {
      const gate = new MachineGate(TURN_CORES, () => watchIdleCores(TURN_WATCH_MS));
      letIn(this.#turns, gate, isAlone);
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

/**
 * Lets a runner's files in through a gate. A file begins when whoever hears of its start is done: one of them waits.
 * @param {import('jest-runner').default} runner
 * @param {MachineGate} gate
 * @param {(test: import('@jest/test-result').Test) => boolean} isAlone
 */
function letIn(runner, gate, isAlone) {
  /** @type {Map<string, () => void>} */
  const leaves = new Map();
  runner.on('test-file-start', async ([test]) => {
    leaves.set(test.path, await gate.enter({ isAlone: isAlone(test) }));
  });
  runner.on('test-file-success', ([{ path }]) => leaves.get(path)?.());
  runner.on('test-file-failure', ([{ path }]) => leaves.get(path)?.());
}
