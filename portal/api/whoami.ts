import { signal } from "@preact/signals";
import { type EndpointOutput, may, type Right } from "../../sdk/index.ts";

export type Me = EndpointOutput<"auth.refresh">["identity"];

/** Who is signed in, and what their role allows; known before any page is shown. */
export const me = signal<Me | undefined>(undefined);

/** The person that the server issued this access token for: its claims say who that is, and nobody else needs asking. */
export function personOf(token: string): Me {
  const [, payload = ""] = token.split(".");
  const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
  const text = new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  const claims = JSON.parse(text) as Me & { sid: Me["sessionId"] };
  const { userId, userName, businessId, businessName, role, sid: sessionId } = claims;
  return { userId, userName, businessId, businessName, role, sessionId };
}

/** Whether the person's role has this right. It only decides what a page offers; the server decides what is allowed. */
export function mayI(right: Right): boolean {
  return may(me.value?.role, right);
}
