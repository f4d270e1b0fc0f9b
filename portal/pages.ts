/**
 * Every page by its path, and the file that it comes in, loaded when somebody goes there. The bundler reads this table as
 * text: one page on one line.
 */
export const PAGES = [
  { path: "/", load: () => import("./pages/overview/overview-page.tsx") },
  { path: "/jobs", load: () => import("./pages/jobs/jobs-page.tsx") },
  { path: "/jobs/:jobId/:part?", load: () => import("./pages/job/job-page.tsx") },
  { path: "/submit", load: () => import("./pages/submit/submit-page.tsx") },
  { path: "/templates", load: () => import("./pages/templates/templates-page.tsx") },
  { path: "/templates/:templateId", load: () => import("./pages/templates/template-page.tsx") },
  { path: "/schedules", load: () => import("./pages/schedules/schedules-page.tsx") },
  { path: "/schedules/:scheduleId", load: () => import("./pages/schedules/schedule-page.tsx") },
  { path: "/nodes", load: () => import("./pages/nodes/nodes-page.tsx") },
  { path: "/nodes/:nodeId", load: () => import("./pages/nodes/node-page.tsx") },
  { path: "/credits", load: () => import("./pages/credits/credits-page.tsx") },
  { path: "/settings/:part?", load: () => import("./pages/settings/settings-page.tsx") },
];
