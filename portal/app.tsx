import { LocationProvider, lazy, Route, Router, useLocation } from "preact-iso";
import { exec } from "preact-iso/router";
import { Boundary } from "./boundary.tsx";
import { PAGES } from "./pages.ts";
import { Shell } from "./shell.tsx";
import { PageHead } from "./ui/blocks.tsx";
import { Questions } from "./ui/dialog.tsx";
import { Toasts } from "./ui/toast.tsx";

const ROUTES = PAGES.map(({ path, load }) => ({ path, component: lazy(load) }));

/** Loads the file of the page at this path, so that it is there once somebody may see the page. */
export function preloadPage(path: string): void {
  const page = ROUTES.find((one) => exec(path, one.path));
  // If it does not load, the page says so in its place.
  page?.component.preload().catch(() => undefined);
}

export function App() {
  return (
    <LocationProvider scope={/^\/(?!sign-in|sign-out|account|device|oauth|invitation|setup|open|api\/)/}>
      <Shell>
        <Pages />
      </Shell>
      <Questions />
      <Toasts />
    </LocationProvider>
  );
}

/** The page of the current address. One that fails says so in its place; another address is another try. */
function Pages() {
  const { path } = useLocation();
  return (
    <Boundary path={path}>
      <Router onRouteChange={() => scrollTo(0, 0)}>
        {ROUTES.map(({ path: of, component }) => (
          <Route key={of} path={of} component={component} />
        ))}
        <Route default component={NoPage} />
      </Router>
    </Boundary>
  );
}

function NoPage() {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>
        The address may be mistyped, or from another version. <a href="/">Go to the overview</a>.
      </p>
    </>
  );
}
