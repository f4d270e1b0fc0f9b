import { html } from "hono/html";
import { z } from "zod";
import { accountName } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { SignInSettings } from "../people/contract.ts";
import type { Html } from "./layout.ts";

const MAX_EMAIL = 254;
const email = z.email().max(MAX_EMAIL);

/** Fields with which somebody new says who they are. */
export function personFields(entered: { user?: string; email?: string; isEmailFixed?: boolean } = {}): Html {
  const { user = "", email: address = "", isEmailFixed = false } = entered;
  return html`
<label for="user">Your name here</label>
<input id="user" name="user" autocomplete="nickname" required autofocus maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._@\\-]*"
 title="Letters, digits and . _ @ -, beginning with a letter or digit" value="${user}">
<label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${address}" ${isEmailFixed ? "readonly" : ""}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="1024">`;
}

/** Makes the person whom the fields describe. Throws `invalid_request` or `conflict` in words for them. */
export async function newPersonOf(
  fields: URLSearchParams,
  { people, settings, now }: { people: PersonStore; settings: SignInSettings; now: () => number },
): Promise<PersonRecord> {
  const userName = nameOf(fields.get("user"), "Your name");
  const address = emailOf(fields.get("email"));
  const passwordHash = await settings.hashPassword(fields.get("password") ?? "");
  const userId = newId("usr");
  const outcome = await people.create({ userId, userName, email: address, passwordHash, nowMs: now() });
  if (outcome === "name-taken")
    throw new ComputeError("conflict", `Somebody here is called ${userName} already.`);
  if (outcome === "email-taken") {
    throw new ComputeError("conflict", "Somebody here has this email address. Sign in instead.");
  }
  const person = await people.find(userId);
  if (!person) throw new Error(`Person ${userId} is missing after being created`);
  return person;
}

/** Throws `invalid_request` if it is not one. */
export function nameOf(text: string | null, what: string): string {
  const parsed = accountName.safeParse((text ?? "").trim());
  if (parsed.success) return parsed.data;
  throw new ComputeError("invalid_request", `${what} ${parsed.error.issues[0]?.message ?? "is not valid"}.`);
}

/** Lower case. Throws `invalid_request` if it is not one. */
export function emailOf(text: string | null): string {
  const parsed = email.safeParse((text ?? "").trim().toLowerCase());
  if (parsed.success) return parsed.data;
  throw new ComputeError("invalid_request", "This is not an email address.");
}
