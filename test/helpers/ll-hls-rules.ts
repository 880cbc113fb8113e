/**
 * The rules of low-latency HLS (draft-pantos-hls-rfc8216bis, sections as named) held against playlist texts: each alone,
 * and each against the version before. Knows nothing of who wrote them.
 */

/** A part as a playlist lists it. */
interface Part {
  readonly duration: number;
  readonly isIndependent: boolean;
  readonly isGap: boolean;
}

interface Segment {
  duration: number | undefined;
  isGap: boolean;
  readonly parts: Part[];
}

/** A playlist, read. */
interface Read {
  readonly target: number;
  readonly partTarget: number;
  readonly control: ReadonlyMap<string, string>;
  readonly first: number;
  readonly skipped: number;
  readonly version: number;
  /** By number; the newest may have parts only. */
  readonly segments: ReadonlyMap<number, Segment>;
  readonly hint: string | undefined;
  readonly reports: readonly ReadonlyMap<string, string>[];
  readonly isEnded: boolean;
  readonly problems: readonly string[];
}

const attributesOf = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(/([A-Z0-9-]+)=("[^"]*"|[^",]*)/g)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll('"', ''),
    ]),
  );

function read(text: string): Read {
  const lines = text.split('\n').filter((line) => line !== '');
  const value = (tag: string): string | undefined =>
    lines.find((line) => line.startsWith(`#${tag}:`))?.slice(tag.length + 2);
  const problems: string[] = [];
  const segments = new Map<number, Segment>();
  const first = Number(value('EXT-X-MEDIA-SEQUENCE') ?? 0);
  const skipped = Number(attributesOf(value('EXT-X-SKIP') ?? '').get('SKIPPED-SEGMENTS') ?? 0);
  let n = first + skipped;
  const current = (): Segment => {
    const known = segments.get(n) ?? { duration: undefined, isGap: false, parts: [] };
    segments.set(n, known);
    return known;
  };
  for (const line of lines) {
    if (line.startsWith('#EXT-X-PART:')) {
      const attributes = attributesOf(line.slice(12));
      const { parts } = current();
      if (attributes.get('URI') !== `${n}.${parts.length}.m4s`) {
        problems.push(`§4.4.4.9 part ${attributes.get('URI') ?? ''} is not ${n}.${parts.length}`);
      }
      parts.push({
        duration: Number(attributes.get('DURATION')),
        isIndependent: attributes.get('INDEPENDENT') === 'YES',
        isGap: attributes.get('GAP') === 'YES',
      });
    } else if (line === '#EXT-X-GAP') {
      current().isGap = true;
    } else if (line.startsWith('#EXTINF:')) {
      current().duration = Number.parseFloat(line.slice(8));
    } else if (!line.startsWith('#')) {
      if (line !== `${n}.m4s`) {
        problems.push(`§6.2.1 segment ${line} has the media sequence number ${n}`);
      }
      n += 1;
    }
  }
  const hints = lines.filter((line) => line.startsWith('#EXT-X-PRELOAD-HINT:'));
  if (hints.length > 1) {
    problems.push('§4.4.5.3 more than one hint of a type');
  }
  return {
    target: Number(value('EXT-X-TARGETDURATION')),
    partTarget: Number(
      attributesOf(value('EXT-X-PART-INF') ?? '').get('PART-TARGET') ?? Number.NaN,
    ),
    control: attributesOf(value('EXT-X-SERVER-CONTROL') ?? ''),
    first,
    skipped,
    version: Number(value('EXT-X-VERSION')),
    segments,
    hint: hints[0] === undefined ? undefined : attributesOf(hints[0].slice(20)).get('URI'),
    reports: lines
      .filter((line) => line.startsWith('#EXT-X-RENDITION-REPORT:'))
      .map((line) => attributesOf(line.slice(24))),
    isEnded: lines.includes('#EXT-X-ENDLIST'),
    problems,
  };
}

/** Printed durations are rounded. */
const EPSILON = 2e-6;
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
const lengthOf = ({ duration, parts }: Segment): number =>
  duration ?? sum(parts.map((part) => part.duration));

/** What is wrong with one playlist. */
export function problemsOf(text: string, otherRenditions: number): string[] {
  const playlist = read(text);
  const { target, partTarget, control, segments, hint, reports, isEnded } = playlist;
  const problems = [...playlist.problems];
  const unless = (holds: boolean, what: string): void => {
    if (!holds) {
      problems.push(what);
    }
  };
  const number = (name: string): number => Number(control.get(name) ?? Number.NaN);
  unless(partTarget > 0, '§4.4.3.7 no PART-TARGET');
  unless(control.get('CAN-BLOCK-RELOAD') === 'YES', '§4.4.3.8 no CAN-BLOCK-RELOAD');
  unless(number('PART-HOLD-BACK') >= 3 * partTarget - EPSILON, '§4.4.3.8 PART-HOLD-BACK is short');
  unless(number('HOLD-BACK') >= 3 * target, '§4.4.3.8 HOLD-BACK is short');
  unless(number('CAN-SKIP-UNTIL') >= 6 * target, '§4.4.3.8 CAN-SKIP-UNTIL is short');
  unless(playlist.skipped === 0 || playlist.version >= 9, '§8 EXT-X-SKIP needs version 9');
  const entries = [...segments].toSorted(([a], [b]) => a - b);
  const newest = entries.at(-1);
  let behind = 0;
  for (const [n, segment] of entries.toReversed()) {
    const { duration, parts } = segment;
    unless(duration !== undefined || n === newest?.[0], `§4.4.4.1 segment ${n} has no EXTINF`);
    unless(Math.round(lengthOf(segment)) <= target, `§4.4.3.1 segment ${n} is too long`);
    unless(
      parts.length > 0 || behind >= 3 * target - EPSILON,
      `§6.2.2 segment ${n} has lost its parts too soon`,
    );
    unless(
      parts.length === 0 || behind <= 4 * target,
      `§6.2.2 parts of ${n} are listed for too long`,
    );
    parts.forEach((part, k) => {
      const isLast = duration !== undefined && k === parts.length - 1;
      unless(
        part.duration <= partTarget + 1e-9,
        `§4.4.3.7 part ${n}.${k} is longer than PART-TARGET`,
      );
      unless(
        isLast || part.isIndependent || part.duration >= 0.85 * partTarget,
        `§4.4.4.9 part ${n}.${k} is shorter than 85 % of PART-TARGET`,
      );
      unless(k > 0 || part.isIndependent, `§4.4.4.9 part ${n}.0 is not INDEPENDENT`);
    });
    unless(
      duration === undefined ||
        parts.length === 0 ||
        parts.some(({ isGap }) => isGap) === segment.isGap,
      `§4.4.4.7 segment ${n} is a gap, or a part of it is, and not both`,
    );
    if (duration !== undefined && parts.length > 0) {
      const together = sum(parts.map((part) => part.duration));
      unless(
        Math.abs(together - duration) < EPSILON * parts.length,
        `§4.4.4.9 the parts of ${n} are not as long as it`,
      );
    }
    behind += lengthOf(segment);
  }
  if (isEnded) {
    unless(hint === undefined, '§4.4.5.3 a hint after the end');
    return problems;
  }
  if (newest !== undefined) {
    const [n, { duration, parts }] = newest;
    const expected = duration === undefined ? `${n}.${parts.length}.m4s` : `${n + 1}.0.m4s`;
    // Of what is not made nothing is to be hinted at; whether the next is, a playlist that ends with a gap does not tell.
    const isAfterGap = newest[1].isGap || parts.at(-1)?.isGap === true;
    const isMissing = hint === undefined && (isAfterGap || duration !== undefined);
    unless(
      hint === expected || isMissing,
      `§4.4.5.3 the hint is ${hint ?? 'missing'}, not ${expected}`,
    );
    if (playlist.skipped > 0) {
      unless(behind >= number('CAN-SKIP-UNTIL') - EPSILON, '§6.2.5.1 more is skipped than may be');
    }
  }
  unless(reports.length === otherRenditions, '§4.4.5.4 a rendition report is missing');
  for (const report of reports) {
    unless(
      /^\d+$/.test(report.get('LAST-MSN') ?? '') && /^\d+$/.test(report.get('LAST-PART') ?? ''),
      '§4.4.5.4 a report without LAST-MSN and LAST-PART',
    );
  }
  return problems;
}

/** What is wrong between a playlist and the version before. */
export function changesAgainstRules(before: string, after: string): string[] {
  const [a, b] = [read(before), read(after)];
  const problems: string[] = [];
  const unless = (holds: boolean, what: string): void => {
    if (!holds) {
      problems.push(what);
    }
  };
  unless(b.first >= a.first, '§6.2.2 the media sequence number went back');
  unless(b.target === a.target, '§6.2.1 the target duration changed');
  unless(Object.is(b.partTarget, a.partTarget), '§6.2.1 PART-TARGET changed');
  const control = ({ control: list }: Read): string => JSON.stringify([...list]);
  unless(control(a) === control(b), '§6.2.1 SERVER-CONTROL changed');
  unless(!a.isEnded || before === after, '§6.2.1 changed after its end');
  for (const [n, segment] of a.segments) {
    const later = b.segments.get(n);
    if (n < b.first + b.skipped) {
      continue;
    }
    unless(later !== undefined, `§6.2.1 segment ${n} was taken back`);
    if (later === undefined) {
      continue;
    }
    unless(
      segment.duration === undefined || segment.duration === later.duration,
      `§6.2.1 segment ${n} changed`,
    );
    const areSame = segment.parts.every(
      (part, k) => later.parts[k] === undefined || later.parts[k].duration === part.duration,
    );
    unless(areSame, `§6.2.1 a part of ${n} changed`);
    unless(
      later.parts.length === 0 || later.parts.length >= segment.parts.length,
      `§6.2.1 a part of ${n} was taken back`,
    );
  }
  return problems;
}
