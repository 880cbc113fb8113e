/** Programs that tests run: started without a shell, ended by their own id, with what they said in the error. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';

/** What a program left behind. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  /** Chunks for its standard input, with back-pressure. */
  readonly input?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Takes standard output as it comes instead of collecting it. */
  readonly onOutput?: (chunk: Buffer) => void;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * A command line as arguments: text is cut at white space, what is put in is never cut, a list becomes one argument
 * for each of its items.
 */
export function words(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | readonly string[])[]
): string[] {
  const found: string[] = [];
  let word = '';
  const end = (): void => {
    found.push(...(word === '' ? [] : [word]));
    word = '';
  };
  for (const [i, text] of texts.entries()) {
    const [head = '', ...rest] = text.split(/\s+/);
    word += head;
    for (const next of rest) {
      end();
      word = next;
    }
    const value = values[i];
    if (typeof value === 'object') {
      end();
      found.push(...value);
    } else {
      word += value ?? '';
    }
  }
  end();
  return found;
}

/** Runs a program to its end, whatever its exit code. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const child = execa(program, args, {
    encoding: 'buffer',
    stripFinalNewline: false,
    reject: false,
    timeout: options.timeoutMs ?? 600_000,
    killSignal: 'SIGKILL',
    buffer: { stdout: options.onOutput === undefined, stderr: true },
    maxBuffer: Number.MAX_SAFE_INTEGER,
    ...(options.input === undefined ? { stdin: 'ignore' } : { stdin: options.input }),
    ...(options.env === undefined ? {} : { env: options.env, extendEnv: false }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  if (options.onOutput !== undefined) {
    child.stdout.on('data', options.onOutput);
  }
  const { exitCode, stdout, stderr, originalMessage } = await child;
  return {
    code: exitCode ?? null,
    stdout: Buffer.from(stdout ?? []),
    // A program that could not be started, or was ended, has nothing else to say.
    stderr: Buffer.from(stderr).toString('utf8') || (originalMessage ?? ''),
  };
}

/** Runs a program and throws unless it ends with 0. */
export async function runOk(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const outcome = await run(program, args, options);
  if (outcome.code !== 0) {
    throw new Error(`${program} ended with ${outcome.code}: ${outcome.stderr.slice(-2000)}`);
  }
  return outcome;
}

/** Ends a child that was started here: TERM, then KILL after the grace. */
export async function endChild(child: ChildProcess, graceMs = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(timer);
}
