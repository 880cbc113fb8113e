/** Programs that tests run: started without a shell, ended by their own id, with what they said in the error. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

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
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 600_000);
  const abort = (): void => void child.kill('SIGKILL');
  options.signal?.addEventListener('abort', abort, { once: true });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', options.onOutput ?? ((chunk: Buffer) => void stdout.push(chunk)));
  child.stderr.on('data', (chunk: Buffer) => void stderr.push(chunk));
  const closed = once(child, 'close');
  try {
    await Promise.all([feed(child, options.input), closed]);
  } finally {
    clearTimeout(deadline);
    options.signal?.removeEventListener('abort', abort);
  }
  return {
    code: child.exitCode,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString('utf8'),
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

async function feed(child: ChildProcess, input: RunOptions['input']): Promise<void> {
  const stdin = child.stdin;
  if (stdin === null) {
    return;
  }
  // A program that has all it wants closes its input; that is not an error of ours.
  stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  for await (const chunk of input ?? []) {
    if (child.exitCode !== null || stdin.destroyed) {
      return;
    }
    if (!stdin.write(chunk)) {
      await Promise.race([once(stdin, 'drain'), closed]);
    }
  }
  stdin.end();
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
