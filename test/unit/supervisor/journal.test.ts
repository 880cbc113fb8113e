import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Journal } from '../../../supervisor/journal.ts';
import { shortForm } from '../../../supervisor/short-form.ts';

const line = (level: number, fields: object = {}): string =>
  JSON.stringify({ level, time: '2026-11-23T23:05:09.000Z', service: 'ingest', pid: 1, ...fields });

describe('the journal', () => {
  let folder: string;
  let shown: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'touchline-journal-'));
    shown = [];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const open = (limit?: number): Journal =>
    new Journal(join(folder, 'logs'), (text) => void shown.push(text), limit);
  const file = (name: string): string => readFileSync(join(folder, 'logs', name), 'utf8');

  test('keeps everything in files and shows only warnings and worse', async () => {
    const journal = open();
    journal.take('ingest', line(30, { msg: 'session started' }));
    journal.take('ingest', line(40, { msg: 'feed is late', channel: 'main' }));
    await journal.close();
    expect(file('ingest.log').trim().split('\n')).toHaveLength(2);
    expect(shown).toEqual(['23:05:09 WARN  ingest: feed is late channel="main"']);
  });

  test('writes a secret neither to a file nor to the terminal', async () => {
    const journal = open();
    journal.hide('5ec7e75ec7e7');
    journal.take('ingest', line(50, { msg: 'refused', url: 'rtmp://h/live/5ec7e75ec7e7' }));
    journal.file('demo-publisher', 'Error opening rtmp://h/live/5ec7e75ec7e7');
    await journal.close();
    const all = file('ingest.log') + file('demo-publisher.log') + shown.join();
    expect(all).not.toContain('5ec7e75ec7e7');
    expect(all.match(/\[redacted\]/g)).toHaveLength(3);
  });

  test('stays bounded when ten times its limit is written', async () => {
    const journal = open(10_000);
    for (let count = 0; count < 1_000; count++) {
      journal.take('ingest', line(30, { msg: 'x'.repeat(100) }));
    }
    await journal.close();
    const sizes = readdirSync(join(folder, 'logs')).map(
      (name) => statSync(join(folder, 'logs', name)).size,
    );
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThan(10_500);
  });
});

describe('the short form of a line', () => {
  test('shows an error by its message', () => {
    const text = shortForm(
      'edge',
      line(50, { msg: 'cannot start', error: { message: 'no port' } }),
    );
    expect(text).toBe('23:05:09 ERROR edge: cannot start error="no port"');
  });

  test('shows of a crash the error and not its stack', () => {
    expect(shortForm('edge', 'TypeError: x is not a function')).toBe(
      'edge: TypeError: x is not a function',
    );
    expect(shortForm('edge', '    at start (main.ts:3:1)')).toBeUndefined();
    expect(shortForm('edge', '')).toBeUndefined();
  });
});
