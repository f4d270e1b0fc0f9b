import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Chromium, type Window } from "../support/chromium.ts";
import { TestMail } from "../support/mail.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

setDefaultTimeout(60_000);

const ANNA = { email: "anna@example.org", password: "a fine long sentence" };
let mail: TestMail;
let server: TestServer;
let chromium: Chromium;
/** Passkeys belong to a name, so the tests use the one that every machine has. */
let base: string;
const windows: Window[] = [];

beforeAll(async () => {
  [mail, chromium] = await Promise.all([TestMail.start(), Chromium.start()]);
  server = await TestServer.start({ TANVRIT_HOST: "0.0.0.0", TANVRIT_INSECURE_HTTP: "true", ...mail.env });
  base = `http://localhost:${server.port}`;
});

afterEach(async () => {
  const complaints = windows.flatMap((window) => window.complaints);
  await Promise.all(windows.splice(0).map((window) => window[Symbol.asyncDispose]()));
  expect(complaints).toEqual([]);
});

afterAll(async () => {
  await chromium[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await mail[Symbol.asyncDispose]();
});

async function newWindow(options?: Parameters<Chromium["window"]>[0]): Promise<Window> {
  const window = await chromium.window(options);
  windows.push(window);
  return window;
}

async function signedIn(options?: Parameters<Chromium["window"]>[0]): Promise<Window> {
  const window = await newWindow(options);
  await window.page.goto(`${base}/sign-in`);
  await window.fill({ Email: ANNA.email, Password: ANNA.password }, "Sign in");
  await window.account();
  return window;
}

test("the first owner is made by the link that the server prints, which is valid once", async () => {
  const path = /(\/setup\/\S+)/.exec(server.stderr)?.[1] ?? "";
  const window = await newWindow();
  await window.page.goto(base + path);
  const fields = { "Your name here": "anna", Email: ANNA.email, Password: "short", Business: "shop" };
  await window.page.getByLabel("Password").evaluate((field) => field.removeAttribute("minlength"));
  await window.fill(fields, "Create the owner");
  await window.shows("at least 10 characters");
  await window.fill({ Password: ANNA.password }, "Create the owner");
  const account = await window.account();
  expect(account).toContain(ANNA.email);
  expect(account).toContain("shop, as owner");
  expect((await window.page.goto(base + path))?.status()).toBe(404);
});

test("a wrong password signs nobody in; the right one does, until the sign-out", async () => {
  const window = await newWindow();
  const { page } = window;
  await page.goto(`${base}/account`);
  await window.fill({ Email: ANNA.email, Password: "something else entirely" }, "Sign in");
  const shown = await window.shows("password");
  expect(shown).toContain("Sign in");
  expect(await page.getByRole("alert").first().textContent()).not.toContain(ANNA.email);
  expect(await page.getByLabel("Email").inputValue()).toBe(ANNA.email);
  await window.fill({ Password: ANNA.password }, "Sign in");
  await window.shows("Your account");
  expect(await page.evaluate("document.cookie")).toBe("");
  await window.press("Sign out");
  await window.shows("signed out");
  await page.goto(`${base}/account`);
  await window.shows("Password");
  expect(new URL(page.url()).pathname).toBe("/sign-in");
});

test("a code that comes by mail signs in", async () => {
  const window = await newWindow();
  await window.page.goto(`${base}/sign-in?next=/device`);
  await window.fill({ Email: ANNA.email }, "Email me a code instead");
  await window.shows("Enter the code");
  const arrived = await waitFor("the mail", () => mail.received.at(-1));
  const code = /\b(\d{6}|\d{3} \d{3})\b/.exec(arrived.text.split("\r\n\r\n").slice(1).join(" "))?.[1] ?? "";
  await window.fill({ Code: code }, "Sign in");
  await window.shows("Sign in a device");
});

test("a passkey is added, signs in, and no more after it was removed", async () => {
  const window = await signedIn();
  const { page } = window;
  await window.plugInPasskeys();
  await window.fill({ "Name of a new passkey": "laptop" }, "Add a passkey");
  await window.shows("The passkey is added.");
  await window.press("Sign out");
  await page.goto(`${base}/sign-in`);
  await window.press("Use a passkey");
  const account = await window.account();
  expect(account).toContain("laptop");
  await window.press("Remove the passkey laptop");
  await window.shows("The passkey is removed.");
  await window.press("Sign out");
  await page.goto(`${base}/sign-in`);
  await window.press("Use a passkey");
  await page.locator("#passkey-says").waitFor();
  expect(await page.locator("#passkey-says").textContent()).not.toBe("");
});

test("the pages work without scripts, and in a window as narrow as a phone", async () => {
  const phone = { viewport: { width: 320, height: 640 }, javaScriptEnabled: false };
  const window = await signedIn(phone);
  const { page } = window;
  for (const path of ["/account", "/device", "/device?user_code=BCDF-GHJK", "/sign-out", "/sign-in?again"]) {
    await page.goto(base + path);
    const box = await page.locator("main").boundingBox();
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(320);
  }
  await page.goto(`${base}/sign-out`);
  await window.press("Sign out");
  await window.shows("signed out");
});

test("a screen reader finds one heading, and a name for every field and button", async () => {
  const window = await signedIn();
  const { page } = window;
  for (const path of ["/account", "/device", "/sign-out", "/sign-in?again", "/open/x"]) {
    await page.goto(base + path);
    expect([path, await page.getByRole("heading", { level: 1 }).count()]).toEqual([path, 1]);
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(await page.title()).toContain("Tanvrit Compute");
    const nameless = await page.locator("input:visible, button:visible").evaluateAll((all) =>
      all
        .filter((one) => {
          const { labels } = one as HTMLInputElement;
          return (labels?.length ?? 0) === 0 && (one.textContent ?? "").trim() === "" && !one.ariaLabel;
        })
        .map((one) => one.outerHTML),
    );
    expect([path, nameless]).toEqual([path, []]);
  }
});

test("a link on another site leads to a page; its forms, scripts and frames get nothing", async () => {
  const window = await signedIn();
  const { page } = window;
  const html = (body: string) => new Response(body, { headers: { "content-type": "text/html" } });
  await using other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      html(`<a href="${base}/account">go</a><form method="post" action="${base}/sign-out"><button>send</button></form>
        <iframe src="${base}/account"></iframe>`),
  });
  const there = `http://127.0.0.1:${other.port}/`;
  await page.goto(there);
  const fetched = await page.evaluate(
    (url) =>
      fetch(url, { credentials: "include" }).then(
        (answer) => answer.status,
        () => "nothing",
      ),
    `${base}/account`,
  );
  expect(fetched).toBe("nothing");
  expect(await page.frames()[1]?.content()).not.toContain("Your account");
  await page.getByText("go").click();
  await window.shows("Your account");
  await page.goto(there);
  const [refused] = await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith("/sign-out")),
    page.getByText("send").click(),
  ]);
  expect(refused.status()).toBe(403);
  await page.goto(`${base}/account`);
  await window.shows("Your account");
  // The browser itself says what it refused.
  window.complaints.length = 0;
});
