/** Where the children's logs go: all of it to bounded files, warnings also to the terminal; secrets to neither. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { shortForm } from './short-form.ts';

const FILE_LIMIT = 10 * 1024 * 1024;
const SHORTEST_SECRET = 8;

/** The logs of one run. */
export class Journal {
  readonly #folder: string;
  readonly #terminal: (line: string) => void;
  readonly #limit: number;
  readonly #files = new Map<string, { fd: number; bytes: number }>();
  readonly #secrets = new Set<string>();

  /** @param limit bytes after which a file is put aside; one older file of each name is kept beside it */
  constructor(folder: string, terminal: (line: string) => void, limit = FILE_LIMIT) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#terminal = terminal;
    this.#limit = limit;
  }

  /** From now on, this text is replaced wherever it would be written. */
  hide(secret: string): void {
    if (secret.length >= SHORTEST_SECRET) {
      this.#secrets.add(secret);
    }
  }

  /** Takes one line of a program's output. */
  take(name: string, line: string): void {
    const text = this.#redact(line);
    this.#append(name, `${text}\n`);
    const short = shortForm(name, text);
    if (short !== undefined) {
      this.#terminal(short);
    }
  }

  /** Takes one line that is no business of the terminal's. */
  file(name: string, line: string): void {
    this.#append(name, `${this.#redact(line)}\n`);
  }

  /** Closes the files. */
  close(): Promise<void> {
    for (const { fd } of this.#files.values()) {
      closeSync(fd);
    }
    this.#files.clear();
    return Promise.resolve();
  }

  #redact(line: string): string {
    let text = line;
    for (const secret of this.#secrets) {
      text = text.replaceAll(secret, '[redacted]');
    }
    return text;
  }

  #append(name: string, text: string): void {
    try {
      const file = this.#files.get(name) ?? this.#open(name);
      writeSync(file.fd, text);
      file.bytes += Buffer.byteLength(text);
      if (file.bytes > this.#limit) {
        closeSync(file.fd);
        this.#files.delete(name);
        const path = join(this.#folder, `${name}.log`);
        renameSync(path, `${path}.1`);
      }
    } catch {
      // A full disk must not stop the pipeline for its logs' sake.
    }
  }

  #open(name: string): { fd: number; bytes: number } {
    const fd = openSync(join(this.#folder, `${name}.log`), 'a', 0o600);
    const file = { fd, bytes: fstatSync(fd).size };
    this.#files.set(name, file);
    return file;
  }
}
