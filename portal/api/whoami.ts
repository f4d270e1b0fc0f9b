import { signal } from "@preact/signals";
import type { EndpointOutput } from "../../sdk/index.ts";
import { compute } from "./session.ts";

export type Me = EndpointOutput<"auth.whoami">;

/** Who is signed in, and what their role allows; known before any page is shown. */
export const me = signal<Me | undefined>(undefined);

export async function learnWhoIsSignedIn(): Promise<void> {
  me.value = await compute.client.call("auth.whoami", {});
}

const ROLES: readonly Me["role"][] = ["viewer", "member", "admin", "owner"];

/** Whether the person has at least this role. It only decides what the page offers; the server decides what is allowed. */
export function hasRole(role: Me["role"]): boolean {
  return me.value !== undefined && ROLES.indexOf(me.value.role) >= ROLES.indexOf(role);
}
