/** Jest's Node environment, in which every deadline of a test or hook is longer by one factor. */
import { TestEnvironment } from 'jest-environment-node';
import { PATIENCE } from './patience.mjs';

/** See the head of this file. */
// oxlint-disable-next-line import/no-default-export -- this is what jest's `testEnvironment` option asks for
export default class PatientEnvironment extends TestEnvironment {
  /**
   * @param {import('@jest/types').Circus.Event} event
   * @param {import('@jest/types').Circus.State} state
   */
  handleTestEvent(event, state) {
    // Both are told before the runner reads the deadline.
    if (event.name === 'test_fn_start') {
      event.test.timeout = PATIENCE * (event.test.timeout ?? state.testTimeout);
    } else if (event.name === 'hook_start') {
      // A hook starts again before each test.
      event.hook.timeout = this.#patient(event.hook, state.testTimeout);
    }
  }

  /** @type {WeakMap<object, number>} */
  #hooks = new WeakMap();

  /**
   * @param {import('@jest/types').Circus.Hook} hook
   * @param {number} usual
   */
  #patient(hook, usual) {
    const timeout = this.#hooks.get(hook) ?? PATIENCE * (hook.timeout ?? usual);
    this.#hooks.set(hook, timeout);
    return timeout;
  }
}
