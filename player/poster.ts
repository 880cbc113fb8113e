/** A picture of the broadcast while the first frames are on their way. */
import { deliveryPath } from '#common/contracts/delivery';
import type { EdgeRoute } from './edge-route.ts';
import type { Session } from './session.ts';

/** Redraws when told. */
export interface Poster {
  readonly update: () => void;
}

/** Loads the preview once for each broadcast; without one the background stays. */
export function createPoster(
  video: HTMLVideoElement,
  session: Session,
  channel: string,
  edges: Pick<EdgeRoute, 'locate'>,
): Poster {
  let shown: number | undefined;
  return {
    update: () => {
      const { broadcast, state } = session;
      if (broadcast === undefined || broadcast === shown || state === 'waiting') {
        return;
      }
      shown = broadcast;
      const image = new Image();
      image.src = edges.locate(
        `${deliveryPath({ kind: 'preview', channel })}?broadcast=${broadcast}`,
      );
      image.addEventListener('load', () => {
        if (shown === broadcast) {
          video.poster = image.src;
        }
      });
    },
  };
}
