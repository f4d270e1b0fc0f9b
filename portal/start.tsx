import "./shared-by-pages.ts";
import { render } from "preact";
import { startLive } from "./api/live.ts";
import { type AccessToken, signIn } from "./api/oauth.ts";
import { enter } from "./api/session.ts";
import { applyTheme } from "./api/theme.ts";
import { App, preloadPage } from "./app.tsx";
import { Trouble } from "./ui/blocks.tsx";

const root = document.getElementById("app") as HTMLElement;

/** Shows the page once the sign-in is done. Whatever fails is said in its place. */
export async function start(access: Promise<AccessToken | undefined>): Promise<void> {
  applyTheme();
  try {
    preloadPage(location.pathname);
    const person = await enter(access);
    if (!person) return;
    startLive(person);
    render(<App />, root);
  } catch (error) {
    const again = () => {
      render(null, root);
      void start(signIn());
    };
    render(
      <main class="page">
        <Trouble error={error} onRetry={again} />
      </main>,
      root,
    );
  }
}
