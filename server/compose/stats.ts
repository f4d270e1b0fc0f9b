import { statsHandlers } from "../stats/handlers.ts";
import { Overviews } from "../stats/overview.ts";
import type { PlaneBase } from "./base.ts";

/** What goes on in a business, in numbers. */
export function composeStats({ stores, now }: PlaneBase) {
  return { handlers: statsHandlers(new Overviews(stores.stats, now)) };
}
