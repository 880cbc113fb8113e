/** The ladder in the form: heights to tick, each with its peak bit rate. */
import type { JSX } from 'preact';
import type { ChannelDraft, DraftRung } from './channel-draft.ts';

interface LadderFieldsProps {
  readonly draft: ChannelDraft;
  readonly problem: string | undefined;
  readonly change: (changed: Partial<ChannelDraft>) => void;
  readonly isOnAir: boolean;
}

/** See the head of this file. */
export function LadderFields({ draft, problem, change, isOnAir }: LadderFieldsProps): JSX.Element {
  const changeRung = (height: number, changed: Partial<DraftRung>): void => {
    change({
      rungs: draft.rungs.map((rung) => (rung.height === height ? { ...rung, ...changed } : rung)),
    });
  };
  return (
    <fieldset class="ladder" aria-describedby="ladder-hint">
      <legend>Ladder</legend>
      <div class="rungs">
        {draft.rungs.map(({ height, isOn, rate }) => (
          <div class="rung" key={height}>
            <label class="tick">
              <input
                type="checkbox"
                checked={isOn}
                onChange={(event) => {
                  changeRung(height, { isOn: event.currentTarget.checked });
                }}
              />
              {height}p
            </label>
            <input
              inputMode="decimal"
              aria-label={`Peak bit rate of ${height}p, megabits a second`}
              aria-invalid={problem !== undefined && isOn}
              disabled={!isOn}
              value={rate}
              onInput={(event) => {
                changeRung(height, { rate: event.currentTarget.value });
              }}
            />
            <span class="quiet" aria-hidden="true">
              Mb/s
            </span>
          </div>
        ))}
      </div>
      <label class="tick">
        <input
          type="checkbox"
          checked={draft.fixedLadder}
          onChange={(event) => {
            change({ fixedLadder: event.currentTarget.checked });
          }}
        />
        Fixed: make all of it, whatever it takes
      </label>
      <p class="hint" id="ladder-hint">
        Never above the source, and without a tick at Fixed never more than the workers can carry.
        {isOnAir && ' A change counts from the next broadcast.'}
      </p>
      {problem !== undefined && <p class="problem">{problem}</p>}
    </fieldset>
  );
}
