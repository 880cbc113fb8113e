/** Making a channel, and changing one. */
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { PRESETS, profileSchema, type Profile } from '#common/contracts/channel';
import type { RoomChannel } from '#common/contracts/control-room';
import { FPS_NAMES } from '#common/grid';
import { changeChannel, createChannel } from './api.ts';
import {
  NEW_DRAFT,
  draftOf,
  problemsFrom,
  problemsOf,
  requestOf,
  type ChannelDraft,
  type DraftProblems,
} from './channel-draft.ts';
import { Dialog, DialogActions } from './dialog.tsx';
import { Field, controlProps } from './field.tsx';
import { LadderFields } from './ladder-fields.tsx';

/** What each profile means for viewers. */
const PROFILE_HINTS: Readonly<Record<Profile, string>> = {
  standard: 'Some eight seconds behind the pitch, on any player.',
  low: 'Some two seconds behind the pitch, on players that know low latency.',
  instant: 'Some half a second behind the pitch, on the watch page’s own player.',
};

interface ChannelDialogProps {
  /** The channel to change; undefined for a new one. */
  readonly entry: RoomChannel | undefined;
  readonly takenIds: readonly string[];
  readonly onClose: () => void;
  /** A channel was made, with this key. */
  readonly onKey: (id: string, streamKey: string) => void;
}

/** See the head of this file. */
export function ChannelDialog(props: ChannelDialogProps): JSX.Element {
  const { entry, takenIds, onClose, onKey } = props;
  const [draft, setDraft] = useState(entry === undefined ? NEW_DRAFT : draftOf(entry.channel));
  const [problems, setProblems] = useState<DraftProblems>({});
  const change = (changed: Partial<ChannelDraft>): void => {
    setDraft((present) => ({ ...present, ...changed }));
  };
  const save = async (): Promise<void> => {
    const found = problemsOf(draft, entry === undefined ? takenIds : []);
    setProblems(found);
    if (Object.keys(found).length > 0) {
      throw new Error('Something above is not right yet.');
    }
    const { id, fps, ...rest } = requestOf(draft);
    try {
      if (entry === undefined) {
        onKey(id, await createChannel({ id, fps, ...rest }));
      } else {
        const isSameFps = fps === entry.channel.fps;
        await changeChannel(id, isSameFps ? rest : { fps, ...rest });
        onClose();
      }
    } catch (error) {
      setProblems(problemsFrom(error instanceof Error ? error.message : '') ?? {});
      throw error;
    }
  };
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problems]);
  const isOnAir = entry?.status.onAir === true;
  return (
    <Dialog
      title={entry === undefined ? 'New channel' : `Settings of ${entry.channel.name}`}
      onClose={onClose}
      isWide
    >
      <form
        ref={form}
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
        }}
      >
        <Names draft={draft} problems={problems} change={change} isNew={entry === undefined} />
        <LadderFields draft={draft} problem={problems.ladder} change={change} isOnAir={isOnAir} />
        <div class="form-row">
          <Field id="sound" label="Sound, kb/s" problem={problems.soundRate}>
            <input
              {...controlProps('sound', problems.soundRate)}
              inputMode="numeric"
              value={draft.soundRate}
              onInput={(event) => {
                change({ soundRate: event.currentTarget.value });
              }}
            />
          </Field>
          <Field
            id="preset"
            label="Encoder preset"
            hint="Slower is sharper, and needs more workers."
          >
            <select
              {...controlProps('preset', problems.preset)}
              value={draft.preset}
              onChange={(event) => {
                change({ preset: event.currentTarget.value });
              }}
            >
              {PRESETS.map((preset) => (
                <option key={preset}>{preset}</option>
              ))}
            </select>
          </Field>
        </div>
        <div class="form-row">
          <Field
            id="fps"
            label="Frame rate"
            problem={problems.fps}
            hint={isOnAir ? 'Can be changed off air.' : 'Kept once it is known.'}
          >
            <select
              {...controlProps('fps', problems.fps)}
              value={draft.fps}
              disabled={isOnAir}
              onChange={(event) => {
                change({ fps: event.currentTarget.value });
              }}
            >
              <option value="">From the first feed</option>
              {FPS_NAMES.map((fps) => (
                <option key={fps} value={fps}>
                  {fps} fps
                </option>
              ))}
            </select>
          </Field>
          <Field
            id="profile"
            label="Profile"
            hint={isOnAir ? 'Counts from the next broadcast on.' : PROFILE_HINTS[draft.profile]}
          >
            <select
              {...controlProps('profile', undefined)}
              value={draft.profile}
              onChange={(event) => {
                change({ profile: profileSchema.parse(event.currentTarget.value) });
              }}
            >
              <option value="standard">Standard</option>
              <option value="low">Low latency</option>
              <option value="instant">Instant</option>
            </select>
          </Field>
        </div>
        <div class="form-row">
          <Field
            id="dvr"
            label="Rewind, minutes"
            problem={problems.dvrMinutes}
            hint="How far viewers can go back."
          >
            <input
              {...controlProps('dvr', problems.dvrMinutes)}
              inputMode="decimal"
              value={draft.dvrMinutes}
              onInput={(event) => {
                change({ dvrMinutes: event.currentTarget.value });
              }}
            />
          </Field>
          <Field
            id="reconnect"
            label="Wait for a lost publisher, seconds"
            problem={problems.reconnectSeconds}
            hint="Then the broadcast ends."
          >
            <input
              {...controlProps('reconnect', problems.reconnectSeconds)}
              inputMode="numeric"
              value={draft.reconnectSeconds}
              onInput={(event) => {
                change({ reconnectSeconds: event.currentTarget.value });
              }}
            />
          </Field>
          <Field
            id="priority"
            label="Importance, 0 to 100"
            problem={problems.priority}
            hint="The least important gives up renditions first."
          >
            <input
              {...controlProps('priority', problems.priority)}
              inputMode="numeric"
              value={draft.priority}
              onInput={(event) => {
                change({ priority: event.currentTarget.value });
              }}
            />
          </Field>
        </div>
        <DialogActions
          label={entry === undefined ? 'Create channel' : 'Save'}
          onClose={onClose}
          action={save}
          isSubmit
        />
      </form>
    </Dialog>
  );
}

interface NamesProps {
  readonly draft: ChannelDraft;
  readonly problems: DraftProblems;
  readonly change: (changed: Partial<ChannelDraft>) => void;
  readonly isNew: boolean;
}

const Names = ({ draft, problems, change, isNew }: NamesProps): JSX.Element => (
  <div class="form-row">
    <Field id="id" label="Id" problem={problems.id} hint="Part of its addresses: /watch/<id>.">
      <input
        {...controlProps('id', problems.id)}
        class="mono"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        disabled={!isNew}
        value={draft.id}
        onInput={(event) => {
          change({ id: event.currentTarget.value });
        }}
      />
    </Field>
    <Field id="name" label="Name" problem={problems.name} hint="Shown to viewers.">
      <input
        {...controlProps('name', problems.name)}
        autocomplete="off"
        value={draft.name}
        onInput={(event) => {
          change({ name: event.currentTarget.value });
        }}
      />
    </Field>
  </div>
);
