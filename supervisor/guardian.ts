/**
 * Programs that know nothing of us must end with us. A tiny shell starts the program and keeps one end of a pipe as
 * file descriptor 3: when the supervisor is gone, however it went, the pipe closes and the shell ends the program.
 */
import { spawn, type ChildProcess } from 'node:child_process';

/**
 * The trap is set before the program starts: a SIGTERM that came in between would end the guardian alone.
 * `$1`: tenths of a second to wait before the program is told to end; the rest is the program and its
 * arguments.
 */
const GUARDIAN = `
wait_tenths=$1
shift
child=
asked=
trap 'asked=1; if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; fi' TERM INT HUP
exec 4<&0
"$@" 0<&4 3<&- 4<&- &
child=$!
if [ -n "$asked" ]; then kill -TERM "$child" 2>/dev/null; fi
exec 4<&-
(
  read -r _ <&3
  tenth=0
  while [ "$tenth" -lt "$wait_tenths" ] && kill -0 "$child" 2>/dev/null; do
    sleep 0.1
    tenth=$((tenth + 1))
  done
  kill -TERM "$child" 2>/dev/null
  tenth=0
  while [ "$tenth" -lt 50 ] && kill -0 "$child" 2>/dev/null; do
    sleep 0.1
    tenth=$((tenth + 1))
  done
  kill -KILL "$child" 2>/dev/null
) </dev/null >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"
code=$?
while [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do
  wait "$child"
  code=$?
done
kill -KILL "$watcher" 2>/dev/null
exit "$code"
`;

/** A program to guard. */
export interface GuardedProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Given on its standard input, for what must not stand on a command line. */
  readonly input?: string;
  /** Tenths of a second that it outlives a killed supervisor, so that others can finish with it; default 0. */
  readonly outlivesTenths?: number;
}

/** Starts a program under its guardian, in a process group of its own. SIGTERM to the guardian reaches the program. */
export function spawnGuarded(guarded: GuardedProgram): ChildProcess {
  const { program, args, env, input, outlivesTenths = 0 } = guarded;
  const child = spawn(
    '/bin/sh',
    ['-c', GUARDIAN, 'touchline-guardian', String(outlivesTenths), program, ...args],
    { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe', 'pipe'], detached: true },
  );
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  return child;
}
