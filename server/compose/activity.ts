import type { EndpointId } from "../../shared/endpoints/index.ts";
import { ActivityHub } from "../activity/activity-hub.ts";
import { changedByCall } from "../activity/changed-by-call.ts";
import { activityHandlers } from "../activity/handlers.ts";
import type { PlaneBase } from "./base.ts";

/** Tells people what changes in their business. */
export function composeActivity({ bus }: PlaneBase) {
  const hub = new ActivityHub(bus);
  return {
    handlers: activityHandlers(hub),
    /** Announces what a call changed. */
    onChanged(businessId: string, id: EndpointId, facts: Readonly<Record<string, unknown>>) {
      for (const change of changedByCall(id, facts)) bus.publish("activity", { businessId, ...change });
    },
    close: () => hub.close(),
  };
}
