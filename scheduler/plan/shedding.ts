/**
 * What is withheld next, across all channels, and what is made again. Where deadlines are in danger the dearest picture of the
 * least important channel goes, and with it as many of that channel's, and then of the next, as the workers' pace asks for; more
 * only when that did not help. Never a channel's last picture, never its sound. It is called off if all was well again before it began. Else it is made again when there is room for it and
 * nothing was late for a while, the longer the more often that was wrong before (`common/shed-return.ts`). Pure; times are the clock's.
 */
import type { Rendition } from '#common/contracts/rendition';
import type { Shed } from '#common/contracts/shed';
import { segmentOfTime, timeOfSegment, type Grid } from '#common/grid';
import { calmBeforeReturn, isRelapse } from '#common/shed-return';
import {
  greatest,
  milliseconds,
  segmentNumber,
  type Milliseconds,
  type SegmentNumber,
} from '#common/time';

/**
 * From the decision until anybody who plays it comes to the first segment that it is of, at least. By then its early task is not placed yet, and whoever plays
 * it knows: 1 s that caches keep an index for, 2 s until a player of DASH looks again, and a second for all else.
 */
export const SHED_LEAD: Milliseconds = milliseconds(4_000);
/** None that begins within this: early tasks of those are placed, or about to be. */
const LEAST_LEAD: Milliseconds = milliseconds(2_000);
/** After its segment has begun, until lateness shows whether it helped: that segment, and a second for what was begun before. */
const SETTLE_MS = 3_000;
/** Between something made again and the next: its effect shows when the workers have carried it for some segments. */
const RETURN_SETTLE_MS = 10_000;
/** What is made again must fit so many times: its cost is known from tables, and sport is not all alike. */
const ROOM_MARGIN = 1.3;
/**
 * A picture that goes is made until its first number that is withheld, with what is left over. Where that becomes so late, milliseconds, that with
 * a part and a look at the playlist it would be 4 s, the rest of it is given up at once: nobody can play it as it comes, and it takes what others need.
 */
const GIVEN_UP_MS = 2_500;
/**
 * Where all was on time for so long while everything was still made, it was not too much: a page was opened, or something started, and that
 * is over.
 */
const CALLED_OFF_MS = 1_000;
/** Of what workers have shown to carry, so much is used. */
const USED_SHARE = 0.85;
/** Marks of one broadcast: its record and its checkpoint have all of them. Beyond that nothing is made again. */
export const MOST_SHEDS = 400;

/** A channel on air, as far as shedding goes. */
export interface LoadedChannel {
  readonly channel: string;
  /** The higher the more important. */
  readonly priority: number;
  readonly grid: Grid;
  readonly renditions: readonly Rendition[];
  /** What was decided so far, in order. */
  readonly sheds: readonly Shed[];
  /** Cores that it takes without these, in those of `common/transcode-cost.ts`. */
  readonly coresWithout: (withheld: readonly string[]) => number;
  readonly lateMs: number;
  /** The first segment under way of which something is not made; undefined where there is none, or it is not known. */
  readonly unfinished: SegmentNumber | undefined;
  /** The share of its late work that is made as it comes. */
  readonly speed: number;
  /** Its late work is that of its largest picture, which has an encoder of its own. */
  readonly isLeastOnTime: boolean;
  readonly isInDanger: boolean;
  /** Since when nothing of it was late; undefined when something is. */
  readonly calmSince: number | undefined;
}

/** What is to be withheld of a channel from now on, and why. */
export interface ShedOrder extends Pick<Shed, 'withheld' | 'reason' | 'lateMs' | 'lateChannel'> {
  readonly channel: string;
  /** The segment that it is of first, of what is late also one that has begun; undefined: as soon as viewers can be told before. */
  readonly from?: SegmentNumber;
}

const withheldOf = ({ sheds }: LoadedChannel): readonly string[] => sheds.at(-1)?.withheld ?? [];

type Picture = Extract<Rendition, { kind: 'video' }>;
const pixels = ({ width, height }: Picture): number => width * height;

/** Pictures, the dearest first. */
const picturesOf = ({ renditions }: LoadedChannel): readonly Picture[] =>
  renditions
    .filter((rendition): rendition is Picture => rendition.kind === 'video')
    .toSorted((a, b) => pixels(b) - pixels(a));

/** When a channel's last decision begins to count. */
const countsFrom = ({ grid, sheds }: LoadedChannel): number => {
  const last = sheds.at(-1);
  return last === undefined
    ? Number.NEGATIVE_INFINITY
    : Math.max(last.at, timeOfSegment(grid, last.from));
};

/** The least important first; of equals the one that takes the most. */
const byImportance = (channels: readonly LoadedChannel[]): readonly LoadedChannel[] =>
  channels.toSorted(
    (a, b) =>
      a.priority - b.priority ||
      b.coresWithout(withheldOf(b)) - a.coresWithout(withheldOf(a)) ||
      (a.channel < b.channel ? -1 : 1),
  );

/**
 * The next step: what is ordered of one channel, or of several at once; nothing while none is due.
 * @param freeCores that workers have beside all that is made now; null when no worker is known
 */
export function nextShed(
  channels: readonly LoadedChannel[],
  freeCores: number | null,
  now: Milliseconds,
): readonly ShedOrder[] {
  const givenUp = channels.flatMap((channel) => giveUp(channel) ?? []);
  if (givenUp.length > 0) {
    return givenUp;
  }
  const calledOff = callOff(channels, now);
  if (calledOff.length > 0) {
    return calledOff;
  }
  const lastCounts = Math.max(...channels.map(countsFrom));
  if (now < lastCounts + SETTLE_MS) {
    return [];
  }
  const [late] = channels
    .filter(({ isInDanger }) => isInDanger)
    .toSorted((a, b) => b.lateMs - a.lateMs);
  if (late !== undefined) {
    return withhold(channels, late);
  }
  const again =
    now < lastCounts + RETURN_SETTLE_MS ? undefined : makeAgain(channels, freeCores, now);
  return again === undefined ? [] : [again];
}

/** What is withheld of a channel from some number on, of those before it that are too late. */
function giveUp(channel: LoadedChannel): ShedOrder | undefined {
  const { sheds, unfinished, lateMs } = channel;
  const last = sheds.at(-1);
  return last?.reason !== 'late' ||
    lateMs < GIVEN_UP_MS ||
    unfinished === undefined ||
    unfinished >= last.from
    ? undefined
    : {
        channel: channel.channel,
        withheld: last.withheld,
        from: unfinished,
        reason: 'late',
        lateMs,
        lateChannel: last.lateChannel,
      };
}

/** Since when nothing of any channel was late; infinite while something is. */
const allCalmSince = (channels: readonly LoadedChannel[]): number =>
  Math.max(...channels.map(({ calmSince }) => calmSince ?? Number.POSITIVE_INFINITY));

/** What was about to be withheld, and need not be; once, for what comes again and again is too much. */
function callOff(channels: readonly LoadedChannel[], now: Milliseconds): readonly ShedOrder[] {
  const provenAt = allCalmSince(channels) + CALLED_OFF_MS;
  return channels.flatMap(({ channel, grid, sheds }) => {
    const last = sheds.at(-1);
    const before = sheds.at(-2)?.withheld ?? [];
    const going = last?.withheld.filter((id) => !before.includes(id)) ?? [];
    return last?.reason !== 'late' ||
      going.length === 0 ||
      going.some((id) => isRelapse(sheds, id)) ||
      provenAt > Math.min(now, timeOfSegment(grid, last.from))
      ? []
      : [
          {
            channel,
            withheld: before,
            from: last.from,
            reason: 'room' as const,
            lateMs: 0,
            lateChannel: channel,
          },
        ];
  });
}

function withhold(channels: readonly LoadedChannel[], late: LoadedChannel): readonly ShedOrder[] {
  const taken = channels.reduce((sum, one) => sum + one.coresWithout(withheldOf(one)), 0);
  const carried = taken - channels.reduce((sum, one) => sum + lackingCores(one), 0);
  // What is late is to be caught up as well, but for a picture that goes.
  const used = late.isLeastOnTime ? carried : USED_SHARE * carried;
  const orders: ShedOrder[] = [];
  let left = taken;
  for (const channel of byImportance(channels)) {
    const withheld = withheldOf(channel);
    const made = picturesOf(channel).filter(({ id }) => !withheld.includes(id));
    if (made.length < 2) {
      continue;
    }
    const without = (count: number): string[] => [
      ...withheld,
      ...made.slice(0, count).map(({ id }) => id),
    ];
    const leftWithout = (count: number): number =>
      left - channel.coresWithout(withheld) + channel.coresWithout(without(count));
    let count = 1;
    while (count < made.length - 1 && leftWithout(count) > used) {
      count += 1;
    }
    left = leftWithout(count);
    orders.push({
      channel: channel.channel,
      withheld: without(count),
      reason: 'late',
      lateMs: late.lateMs,
      lateChannel: late.channel,
    });
    if (left <= carried) {
      break;
    }
  }
  return orders;
}

/** Cores that a channel lacks: of its late work what is not made as it comes. */
function lackingCores(channel: LoadedChannel): number {
  const withheld = withheldOf(channel);
  const made = channel.coresWithout(withheld);
  const largest = picturesOf(channel).find(({ id }) => !withheld.includes(id));
  const late =
    channel.isLeastOnTime && largest !== undefined
      ? made - channel.coresWithout([...withheld, largest.id])
      : made;
  return Math.max(0, 1 - channel.speed) * late;
}

/** The cheapest that is withheld of the most important channel that lacks something: the others wait for it. */
function makeAgain(
  channels: readonly LoadedChannel[],
  freeCores: number | null,
  now: Milliseconds,
): ShedOrder | undefined {
  const lacking = byImportance(channels).findLast(
    (channel) => withheldOf(channel).length > 0 && channel.sheds.length < MOST_SHEDS,
  );
  if (lacking === undefined || freeCores === null) {
    return undefined;
  }
  const withheld = withheldOf(lacking);
  const cheapest = picturesOf(lacking).findLast(({ id }) => withheld.includes(id));
  if (cheapest === undefined) {
    return undefined;
  }
  const rest = withheld.filter((id) => id !== cheapest.id);
  const more = lacking.coresWithout(rest) - lacking.coresWithout(withheld);
  const calm = calmBeforeReturn(lacking.sheds, cheapest.id);
  const since = Math.max(countsFrom(lacking), allCalmSince(channels));
  return now - since < calm || more * ROOM_MARGIN > freeCores
    ? undefined
    : {
        channel: lacking.channel,
        withheld: rest,
        reason: 'room',
        lateMs: 0,
        lateChannel: lacking.channel,
      };
}

/** What a task from raw chunks takes while it is under way: its ffmpeg keeps about one core busy. */
const OWED_CORES = 1;
/** Live work has been on time for so long before what it has withheld is made. */
const OWED_CALM_MS = 10_000;
/** With nothing on air every worker has one, and finds the next waiting; live work that begins goes before those that wait. */
const OWED_AT_REST = 4;

/**
 * How many segments of what was withheld can be under way now: with nothing on air, or where all that is on air is made, on time,
 * and leaves room for them.
 */
export function roomForOwed(
  channels: readonly (LoadedChannel | 'undecided' | undefined)[],
  freeCores: number | null,
  now: Milliseconds,
): number {
  const onAir = channels.filter((channel) => channel !== undefined);
  if (freeCores === null) {
    return 0;
  }
  if (onAir.length === 0) {
    return OWED_AT_REST;
  }
  const isWell = onAir.every(
    (channel) =>
      channel !== 'undecided' &&
      withheldOf(channel).length === 0 &&
      // What comes back has shown that there is room for it before anything else is made.
      now - countsFrom(channel) >= OWED_CALM_MS &&
      channel.calmSince !== undefined &&
      now - channel.calmSince >= OWED_CALM_MS,
  );
  return isWell ? Math.floor(freeCores / OWED_CORES) : 0;
}

/**
 * How far ahead of its first segment a decision is made: so that whoever plays what goes comes to that segment
 * {@link SHED_LEAD} later at the soonest. They are as late as it is made, and it is later by then; what else goes with it may be on time.
 * @param before what was withheld until now
 */
export function leadOf(
  { reason, withheld }: Pick<ShedOrder, 'reason' | 'withheld'>,
  before: readonly string[],
  { lateMs, speed }: Pick<LoadedChannel, 'lateMs' | 'speed'>,
): Milliseconds {
  if (reason === 'room' || withheld.length > before.length + 1) {
    return SHED_LEAD;
  }
  const lateThen = lateMs + Math.max(0, 1 - speed) * LEAST_LEAD;
  return milliseconds(Math.max(LEAST_LEAD, SHED_LEAD - lateThen));
}

/** What a decision's first segment depends on beside what is ordered. */
export interface ShedTiming {
  readonly sheds: readonly Shed[];
  /** The last segment that workers were given; undefined before the first. */
  readonly given: SegmentNumber | undefined;
  readonly lead: Milliseconds;
}

/**
 * The segment that a decision is of first: the one ordered, or none that begins within the lead, or that another decision is of. More is
 * made of none that is given out.
 */
export function shedFrom(
  grid: Grid,
  now: Milliseconds,
  { from, reason }: Pick<ShedOrder, 'from' | 'reason'>,
  { sheds, given, lead }: ShedTiming,
): SegmentNumber {
  const notGiven = segmentNumber((given ?? -1) + 1);
  if (from !== undefined) {
    return reason === 'late' ? from : greatest(from, notGiven);
  }
  const soonest = segmentNumber(segmentOfTime(grid, milliseconds(now + lead)) + 1);
  return greatest(soonest, greatest(segmentNumber((sheds.at(-1)?.from ?? -1) + 1), notGiven));
}
