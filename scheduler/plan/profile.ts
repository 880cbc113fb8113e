/** The latency profile that a broadcast begins with. Pure. */
import type { Profile } from '#common/contracts/channel';
import { isOfFields } from './start-points.ts';
import type { ChannelState } from './state.ts';

/**
 * The one wanted, but `standard` where the feed's pictures are of two fields: what makes frames of them looks at a whole
 * segment, in every worker there is.
 */
export const profileFor = ({ sessions }: ChannelState, wanted: Profile): Profile =>
  sessions.some(({ spent, video }) => !spent && video.some(isOfFields)) ? 'standard' : wanted;
