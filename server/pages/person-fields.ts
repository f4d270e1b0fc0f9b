import { html } from "hono/html";
import { accountName } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { SignUp } from "../people/contract.ts";
import type { Html } from "./layout.ts";

/** Fields with which somebody new says who they are. */
export function personFields(entered: { user?: string; email?: string; isEmailFixed?: boolean } = {}): Html {
  const { user = "", email: address = "", isEmailFixed = false } = entered;
  return html`
<div class="field"><label for="user">Your name here</label>
<input id="user" name="user" autocomplete="nickname" required autofocus maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._@\\-]*"
 title="Letters, digits and . _ @ -, beginning with a letter or digit" value="${user}"></div>
<div class="field"><label for="email">Email</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${address}" ${isEmailFixed ? "readonly" : ""}></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="1024"></div>`;
}

/** The person whom the fields describe. Throws `invalid_request` if one is wrong. */
export function signUpOf(fields: URLSearchParams): SignUp {
  return {
    userName: nameOf(fields.get("user"), "Your name"),
    email: (fields.get("email") ?? "").trim(),
    password: fields.get("password") ?? "",
  };
}

/** Throws `invalid_request` if it is not one. */
export function nameOf(text: string | null, what: string): string {
  const parsed = accountName.safeParse((text ?? "").trim());
  if (parsed.success) return parsed.data;
  throw new ComputeError("invalid_request", `${what} ${parsed.error.issues[0]?.message ?? "is not valid"}.`);
}
