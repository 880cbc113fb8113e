/** How long a test may wait: one factor for all deadlines of all tests, which only end what hangs. */

/** A deadline in a test is written for a quiet machine; a machine whose core somebody else burns gets this many times as long. */
export const PATIENCE = 5;
