/** How many executions of a node are live in all, and how many of them run. */
export interface LiveCount {
  live: number;
  running: number;
}
