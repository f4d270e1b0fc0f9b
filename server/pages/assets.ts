import { sha256Of } from "../../shared/files/sha256.ts";
import mark from "../../shared/look/mark.svg" with { type: "text" };
import tokens from "../../shared/look/tokens.css" with { type: "text" };
import type { App } from "../http/app.ts";
import rules from "./pages.css" with { type: "text" };
import passkeys from "./passkeys.js" with { type: "text" };

const VERSION_LENGTH = 16;

const styles = tokens + rules;

/** The mark of the program, as SVG. */
export { mark };

/** Their names change with their content, so browsers may keep them. */
export const assetPaths = {
  styles: `/assets/pages-${versionOf(styles)}.css`,
  passkeys: `/assets/passkeys-${versionOf(passkeys)}.js`,
} as const;

export function mountAssets(app: App): void {
  const assets = [
    [assetPaths.styles, "text/css; charset=utf-8", styles],
    [assetPaths.passkeys, "text/javascript; charset=utf-8", passkeys],
  ] as const;
  for (const [path, type, text] of assets) {
    app.get(path, (c) =>
      c.body(text, 200, { "content-type": type, "cache-control": "public, max-age=31536000, immutable" }),
    );
  }
}

function versionOf(text: string): string {
  return sha256Of(new TextEncoder().encode(text)).slice(0, VERSION_LENGTH);
}
