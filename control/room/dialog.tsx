/** A modal dialog: the browser's own, which keeps the focus inside and closes on Escape. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly isWide?: boolean;
}

/** See the head of this file. */
export function Dialog({ title, onClose, children, isWide = false }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide ? 'dialog is-wide' : 'dialog'}
      aria-labelledby={heading}
      onClose={onClose}
    >
      <div class="dialog-head">
        <h2 id={heading}>{title}</h2>
        <button
          type="button"
          class="button is-icon"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <span aria-hidden="true">✕</span>
        </button>
      </div>
      {children}
    </dialog>
  );
}

interface ActionProps {
  readonly label: string;
  readonly onClose: () => void;
  readonly action: () => Promise<void>;
  readonly isDangerous?: boolean;
  readonly isDisabled?: boolean;
  /** Enter in a field does it, too. */
  readonly isSubmit?: boolean;
}

/** The dialog's two buttons: cancel, and the action, whose error is told in words. */
export function DialogActions(props: ActionProps): JSX.Element {
  const {
    label,
    onClose,
    action,
    isDangerous = false,
    isDisabled = false,
    isSubmit = false,
  } = props;
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const onClick = async (): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      await action();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return (
    <>
      <p class="problem" role="alert">
        {problem}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type={isSubmit ? 'submit' : 'button'}
          class={isDangerous ? 'button is-dangerous' : 'button is-main'}
          disabled={isBusy || isDisabled}
          onClick={() => void onClick()}
        >
          {label}
        </button>
      </div>
    </>
  );
}
