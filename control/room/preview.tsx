/** What is on air as a small picture, refreshed with every published segment. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

interface PreviewProps {
  readonly channel: string;
  readonly name: string;
  /** The newest published segment; null while nothing is. */
  readonly published: number | null;
  readonly children: ComponentChildren;
}

/** See the head of this file. */
export function Preview({ channel, name, published, children }: PreviewProps): JSX.Element {
  const [shown, setShown] = useState<string | undefined>(undefined);
  useEffect(() => {
    if (published === null) {
      setShown(undefined);
      return undefined;
    }
    const next = new Image();
    next.src = `/v1/channels/${channel}/preview.jpg?n=${published}`;
    // Shown once it is whole, so that the old picture stays until then.
    next.onload = () => {
      setShown(next.src);
    };
    return () => {
      next.onload = null;
    };
  }, [channel, published]);
  return (
    <div class="preview">
      {shown === undefined ? (
        <p class="preview-none">
          {published === null ? 'No picture yet' : 'The picture comes with the next segment'}
        </p>
      ) : (
        <img src={shown} alt={`What is on air on ${name}`} />
      )}
      {children}
    </div>
  );
}
