/** Follows redirects, keeps cookies, and sends the forms of pages, as a browser without scripts does. */
export class FormBrowser {
  private readonly cookies = new Map<string, string>();
  readonly visited: string[] = [];

  /** The page that is shown in the end. */
  async open(url: URL): Promise<Response> {
    return (await this.follow(url)).response;
  }

  /** Where the browser is sent that has this path, without going there. */
  async until(url: URL, path: string): Promise<URL> {
    return this.reached(await this.follow(url, {}, (next) => next.pathname === path));
  }

  /** Opens the page and sends its form, with these fields in place of its own. Resolves with the page after it. */
  async submit(page: URL, fields: Record<string, string>): Promise<Response> {
    return (await this.send(page, fields)).response;
  }

  /** The same for a form that leads to another site, which is not asked. */
  async submitAndLeave(page: URL, fields: Record<string, string>): Promise<URL> {
    return this.reached(await this.send(page, fields, (next) => next.origin !== page.origin));
  }

  private async send(page: URL, fields: Record<string, string>, stop?: (next: URL) => boolean) {
    const shown = await (await this.open(page)).text();
    const form = /<form method="post" action="([^"]*)">([\s\S]*?)<\/form>/.exec(shown);
    if (!form) throw new Error(`${page} shows no form: ${shown}`);
    const [, action = "", inside = ""] = form;
    const own = [...inside.matchAll(/<input type="(?:hidden|radio)" name="([^"]*)" value="([^"]*)"/g)];
    const body = new URLSearchParams(own.map(([, name = "", value = ""]) => [name, unescaped(value)]));
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const headers = { origin: page.origin, "content-type": "application/x-www-form-urlencoded" };
    return this.follow(new URL(action, page), { method: "POST", headers, body: body.toString() }, stop);
  }

  private async follow(start: URL, request: RequestInit = {}, stop: (next: URL) => boolean = () => false) {
    let [url, init] = [start, request];
    for (let hops = 0; hops < 10; hops++) {
      this.visited.push(url.href);
      const own = [...this.cookies].filter(([key]) => key.startsWith(`${url.origin} `));
      const cookie = own.map(([, value]) => value).join("; ");
      const response = await fetch(url, {
        ...init,
        redirect: "manual",
        headers: { ...init.headers, cookie },
      });
      for (const set of response.headers.getSetCookie()) {
        const [pair = ""] = set.split(";");
        this.cookies.set(`${url.origin} ${pair.split("=")[0]}`, pair);
      }
      const location = response.headers.get("location");
      if (location === null) return { response, stoppedAt: undefined };
      [url, init] = [new URL(location, url), {}];
      if (stop(url)) return { response, stoppedAt: url };
    }
    throw new Error(`${start} redirects again and again`);
  }

  private reached({ stoppedAt, response }: { stoppedAt: URL | undefined; response: Response }): URL {
    if (stoppedAt) return stoppedAt;
    throw new Error(`the browser stayed at ${response.url} (${response.status})`);
  }
}

function unescaped(text: string): string {
  const characters: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => characters[name] ?? "");
}
