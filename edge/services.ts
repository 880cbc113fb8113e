/** The services as they tell of themselves through Redis. */
import { serviceRecordSchema, type ServiceRecord } from '#common/contracts/status';
import { readJson } from '#common/json';

/** Reads the values of the `services` hash; what is not a valid record is not a service. */
export function readServices(values: readonly string[]): ServiceRecord[] {
  return values.flatMap((value) => readJson(serviceRecordSchema, value) ?? []);
}
