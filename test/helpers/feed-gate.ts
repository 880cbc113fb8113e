/** Lets feeds in real time begin one after another, as many at once as the machine carries. */
import { MachineGate } from '../../scripts/jest/machine-gate.mjs';

/** Cores that a feed with a small ladder needs at its busiest, its encoders' start included. */
const FEED_CORES = 0.5;

/** So many are let in whatever is idle: two cores carry them many times over. */
const ALWAYS = 2;

/** A gate for feeds. */
export class FeedGate extends MachineGate {
  constructor() {
    super(FEED_CORES, undefined, ALWAYS);
  }
}
