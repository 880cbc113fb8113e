/** A line to be copied, with its button. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const SAID_MS = 2_000;

/** Away from localhost and HTTPS browsers have no clipboard for scripts; a selected field can still be copied. */
async function copy(field: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand('copy');
  }
}

interface CopyLineProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
}

/** See the head of this file. */
export function CopyLine({ id, label, value }: CopyLineProps): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => {
      setSaid('');
    }, SAID_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [said]);
  const onClick = async (): Promise<void> => {
    if (field.current !== null) {
      setSaid((await copy(field.current)) ? 'Copied' : 'Press Ctrl+C');
    }
  };
  return (
    <div class="copy-line">
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={field}
        class="mono"
        readOnly
        value={value}
        spellcheck={false}
        onFocus={(event) => {
          event.currentTarget.select();
        }}
      />
      <button type="button" class="button" onClick={() => void onClick()}>
        <span aria-hidden="true">{said === '' ? 'Copy' : said}</span>
        <span class="unseen">Copy {label.toLowerCase()}</span>
      </button>
      <span class="unseen" role="status">
        {said}
      </span>
    </div>
  );
}
