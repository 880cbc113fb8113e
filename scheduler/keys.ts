/** Redis keys and pub/sub channels that only schedulers use, and the one by which they drop a publisher. */
export const schedulerKeys = {
  /** String: a channel's folded state and the log id up to which it was folded. */
  checkpoint: (channel: string): string => `plan:{${channel}}`,
  /** Hash: channel id to JSON {@link Broadcast}, for the channels on air. */
  air: 'scheduler:air',
  /** List of JSON: segments of a channel that became filler, newest first. */
  fillers: (channel: string): string => `fillers:{${channel}}`,
  /** Pub/sub: the id of a channel whose broadcast the operator ends. */
  endAsked: 'scheduler:end',
  /** Hash: ids of sessions that were logged out, and when they would have expired. */
  endedSessions: 'scheduler:sessions-ended',
  /** Pub/sub: `<id> <expiry>` of a session that was logged out. */
  sessionEnded: 'scheduler:session-ended',
} as const;
