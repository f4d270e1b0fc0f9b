import { signal } from "@preact/signals";
import { type EndpointOutput, may, type Right } from "../../sdk/index.ts";
import { compute } from "./session.ts";

export type Me = EndpointOutput<"auth.whoami">;

/** Who is signed in, and what their role allows; known before any page is shown. */
export const me = signal<Me | undefined>(undefined);

export async function learnWhoIsSignedIn(): Promise<Me> {
  const answer = await compute.client.call("auth.whoami", {});
  me.value = answer;
  return answer;
}

/** Whether the person's role has this right. It only decides what a page offers; the server decides what is allowed. */
export function mayI(right: Right): boolean {
  return may(me.value?.role, right);
}
