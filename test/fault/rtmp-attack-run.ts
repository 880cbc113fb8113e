/**
 * `npm run attack`: RTMP under attack at full size, as tables. `-- --seed 7` for other mutations, `--mutated 10000` and
 * `--half-open 5000` for more of them.
 */
import { parseArgs } from 'node:util';
import { markdownTable } from '../helpers/report-table.ts';
import { attackRtmp, type AttackReport } from './rtmp-attack.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '20261' },
    mutated: { type: 'string', default: '2000' },
    'half-open': { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '240' },
  },
});
const size = {
  seed: Number(values.seed),
  first: Math.max(200, Number(values.mutated) / 4),
  mutated: Number(values.mutated),
  guesses: 320,
  halfOpen: Number(values['half-open']),
  seconds: Number(values.seconds),
};

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const ms = (value: number): string => `${Math.round(value)} ms`;

function rows(report: AttackReport): { readonly what: string; readonly result: string }[] {
  const [rssBefore, rssAfter] = report.rss;
  const [keptBefore, keptAfter] = report.kept;
  return [
    {
      what: `${report.targeted.size} targeted and ${size.mutated} mutated connections, seed ${size.seed}`,
      result: report.isAlive ? 'no process ended' : 'INGEST ENDED',
    },
    {
      what: 'honest publisher beside them: frames sent, in the log, in raw chunks',
      result: `${report.sent}, ${report.logged}, ${report.stored}`,
    },
    { what: 'its sessions', result: `${report.sessions}` },
    {
      what: `memory in use after a first round of ${size.first}, and after all`,
      result: `${mib(keptBefore)}, ${mib(keptAfter)}`,
    },
    {
      what: 'memory resident, likewise',
      result: `${mib(rssBefore)}, ${mib(rssAfter)}`,
    },
    { what: 'open files before and after', result: report.files.join(', ') },
    {
      what: `on air amid ${size.guesses} wrong keys from its own address`,
      result: ms(report.connectedAmidGuesses),
    },
    {
      what: `on air amid ${size.halfOpen} half-open handshakes`,
      result: ms(report.connectedAmidHalfOpen),
    },
    { what: 'longest life of a half-open handshake', result: ms(report.longestHalfOpen) },
    { what: 'lines logged', result: `${report.logLines}` },
    { what: 'stream keys in the log', result: `${report.keysInLog}` },
  ];
}

const report = await attackRtmp(size);
const targeted = [...report.targeted].map(([name, { status, isClosed }]) => ({
  'targeted connection': name,
  'last status': status ?? '–',
  outcome: isClosed ? 'disconnected' : 'left to its time-out',
}));
process.stdout.write(`${markdownTable(targeted)}\n\n${markdownTable(rows(report))}\n`);
process.exitCode = report.isAlive && report.stored === report.sent ? 0 : 1;
