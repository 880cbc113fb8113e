import { describe, expect, test } from '@jest/globals';
import { REPORT_MS, reportOf, withReport } from '#common/contracts/cmcd';
import { readViewersFields, viewersField } from '#common/contracts/viewer-latency';
import { LatencyCounts } from '#common/latency-counts';
import { newVisitor } from '../../../edge/pace.ts';
import {
  MOST_CHANNELS,
  MOST_OF_CONNECTION,
  MOST_SESSIONS,
  ViewerReports,
} from '../../../edge/viewer-reports.ts';

const MANIFEST = '/live/main/index.mpd';

describe('a report', () => {
  test('is read as it was written, and replaces the one before', () => {
    const first = withReport(MANIFEST, 620.4);
    expect(first).toBe(`${MANIFEST}?CMCD=ltc%3D620%2Cv%3D2`);
    expect(reportOf(first)).toEqual({ latencyMs: 620, session: undefined });
    const second = withReport(`${first}&_HLS_msn=7`, 700);
    expect(second).toBe(`${MANIFEST}?_HLS_msn=7&CMCD=ltc%3D700%2Cv%3D2`);
    expect(withReport(second, undefined)).toBe(`${MANIFEST}?_HLS_msn=7`);
    expect(withReport(first, undefined)).toBe(MANIFEST);
  });

  test('of other players is read among their other keys', () => {
    const list = 'bl=1200,cid="x",ltc=1480,sid="6e2fb550-c457-11e9",v=2';
    expect(reportOf(`/live/main/v720/1.m4s?a=b&CMCD=${encodeURIComponent(list)}`)).toEqual({
      latencyMs: 1480,
      session: '6e2fb550-c457-11e9',
    });
  });

  test.each([
    '',
    'CMCD=ltc%3D620',
    `${MANIFEST}?CMCD=`,
    `${MANIFEST}?CMCD=bl%3D100`,
    `${MANIFEST}?CMCD=ltc%3D60001`,
    `${MANIFEST}?CMCD=ltc%3D-5`,
    `${MANIFEST}?CMCD=ltc%3D1e3`,
    `${MANIFEST}?CMCD=xltc%3D5`,
    `${MANIFEST}?CMCD=%E0%A4%A`,
    `${MANIFEST}?XCMCD=ltc%3D5`,
    `${MANIFEST}?CMCD=ltc%3D5${'%2C'.repeat(1000)}`,
  ])('that is none is none: %s', (target) => {
    expect(reportOf(target)).toBeUndefined();
  });
});

describe('counts of latencies', () => {
  test('give percentiles as fine as the watch page tells them', () => {
    const counts = new LatencyCounts();
    for (let ms = 1; ms <= 1000; ms += 1) {
      counts.add(ms);
    }
    expect(counts.total).toBe(1000);
    expect(counts.percentile(0.5)).toBe(500);
    expect(counts.percentile(0.95)).toBe(950);
    expect(new LatencyCounts().percentile(0.5)).toBeUndefined();
    const far = new LatencyCounts();
    far.add(7_449);
    far.add(59_600);
    expect([far.percentile(0.5), far.percentile(0.95)]).toEqual([7_400, 60_000]);
  });

  test('are added up over edges, and what is damaged counts as not told', () => {
    const [a, b] = [new LatencyCounts(), new LatencyCounts()];
    a.add(600, 9);
    b.add(900, 1);
    b.add(1_400, 10);
    const fields = [a, b].map((counts) => viewersField(new Map([['main', counts]])));
    expect(readViewersFields([...fields, '{', 7, null, '{"main":"x"}', '{"x":1}'])).toEqual(
      new Map([['main', { count: 20, p50Ms: 900, p95Ms: 1_400 }]]),
    );
    expect(readViewersFields([])).toEqual(new Map());
  });

  test('take no more room than their steps', () => {
    const counts = new LatencyCounts();
    for (let ms = 0; ms <= 60_000; ms += 1) {
      counts.add(ms, 1000);
    }
    const text = counts.toText();
    expect(text.length).toBeLessThan(8 * 1024);
    expect(LatencyCounts.parse(text)?.total).toBe(counts.total);
  });
});

describe('viewers’ reports', () => {
  const open = (isUnbounded = false) => {
    let now = 0;
    const reports = new ViewerReports(() => now, isUnbounded);
    return {
      note: (target: string, visitor = newVisitor('a')) => {
        reports.note(visitor, target);
      },
      pass: (ms = REPORT_MS) => {
        now += ms;
      },
      told: () => readViewersFields([reports.told(() => true)]),
      reports,
    };
  };

  test('are told once their stretch is over, and then forgotten', () => {
    const { note, pass, told } = open();
    note(withReport(MANIFEST, 600));
    note(withReport('/live/main/index.m3u8', 800));
    note(withReport('/live/other/index.mpd', 1_000));
    expect(told().size).toBe(0);
    pass();
    expect(told()).toEqual(
      new Map([
        ['main', { count: 2, p50Ms: 600, p95Ms: 800 }],
        ['other', { count: 1, p50Ms: 1_000, p95Ms: 1_000 }],
      ]),
    );
    pass();
    expect(told().size).toBe(0);
  });

  test('of recordings, of nothing and of channels that nobody made are not counted', () => {
    const { note, pass, reports } = open();
    note(withReport('/vod/main/7/index.m3u8', 600));
    note(withReport('/watch/main', 600));
    note(withReport('/live/nobodys/index.mpd', 600));
    pass();
    expect(reports.told((channel) => channel === 'main')).toBe('{}');
  });

  test('of a player that tells with every request are one viewer', () => {
    const { note, pass, told } = open();
    for (let n = 0; n < 50; n += 1) {
      note(`/live/main/v720/${n}.m4s?CMCD=ltc%3D500%2Csid%3D%22one%22`);
    }
    pass();
    expect(told().get('main')?.count).toBe(1);
  });

  test('are bounded for one connection, but where connections are proxies’', () => {
    for (const isUnbounded of [false, true]) {
      const { note, pass, told } = open(isUnbounded);
      const visitor = newVisitor('a');
      for (let n = 0; n < 10 * MOST_OF_CONNECTION; n += 1) {
        note(withReport(MANIFEST, 600), visitor);
      }
      pass();
      expect(told().get('main')?.count).toBe(MOST_OF_CONNECTION * (isUnbounded ? 10 : 1));
    }
  });

  test('are bounded in channels and in sessions', () => {
    const { note, pass, reports } = open();
    const seen: string[] = [];
    for (let n = 0; n < 10 * MOST_CHANNELS; n += 1) {
      note(withReport(`/live/c${n}/index.mpd`, 600));
    }
    for (let n = 0; n < 2 * MOST_SESSIONS; n += 1) {
      note(`/live/c0/index.mpd?CMCD=ltc%3D500%2Csid%3D%22s${n}%22`);
    }
    pass();
    const field = reports.told((channel) => {
      seen.push(channel);
      return true;
    });
    expect(seen).toHaveLength(MOST_CHANNELS);
    expect(readViewersFields([field]).get('c0')?.count).toBe(1 + MOST_SESSIONS);
    expect(field.length).toBeLessThan(1_000);
  });
});
