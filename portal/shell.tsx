import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import mark from "../shared/look/mark.svg" with { type: "file" };
import { connection } from "./api/live.ts";
import { sessionState, signInAgain } from "./api/session.ts";
import { chooseTheme, type Theme, theme } from "./api/theme.ts";
import { me } from "./api/whoami.ts";
import { Button } from "./ui/button.tsx";
import { Dialog } from "./ui/dialog.tsx";
import { Icon, type IconName } from "./ui/icon.tsx";
import { KeyboardShortcuts, showKeys, useKeys } from "./ui/keys.tsx";
import { Menu } from "./ui/menu.tsx";

/** `key` goes there, after `g`. */
const PLACES: readonly { path: string; name: string; icon: IconName; key: string }[] = [
  { path: "/", name: "Overview", icon: "layoutDashboard", key: "o" },
  { path: "/jobs", name: "Jobs", icon: "list", key: "j" },
  { path: "/templates", name: "Templates", icon: "layoutTemplate", key: "t" },
  { path: "/schedules", name: "Schedules", icon: "calendar", key: "s" },
  { path: "/nodes", name: "Nodes", icon: "server", key: "n" },
  { path: "/credits", name: "Credits", icon: "coins", key: "c" },
  { path: "/settings", name: "Settings", icon: "settings", key: "e" },
];

/** The frame around every page. */
export function Shell({ children }: { children: ComponentChildren }) {
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <SessionOver />
      {connection.value === "lost" && sessionState.value === "signed-in" && (
        <p class="banner" role="status">
          <Icon name="wifiOff" />
          The connection to the server is lost. What you see may be out of date; the page connects again by
          itself.
        </p>
      )}
      <div class="shell">
        <Side />
        <main id="main" class="page" tabIndex={-1}>
          {children}
        </main>
      </div>
      <PageKeys />
      <KeyboardShortcuts />
    </>
  );
}

function PageKeys() {
  const { route } = useLocation();
  useKeys("Everywhere", [
    ...PLACES.map(({ path, name, key }) => ({ keys: `g ${key}`, does: name, act: () => route(path) })),
    { keys: "c", does: "New job", act: () => route("/submit") },
  ]);
  return null;
}

function Side() {
  const { path } = useLocation();
  const isAt = (place: string) => (place === "/" ? path === "/" : path.startsWith(place));
  return (
    <header class="side">
      <a class="brand" href="/">
        <img src={mark} alt="" />
        Tanvrit Compute
      </a>
      <a class="button main" href="/submit">
        <Icon name="plus" />
        New job
      </a>
      <nav aria-label="Pages">
        <ul>
          {PLACES.map(({ path: place, name, icon }) => (
            <li key={place}>
              <a href={place} {...(isAt(place) && { "aria-current": "page" })}>
                <Icon name={icon} />
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="foot">
        <Who />
      </div>
    </header>
  );
}

const THEMES: readonly { of: Theme; text: string; icon: IconName }[] = [
  { of: "system", text: "As the device", icon: "monitor" },
  { of: "light", text: "Light", icon: "sun" },
  { of: "dark", text: "Dark", icon: "moon" },
];

function Who() {
  const person = me.value;
  if (!person) return null;
  return (
    <div class="row apart">
      <div class="cut">
        <div class="cut" title={person.userName}>
          {person.userName}
        </div>
        <div class="cut quiet" title={person.businessName}>
          {person.businessName} · {person.role}
        </div>
      </div>
      <Menu label="Your account" look="plain">
        <a href="/account">
          <Icon name="key" />
          Your account
        </a>
        {THEMES.map(({ of, text, icon }) => (
          <button key={of} type="button" aria-pressed={theme.value === of} onClick={() => chooseTheme(of)}>
            <Icon name={icon} />
            {text}
            {theme.value === of && <Icon name="check" />}
          </button>
        ))}
        <button type="button" onClick={showKeys}>
          <Icon name="keyboard" />
          Keyboard shortcuts
        </button>
        <button type="button" onClick={signOut}>
          <Icon name="logOut" />
          Sign out
        </button>
      </Menu>
    </div>
  );
}

/** The page there signs the browser out, and with it every tab of the portal. */
function signOut(): void {
  location.assign("/sign-out");
}

/** Why the tab can do nothing more, and what helps. */
const OVER = {
  ended: {
    title: "You are signed out",
    text: "The sign-in of this browser has ended: it was too old, or it was ended elsewhere. What is on this page stays until you sign in again.",
    does: "Sign in again",
    act: signInAgain,
  },
  other: {
    title: "This browser has another sign-in",
    text: "In another tab, somebody signed in as another person or in another business. What is on this page stays until you load it again with the new sign-in.",
    does: "Load the page",
    act: () => location.reload(),
  },
};

/** Once the dialog is closed, for example to copy something, a line stays that leads on. */
function SessionOver() {
  const [isRead, setIsRead] = useState(false);
  const { value } = sessionState;
  if (value === "signed-in") return null;
  const { title, text, does, act } = OVER[value];
  const button = (
    <Button look="main" onClick={act} autoFocus={!isRead}>
      {does}
    </Button>
  );
  if (isRead)
    return (
      <p class="banner" role="status">
        {title}. {button}
      </p>
    );
  return (
    <Dialog title={title} onClose={() => setIsRead(true)}>
      <p>{text}</p>
      <div class="actions">{button}</div>
    </Dialog>
  );
}
