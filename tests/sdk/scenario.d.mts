/** See `scenario.mjs`. */
export function useEverything(
  sdk: typeof import("../../sdk/index.ts"),
  given: { url: string; token: string; nowhere: string },
): Promise<unknown>;
