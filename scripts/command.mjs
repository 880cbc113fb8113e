/** Running programs: one call that collects output, one that shows it, one that gives it line by line. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';

/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program and collects what it prints; a program that cannot be started counts as code 127.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ timeoutMs?: number }} [options]
 * @returns {Promise<{ code: number, output: string }>} output is stdout and stderr together
 */
export function capture(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 20_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', () => resolve({ code: 127, output }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * Runs a program in this terminal. Signals that would end this process go to the program instead, which ends first.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 * @returns {Promise<number>} its exit code; 127 when it cannot be started
 */
export function run(program, args, options = {}) {
  return ended(spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options }));
}

/**
 * Runs a program as {@link run} does, but gives what it prints to a function, line by line.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, onLine: (line: string) => void }} options
 * @returns {Promise<number>} its exit code; 127 when it cannot be started
 */
export function runByLine(program, args, { onLine, ...options }) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', onLine);
  }
  return ended(child);
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>} its exit code, once all its output has been read
 */
function ended(child) {
  return new Promise((resolve) => {
    /** @param {NodeJS.Signals} signal */
    const pass = (signal) => void child.kill(signal);
    /** @param {number} code */
    const end = (code) => {
      for (const signal of SIGNALS) {
        process.off(signal, pass);
      }
      resolve(code);
    };
    for (const signal of SIGNALS) {
      process.on(signal, pass);
    }
    child.on('error', () => end(127));
    child.on('close', (code) => end(code ?? 1));
  });
}
