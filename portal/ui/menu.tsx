import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button, type ButtonLook } from "./button.tsx";
import type { IconName } from "./icon.tsx";

interface MenuProps {
  /** Read aloud, and shown if there is no text. */
  label: string;
  icon?: IconName;
  look?: ButtonLook;
  text?: string;
  /** Buttons and links. */
  children: ComponentChildren;
}

const GAP_PX = 4;

/** A button that opens a list of further actions below it: the browser's own popover. */
export function Menu({ label, icon = "ellipsis", look, text, children }: MenuProps) {
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = list.current;
    const place = (event: Event) => {
      if ((event as ToggleEvent).newState !== "open" || !element || !anchor.current) return;
      const at = anchor.current.getBoundingClientRect();
      const left = Math.min(at.left, innerWidth - element.offsetWidth - 2 * GAP_PX);
      const below = at.bottom + GAP_PX;
      const isBelow = below + element.offsetHeight < innerHeight;
      element.style.left = `${Math.max(GAP_PX, left)}px`;
      element.style.top = `${isBelow ? below : Math.max(GAP_PX, at.top - element.offsetHeight - GAP_PX)}px`;
    };
    element?.addEventListener("toggle", place);
    return () => element?.removeEventListener("toggle", place);
  }, []);
  return (
    <span ref={anchor}>
      <Button icon={icon} look={look} label={label} popovertarget={id}>
        {text}
      </Button>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/noStaticElementInteractions: a pressed button or link inside closes it, also by key */}
      <div ref={list} id={id} popover="auto" class="menu" onClick={() => list.current?.hidePopover()}>
        {children}
      </div>
    </span>
  );
}
