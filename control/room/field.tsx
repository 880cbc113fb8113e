/** A labelled field with its hint, and what is wrong with it. */
import type { ComponentChildren, JSX } from 'preact';

interface FieldProps {
  /** Id of the control. Hint and problem are `<id>-hint` and `<id>-problem`. */
  readonly id: string;
  readonly label: string;
  readonly hint?: string;
  readonly problem?: string | undefined;
  readonly children: ComponentChildren;
}

/** Attributes of a control that belong to its field. */
export const controlProps = (
  id: string,
  problem: string | undefined,
): { id: string; 'aria-describedby': string; 'aria-invalid': boolean } => ({
  id,
  'aria-describedby': problem === undefined ? `${id}-hint` : `${id}-problem`,
  'aria-invalid': problem !== undefined,
});

/** See the head of this file. */
export const Field = ({ id, label, hint = '', problem, children }: FieldProps): JSX.Element => (
  <div class="field">
    <label for={id}>{label}</label>
    {children}
    <p class="hint" id={`${id}-hint`}>
      {hint}
    </p>
    {problem !== undefined && (
      <p class="problem" id={`${id}-problem`}>
        {problem}
      </p>
    )}
  </div>
);
