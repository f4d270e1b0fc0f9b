import { businessOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { Overviews } from "./overview.ts";

export function statsHandlers(overviews: Overviews): Pick<Handlers, "stats.overview"> {
  return {
    "stats.overview": (_, context) => overviews.of(businessOf(context)),
  };
}
