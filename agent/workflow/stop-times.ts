/** The stop ladder of a step: INT, then TERM, then KILL for its whole tree, with the times of GitHub's runner. */
export const stopTimes = { fromIntToTermMs: 7_500, fromTermToKillMs: 2_500 } as const;
