/** The longest delay a timer may have; one that is longer would ring at once. */
export const MAX_TIMER_MS = 2_147_000_000;
