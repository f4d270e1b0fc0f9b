import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Button, type ButtonLook } from "./button.tsx";
import type { IconName } from "./icon.tsx";

interface PopoverProps {
  /** Read aloud, and shown if there is no text. */
  label: string;
  icon?: IconName;
  look?: ButtonLook;
  text?: ComponentChildren;
  class?: string;
  /** A press inside closes it, as in a menu. */
  closesOnPress?: boolean;
  children: ComponentChildren;
}

const GAP_PX = 4;

/** A button that opens something below it: the browser's own popover. Escape and a press beside it close it. */
export function Popover(props: PopoverProps) {
  const { label, icon = "ellipsis", look, text, class: more = "", closesOnPress = false, children } = props;
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  // What it shows may ask the server, and most are never opened.
  const [wasOpened, setWasOpened] = useState(false);
  useEffect(() => {
    const element = panel.current;
    const fill = () => setWasOpened(true);
    const place = (event: Event) => {
      if ((event as ToggleEvent).newState !== "open" || !element || !anchor.current) return;
      const at = anchor.current.getBoundingClientRect();
      const left = Math.min(at.left, innerWidth - element.offsetWidth - 2 * GAP_PX);
      const below = at.bottom + GAP_PX;
      const isBelow = below + element.offsetHeight < innerHeight;
      element.style.left = `${Math.max(GAP_PX, left)}px`;
      element.style.top = `${isBelow ? below : Math.max(GAP_PX, at.top - element.offsetHeight - GAP_PX)}px`;
    };
    element?.addEventListener("beforetoggle", fill);
    element?.addEventListener("toggle", place);
    return () => {
      element?.removeEventListener("beforetoggle", fill);
      element?.removeEventListener("toggle", place);
    };
  }, []);
  return (
    <span ref={anchor}>
      <Button icon={icon} look={look} label={label} popovertarget={id}>
        {text}
      </Button>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/noStaticElementInteractions: a pressed button or link inside closes it, also by key */}
      <div
        ref={panel}
        id={id}
        popover="auto"
        class={`popover ${more}`}
        onClick={() => closesOnPress && panel.current?.hidePopover()}
      >
        {wasOpened && children}
      </div>
    </span>
  );
}
