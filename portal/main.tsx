import { render } from "preact";
import { startLive } from "./api/live.ts";
import { enter } from "./api/session.ts";
import { applyTheme } from "./api/theme.ts";
import { learnWhoIsSignedIn } from "./api/whoami.ts";
import { App, preloadPage } from "./app.tsx";
import { Trouble } from "./ui/blocks.tsx";

applyTheme();
const root = document.getElementById("app") as HTMLElement;
void begin();

/** Signs in, and shows the page. Whatever fails is said in its place. */
async function begin(): Promise<void> {
  try {
    preloadPage(location.pathname);
    if (!(await enter())) return;
    startLive(await learnWhoIsSignedIn());
    render(<App />, root);
  } catch (error) {
    const again = () => {
      render(null, root);
      void begin();
    };
    render(
      <main class="page">
        <Trouble error={error} onRetry={again} />
      </main>,
      root,
    );
  }
}
