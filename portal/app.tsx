import { LocationProvider, lazy, Route, Router, useLocation } from "preact-iso";
import { exec } from "preact-iso/router";
import { Boundary } from "./boundary.tsx";
import { Shell } from "./shell.tsx";
import { PageHead } from "./ui/blocks.tsx";
import { Questions } from "./ui/dialog.tsx";
import { Toasts } from "./ui/toast.tsx";

/** Every page is a file of its own, loaded when somebody goes there. */
const Overview = lazy(() => import("./pages/overview/overview-page.tsx"));
const Jobs = lazy(() => import("./pages/jobs/jobs-page.tsx"));
const Job = lazy(() => import("./pages/job/job-page.tsx"));
const Submit = lazy(() => import("./pages/submit/submit-page.tsx"));
const Templates = lazy(() => import("./pages/templates/templates-page.tsx"));
const Template = lazy(() => import("./pages/templates/template-page.tsx"));
const Schedules = lazy(() => import("./pages/schedules/schedules-page.tsx"));
const Schedule = lazy(() => import("./pages/schedules/schedule-page.tsx"));
const Nodes = lazy(() => import("./pages/nodes/nodes-page.tsx"));
const Node = lazy(() => import("./pages/nodes/node-page.tsx"));
const Credits = lazy(() => import("./pages/credits/credits-page.tsx"));
const Settings = lazy(() => import("./pages/settings/settings-page.tsx"));

const PAGES = [
  { path: "/", component: Overview },
  { path: "/jobs", component: Jobs },
  { path: "/jobs/:jobId/:part?", component: Job },
  { path: "/submit", component: Submit },
  { path: "/templates", component: Templates },
  { path: "/templates/:templateId", component: Template },
  { path: "/schedules", component: Schedules },
  { path: "/schedules/:scheduleId", component: Schedule },
  { path: "/nodes", component: Nodes },
  { path: "/nodes/:nodeId", component: Node },
  { path: "/credits", component: Credits },
  { path: "/settings/:part?", component: Settings },
];

/** Loads the file of the page at this path, so that it is there once somebody may see the page. */
export function preloadPage(path: string): void {
  const page = PAGES.find((one) => exec(path, one.path));
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
        {PAGES.map(({ path: of, component }) => (
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
