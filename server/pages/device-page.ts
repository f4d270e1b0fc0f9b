import { html } from "hono/html";
import { ComputeError } from "../../shared/errors.ts";
import type { PersonStore } from "../auth/person-store.ts";
import { type Devices, oauthPaths, type WaitingDevice } from "../oauth/contract.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { businessesOf, businessField, granteeOf } from "./choose-business.ts";
import type { PageKit } from "./kit.ts";
import { showPage } from "./layout.ts";
import { fromOf, type PageContext, type SignedIn } from "./visits.ts";

export interface DeviceParts {
  kit: PageKit;
  people: PersonStore;
  devices: Devices;
  throttle: Throttle;
  /** Epoch milliseconds. */
  now: () => number;
}

/** `/device`: a person types the code that a device shows, sees who asks, and lets it in (RFC 8628 §3.3). */
export function mountDevice({ kit, people, devices, throttle, now }: DeviceParts): void {
  /** Nobody may try many codes. */
  const find = async (c: PageContext, { person: { userId } }: SignedIn, code: string) => {
    const { address } = fromOf(c);
    const tried = await throttle.begin({ what: "user-code", account: userId, address });
    const device = await devices.find(code);
    if (device) await tried.succeeded();
    return device;
  };

  kit.getSignedIn(oauthPaths.device, async (c, visit) => {
    const given = c.req.query("user_code")?.trim();
    if (given === undefined || given === "") return showTyping(c, given);
    const device = await find(c, visit, given);
    if (!device) return showTyping(c, given, UNKNOWN);
    return showDevice(c, device, visit);
  });

  const showDevice = async (c: PageContext, device: WaitingDevice, visit: SignedIn) => {
    const memberships = await businessesOf(people, visit);
    const main = html`
<p><strong>${device.clientName}</strong> on another device wants to act as <strong>${visit.person.userName}</strong>. Does it show this code?</p>
<p class="usercode">${device.userCode}</p>
<dl>
<dt>Address</dt><dd>${device.from ?? "not known"}</dd>
<dt>Program</dt><dd>${device.agent ?? "not known"}</dd>
<dt>Asked</dt><dd>${agoText(now() - device.createdAtMs)}</dd>
</dl>
<form method="post" action="${oauthPaths.device}">
${kit.formField(visit)}
<input type="hidden" name="user_code" value="${device.userCode}">
${businessField(memberships)}
<div class="answers"><button class="main" name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button></div>
</form>
<p class="quiet">Did somebody send you this code? Then deny it: they would be signed in as you.</p>`;
    return showPage(c, { title: "Let this device in?", main });
  };

  kit.postSignedIn(oauthPaths.device, async (c, visit, fields) => {
    const code = fields.get("user_code") ?? "";
    const isAllowed = fields.get("answer") === "allow";
    const device = await find(c, visit, code);
    const of = { client: device?.clientName, device: device?.from };
    if (!isAllowed) {
      if (await devices.deny(code)) await kit.record(c, visit.person, { event: "device refused", of });
      return showEnd(c, "Device refused", "The device was not let in. You can close this window.");
    }
    const grantee = await granteeOf(people, visit, fields);
    if (!(await devices.allow(code, grantee))) throw new ComputeError("not_found", UNKNOWN);
    await kit.record(c, visit.person, { event: "device let in", of }, grantee.businessId);
    return showEnd(
      c,
      "Device let in",
      "The device is signed in. You can close this window and go back to it.",
    );
  });
}

const UNKNOWN = "No device waits with this code. It may be mistyped, used or older than a few minutes.";
const MINUTE_MS = 60_000;

function showTyping(c: PageContext, given = "", error?: string) {
  const main = html`
<form method="get" action="${oauthPaths.device}">
<div class="field"><label for="user_code">The code that the device shows</label>
<input id="user_code" class="code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false"
 required autofocus maxlength="32" value="${given}"></div>
<button class="main">Go on</button>
</form>`;
  return showPage(c, { title: "Sign in a device", main, error, status: error === undefined ? 200 : 404 });
}

function showEnd(c: PageContext, title: string, text: string) {
  return showPage(c, { title, main: html`<p class="done" role="status">${text}</p>` });
}

function agoText(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  if (minutes < 1) return "less than a minute ago";
  return minutes === 1 ? "a minute ago" : `${minutes} minutes ago`;
}
