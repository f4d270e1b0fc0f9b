import { expect } from "bun:test";
import type { BrowserContextOptions, Cookie } from "playwright-core";
import { Chromium, type Window } from "./chromium.ts";
import { Person } from "./person.ts";

/** A server with an agent, and a browser whose windows are signed in to its portal. */
export class PortalWorld implements AsyncDisposable {
  /** What a browser keeps of the sign-in that the windows share. */
  private signIn: Cookie[] | undefined;

  private constructor(
    readonly person: Person,
    readonly chromium: Chromium,
    private readonly stack: AsyncDisposableStack,
  ) {}

  /**
   * @param agent the options of an agent; absent: there is none.
   * @param config the contents of the server's config file.
   * @param past the data that the server goes on with, and as whom the person signs in there.
   */
  static async start(
    agent?: string[],
    config?: object,
    past?: { dataDir: string; user: string },
  ): Promise<PortalWorld> {
    await using opening = new AsyncDisposableStack();
    const before = past && { serverEnv: { TANVRIT_DATA_DIR: past.dataDir }, user: past.user };
    const person = opening.use(await Person.withServer({ agent, config, ...before }));
    const chromium = opening.use(await Chromium.start());
    return new PortalWorld(person, chromium, opening.move());
  }

  get url(): string {
    return this.person.server.url;
  }

  /** A window that shows this path of the portal, signed in as the person. The windows share one sign-in. */
  async window(path = "/", options: BrowserContextOptions = {}): Promise<Window> {
    if (!this.signIn) {
      const first = await this.browser(path, options);
      this.signIn = await first.page.context().cookies();
      return first;
    }
    const window = await this.chromium.window(options);
    await window.page.context().addCookies(this.signIn);
    await this.show(window, path);
    return window;
  }

  /** The same with a sign-in of its own, which a test may end. */
  async browser(path = "/", options: BrowserContextOptions = {}): Promise<Window> {
    const window = await this.chromium.window(options);
    const { stdout, stderr } = await this.person.run(["auth", "open"]);
    const link = /http\S+\/open\/\S+/.exec(stdout + stderr)?.[0];
    if (link === undefined) throw new Error(`auth open printed no link: ${stdout}${stderr}`);
    await window.page.goto(link);
    await window.press("Sign in");
    await window.page.waitForURL(`${this.url}/`);
    await this.show(window, path);
    return window;
  }

  /** Goes to a path of the portal, and waits until its page has its title, and its fonts: before that it may move under a click. */
  async show({ page }: Window, path: string): Promise<void> {
    if (new URL(page.url()).pathname !== path) await page.goto(this.url + path);
    await page.locator("main h1").first().waitFor();
    await page.evaluate(() => document.fonts.ready.then(() => undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

/** No script failed in this window, and its policy refused nothing. */
export function expectQuiet(window: Window): void {
  expect(window.complaints).toEqual([]);
}
