/** The services as they tell of themselves through Redis. */
import { serviceRecordSchema, type ServiceRecord } from '#common/contracts/status';

/** Reads the values of the `services` hash; what is not a valid record is not a service. */
export function readServices(values: readonly string[]): ServiceRecord[] {
  return values.flatMap((value) => {
    const record = serviceRecordSchema.safeParse(parseJson(value));
    return record.success ? [record.data] : [];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
