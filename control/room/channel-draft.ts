/** A channel as it is being written in the form: text and ticks, and what is wrong with them, by field. Pure. */
import {
  DEFAULT_LADDER,
  DEFAULT_PRIORITY,
  DEFAULT_PROFILE,
  channelIdSchema,
  channelSchema,
  ladderSchema,
  type Channel,
  type Profile,
} from '#common/contracts/channel';

/** A line of the ladder in the form. */
export interface DraftRung {
  readonly height: number;
  readonly isOn: boolean;
  /** Megabits a second. */
  readonly rate: string;
}

/** See the head of this file. */
export interface ChannelDraft {
  readonly id: string;
  readonly name: string;
  /** Empty: from the first feed. */
  readonly fps: string;
  readonly profile: Profile;
  readonly rungs: readonly DraftRung[];
  readonly fixedLadder: boolean;
  readonly priority: string;
  /** Kilobits a second. */
  readonly soundRate: string;
  readonly preset: string;
  readonly dvrMinutes: string;
  readonly reconnectSeconds: string;
}

/** Fields of the form. */
export type DraftField =
  | 'id'
  | 'name'
  | 'fps'
  | 'ladder'
  | 'soundRate'
  | 'preset'
  | 'priority'
  | 'dvrMinutes'
  | 'reconnectSeconds';
/** What is wrong, by field. */
export type DraftProblems = Partial<Record<DraftField, string>>;

/** Peak rates for usual heights, megabits a second. */
const USUAL: readonly (readonly [height: number, rate: string])[] = [
  [1080, '6'],
  [720, '3.5'],
  [540, '2.2'],
  [480, '1.6'],
  [360, '0.9'],
  [240, '0.4'],
];

function rungsOf({ video }: Pick<Channel['ladder'], 'video'>): DraftRung[] {
  const own = new Map(video.map(({ height, maxBitrateBps }) => [height, maxBitrateBps]));
  const heights = [...new Set([...USUAL.map(([height]) => height), ...own.keys()])];
  return heights
    .toSorted((a, b) => b - a)
    .map((height) => {
      const rate = own.get(height);
      const usual = USUAL.find(([known]) => known === height)?.[1] ?? '1';
      return {
        height,
        isOn: rate !== undefined,
        rate: rate === undefined ? usual : String(rate / 1e6),
      };
    });
}

/** The form of a new channel. */
export const NEW_DRAFT: ChannelDraft = {
  id: '',
  name: '',
  fps: '',
  profile: DEFAULT_PROFILE,
  rungs: rungsOf(DEFAULT_LADDER),
  fixedLadder: false,
  priority: String(DEFAULT_PRIORITY),
  soundRate: String(DEFAULT_LADDER.audio.bitrateBps / 1000),
  preset: DEFAULT_LADDER.preset,
  dvrMinutes: '120',
  reconnectSeconds: '60',
};

/** The form of a channel there is. */
export const draftOf = (channel: Omit<Channel, 'streamKeyHash'>): ChannelDraft => ({
  id: channel.id,
  name: channel.name,
  fps: channel.fps ?? '',
  profile: channel.profile,
  rungs: rungsOf(channel.ladder),
  fixedLadder: channel.fixedLadder,
  priority: String(channel.priority),
  soundRate: String(channel.ladder.audio.bitrateBps / 1000),
  preset: channel.ladder.preset,
  dvrMinutes: String(channel.dvrSeconds / 60),
  reconnectSeconds: String(channel.reconnectSeconds),
});

/** A field left empty is not a zero. */
const numberOf = (text: string): number => (text.trim() === '' ? NaN : Number(text));

/** What the API is asked for. */
export const requestOf = (draft: ChannelDraft) => ({
  id: draft.id,
  name: draft.name.trim() === '' ? draft.id : draft.name.trim(),
  fps: draft.fps === '' ? null : draft.fps,
  profile: draft.profile,
  ladder: {
    video: draft.rungs
      .filter(({ isOn }) => isOn)
      .map(({ height, rate }) => ({ height, maxBitrateBps: Math.round(numberOf(rate) * 1e6) })),
    audio: { bitrateBps: Math.round(numberOf(draft.soundRate) * 1000) },
    preset: draft.preset,
  },
  fixedLadder: draft.fixedLadder,
  priority: numberOf(draft.priority),
  dvrSeconds: Math.round(numberOf(draft.dvrMinutes) * 60),
  reconnectSeconds: numberOf(draft.reconnectSeconds),
});

/** What is wrong with a draft; empty when the API will take it, as far as can be known here. */
export function problemsOf(draft: ChannelDraft, takenIds: readonly string[]): DraftProblems {
  const request = requestOf(draft);
  const { name, priority, dvrSeconds, reconnectSeconds } = channelSchema.shape;
  const problems: DraftProblems = {};
  if (draft.id === '') {
    problems.id = 'Give the channel an id: it is part of its addresses.';
  } else if (!channelIdSchema.safeParse(draft.id).success) {
    problems.id = 'Up to 63 of a–z, 0–9 and -, and no dash at the beginning.';
  } else if (takenIds.includes(draft.id)) {
    problems.id = 'There is a channel with this id.';
  }
  if (!name.safeParse(request.name).success && draft.id !== '') {
    problems.name = 'At most 200 characters.';
  }
  if (request.ladder.video.length === 0) {
    problems.ladder = 'Choose at least one height.';
  } else if (!ladderSchema.shape.video.safeParse(request.ladder.video).success) {
    problems.ladder =
      request.ladder.video.length > 6
        ? 'Choose at most six heights.'
        : 'Bit rates are between 0.05 and 40 Mb/s.';
  }
  if (!ladderSchema.shape.audio.safeParse(request.ladder.audio).success) {
    problems.soundRate = 'A whole number from 32 to 320.';
  }
  if (!priority.safeParse(request.priority).success) {
    problems.priority = 'A whole number from 0 to 100.';
  }
  if (!dvrSeconds.safeParse(request.dvrSeconds).success) {
    problems.dvrMinutes = 'From a sixth of a minute to 1440 minutes, a day.';
  }
  if (!reconnectSeconds.safeParse(request.reconnectSeconds).success) {
    problems.reconnectSeconds = 'A whole number of seconds, at most 3600, an hour.';
  }
  return problems;
}

const API_FIELDS: Readonly<Record<string, DraftField>> = {
  id: 'id',
  name: 'name',
  fps: 'fps',
  ladder: 'ladder',
  priority: 'priority',
  dvrSeconds: 'dvrMinutes',
  reconnectSeconds: 'reconnectSeconds',
};

/** The API's message as problems by field; undefined when it is about no field. */
export function problemsFrom(message: string): DraftProblems | undefined {
  const problems: DraftProblems = {};
  for (const part of message.split('; ')) {
    const [, path = '', what = ''] = /^([a-zA-Z]+)[a-zA-Z0-9.]*: (.+)$/.exec(part) ?? [];
    const field = API_FIELDS[path];
    if (field !== undefined) {
      problems[field] = what;
    }
  }
  return Object.keys(problems).length === 0 ? undefined : problems;
}
