/** A node without a heartbeat for this long is OFFLINE. */
export const OFFLINE_AFTER_MS = 30_000;

/** How often a node sends a heartbeat. */
export const HEARTBEAT_MS = 10_000;
