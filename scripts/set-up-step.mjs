/**
 * A step of the machine's set-up: one line that moves while a program works; what the program prints goes into a file, and is
 * shown when it fails.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import { runByLine } from './command.mjs';

/** The set-up's log, beside `package.json`. */
const LOG_NAME = 'setup.log';
/** How much of a failed program's output is shown; all of it is in the log. */
const SHOWN_LINES = 40;
/** How often the line moves, ms. */
const TICK_MS = 250;

/**
 * Runs a set-up program.
 * @param {string} root the project's folder, where the log is kept
 * @param {string} title what is being done: `Installing ffmpeg`
 * @param {readonly string[]} command the program and its arguments
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function setUpStep(root, title, [program = '', ...args]) {
  const log = join(root, LOG_NAME);
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  /** @type {string[]} */
  const tail = [];
  const line = movingLine(title);
  appendTo(log, `# ${new Date(began).toISOString()} ${[program, ...args].join(' ')}`);
  const timer = setInterval(() => line.move(`${seconds()} s  ${tail.at(-1) ?? ''}`), TICK_MS);
  const code = await runByLine(program, args, {
    cwd: root,
    onLine: (text) => {
      appendTo(log, text);
      tail.push(text);
      tail.splice(0, tail.length - SHOWN_LINES);
    },
  });
  clearInterval(timer);
  if (code === 0) {
    line.end(`done in ${seconds()} s`);
    return true;
  }
  line.end(`failed (exit ${code})`);
  console.error([...tail, `All that was printed is in ${log}`].join('\n'));
  return false;
}

/**
 * One line of the terminal, written over as it changes; where nobody watches, its beginning and its end.
 * @param {string} title
 */
function movingLine(title) {
  const out = process.stdout;
  if (out.isTTY !== true) {
    out.write(`${title} …\n`);
    return {
      move: () => undefined,
      end: (/** @type {string} */ text) => out.write(`${title}: ${text}\n`),
    };
  }
  /** @param {string} text */
  const write = (text) => {
    out.write(`\r\u001b[K${`${title} … ${text}`.slice(0, (out.columns || 80) - 1)}`);
  };
  write('');
  return {
    /** @param {string} text */
    move: (text) => write(printable(text)),
    /** @param {string} text */
    end: (text) => out.write(`\r\u001b[K${title}: ${text}\n`),
  };
}

/**
 * A program's line without what would move the cursor.
 * @param {string} text
 */
function printable(text) {
  return stripVTControlCharacters(text).replaceAll(/\p{C}/gu, ' ');
}

/**
 * Set-up goes on where its log cannot be written: the folder may be read-only.
 * @param {string} log
 * @param {string} text
 */
function appendTo(log, text) {
  try {
    appendFileSync(log, `${text}\n`);
  } catch {
    return;
  }
}
