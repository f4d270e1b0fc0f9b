import { expect, test } from "bun:test";
import { browserName } from "./browser-name.ts";

test("a browser is named as people call it, and another program as it calls itself", () => {
  const agents = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0": "Firefox on Linux",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":
      "Edge on Windows",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":
      "Chrome on Android",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":
      "Safari on iPhone",
    "curl/8.5.0": "curl/8.5.0",
    "": "A browser",
  };
  for (const [agent, name] of Object.entries(agents)) expect(browserName(agent)).toBe(name);
  expect(browserName(undefined)).toBe("A browser");
});
