import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { sayError } from "../api/errors.ts";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy.tsx";
import { Icon, type IconName } from "./icon.tsx";

interface PageHeadProps {
  title: ComponentChildren;
  /** What the browser's tab says, if the title is no text. */
  name?: string;
  /** Below the title. */
  children?: ComponentChildren;
  /** At the right. */
  actions?: ComponentChildren;
}

/** The top of every page: its only `h1`, and what a person does most here. */
export function PageHead({ title, name, children, actions }: PageHeadProps) {
  const tab = name ?? (typeof title === "string" ? title : "");
  useEffect(() => {
    document.title = tab === "" ? "Tanvrit Compute" : `${tab.slice(0, 80)} – Tanvrit Compute`;
  }, [tab]);
  return (
    <div class="page-head">
      <div>
        <h1>{title}</h1>
        {children}
      </div>
      {actions && <div class="row wrap">{actions}</div>}
    </div>
  );
}

export function Card(props: {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  isFlush?: boolean;
  children: ComponentChildren;
}) {
  const { title, actions, isFlush = false, children } = props;
  return (
    <section class="card">
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {actions && <div class="row wrap">{actions}</div>}
        </header>
      )}
      {isFlush ? children : <div class="body">{children}</div>}
    </section>
  );
}

/** A list without anything in it, and how to get something into it. */
export function Empty(props: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** Something failed, in the place of what it should have shown. */
export function Trouble({ error, onRetry }: { error: unknown; onRetry?: () => unknown }) {
  const { title, detail, mayRepeat } = sayError(error);
  return (
    <div class="trouble" role="alert">
      <h2>{title}</h2>
      <p>{detail}</p>
      {onRetry && mayRepeat && (
        <Button icon="refresh" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Shown while the first answer is on its way. */
export function Waiting({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div class="waiting" role="status">
      <p class="spoken">{label}</p>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} />
      ))}
    </div>
  );
}

interface CodeProps {
  text: string;
  /** What the button that copies it says. */
  label?: string;
  /** Long lines are broken, so that all of it is in sight. */
  wraps?: boolean;
}

/** A command or a text to paste, with a button that copies it. */
export function Code({ text, label = "Copy", wraps = false }: CodeProps) {
  return (
    <div class={wraps ? "code wraps" : "code"}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}

/** Names with their values. Pairs whose value is undefined are left out. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}.`}>{value}</dd>])}
    </dl>
  );
}

export function Chip({ children, title }: { children: ComponentChildren; title?: string }) {
  return (
    <span class="chip" title={title}>
      <span class="cut">{children}</span>
    </span>
  );
}
