import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const STEP_LIMIT_MS = 20_000;
/**
 * The first three make half of a window's work: pages of the address bar, which nobody sees. The rest are those of
 * Playwright's own list that count here, because only the last `--disable-features` of a command line holds.
 */
const FEATURES_OFF = [
  ...["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"],
  ...["AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding"],
  ...["HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "AvoidCorsURLLoaderRestartOnRedirect"],
  ...["ThirdPartyStoragePartitioning", "LensOverlay", "MediaRouter", "AimEnabled"],
  ...["OptimizationHints", "NetworkTimeServiceQuerying", "PreconnectToSearch"],
];

function programOf(): string | null {
  return NAMES.map((name) => Bun.which(name)).find((path) => path !== null) ?? null;
}

/** What is missing for tests in a browser, and how to get it. */
export function missingChromium(): string | undefined {
  return programOf() === null ? "Chromium is missing (apt-get install chromium)" : undefined;
}

/** A real Chromium. Every window of it is a browser of its own, which knows nothing of the others. */
export class Chromium implements AsyncDisposable {
  private constructor(private readonly browser: Awaited<ReturnType<typeof chromium.launch>>) {}

  static async start(): Promise<Chromium> {
    const executablePath = programOf();
    if (executablePath === null) throw new Error(missingChromium());
    // The sandbox needs rights that containers and root do not have.
    const args = ["--no-sandbox", `--disable-features=${FEATURES_OFF.join(",")}`];
    return new Chromium(await chromium.launch({ executablePath, args }));
  }

  async window(options: BrowserContextOptions = {}): Promise<Window> {
    const context = await this.browser.newContext(options);
    context.setDefaultTimeout(STEP_LIMIT_MS);
    return new Window(context, await context.newPage());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }
}

/** A window of a browser, and what its pages complained about. */
export class Window implements AsyncDisposable {
  /** Errors of scripts, and what a content policy refused. */
  readonly complaints: string[] = [];

  constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on("pageerror", (error) => void this.complaints.push(error.message));
    page.on("console", (message) => {
      // The browser also reports each answer with an error status, which the page shows anyway.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        this.complaints.push(message.text());
    });
  }

  /** Gives the window a device that makes and uses passkeys, and that always says yes. */
  async plugInPasskeys(): Promise<void> {
    const session = await this.context.newCDPSession(this.page);
    await session.send("WebAuthn.enable");
    await session.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
      },
    });
  }

  /** Fills in the fields with these labels, and presses the button. */
  async fill(fields: Readonly<Record<string, string>>, button: string): Promise<void> {
    for (const [label, value] of Object.entries(fields)) await this.page.getByLabel(label).fill(value);
    await this.press(button);
  }

  async press(button: string): Promise<void> {
    await this.page.getByRole("button", { name: button, exact: true }).click();
  }

  /** The text of the page, once this is in it. */
  async shows(text: string | RegExp): Promise<string> {
    await this.page.getByText(text).first().waitFor();
    return (await this.page.locator("body").textContent()) ?? "";
  }

  /** The text of the person's account, after a sign-in that led to the portal. */
  async account(): Promise<string> {
    await this.page.waitForURL(({ pathname }) => pathname === "/");
    await this.page.goto(new URL("/account", this.page.url()).href);
    return this.shows("Your account");
  }

  /** Once nothing is loading any more: no request is open except streams, and nothing says that it waits. */
  async settled(): Promise<void> {
    await this.page.waitForFunction(() => document.querySelector(".waiting, [aria-busy=true]") === null);
    await this.page.evaluate(() => document.fonts.ready.then(() => undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
