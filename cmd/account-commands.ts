import type { CommandEntry } from "./command/command.ts";

/** Commands about people: who they are, what they may do, and what they did. */
export const accountCommands: readonly CommandEntry[] = [
  {
    path: "auth login",
    summary: "Sign in to a workspace",
    load: () => import("./auth/login.ts"),
  },
  { path: "auth logout", summary: "Sign out of a workspace", load: () => import("./auth/logout.ts") },
  {
    path: "auth open",
    summary: "Open the portal in a browser that is signed in, on the server's own machine",
    load: () => import("./auth/open.ts"),
  },
  {
    path: "auth status",
    summary: "Show who is signed in, and where",
    load: () => import("./auth/status.ts"),
  },
  {
    path: "auth switch",
    summary: "Change to another business, or list them",
    load: () => import("./auth/switch.ts"),
  },
  {
    path: "auth print-token",
    summary: "Print an access token for other tools",
    load: () => import("./auth/print-token.ts"),
  },
  {
    path: "auth password",
    summary: "Set or change your password and your email address",
    load: () => import("./auth/password.ts"),
  },
  {
    path: "member list",
    summary: "List the people of the business",
    load: () => import("./member/list.ts"),
  },
  {
    path: "member invite",
    summary: "Make a link with which somebody joins",
    load: () => import("./member/invite.ts"),
  },
  {
    path: "member invitations",
    summary: "List the invitations that nobody has used yet",
    load: () => import("./member/invitations.ts"),
  },
  {
    path: "member revoke",
    summary: "Make the link of an invitation useless",
    load: () => import("./member/revoke.ts"),
  },
  {
    path: "member role",
    summary: "Give a person another role",
    load: () => import("./member/role.ts"),
  },
  {
    path: "member remove",
    summary: "Remove a person from the business",
    load: () => import("./member/remove.ts"),
  },
  {
    path: "api-key create",
    summary: "Make an API key for programs that act as you",
    load: () => import("./api-key/create.ts"),
  },
  {
    path: "api-key list",
    summary: "List API keys, and when each was last used",
    load: () => import("./api-key/list.ts"),
  },
  { path: "api-key revoke", summary: "End API keys", load: () => import("./api-key/revoke.ts") },
  {
    path: "audit list",
    summary: "Show who changed what, and who signed in",
    load: () => import("./audit/list.ts"),
  },
  {
    path: "trash list",
    summary: "Show what was deleted and can come back",
    load: () => import("./trash/list.ts"),
  },
  { path: "trash restore", summary: "Bring back what was deleted", load: () => import("./trash/restore.ts") },
  { path: "trash empty", summary: "Delete for good", load: () => import("./trash/empty.ts") },
  { path: "workspace list", summary: "List workspaces", load: () => import("./workspace/list.ts") },
  {
    path: "workspace use",
    summary: "Choose the current workspace",
    load: () => import("./workspace/use.ts"),
  },
];
