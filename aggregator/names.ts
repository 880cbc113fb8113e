/** Names only the origin uses: its own Redis keys. */

/** Hash, segment number to JSON result: accepted from out_MQ and not published yet. Survives a restart. */
export const acceptedKey = (channel: string): string => `accepted:{${channel}}`;
/** String: JSON of what a broadcast's manifests have declared so far. */
export const declaredKey = (channel: string): string => `declared:{${channel}}`;
