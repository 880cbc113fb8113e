/** Channels for tests of what lies in front of them: nothing that is asked of them is done. */
import type { AppDeps } from '../../control/api/app.ts';

const refused = (): Promise<never> => Promise.reject(new Error('nobody may come this far'));

/** See the head of this file. */
export const refusingChannels: AppDeps['channels'] = {
  list: refused,
  get: refused,
  create: refused,
  patch: refused,
  remove: refused,
  renewKey: refused,
  end: refused,
  status: refused,
  broadcasts: refused,
};
