import type { ComponentChildren } from "preact";
import type { ButtonLook } from "./button.tsx";
import type { IconName } from "./icon.tsx";
import { Popover } from "./popover.tsx";

interface MenuProps {
  /** Read aloud, and shown if there is no text. */
  label: string;
  icon?: IconName;
  look?: ButtonLook;
  text?: string;
  /** Buttons and links. */
  children: ComponentChildren;
}

/** A button that opens a list of further actions below it. */
export function Menu(props: MenuProps) {
  return <Popover {...props} class="menu" closesOnPress />;
}
