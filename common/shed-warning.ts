/** What is said of renditions that are withheld: in the status, in the control room, and in the log. Pure. */
import type { Shed, Shedding } from './contracts/shed.ts';
import type { Warning } from './contracts/status.ts';
import { gridOf, timeOfSegment, type FpsName } from './grid.ts';
import { calmBeforeReturn } from './shed-return.ts';
import type { SegmentNumber } from './time.ts';

/** A rendition that is withheld now, or from a segment on that is to come. */
export interface Withheld {
  readonly id: string;
  /** The first segment without it, and when that began, milliseconds since the epoch. */
  readonly from: SegmentNumber;
  readonly since: number;
  /** Why, in words. */
  readonly reason: string;
  /** What would bring it back, in words. */
  readonly back: string;
}

type Told = Pick<Shedding, 'sheds'> & { readonly channel: string; readonly fps: FpsName };

/** The decision by which a rendition is away: the first of those in a row that withhold it. */
function decisionOf(sheds: readonly Shed[], id: string): Shed | undefined {
  const present = sheds.findLastIndex(({ withheld }) => !withheld.includes(id));
  return sheds[present + 1];
}

/** Everything that is withheld of a broadcast, as decided last. */
export function withheldNow({ channel, fps, sheds }: Told): readonly Withheld[] {
  return (sheds.at(-1)?.withheld ?? []).flatMap((id) => {
    const decision = decisionOf(sheds, id);
    if (decision === undefined) {
      return [];
    }
    const { from, lateMs, lateChannel } = decision;
    const whose = lateChannel === channel ? 'work' : `work of channel ${lateChannel}`;
    const seconds = calmBeforeReturn(sheds, id) / 1000;
    return [
      {
        id,
        from,
        since: timeOfSegment(gridOf(fps), from),
        reason: `${whose} was ${(lateMs / 1000).toFixed(1)} s late, and later all the time`,
        back: `made again when nothing was late for ${seconds} s and the workers have room for it: close other programs there, or start more workers`,
      },
    ];
  });
}

/** The warning of a broadcast that lacks something; undefined when it has all that it began with. */
export function shedWarning(broadcast: Told): Warning | undefined {
  const withheld = withheldNow(broadcast);
  const [last] = withheld.toSorted((a, b) => b.since - a.since);
  if (last === undefined) {
    return undefined;
  }
  const names = withheld.map(({ id }) => id).join(', ');
  const at = new Date(last.since).toISOString().slice(11, 19);
  const message = `Without ${names}, the last of them since ${at} UTC: ${last.reason}. It is ${last.back}.`;
  return { code: 'RENDITIONS_WITHHELD', message };
}
