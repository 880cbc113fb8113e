/** Reports as rows of a table, for terminals and for docs/. */
import type { BroadcastReport } from './analyse.ts';

/** A row: column name to text. */
export type Row = Readonly<Record<string, string>>;

/** A Markdown table; the first row's columns count. */
export function markdownTable(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const widths = names.map((name) =>
    Math.max(name.length, ...rows.map((row) => (row[name] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [
    line(names),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(names.map((name) => row[name] ?? ''))),
  ].join('\n');
}

/** A report's figures. Stamps: unreadable, repeated, missing, backwards, of every picture rendition. */
export function reportRow(name: string, report: BroadcastReport): Row {
  const stamps = [...report.stamps].map(
    ([id, s]) => `${id} ${s.unreadable}/${s.repeated}/${s.missing}/${s.backwards}`,
  );
  const frames = Math.max(0, ...[...report.stamps.values()].map((s) => s.frames));
  const sync = report.sync.map((s) => `${s.lowMs.toFixed(1)}..${s.highMs.toFixed(1)}`);
  return {
    source: name,
    segments: String(report.segments),
    frames: String(frames),
    'grid problems': String(report.problems.length),
    'unreadable/repeated/missing/backwards': stamps.join(', '),
    'flash − beep, ms': sync.length === 0 ? '–' : sync.join(', '),
  };
}
