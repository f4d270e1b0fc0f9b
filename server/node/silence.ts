/** Without a heartbeat for this long a node is OFFLINE. */
export const OFFLINE_AFTER_MS = 30_000;

/** How often a node says that it is alive. */
export const HEARTBEAT_MS = 10_000;
