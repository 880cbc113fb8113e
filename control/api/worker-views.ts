/** Workers as operators see them, from what they tell in their heartbeats. Pure. */
import { z } from 'zod';
import type { WorkerView } from '#common/contracts/control-room';
import type { ServiceRecord } from '#common/contracts/status';

const number = z.number().nullable().catch(null);
const count = z.int().min(0).nullable().catch(null);
const detailSchema = z.object({
  task: z.string().nullable().catch(null),
  done: count,
  failed: count,
  taskMs: number,
  speed: number,
});

/** Channel ids have dashes, too: the number is what follows the last one. */
const TASK = /^(?<channel>.+)-(?<n>\d+)$/;

/** The workers among the services. */
export const workerViews = (services: readonly ServiceRecord[]): readonly WorkerView[] =>
  services.filter(({ service }) => service === 'transcoder').map(workerView);

function workerView({ detail, service: _service, ...shared }: ServiceRecord): WorkerView {
  const { task, ...told } = detailSchema.parse(detail);
  const { channel, n } = TASK.exec(task ?? '')?.groups ?? {};
  const current = channel === undefined ? null : { channel, n: Number(n) };
  return {
    ...shared,
    ...told,
    state: current !== null ? 'working' : shared.ready ? 'idle' : 'starting',
    task: current,
  };
}
